# A small site: one registrar, its policies, and what elements and users have in
# common. Each process reads the blocks that concern it; nothing in them is necessary.
# What else may stand in a block, and what it means:
#
#   rspool config schema pool
#
# Check this file, run a registrar by it, and see what it makes of a pool:
#
#   rspool config check rspool.hcl
#   rspool registrar run --config rspool.hcl
#   rspool policy explain FractalGeneratorPool

# Values that a process may set otherwise, as in --var registrar=192.0.2.1:3863.

variable "registrar" {
  description = "Where elements and users find the registrar."
  default     = "127.0.0.1:3863"
}

variable "timezone" {
  default = "Europe/Berlin"
}

# Locals keep what is said more than once.
locals {
  loopback = "127.0.0.1"
  calm     = "2s"
}

registrar {
  # Relative names of scripts and programs count from these folders, which themselves
  # count from the folder of this file.
  policy_dir = "../policies"
  plugin_dir = "../plugins"

  transport {
    listen = local.loopback
  }

  asap {
    keepalive_interval = local.calm
    keepalive_timeout  = local.calm
    max_items          = 3
  }

  # Everybody is told where the registrar is.
  announce {
    enabled = false
  }

  limits {
    max_pool_elements = 1000
  }
}

# Orders such as "rspool policy reload" come by a socket that nobody but the registrar's
# user and root may open. This is the default; it stands here to be found.
admin {
  enabled = true
}

# Metrics, health and /status over HTTP:
# telemetry {
#   listen = "127.0.0.1:9100"
# }

log {
  level  = "info"
  format = "text"
}

# A policy is defined once and referred to as "kind.name". This one is a script. It is
# compiled and runs its own tests before it is put to work, now and whenever the file
# changes; if anything is wrong, the version before stays.
policy "lua" "energy" {
  source = "energy.lua"

  # What the script sees as config. Its tests run with it too, but for those that bring
  # a config of their own.
  config {
    max_load = 0.8
  }

  # What one call may take, and what the script may keep for a pool.
  limits {
    instructions = 10000
    memory       = "4MiB"
  }
}

# The hour of this one is that of the timezone, and its tag "site" comes from the pool
# block below.
policy "lua" "night-shift" {
  source   = "night-shift.lua"
  timezone = var.timezone

  config {
    night_factor = 4
  }
}

policy "lua" "region-first" {
  source = "region-first.lua"
}

# A program of its own, in any language. "rspool plugin add FILE" prints this block with
# the checksum that a program should be pinned by; this one changes with the sources.
plugin "steady" {
  command        = "steady/steady.py"
  allow_unpinned = true
  auto_mtls      = false # Python brings no certificates

  env = {
    PYTHONPATH = "../../../plugins/python"
  }

  restart {
    backoff_max = "10s"
  }
}

# One of the policies that it offers. What may stand in config, the plugin says itself:
# "rspool config check --deep" compares.
policy "plugin" "steady" {
  config {
    smoothing = 0.3
  }
}

# Of the pool blocks, the one with the most specific pattern applies, in whatever order
# they stand. Here, images go to elements in proportion to their weights, which elements
# must register.
pool "Fractal*" {
  wire_policy = "weighted-random"
  max_items   = 2
}

# Selected by a script, among elements that register their load.
pool "Batch*" {
  policy      = "lua.energy"
  wire_policy = "least-used-degradation" # what elements register and users are told

  # Where the script fails, the next policy answers. No request is ever refused because
  # of a policy.
  fallback = ["builtin.least-used-degradation", "builtin.round-robin"]

  # The pool leaves a script that fails so often, and tries it again later.
  breaker {
    errors   = 5
    window   = "10s"
    cooldown = "30s"
  }

  # Asked as well, for nothing: the metrics tell how often it would differ.
  shadow {
    policy = "plugin.steady"
    sample = 0.05
  }
}

# What elements do not say of themselves may be known by their addresses, and what
# requests do not say by those of the users.
pool "Web*" {
  policy   = "lua.region-first"
  fallback = ["lua.night-shift", "builtin.least-used"]

  tags = {
    "192.0.2.0/25"   = { region = "eu", site = "small" }
    "192.0.2.128/25" = { region = "us", site = "big" }
  }

  attributes = {
    "198.51.100.0/24" = { region = "eu" }
    "203.0.113.0/24"  = { region = "us" }
  }
}

# Ranked by the plugin. While it is away, the pool goes by its fallback.
pool "Steady*" {
  policy   = "plugin.steady"
  fallback = ["builtin.least-used"]
}

# All others go by the policy that their first element registers, as without this block.
pool "*" {
  max_items = 3
}

element {
  policy     = "weighted-random"
  weight     = 1
  tags       = { site = "small" } # for policies written for rspool; others skip them
  registrars = [var.registrar]
  reregister = "10s"
  life       = "30s"

  transport {
    listen             = local.loopback
    heartbeat_interval = "1s"
  }
}

# Users may select by the same policies, from the answers that they keep.
user {
  policy     = "lua.energy"
  fallback   = ["builtin.least-used-degradation"]
  cache_time = "5s"
  attributes = { region = "eu" }

  registrars       = [var.registrar]
  connect_timeout  = "2s"
  failover_timeout = "30s"

  transport {
    listen             = local.loopback
    heartbeat_interval = "1s"
  }
}
