# The address of this site's registrar, which a process may override:
#   rspool ... --var registrar=192.0.2.1:3863
variable "registrar" {
  default = "127.0.0.1:3863"
}

registrar {
  transport {
    listen = "127.0.0.1"
  }

  asap {
    keepalive_interval = "2s"
    keepalive_timeout  = "2s"
  }

  # Everybody is told where the registrar is.
  announce {
    enabled = false
  }

  limits {
    max_pool_elements = 1000
  }
}

# Images go to elements in proportion to their weights.
pool "Fractal*" {
  wire_policy = "weighted-random"
  max_items   = 2
}

element {
  policy     = "weighted-random"
  weight     = 1
  registrars = [var.registrar]
  reregister = "10s"
  life       = "30s"

  transport {
    listen             = "127.0.0.1"
    heartbeat_interval = "1s"
  }
}

user {
  registrars       = [var.registrar]
  connect_timeout  = "2s"
  failover_timeout = "30s"

  transport {
    listen             = "127.0.0.1"
    heartbeat_interval = "1s"
  }
}

log {
  format = "text"
  level  = "info"
}
