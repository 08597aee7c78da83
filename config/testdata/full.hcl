registrar {
  id      = "0x2f1a93c4"
  dialect = "rfc"

  policy_dir = "/etc/rspool/policies"
  plugin_dir = "/usr/lib/rspool"

  transport {
    mode               = "udp"
    listen             = "192.0.2.1"
    udp_port           = "any"
    heartbeat_interval = "2s"
    heartbeat_retries  = 4
  }

  asap {
    port               = 5000
    keepalive_interval = "500ms"
    keepalive_timeout  = "250ms"
    max_bad_reports    = 5
    report_interval    = "2s"
    max_items          = 4
    max_increment      = 2
    min_life           = "2s"
    max_life           = "1h"
    default_life       = "1m"
  }

  enrp {
    enabled              = false
    port                 = 5001
    peers                = ["192.0.2.2:9901", "192.0.2.3:9901@40001"]
    heartbeat            = "1s"
    max_time_last_heard  = "3s"
    max_time_no_response = "2s"
    mentor_timeout       = "4s"
    takeover_timeout     = "6s"
    handover_timeout     = "7s"
    suggestion           = true
    distance_step        = "10ms"
    max_peers            = 9

    announce {
      enabled   = false
      group     = "239.1.2.4:4001"
      interface = "eth1"
      ttl       = 2
    }
  }

  announce {
    enabled   = false
    group     = "239.1.2.3:4000"
    interface = "eth0"
    interval  = "3s"
    ttl       = 1
  }

  limits {
    max_handle_length = "4KiB"
    max_pools         = 10
    max_pool_elements = 20
    max_elements      = 200
    max_associations  = 30
  }
}

pool "Echo*" {
  policy        = "builtin.least-used"
  wire_policy   = "round-robin"
  max_items     = 5
  max_increment = 3
  max_elements  = 7
}

pool "web" {
  policy    = "lua.energy"
  fallback  = ["plugin.greenest", "least-used"]
  when_none = "empty"
  tags = {
    "192.0.2.0/24"  = { site = "small", watts = 90, spot = true }
    "2001:db8::/32" = { site = "big" }
  }
  attributes = {
    "198.51.100.7" = { region = "eu" }
  }

  breaker {
    errors   = 3
    window   = "20s"
    cooldown = "40s"
  }

  shadow {
    policy = "builtin.random"
    sample = 0.5
  }
}

pool "*" {}

element {
  tags        = { site = "small", watts = 90 }
  pool        = "EchoPool"
  id          = "0x17"
  policy      = "least-used-degradation-dpf"
  load        = 0.5
  degradation = 0.25
  load_dpf    = 0.125
  distance    = 20

  port                  = 5555
  data_only             = true
  life                  = "90s"
  reregister            = "30s"
  register_timeout      = "4s"
  deregister_timeout    = "5s"
  max_register_attempts = 6
  load_interval         = "50ms"
  backlog               = 64

  registrars             = ["127.0.0.1:3863@40001", "192.0.2.1,[2001:db8::1]:3863"]
  dialect                = "rfc"
  max_handle_length      = 64
  request_timeout        = "7s"
  max_request_retransmit = 8

  transport {
    mode               = "auto"
    listen             = "127.0.0.1"
    udp_port           = 40000
    heartbeat_interval = "3s"
    heartbeat_retries  = 5
  }

  announcements {
    enabled   = true
    group     = "239.0.0.50:3863"
    interface = "lo"
    timeout   = "9s"
  }

  hunt {
    timeout     = "11s"
    max_timeout = "12s"
  }
}

user {
  policy           = "lua.energy"
  fallback         = ["random"]
  attributes       = { region = "eu" }
  items            = 3
  cache_time       = "10s"
  subscribe        = true
  connect_timeout  = "2s"
  failover         = false
  failover_timeout = "never"
  failover_delay   = "100ms"
}

log {
  level  = "debug"
  format = "json"
  source = true
}

telemetry {
  listen = "127.0.0.1:9100"
}

csp {
  server   = "127.0.0.1:2960"
  interval = "2s"
}

admin {
  enabled = false
  socket  = "/run/rspool/full.sock"
}

plugin "carbon" {
  command         = "rspool-policy-carbon"
  args            = ["--verbose"]
  sha256          = "9d8a9d8a9d8a9d8a9d8a9d8a9d8a9d8a9d8a9d8a9d8a9d8a9d8a9d8a9d8a9D8A"
  allow_unpinned  = true
  protocol        = 1
  version         = ">= 1.2, < 2"
  user            = "nobody"
  group           = "nogroup"
  env             = { CARBON_ZONE = "DE" }
  auto_mtls       = false
  attach          = "unix:/tmp/plugin.sock"
  start_timeout   = "1s"
  stop_timeout    = "2s"
  tick_interval   = "1s"
  tick_timeout    = "3s"
  rank_ttl        = "4s"
  rank_grace      = "5s"
  direct_deadline = "6ms"

  restart {
    backoff_min = "7ms"
    backoff_max = "8s"
    max_in_5m   = 9
  }

  limits {
    address_space = "1GiB"
    files         = 11
    processes     = 12
  }
}

policy "builtin" "least-used" {
  config {}
}

policy "lua" "energy" {
  source   = "energy.lua"
  sha256   = "5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c"
  timezone = "Europe/Berlin"

  config {
    max_load = 0.85
    sites    = ["a", "b"]
    watts    = { a = 60, b = null }
    name     = "x"
    strict   = true
  }

  limits {
    instructions      = 1000
    load_instructions = 2000
    memory            = "1MiB"
    string            = "2KiB"
  }
}

policy "plugin" "greenest" {
  plugin = "carbon"
  policy = "green"

  config {
    zones = [for z in ["DE", "FR"] : lower(z)]
  }
}
