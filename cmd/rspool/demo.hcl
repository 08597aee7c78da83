# What the processes of "rspool demo" have in common. The timers are short, so that
# one sees at once what happens; a network needs longer ones.

registrar {
  transport {
    listen             = "127.0.0.1"
    heartbeat_interval = "250ms"
    heartbeat_retries  = 2
  }
  asap {
    keepalive_interval = "500ms"
    keepalive_timeout  = "500ms"
  }
  enrp {
    heartbeat            = "250ms"
    max_time_last_heard  = "600ms"
    max_time_no_response = "500ms"
    mentor_timeout       = "1s"
    takeover_timeout     = "500ms"
    handover_timeout     = "500ms"
  }
  announce {
    enabled = false
  }
}

element {
  reregister    = "1s"
  life          = "5s"
  load_interval = "20ms"
  transport {
    listen             = "127.0.0.1"
    heartbeat_interval = "250ms"
    heartbeat_retries  = 2
  }
}

user {
  connect_timeout = "500ms"
  failover_delay  = "50ms"
  request_timeout = "500ms"
  transport {
    listen             = "127.0.0.1"
    heartbeat_interval = "250ms"
    heartbeat_retries  = 2
  }
}
