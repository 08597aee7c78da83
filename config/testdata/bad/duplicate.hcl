variable "given" {}
variable "given" {}

log {
  level = "info"
  level = "warn"
}

log {}

registrar {
  asap {}
  asap {}
}

locals {
  a = 1
}

locals {
  a = 2
}
