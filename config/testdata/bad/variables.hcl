variable "unset" {}

variable "odd name" {
  default = 1
}

variable "typed" {
  type    = number
  default = "many"
}

variable "untyped" {
  type = numbr
}

locals {
  a = local.b
  b = local.a
  c = local.nothing
  d = env("NO_SUCH_VARIABLE")
  e = file("../load.go")
  f = file("values.hcl", 2)
  g = uper("x")
}
