package user

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine/scenario"
)

// The first command says whose scenario it is: see sessionWorld and resolverWorld
// for the others.
func TestScenarios(t *testing.T) {
	scenario.Run(t, func(t *testing.T) scenario.World { return &world{t: t} })
}

// world is a session's or a resolver's.
type world struct {
	scenario.World
	t *testing.T
}

// Do implements scenario.World.
func (w *world) Do(words []string) error {
	switch {
	case words[0] == "session":
		w.World = newSessionWorld(w.t, words[1:])
	case words[0] == "resolver":
		w.World = newResolverWorld(words[1:])
	case w.World == nil:
		return errCommand
	default:
		return w.World.Do(words)
	}
	return nil
}

func duration(s string) time.Duration {
	d, _ := time.ParseDuration(s)
	return d
}

func ids(s string) (list []rserpool.ElementID) {
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		var id rserpool.ElementID
		fmt.Sscan(w, (*uint32)(&id))
		list = append(list, id)
	}
	return list
}

var errCommand = errors.New("unknown command")
