package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// demoRun is a demo that runs as a process of its own, in folders of its own.
type demoRun struct {
	*exec.Cmd
	work, temp string // folders
	mark       string // in the environment of all its processes
	stdout     bytes.Buffer
	remarks    *bufio.Scanner // the standard error, line by line
}

// startDemo starts a demo that is small and fast.
func startDemo(t *testing.T, args ...string) *demoRun {
	t.Helper()
	d := &demoRun{work: t.TempDir(), temp: t.TempDir(), mark: fmt.Sprintf("RSPOOL_TEST_MARK=%d-%d", os.Getpid(), time.Now().UnixNano())}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	small := []string{"demo", "--size", "160x120", "--tile", "32", "--elements", "3", "--capacity", "20000"}
	d.Cmd = exec.CommandContext(ctx, os.Args[0], append(small, args...)...)
	d.Dir = d.work
	d.Env = append(os.Environ(), asCommand+"=1", "TMPDIR="+d.temp, "GORACE=atexit_sleep_ms=0", d.mark)
	d.Stdout = &d.stdout
	stderr, err := d.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.remarks = bufio.NewScanner(stderr)
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	return d
}

// until reads what the demo remarks, up to a line with the text.
func (d *demoRun) until(t *testing.T, text string) {
	t.Helper()
	var seen []string
	for d.remarks.Scan() {
		seen = append(seen, d.remarks.Text())
		if strings.Contains(d.remarks.Text(), text) {
			return
		}
	}
	t.Fatalf("the demo never says %q, but:\n%s\n%s", text, strings.Join(seen, "\n"), d.stdout.String())
}

// finish waits for the end and returns the exit code and what was remarked.
func (d *demoRun) finish(t *testing.T) (code int, remarks string) {
	t.Helper()
	var rest []string
	for d.remarks.Scan() {
		rest = append(rest, d.remarks.Text())
	}
	err := d.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return d.ProcessState.ExitCode(), strings.Join(rest, "\n")
}

// processes returns the command lines of the demo's processes that are there.
func (d *demoRun) processes(t *testing.T) map[int]string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc to see processes")
	}
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]string{}
	for _, name := range environments {
		if b, err := os.ReadFile(name); err != nil || !bytes.Contains(b, []byte(d.mark)) {
			continue // it has ended, or is somebody else's
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			t.Fatal(err)
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "cmdline"))
		found[pid] = strings.ReplaceAll(string(line), "\x00", " ")
	}
	return found
}

// checkNothingIsLeft checks processes and temporary files.
func (d *demoRun) checkNothingIsLeft(t *testing.T) {
	t.Helper()
	for _, line := range d.processes(t) {
		t.Errorf("left behind: %s", line)
	}
	files, err := os.ReadDir(d.temp)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		t.Errorf("left behind: %s", filepath.Join(d.temp, f.Name()))
	}
}

func TestDemoFinishesTheImageThoughAnElementIsKilled(t *testing.T) {
	d := startDemo(t, "-o", "json", "-o", "small.png", "--seed", "7")
	code, remarks := d.finish(t)
	if code != exitDone {
		t.Fatalf("exit code %d:\n%s", code, remarks)
	}
	var got demoResult
	if err := json.Unmarshal(d.stdout.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, d.stdout.String())
	}
	if !got.Correct || got.Different != 0 || got.Width != 160 || got.Height != 120 || got.Tiles != 20 {
		t.Errorf("got %+v, want a correct image of 160 x 120 pixels in 20 tiles", got)
	}
	pixels := 0
	for _, e := range got.Elements {
		pixels += e.Pixels
	}
	if pixels != 160*120 {
		t.Errorf("elements account for %d pixels, want %d", pixels, 160*120)
	}
	if len(got.Killed) != 1 {
		t.Errorf("killed %v, want one element", got.Killed)
	}
	if got.LongestFailover > 2*time.Second {
		t.Errorf("the longest failover took %v, want 2s at most", got.LongestFailover)
	}
	for _, name := range []string{"small.png", "small-elements.png"} {
		f, err := os.Open(filepath.Join(d.work, name))
		if err != nil {
			t.Fatal(err)
		}
		picture, err := png.DecodeConfig(f)
		f.Close()
		if err != nil || picture.Width != 160 || picture.Height != 120 {
			t.Errorf("%s: %+v, %v; want 160 x 120 pixels", name, picture, err)
		}
	}
	d.checkNothingIsLeft(t)
}

func TestDemoFinishesTheImageThoughARegistrarIsKilled(t *testing.T) {
	d := startDemo(t, "-o", "json", "--registrars", "3", "--kill", "1", "--seed", "7")
	code, remarks := d.finish(t)
	if code != exitDone {
		t.Fatalf("exit code %d:\n%s", code, remarks)
	}
	var got demoResult
	if err := json.Unmarshal(d.stdout.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, d.stdout.String())
	}
	if !got.Correct || got.KilledRegistrar == "" || len(got.Killed) != 1 {
		t.Errorf("got %+v, want a correct image although a registrar and an element were killed", got)
	}
	d.checkNothingIsLeft(t)
}

func TestDemoPrintsWhoDidWhat(t *testing.T) {
	d := startDemo(t, "--policy", "round-robin", "--kill", "none", "--elements", "2")
	code, remarks := d.finish(t)
	if code != exitDone {
		t.Fatalf("exit code %d:\n%s", code, remarks)
	}
	for _, want := range []string{
		"ELEMENT", "CAPACITY", "SHARE", "LOST WORK", "FAILOVER TIME", "0x00000001", "0x00000002",
		"160 x 120 pixels", "0 failovers", "every pixel equals the local computation",
	} {
		if !strings.Contains(d.stdout.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, d.stdout.String())
		}
	}
	if !strings.Contains(remarks, "policy round-robin") || !strings.Contains(remarks, "computing:") {
		t.Errorf("policy or progress are missing in:\n%s", remarks)
	}
	d.checkNothingIsLeft(t)
}

func TestDemoIsLeftRunningUntilItIsInterrupted(t *testing.T) {
	d := startDemo(t, "--keep", "--kill", "none")
	d.until(t, "Ctrl-C ends it")
	if n := len(d.processes(t)); n != 5 {
		t.Errorf("%d processes, want the demo, a registrar and three elements", n)
	}
	if err := d.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code, remarks := d.finish(t); code != exitDone {
		t.Errorf("exit code %d:\n%s", code, remarks)
	}
	d.checkNothingIsLeft(t)
}

func TestDemoTidiesUpWhenItIsInterrupted(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} { // the latter: the terminal was closed
		t.Run(s.String(), func(t *testing.T) {
			if signal.Ignored(s) {
				t.Skip("the tests run under nohup, which a demo respects")
			}
			d := startDemo(t, "--capacity", "100")
			d.until(t, "elements run as processes")
			for range 2 { // an impatient person
				if err := d.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
			}
			code, remarks := d.finish(t)
			if code != exitFailed || !strings.Contains(remarks, "interrupted") {
				t.Errorf("exit code %d, want %d and the reason:\n%s", code, exitFailed, remarks)
			}
			d.checkNothingIsLeft(t)
		})
	}
}

func TestDemoTakesItsProcessesAlongWhenItIsKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends children with their parent")
	}
	d := startDemo(t, "--capacity", "100")
	d.until(t, "elements run as processes")
	if err := d.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	d.finish(t)
	for end := time.Now().Add(patience); len(d.processes(t)) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("left behind: %v", d.processes(t))
		}
	}
}

func TestDemoNoticesThatAProcessHasCrashed(t *testing.T) {
	d := startDemo(t, "--capacity", "100")
	d.until(t, "elements run as processes")
	for pid, line := range d.processes(t) {
		if strings.Contains(line, " registrar run ") {
			p, err := os.FindProcess(pid)
			if err == nil {
				err = p.Kill()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	code, remarks := d.finish(t)
	if code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	for _, want := range []string{"registrar has ended unexpectedly: signal: killed", "--- registrar.log", "registrar is up"} {
		if !strings.Contains(remarks, want) {
			t.Errorf("%q is missing in:\n%s", want, remarks)
		}
	}
	d.checkNothingIsLeft(t)
}

func TestDemoSaysWhyItFails(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"everybody would be killed", []string{"--kill", "3"}, exitMisuse, "somebody must be left"},
		{"no elements", []string{"--elements", "0"}, exitMisuse, "want 1 to 100"},
		{"no registrar", []string{"--registrars", "0"}, exitMisuse, "want 1 to 9"},
		{"an unknown policy", []string{"--policy", "least-use"}, exitMisuse, "least-used"},
		{"no picture", []string{"-o", "picture.gif"}, exitMisuse, "ends in .png"},
		{"a size that is none", []string{"--size", "big"}, exitMisuse, "want WIDTHxHEIGHT"},
		{"a configuration that is none", []string{"--config", "missing.hcl"}, exitFailed, "missing.hcl"},
		{"a picture that cannot be written", []string{"-o", "no/such/folder.png"}, exitFailed, "no/such/folder.png"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := startDemo(t, tc.args...)
			code, remarks := d.finish(t)
			if code != tc.code || !strings.Contains(remarks, tc.want) {
				t.Errorf("exit code %d, want %d and %q in:\n%s", code, tc.code, tc.want, remarks)
			}
			d.checkNothingIsLeft(t)
		})
	}
}
