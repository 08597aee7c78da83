// Package scenario runs the scenarios of the machines: files of commands and of
// what a machine did upon each of them, which is compared. It is for tests only.
//
// It does not know the commands: each machine's test has a World for its own.
package scenario

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// World is what a scenario happens in.
type World interface {
	// Do carries out a command, of which words is the whole; it returns an
	// error where it cannot.
	Do(words []string) error
	// Transcript returns what was written since the last call.
	Transcript() []byte
}

// Run runs the scenarios in testdata, each in a world that begin returns.
func Run(t *testing.T, begin func(t *testing.T) World) { RunFolder(t, "testdata", begin) }

// RunFolder runs the scenarios in a folder, each in a world that begin returns.
//
// A scenario is a text file of blocks, with an empty line between them: commands,
// a line of four dashes, and the transcript of what the machine did. A line that
// begins with # is a remark.
func RunFolder(t *testing.T, folder string, begin func(t *testing.T) World) {
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, begin(t), string(want))
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

// play returns the file with its transcripts as they are.
func play(t *testing.T, w World, file string) []byte {
	t.Helper()
	var out bytes.Buffer
	commands, transcript := false, false
	flush := func() {
		if commands {
			out.WriteString("----\n")
			out.Write(w.Transcript())
		}
		commands, transcript = false, false
	}
	n := 0
	for line := range strings.Lines(file) {
		n++
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "----":
			transcript = true
			continue
		case line == "":
			flush()
		case transcript:
			continue
		case !strings.HasPrefix(line, "#"):
			commands = true
			if err := w.Do(strings.Fields(line)); err != nil {
				t.Fatalf("line %d: %s: %v\n%s", n, line, err, w.Transcript())
			}
		}
		out.WriteString(line + "\n")
	}
	flush()
	return out.Bytes()
}

// Options reads words of the form name=value; a bare name has the value "".
func Options(words []string) map[string]string {
	o := map[string]string{}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		o[name] = value
	}
	return o
}
