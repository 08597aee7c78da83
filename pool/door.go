package pool

import (
	"errors"

	"github.com/rspool/rspool/internal/transport"
)

// openDoor opens the udp door that the configuration describes.
func openDoor(*HostConfig) (transport.Door, error) {
	return nil, errors.New("no door: set HostConfig.Door")
}
