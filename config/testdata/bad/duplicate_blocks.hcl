variable "given" {}

log {}

log {}

registrar {
  asap {}
  asap {}
}
