package pool

import (
	"fmt"
	"net/netip"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/udp"
)

// openDoor opens the udp door that the configuration describes.
func openDoor(c *HostConfig) (transport.Door, error) {
	u := udp.Config{
		UDPPort:           c.UDPPort,
		HeartbeatInterval: c.HeartbeatInterval,
		MaxRetrans:        c.HeartbeatRetries,
	}
	if c.Listen != "" {
		ip, err := netip.ParseAddr(c.Listen)
		if err != nil {
			return nil, fmt.Errorf("listen address %q: want an IP address, as in 192.0.2.1", c.Listen)
		}
		u.Listen = ip
	}
	return udp.Open(u)
}
