# Configuration of rspool. Everything has a default: a line in a comment shows
# it, or an example where there is none. Check this file with
# "rspool config check", and see what is in effect with "rspool config show".

# The registrar: keeps the handlespace and answers elements and users.
registrar {
  # Identifies the registrar in its operation scope. If absent, a random one
  # is drawn at each start.
  # id = "0x2f1a93c4"

  # Where RFCs and deployed peers differ: deployed or rfc.
  # dialect = "deployed"

  # The folder of Lua scripts whose names are relative. If absent, that of the
  # file which names them.
  # policy_dir = "/etc/rspool/policies"

  # The folder of plugins whose names are relative. If absent, that of the
  # file which names them.
  # plugin_dir = "/usr/lib/rspool/plugins"

  # How peers reach the registrar.
  transport {
    # auto takes the best transport at hand; udp is SCTP over UDP, embedded in
    # the program.
    # mode = "auto"

    # The IP address to bind. If absent, all.
    # listen = "192.0.2.1"

    # The UDP port that encapsulates SCTP, or "any" for a free one.
    # udp_port = 9899

    # How long a peer may be silent before it is asked whether it lives.
    # heartbeat_interval = "5s"

    # How often it is asked again before it is given up.
    # heartbeat_retries = 3
  }

  # The protocol with elements and users.
  asap {
    # The SCTP port, or "any" for a free one.
    # port = 3863

    # Mean time between keep-alives to an element, spread by half to either
    # side.
    # keepalive_interval = "5s"

    # How long an element may take to answer one.
    # keepalive_timeout = "5s"

    # MAX-BAD-PE-REPORT: reports that remove an element although it answers
    # keep-alives.
    # max_bad_reports = 3

    # Least time between two counted reports of one reporter on one element.
    # report_interval = "1s"

    # Elements in an answer where the user asks for no number.
    # max_items = 3

    # Leading elements of an answer that count as selected. If absent, as the
    # policy says.
    # max_increment = 1

    # Shortest registration life granted.
    # min_life = "1s"

    # Longest registration life granted.
    # max_life = "24h"

    # The life granted to who asks for none.
    # default_life = "15m"
  }

  # The protocol between registrars: any of them may die, and another one
  # takes its elements over.
  enrp {
    # Whether there may be other registrars.
    # enabled = true

    # The SCTP port, or "any" for a free one.
    # port = 9901

    # Other registrars, as IP:PORT or IP:PORT@UDPPORT; one that runs names the
    # others. If absent, they are found by multicast.
    # peers = ["192.0.2.2:9901"]

    # PEER-HEARTBEAT-CYCLE: time between two presences; 30s in the RFC dialect.
    # heartbeat = "2.5s"

    # MAX-TIME-LAST-HEARD: how long a peer may be silent before it is asked
    # whether it lives; 1m1s in the RFC dialect.
    # max_time_last_heard = "5s"

    # MAX-TIME-NO-RESPONSE: how long it may take to answer.
    # max_time_no_response = "5s"

    # How long a registrar that starts waits for one to learn the handlespace
    # from.
    # mentor_timeout = "5s"

    # How long registrars may take to agree on a takeover before it is tried
    # again.
    # takeover_timeout = "5s"

    # How long a registrar that ends waits for the others to take over its
    # elements.
    # handover_timeout = "5s"

    # Spreads the elements over the registrars: each is handed to the one whose
    # identifier suits it best.
    # suggestion = false

    # What measured distances are rounded to, for policies that heed them.
    # distance_step = "50ms"

    # Other registrars, at most.
    # max_peers = 128

    # How registrars find each other by multicast. The announce block of the
    # registrar can turn it off, too.
    announce {
      # Whether they do.
      # enabled = true

      # Multicast group and UDP port.
      # group = "239.0.0.51:9901"

      # The network interface. If absent, that of the registrar's announcements.
      # interface = "eth0"

      # Multicast time to live. If absent, that of the registrar's announcements.
      # ttl = 30
    }
  }

  # How the registrar makes itself known by multicast.
  announce {
    # Whether it does.
    # enabled = true

    # Multicast group and UDP port.
    # group = "239.0.0.50:3863"

    # The network interface. If absent, the system's choice.
    # interface = "eth0"

    # T6-Serverannounce: time between announcements, times the number of
    # announcing registrars.
    # interval = "1s"

    # Multicast time to live: routers that an announcement may pass.
    # ttl = 30
  }

  # What the registrar takes on at most.
  limits {
    # Longest pool handle, in bytes. Deployed peers abort on more than 32.
    # max_handle_length = 32

    # Pools.
    # max_pools = 100000

    # Elements of one pool.
    # max_pool_elements = 100000

    # Elements of all pools.
    # max_elements = 1000000

    # Associations with elements, users and peers.
    # max_associations = 50000
  }
}

# An element: serves a pool.
element {
  # The handle of the pool to join. If absent, the command says.
  # pool = "EchoPool"

  # Identifies the element in its pool. If absent, a random one is drawn.
  # id = "0x00000017"

  # The policy that the element registers; the first element of a pool decides
  # for the pool.
  # policy = "round-robin"

  # Relative capacity, for the weighted policies.
  # weight = 1

  # For priority: larger is preferred.
  # priority = 1

  # Load at the start, from 0 to 1, for the least-used family.
  # load = 0.0

  # Load that one more selection adds, from 0 to 1.
  # degradation = 0.1

  # Share of the weight lost with each millisecond of distance.
  # weight_dpf = 0.001

  # Load added with each millisecond of distance.
  # load_dpf = 0.001

  # Distance in milliseconds.
  # distance = 20

  # What the element says of itself beyond that, for policies to go by:
  # strings, numbers or truth values by name.
  # tags = { site = "small", watts = 90 }

  # The SCTP port of the service, or "any" for a free one.
  # port = "any"

  # Registers a transport without control channel: no cookies, no business
  # cards.
  # data_only = false

  # Registration life asked for. If absent, three times reregister, or 15m in
  # the RFC dialect.
  # life = "90s"

  # T4-reregistration. If absent, the smaller of 10m and life less 20s, and at
  # least a third of life; 30s where life is absent too.
  # reregister = "30s"

  # T2-registration: how long a registrar may take to answer a registration.
  # register_timeout = "30s"

  # T3-deregistration: how long it may take to answer a deregistration.
  # deregister_timeout = "30s"

  # MAX-REG-ATTEMPT: attempts before the element gives up, if it never was
  # registered.
  # max_register_attempts = 2

  # Least time between two re-registrations for a changed load.
  # load_interval = "100ms"

  # Sessions that may wait to be accepted.
  # backlog = 128

  # Registrars, tried in this order, as IP:PORT or IP:PORT@UDPPORT. If absent,
  # announcements are listened for.
  # registrars = ["127.0.0.1:3863"]

  # Where RFCs and deployed peers differ: deployed or rfc.
  # dialect = "deployed"

  # Longest pool handle, in bytes. Deployed peers abort on more than 32.
  # max_handle_length = 32

  # T1-ENRPrequest: how long a registrar may take to answer a resolution; 15s
  # in the RFC dialect.
  # request_timeout = "3s"

  # MAX-REQUEST-RETRANSMIT: how often a request is repeated.
  # max_request_retransmit = 2

  # The process's own end of associations.
  transport {
    # auto takes the best transport at hand; udp is SCTP over UDP, embedded in
    # the program.
    # mode = "auto"

    # The IP address to bind, and that elements register. If absent, all.
    # listen = "192.0.2.7"

    # The UDP port that encapsulates SCTP, or "any" for a free one.
    # udp_port = "any"

    # How long a peer may be silent before it is asked whether it lives.
    # heartbeat_interval = "5s"

    # How often it is asked again before it is given up.
    # heartbeat_retries = 3
  }

  # Registrars that make themselves known by multicast.
  announcements {
    # Listens for them even where registrars are given.
    # enabled = false

    # Multicast group and UDP port.
    # group = "239.0.0.50:3863"

    # The network interface. If absent, the system's choice.
    # interface = "eth0"

    # T7-ENRPoutdate: how long an announced registrar is remembered.
    # timeout = "5s"
  }

  # The search for a registrar.
  hunt {
    # T5-Serverhunt: time for one round over at most three registrars, doubled
    # after each.
    # timeout = "10s"

    # RETRAN-MAX: what it is doubled up to.
    # max_timeout = "1m"
  }
}

# A user: resolves handles and opens sessions.
user {
  # The policy by which elements are selected from the cache; it needs
  # cache_time. If absent, that of the pool.
  # policy = "builtin.least-used"

  # The policies that follow where it fails, in this order. If absent,
  # round-robin.
  # fallback = ["builtin.random"]

  # What the user says of its requests, for policies to go by: strings by
  # name. If absent, nothing.
  # attributes = { region = "eu" }

  # Elements asked for in a resolution. If absent, 1 without a cache and the
  # registrar's choice with one.
  # items = 3

  # stale_cache_value: how long an answer serves further requests. If absent,
  # answers are not cached.
  # cache_time = "10s"

  # Asks for pushed updates of cached pools.
  # subscribe = false

  # How long an element may take to accept an association.
  # connect_timeout = "7.5s"

  # Whether a session outlives its element.
  # failover = true

  # How long a session looks for a new element before it fails, or "never".
  # failover_timeout = "1m"

  # The wait before the next attempt when no element was found.
  # failover_delay = "250ms"

  # Registrars, tried in this order, as IP:PORT or IP:PORT@UDPPORT. If absent,
  # announcements are listened for.
  # registrars = ["127.0.0.1:3863"]

  # Where RFCs and deployed peers differ: deployed or rfc.
  # dialect = "deployed"

  # Longest pool handle, in bytes. Deployed peers abort on more than 32.
  # max_handle_length = 32

  # T1-ENRPrequest: how long a registrar may take to answer a resolution; 15s
  # in the RFC dialect.
  # request_timeout = "3s"

  # MAX-REQUEST-RETRANSMIT: how often a request is repeated.
  # max_request_retransmit = 2

  # The process's own end of associations.
  transport {
    # auto takes the best transport at hand; udp is SCTP over UDP, embedded in
    # the program.
    # mode = "auto"

    # The IP address to bind, and that elements register. If absent, all.
    # listen = "192.0.2.7"

    # The UDP port that encapsulates SCTP, or "any" for a free one.
    # udp_port = "any"

    # How long a peer may be silent before it is asked whether it lives.
    # heartbeat_interval = "5s"

    # How often it is asked again before it is given up.
    # heartbeat_retries = 3
  }

  # Registrars that make themselves known by multicast.
  announcements {
    # Listens for them even where registrars are given.
    # enabled = false

    # Multicast group and UDP port.
    # group = "239.0.0.50:3863"

    # The network interface. If absent, the system's choice.
    # interface = "eth0"

    # T7-ENRPoutdate: how long an announced registrar is remembered.
    # timeout = "5s"
  }

  # The search for a registrar.
  hunt {
    # T5-Serverhunt: time for one round over at most three registrars, doubled
    # after each.
    # timeout = "10s"

    # RETRAN-MAX: what it is doubled up to.
    # max_timeout = "1m"
  }
}

# What is logged to the standard error, and how. --log-level and
# --log-format win.
log {
  # The least level: debug, info, warn or error.
  # level = "info"

  # text or json.
  # format = "text"

  # Adds the place in the program to each line.
  # source = false
}

# Where /metrics, /healthz, /readyz and /status are served over HTTP.
# Whoever reaches the address may read them.
telemetry {
  # IP address and port. If absent, nothing is served.
  # listen = "127.0.0.1:9100"
}

# The socket by which "rspool policy reload" and its like reach a running
# registrar. Only its own user and root may open it.
admin {
  # Whether there is one.
  # enabled = true

  # The socket's file. If absent, one with the registrar's identifier in
  # $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/rspool, /run/rspool or the system's
  # folder for temporary files.
  # socket = "/run/rspool/registrar.sock"
}

# A program that computes selection policies; see docs/plugins.md. "rspool
# plugin add FILE" prints this block with the right checksum.
# plugin "carbon" {
# The program's file. A relative name counts from plugin_dir, else from the
# folder of this file; PATH is not searched. It may not be absent, unless
# attach is there.
# command = "rspool-policy-carbon"
#
# Arguments. If absent, none.
# args = ["--verbose"]
#
# The checksum that the file must have. It may be absent with allow_unpinned
# alone.
# sha256 = "9d8a9d8a9d8a9d8a9d8a9d8a9d8a9d8a9d8a9d8a9d8a9d8a9d8a9d8a9d8a9d8a"
#
# Starts whatever the file holds, with a warning each time.
# allow_unpinned = false
#
# The version of the protocol that the plugin speaks.
# protocol = 1
#
# What the plugin's own version must be. If absent, any.
# version = ">= 1.2, < 2"
#
# As whom the program runs; root alone can choose. If absent, as this
# process does.
# user = "rspool-plugin"
#
# The group that it runs in. If absent, that of the user.
# group = "rspool-plugin"
#
# Its whole environment: that of this process is not passed on. If absent,
# empty.
# env = { CARBON_ZONE = "DE" }
#
# Protects the connection with certificates that are made at each start.
# Plugins in Python need false.
# auto_mtls = true
#
# The socket of a plugin that somebody has started, for debugging: "rspool
# plugin run --attach" prints it. If absent, the program is started.
# attach = "unix:/tmp/plugin.sock"
#
# How long it may take until it has said what it is.
# start_timeout = "10s"
#
# How long it may take to end.
# stop_timeout = "2s"
#
# How often it is asked for a sign of life.
# tick_interval = "500ms"
#
# How long it may be silent before it is killed.
# tick_timeout = "2s"
#
# How long its ranks hold after its last word, unless it says so itself.
# rank_ttl = "10s"
#
# How long an element without a rank is taken for a middling one.
# rank_grace = "1s"
#
# How long an answer may take in DIRECT mode.
# direct_deadline = "1ms"
#
# How it is started again after it has ended.
# restart {
# The wait before the first restart; it doubles.
# backoff_min = "100ms"
#
# What it doubles up to.
# backoff_max = "30s"
#
# Restarts in five minutes; one more, and the plugin stays down until it is
# reloaded.
# max_in_5m = 10
# }
#
# What its process may take, on Linux.
# limits {
# Bytes, as a number or as in "4GiB".
# address_space = 4294967296
#
# Open files.
# files = 256
#
# Processes and threads of its user, where that is another one.
# processes = 256
# }
# }

# A selection policy written in Lua; see docs/lua-policies.md. Pools refer
# to it as "lua.NAME".
# policy "lua" "energy" {
# The script's file. A relative name counts from policy_dir, else from the
# folder of this file. It may not be absent.
# source = "energy.lua"
#
# The checksum that the file must have. If absent, any will do.
# sha256 = "5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c"
#
# Where hour, minute and weekday are, as in "Europe/Berlin".
# timezone = "UTC"
#
# What the script sees as config.
# config {
# }
#
# What the script may take. They protect against mistakes, not against
# attackers.
# limits {
# Instructions of one call of a function.
# instructions = 20000
#
# Instructions for running the file itself.
# load_instructions = 2000000
#
# Bytes that it may keep for one pool, as a number or as in "16MiB".
# memory = 16777216
#
# Bytes of the longest string, as a number or as in "64KiB".
# string = 65536
# }
# }

# A selection policy that a plugin computes; see docs/plugins.md. Pools
# refer to it as "plugin.NAME".
# policy "plugin" "greenest" {
# The name of a plugin block. If absent, that of this block.
# plugin = "carbon"
#
# Which of the plugin's policies. If absent, the one of this block's name,
# or the only one.
# policy = "greenest"
#
# What the plugin's policy is told. It is checked against what the plugin
# says of itself.
# config {
# }
# }

# Pools whose handles match the pattern, in which * stands for any bytes and
# ? for one. The most specific pattern applies: the longest literal prefix,
# then the longest pattern.
pool "*" {
  # The selection policy: builtin.NAME, lua.NAME or plugin.NAME. If absent,
  # the one that the pool's first element registers.
  # policy = "least-used"

  # The policies that follow where the first fails, in this order. The last
  # must not fail: round-robin comes behind one that is not built in. If
  # absent, it is the only one.
  # fallback = ["builtin.least-used", "builtin.round-robin"]

  # What becomes of a request for which the policy finds nobody eligible:
  # "fallback" has the next policy answer it, "empty" answers with nobody.
  # when_none = "fallback"

  # The policy that elements must register and users are told. If absent, that
  # of the pool's first element.
  # wire_policy = "round-robin"

  # Elements in an answer where the user asks for no number. If absent, the
  # registrar's.
  # max_items = 3

  # Leading elements of an answer that count as selected. If absent, the
  # registrar's.
  # max_increment = 1

  # Elements of one pool. If absent, the registrar's max_pool_elements.
  # max_elements = 1000

  # What policies are told of elements, by their addresses: strings, numbers
  # or truth values by name. Longer prefixes win, and all win over what
  # elements say themselves. If absent, elements have the tags that they
  # bring.
  # tags = { "192.0.2.0/24" = { site = "small" } }

  # What policies are told of requests, by the users' addresses: strings by
  # name. If absent, requests have the attributes that they bring.
  # attributes = { "198.51.100.0/24" = { region = "eu" } }

  # When a pool leaves a policy that fails. Built-in policies do not fail.
  breaker {
    # Faults within window that are too many.
    # errors = 5

    # The time in which they count.
    # window = "10s"

    # How long the policy is left alone. Then it is tried for the time of
    # window, without its answers being used, and comes back if it does well.
    # cooldown = "30s"
  }

  # A policy to be compared with the one in use: it is asked about a share of
  # the selections as well, nothing of it is used, and differing choices are
  # counted.
  shadow {
    # The policy. If absent, there is none.
    # policy = "builtin.random"

    # The share of selections.
    # sample = 0.05
  }
}
