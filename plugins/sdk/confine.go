package sdk

// Confinement is something that a plugin can do without and gives up for good. What
// is given up fails with a permission error in the process and its children.
type Confinement uint8

// The confinements.
const (
	// NoExec gives up starting programs.
	NoExec Confinement = iota + 1
	// NoNetwork gives up sockets other than local ones.
	NoNetwork
	// NoTrace gives up looking into other processes, and changing mounts, clocks
	// and the kernel.
	NoTrace
)
