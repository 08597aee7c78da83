//go:build linux && (amd64 || arm64)

package sdk

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain lets the test program confine itself and tell what it still can do.
func TestMain(m *testing.M) {
	list := os.Getenv("CONFINE")
	if list == "" {
		os.Exit(m.Run())
	}
	var all []Confinement
	for _, c := range list {
		all = append(all, Confinement(c-'0'))
	}
	if err := confine(all); err != nil {
		fmt.Println("confine:", err)
		os.Exit(1)
	}
	report := func(what string, err error) { fmt.Println(what, err == nil) }
	report("exec", exec.Command("/bin/true").Run())
	_, err := net.ListenPacket("udp", "127.0.0.1:0")
	report("network", err)
	_, err = net.Listen("unix", filepath.Join(os.Getenv("FOLDER"), "socket"))
	report("local", err)
	report("unshare", unix.Unshare(unix.CLONE_FS))
	done := make(chan error)
	go func() { // another thread
		_, err := net.Dial("udp", "127.0.0.1:9")
		done <- err
	}()
	report("elsewhere", <-done)
	time.Sleep(time.Millisecond)
	report("sleep", nil)
}

func TestConfine(t *testing.T) {
	for _, tc := range []struct {
		name, list string
		want       map[string]bool
	}{
		{"exec", "1", map[string]bool{"exec": false, "network": true, "local": true, "unshare": true, "elsewhere": true, "sleep": true}},
		{"network", "2", map[string]bool{"exec": true, "network": false, "local": true, "unshare": true, "elsewhere": false, "sleep": true}},
		{"trace", "3", map[string]bool{"exec": true, "network": true, "local": true, "unshare": false, "elsewhere": true, "sleep": true}},
		{"all", "123", map[string]bool{"exec": false, "network": false, "local": true, "unshare": false, "elsewhere": false, "sleep": true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := exec.Command(os.Args[0])
			c.Env = append(os.Environ(), "CONFINE="+tc.list, "FOLDER="+t.TempDir(), "GOCOVERDIR="+t.TempDir())
			out, err := c.CombinedOutput()
			if strings.Contains(string(out), "seccomp:") {
				t.Skipf("the system does not allow filters: %s", out)
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for what, ok := range tc.want {
				if !strings.Contains(string(out), fmt.Sprintf("%s %v\n", what, ok)) {
					t.Errorf("want %s %v, got\n%s", what, ok, out)
				}
			}
		})
	}
	if err := confine([]Confinement{77}); err == nil {
		t.Error("an unknown confinement was accepted")
	}
}
