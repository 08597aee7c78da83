// Package bubble runs tests on virtual time, as testing/synctest does. With the race
// detector it lets one goroutine run at a time: of two that run timers of a bubble at
// once, the runtime corrupts the detector's state (https://go.dev/issue/78156).
//
// It is for tests alone.
package bubble

import (
	"runtime"
	"testing"
	"testing/synctest"
)

// Test runs f in a bubble of its own; see synctest.Test.
func Test(t *testing.T, f func(*testing.T)) {
	t.Helper()
	if race {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	}
	synctest.Test(t, f)
}
