package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// page is a page of the documentation that can be followed: its blocks of code are
// files where a name stands behind the language, and commands with what they print
// where the language is console.
type page struct {
	t       *testing.T
	dir     string
	address string // instead of 127.0.0.1
	in      io.Writer
	out     *bufio.Reader
}

var fenced = regexp.MustCompile("(?ms)^```(\\w+)(?: (\\S+))?\n(.*?)^```$")

// TestFirstPolicyCanBeFollowed types what docs/first-policy.md says, from an empty
// folder, and compares what is printed.
func TestFirstPolicyCanBeFollowed(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs loopback addresses of its own, since the page uses well-known ports")
	}
	text, err := os.ReadFile("../../docs/first-policy.md")
	if err != nil {
		t.Fatal(err)
	}
	p := open(t)
	commands := 0
	for _, m := range fenced.FindAllStringSubmatch(string(text), -1) {
		language, file, body := m[1], m[2], strings.ReplaceAll(m[3], "127.0.0.1", p.address)
		switch {
		case file != "":
			if err := os.WriteFile(filepath.Join(p.dir, file), []byte(body), 0o600); err != nil {
				t.Fatal(err)
			}
		case language == "console":
			for _, command := range strings.Split("\n"+body, "\n$ ")[1:] {
				line, want, _ := strings.Cut(command, "\n")
				p.follow(line, want)
				commands++
			}
		default:
			t.Errorf("a block of %s is neither a file nor commands:\n%s", language, body)
		}
	}
	if commands < 20 {
		t.Errorf("%d commands were found", commands)
	}
}

// open starts a shell in an empty folder.
func open(t *testing.T) *page {
	t.Helper()
	p := &page{t: t, dir: t.TempDir(), address: fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))}
	shell := exec.Command("bash", "--norc")
	shell.Dir = p.dir
	shell.Env = append(os.Environ(), asCommand+"=1", "RUNTIME_DIRECTORY="+t.TempDir(), "GORACE=atexit_sleep_ms=0")
	in, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Skipf("the page wants bash: %v", err)
	}
	t.Cleanup(func() {
		_, _ = io.WriteString(in, "kill -9 $(jobs -p) 2> /dev/null; exit 0\n") // where the page has not come to its end
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := shell.Wait(); err != nil {
			t.Logf("the shell ends with %v", err)
		}
	})
	p.in, p.out = in, bufio.NewReader(out)
	return p
}

// run types a command and returns what it prints.
func (p *page) run(command string) string {
	p.t.Helper()
	const end = "the end of what it prints"
	fmt.Fprintf(p.in, "{ %s\n} 2>&1\necho '%s'\n", command, end)
	var b strings.Builder
	for {
		line, err := p.out.ReadString('\n')
		if err != nil {
			p.t.Fatalf("%s: the shell has ended: %v\n%s", command, err, b.String())
		}
		if rest, last := strings.CutSuffix(line, end+"\n"); last {
			b.WriteString(rest)
			return b.String()
		}
		b.WriteString(line)
	}
}

// looks are the commands that may be given again until they print what they should:
// people are slower than processes.
var looks = regexp.MustCompile(`^(grep |rspool (resolve|policy (list|explain)) )`)

// follow types a command and compares what it prints.
func (p *page) follow(command, want string) {
	p.t.Helper()
	pattern := "^"
	for line := range strings.Lines(strings.TrimRight(want, "\n") + "\n") {
		if line == "...\n" { // any lines
			pattern += `(?:.*\n)*`
			continue
		}
		pattern += strings.ReplaceAll(regexp.QuoteMeta(line), `\.\.\.`, ".*")
	}
	expected := regexp.MustCompile(pattern + `\n*$`)
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		got := strings.TrimRight(p.run(command), "\n") + "\n"
		if expected.MatchString(got) {
			return
		}
		if !looks.MatchString(command) || time.Since(began) > patience {
			p.t.Fatalf("$ %s\n%s\nThe page says:\n%s", command, got, want)
		}
	}
}
