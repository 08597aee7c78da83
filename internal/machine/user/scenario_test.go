package user

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rserpool "github.com/rspool/rspool"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// A scenario is a text file of blocks, with an empty line between them: commands,
// a line of four dashes, and the transcript of what the machine did. A line that
// begins with # is a remark. The first command says whose scenario it is: see
// sessionWorld and resolverWorld for the others.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runScenario(t, string(want))
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("transcript differs (-want +got), see -update:\n%s", diff)
			}
		})
	}
}

// world interprets the commands of a scenario.
type world interface {
	// do carries out a command, of which words is the whole; it returns an
	// error where it does not know it.
	do(words []string) error
	// written returns the transcript since the last call.
	written() []byte
}

// runScenario returns the file with its transcripts as they are.
func runScenario(t *testing.T, file string) []byte {
	t.Helper()
	var w world
	var out bytes.Buffer
	commands, transcript := false, false
	flush := func() {
		if commands {
			out.WriteString("----\n")
			out.Write(w.written())
		}
		commands, transcript = false, false
	}
	for i, line := range strings.Split(strings.TrimSuffix(file, "\n"), "\n") {
		words := strings.Fields(line)
		switch {
		case line == "----":
			transcript = true
			continue
		case line == "":
			flush()
		case transcript:
			continue
		case words[0] == "session":
			w, commands = newSessionWorld(t, words[1:]), true
		case words[0] == "resolver":
			w, commands = newResolverWorld(words[1:]), true
		case line[0] != '#':
			commands = true
			if err := w.do(words); err != nil {
				t.Fatalf("line %d: %s: %v", i+1, line, err)
			}
		}
		fmt.Fprintln(&out, line)
	}
	flush()
	return out.Bytes()
}

// clock is the time and the transcript of a scenario.
type clock struct {
	began, now time.Time
	out        bytes.Buffer
}

func newClock() clock {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return clock{began: at, now: at}
}

// say writes a line of the transcript.
func (c *clock) say(format string, args ...any) {
	fmt.Fprintf(&c.out, "%-8s %s\n", c.now.Sub(c.began), fmt.Sprintf(format, args...))
}

func (c *clock) written() []byte {
	b := bytes.Clone(c.out.Bytes())
	c.out.Reset()
	return b
}

// advance lets time pass and calls tick at every deadline on the way.
func (c *clock) advance(by string, deadline func() time.Time, tick func()) error {
	d, err := time.ParseDuration(by)
	if err != nil {
		return err
	}
	end := c.now.Add(d)
	for at := deadline(); !at.IsZero() && !at.After(end); at = deadline() {
		if at.After(c.now) {
			c.now = at
		}
		tick()
		if next := deadline(); next.Equal(at) {
			return fmt.Errorf("the deadline %v stays although it was met", at.Sub(c.began))
		}
	}
	c.now = end
	return nil
}

// options reads words of the form name=value and name.
func options(words []string) map[string]string {
	m := map[string]string{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		m[k] = v
	}
	return m
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
