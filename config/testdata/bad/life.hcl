variable "given" {}

registrar {
  asap {
    default_life = "500ms"
  }
}

element {
  life       = "10s"
  reregister = "10s"
}
