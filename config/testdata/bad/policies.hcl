variable "given" {}

policy "luna" "a" {}

policy "lua" "energy" {
  source   = "energy.lua"
  sha256   = "5f0c"
  timezone = "Mars/Olympus"

  config {
    site = { a = 1 }
    nested {
      b = 2
    }
    other = nothing
  }

  limits {
    instructions = 1
    memory       = "2GiB"
    steps        = 3
  }
}

policy "lua" "energy" {
  source = "other.lua"
}

policy "lua" "a policy" {
  source = "a.lua"
}

policy "lua" "empty" {}

policy "plugin" "greenest" {
  plugin = "carbn"
}

policy "plugin" "cheapest" {}

policy "builtin" "least-usd" {}

policy "builtin" "random" {
  config {
    seed = 3
  }
}

pool "a" {
  policy = "lua.enrgy"
}

pool "b" {
  policy = "lua.greenest"
}

pool "c" {
  policy = "energy"
}

pool "d" {
  policy = "python.energy"
}

pool "e" {
  policy = "plugin.unheard-of"
}

user {
  policy = "lua.energy"
}

plugin "carbon" {
  command   = "carbon"
  sha256    = "9d8a"
  protocol  = 2
  version   = "newest"
  env       = { A = 1 }
  args      = "--verbose"
  stop_time = "1s"

  limits {
    address_space = "1KiB"
  }
}

plugin "carbon" {}

plugin "bare" {
  command = "bare"
}

plugin "-x" {
  command = "bare"
}
