//go:build interop

package interop

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rspool/rspool/internal/wire/wiretest"
)

// TestEveryMessageIsDissected has Wireshark read every vector that our codecs write:
// each type of message is there at least once.
func TestEveryMessageIsDissected(t *testing.T) {
	for _, tool := range []string{"text2pcap", "tshark"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: on Debian, apt-get install tshark", tool)
		}
	}
	for protocol, last := range map[string]int{"asap": 14, "enrp": 10} {
		t.Run(protocol, func(t *testing.T) {
			var dump bytes.Buffer
			ppid := uint32(0)
			vectors := wiretest.Load(t, filepath.Join("..", protocol, "testdata", "vectors"))
			for _, v := range vectors {
				ppid = v.PPID
				b := v.Bytes(t)
				for i := 0; i < len(b); i += 16 {
					fmt.Fprintf(&dump, "%06x % x\n", i, b[i:min(i+16, len(b))])
				}
				dump.WriteString("\n")
			}
			capture := filepath.Join(t.TempDir(), "vectors.pcap")
			cmd := exec.Command("text2pcap", "-q", "-S", fmt.Sprintf("3863,3863,%d", ppid), "-", capture)
			cmd.Stdin = &dump
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("text2pcap: %v: %s", err, out)
			}
			out, err := exec.Command("tshark", "-r", capture, "-T", "fields", "-e", protocol+".message_type", "-e", "_ws.malformed", "-e", "_ws.col.Info").Output()
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
			if len(lines) != len(vectors) {
				t.Fatalf("%d packets of %d vectors", len(lines), len(vectors))
			}
			for i, line := range lines {
				fields := strings.Split(line, "\t")
				seen[fields[0]] = true
				// Wireshark takes some causes of errors, as the reference writes them, for
				// malformed. They are not ours to change.
				if len(fields) > 1 && fields[1] != "" && !vectors[i].Captured() {
					t.Errorf("%s (%s) is malformed: %s", vectors[i].Name, vectors[i].Source, line)
				}
			}
			for kind := 1; kind <= last; kind++ {
				if !seen[fmt.Sprint(kind)] {
					t.Errorf("no message of type %d was dissected: %v", kind, seen)
				}
			}
		})
	}
}
