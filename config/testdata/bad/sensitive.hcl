variable "given" {
  sensitive = true
}

telemetry {
  listen = var.given
}
