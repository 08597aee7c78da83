package pool

// Host is a process's door to the pools: a transport and an association with a
// registrar, shared by the process's elements and sessions.
type Host struct{}
