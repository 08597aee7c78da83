variable "given" {}

registrar {
  asap {
    min_life = "2h"
    max_life = "1h"
  }
  limits {
    max_pool_elements = 100
    max_elements      = 10
  }
}

element {
  policy     = "round-robin"
  load       = 0.5
  life       = "10s"
  reregister = "5s"
  hunt {
    timeout = "2m"
  }
}

user {
  subscribe = true
}
