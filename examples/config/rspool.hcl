# A small site: one registrar, its policies, and what elements and users have in
# common. Each process reads the blocks that concern it; nothing in them is necessary.
# Every attribute there is appears: what stands in a comment has its default, or is not
# needed here. More about each:
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
  # id      = "0x2f1a93c4" # else a random one at each start
  # dialect = "deployed"   # or "rfc", where deployed implementations differ from it

  # Relative names of scripts and programs count from these folders, which themselves
  # count from the folder of this file.
  policy_dir = "../policies"
  plugin_dir = "../plugins"

  transport {
    listen = local.loopback # else all addresses
    # mode               = "auto" # the best at hand; udp is SCTP over UDP, on board
    # udp_port           = 9899   # or "any"
    # heartbeat_interval = "5s"   # silence after which a peer is asked for a sign of life
    # heartbeat_retries  = 3
  }

  # With elements and users.
  asap {
    keepalive_interval = local.calm # how soon a silent element is asked whether it lives
    keepalive_timeout  = local.calm # how long it has to answer
    max_items          = 3          # elements in an answer, unless the user says
    # port            = 3863 # or "any"
    # max_bad_reports = 3    # reports that remove an element although it answers
    # report_interval = "1s" # between two that count of one reporter
    # max_increment   = 1    # how many of an answer count as selected; else as the policy says
    # min_life        = "1s" # registration life, at least, at most and where none is asked for
    # max_life        = "24h"
    # default_life    = "15m"
  }

  # For elements and users behind firewalls that let TCP pass alone.
  tcp {
    # enabled = false
    # port    = 3863
  }

  # The same over TLS, where both sides show a certificate.
  # tls {
  #   enabled = true
  #   port    = 3864
  #   cert    = "own.pem"
  #   key     = "own.key"
  #   ca      = "ca.pem" # of those who sign the certificates of the other side
  # }

  # With other registrars, any of which takes over where this one dies.
  enrp {
    # enabled              = true
    # port                 = 9901                  # or "any"
    # peers                = ["192.0.2.2:9901"]    # one that runs names the others
    # heartbeat            = "2.5s"                # between two signs of life
    # max_time_last_heard  = "5s"                  # silence after which a peer is asked
    # max_time_no_response = "5s"                  # and given up
    # mentor_timeout       = "5s"                  # wait for somebody to learn from at the start
    # takeover_timeout     = "5s"
    # handover_timeout     = "5s"
    # suggestion           = false                 # spreads elements over the registrars
    # distance_step        = "50ms"                # what measured distances are rounded to
    # max_peers            = 128

    # announce {
    #   enabled   = true
    #   group     = "239.0.0.51:9901"
    #   interface = "eth0"
    #   ttl       = 30
    # }
  }

  # By multicast. Here everybody is told where the registrar is.
  announce {
    enabled = false
    # group     = "239.0.0.50:3863"
    # interface = "eth0" # else the system's choice
    # interval  = "1s"
    # ttl       = 30     # routers that an announcement may pass
  }

  limits {
    max_pool_elements = 1000
    # max_handle_length = 32 # deployed implementations abort on more
    # max_pools         = 100000
    # max_elements      = 1000000
    # max_associations  = 50000
  }
}

# Orders such as "rspool policy reload" come by a socket that nobody but the registrar's
# user and root may open. This is the default; it stands here to be found.
admin {
  enabled = true
  # socket = "/run/rspool/registrar.sock" # else one with the registrar's identifier
}

# Metrics, health and /status over HTTP:
# telemetry {
#   listen = "127.0.0.1:9100"
# }

# Reports to a monitor, "rspool top --csp :2960" or that of another implementation:
# csp {
#   server   = "192.0.2.9:2960"
#   interval = "1s"
# }

log {
  level  = "info"
  format = "text"
  # source = false # the place in the program
}

# A policy is defined once and referred to as "kind.name". This one is a script. It is
# compiled and runs its own tests before it is put to work, now and whenever the file
# changes; if anything is wrong, the version before stays.
policy "lua" "energy" {
  source = "energy.lua"
  # sha256   = "5f0c..." # refuses any other file
  # timezone = "UTC"     # of hour, minute and weekday

  # What the script sees as config. Its tests run with it too, but for those that bring
  # a config of their own.
  config {
    max_load = 0.8
  }

  # What one call may take, and what the script may keep for a pool.
  limits {
    instructions = 10000
    memory       = "4MiB"
    # load_instructions = 2000000 # to run the file
    # string            = "64KiB"
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
  # sha256          = "9d8a..."              # what the file must be: pin it
  # args            = ["--verbose"]
  # protocol        = 1
  # version         = ">= 1.2, < 2"          # what the plugin says of itself
  # user            = "rspool-plugin"        # whom it runs as, where the registrar is root
  # group           = "rspool-plugin"
  # attach          = "unix:/tmp/plugin.sock" # instead of starting it, for debugging
  # start_timeout   = "10s"
  # stop_timeout    = "2s"
  # tick_interval   = "500ms"                # how often it must give a sign of life
  # tick_timeout    = "2s"                   # and how long it may be silent before it is killed
  # rank_ttl        = "10s"                  # how long its ranks hold without it
  # rank_grace      = "1s"                   # how long a new element is taken for a middling one
  # direct_deadline = "1ms"                  # for an answer in the mode that asks each time

  # Its whole environment: nothing of the registrar's is passed on.
  env = {
    PYTHONPATH = "../../../plugins/python"
  }

  restart {
    backoff_max = "10s"
    # backoff_min = "100ms" # doubles from here
    # max_in_5m   = 10      # one more, and it stays down until it is reloaded
  }

  limits {
    # address_space = "4GiB"
    # files         = 256
    # processes     = 256 # of its user, where that is another one
  }
}

# One of the policies that it offers. What may stand in config, the plugin says itself:
# "rspool config check --deep" compares.
policy "plugin" "steady" {
  # plugin = "steady" # the block, where it is called otherwise
  # policy = "steady" # which of the plugin's policies

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

  # when_none     = "fallback" # who answers where nobody is eligible; or "empty"
  # max_increment = 1
  # max_elements  = 1000
  # allow         = ["*.batch.example.org"] # whose certificates may register elements

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

  # What it is, which most elements leave to the command or to chance.
  # pool = "EchoPool"
  # id       = "0x00000017"
  # port     = "any"  # of the service
  # protocol = "sctp" # or "tcp", for users behind firewalls

  # The values of other policies.
  # priority    = 1     # the larger first
  # load        = 0.0   # at the start
  # degradation = 0.1   # load that one more selection adds
  # weight_dpf  = 0.001 # weight lost and load added with each millisecond of distance
  # load_dpf    = 0.001
  # distance    = 20

  # data_only              = false   # no control channel, hence no cookies
  # register_timeout       = "30s"
  # deregister_timeout     = "30s"
  # max_register_attempts  = 2       # before it gives up, if it never was registered
  # load_interval          = "100ms" # between two reports of a changed load
  # backlog                = 128     # sessions that may wait
  # dialect                = "deployed"
  # max_handle_length      = 32
  # request_timeout        = "3s"
  # max_request_retransmit = 2

  transport {
    listen             = local.loopback
    heartbeat_interval = "1s"
    # mode              = "auto"
    # udp_port          = "any"
    # heartbeat_retries = 3
  }

  # Shown to registrars that are given as tls://HOST:PORT.
  # tls {
  #   cert        = "own.pem"
  #   key         = "own.key"
  #   ca          = "ca.pem"
  #   server_name = "registrar.example.org"
  # }

  # Registrars that make themselves known, where none are given.
  announcements {
    # enabled   = false # listens even where some are given
    # group     = "239.0.0.50:3863"
    # interface = "eth0"
    # timeout   = "5s"  # how long one is remembered
  }

  # The search for a registrar: how long a round over some of them may take.
  hunt {
    # timeout     = "10s" # doubles after each round
    # max_timeout = "1m"
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
  failover_timeout = "30s" # or "never"
  # failover               = true    # whether a session outlives its element
  # failover_delay         = "250ms" # between two attempts
  # items                  = 3       # elements asked for
  # subscribe              = false   # has changes of cached pools sent
  # dialect                = "deployed"
  # max_handle_length      = 32
  # request_timeout        = "3s"
  # max_request_retransmit = 2

  transport {
    listen             = local.loopback
    heartbeat_interval = "1s"
    # mode              = "auto"
    # udp_port          = "any"
    # heartbeat_retries = 3
  }

  # Shown to registrars that are given as tls://HOST:PORT.
  # tls {
  #   cert        = "own.pem"
  #   key         = "own.key"
  #   ca          = "ca.pem"
  #   server_name = "registrar.example.org"
  # }

  announcements {
    # enabled   = false
    # group     = "239.0.0.50:3863"
    # interface = "eth0"
    # timeout   = "5s"
  }

  hunt {
    # timeout     = "10s"
    # max_timeout = "1m"
  }
}
