//go:build !unix

package lua

import "time"

// processorTime is not known here.
func processorTime() time.Duration { return 0 }
