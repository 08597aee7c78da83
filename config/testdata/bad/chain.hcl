variable "given" {}

pool "a" {
  policy   = "least-used"
  fallback = ["random", "builtin.least-used"]
}

pool "b" {
  fallback = ["random"]
}

pool "c" {
  policy   = "random"
  fallback = ["lua.none", "randon"]

  shadow {
    policy = "builtin.random"
    sample = 1.5
  }
}

pool "d" {
  policy    = "random"
  when_none = "nobody"

  shadow {
    policy = "builtin.random"
  }
}

pool "e" {
  policy = "random"

  shadow {
    policy = "random"
  }

  breaker {
    errors   = 0
    window   = 10
    cooldown = "48h"
    halt     = true
  }
}

pool "f" {
  tags = {
    "192.0.2.7/24" = { site = "small" }
  }
  attributes = {
    "198.51.100.0/24" = { region = 5 }
  }
}

pool "g" {
  tags = {
    "everywhere" = {}
  }
  attributes = {
    "198.51.100.0/24" = "eu"
  }
}

pool "h" {
  tags = {
    "192.0.2.0/24" = { sites = ["a"] }
  }
  attributes = "eu"
}
