variable "given" {}

registrar {
  asap {
    keepalive_intervall = "5s"
  }
  anounce {}
  name = "x"
}

policy "lua" "energy" {
  source = "energy.lua"
}

plugin "carbon" {}

loog {
  level = "info"
}

pool {}

pool "a" "b" {}
