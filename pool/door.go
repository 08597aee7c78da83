package pool

import (
	"slices"
	"strings"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/sctp"
)

// openDoor opens the SCTP that the configuration describes.
func openDoor(c *HostConfig) (transport.Door, error) {
	return sctp.Open(sctp.Config{
		Mode: c.Mode, Listen: c.Listen, UDPPort: c.UDPPort,
		WantUDP: c.UDPPort != 0 ||
			slices.ContainsFunc(c.Registrars, func(address string) bool { return strings.Contains(address, "@") }),
		HeartbeatInterval: c.HeartbeatInterval,
		HeartbeatRetries:  c.HeartbeatRetries,
	})
}
