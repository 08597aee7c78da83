//go:build !linux || 386

package kernel

import (
	"fmt"
	"runtime"

	"github.com/rspool/rspool/internal/transport"
)

// Door is never made on this system.
type Door struct {
	transport.Door
	transport.Multicast
}

// Available says why there is no kernel SCTP.
func Available() error {
	return fmt.Errorf("kernel SCTP is not supported on %s/%s: use mode udp", runtime.GOOS, runtime.GOARCH)
}

// Open fails.
func Open(Config) (*Door, error) { return nil, Available() }

// Encapsulation returns zero: there is none.
func Encapsulation() int { return 0 }
