variable "given" {}

pool "web" {
  policy = "builtin.least-usd"
}

pool "web" {
  wire_policy = "energy"
}

pool "" {}

pool "a-handle-that-is-longer-than-thirty-two-bytes" {}

pool "w*b*" {}

pool "w*c*" {}

pool "w?d?" {}
