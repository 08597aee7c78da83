variable "given" {}

registrar {
  id      = "2f1a93c4x"
  dialect = "RFC"
  transport {
    mode     = "kernal"
    listen   = "eth0"
    udp_port = 70000
  }
  asap {
    keepalive_interval = 5
    keepalive_timeout  = "5 s"
    report_interval    = "100y"
    max_bad_reports    = 0
    max_items          = 2.5
    max_increment      = "two"
    min_life           = "1us"
  }
  announce {
    enabled   = yes
    group     = "127.0.0.1:3863"
    interface = ""
    ttl       = 1e300
  }
  limits {
    max_handle_length = "1MiB"
    max_pools         = [1]
  }
}

element {
  pool       = ""
  policy     = "least-usd"
  load       = 1.5
  registrars = "127.0.0.1:3863"
  data_only  = "perhaps"
}

user {
  registrars       = ["127.0.0.1"]
  failover_timeout = "forever"
}

telemetry {
  listen = "9100"
}
