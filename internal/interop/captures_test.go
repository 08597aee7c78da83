//go:build interop

package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCaptures has Wireshark look at what the lab's other tests have recorded.
func TestCaptures(t *testing.T) {
	dir := os.Getenv("RSPOOL_LAB_CAPTURES")
	if dir == "" {
		t.Skip("there are no captures: run make lab")
	}
	captures, err := filepath.Glob(filepath.Join(dir, "*", "capture.pcap"))
	if err != nil || len(captures) == 0 {
		t.Fatalf("%s has no captures (%v)", dir, err)
	}
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Fatal("tshark is not installed: on Debian, apt-get install tshark")
	}
	seen := map[string]int{}
	for _, capture := range captures {
		t.Run(filepath.Base(filepath.Dir(capture)), func(t *testing.T) {
			out, err := exec.Command(tshark, "-r", capture, "-Y", "_ws.malformed && (asap || enrp || sctp)", "-V").Output()
			if err != nil {
				t.Fatal(err)
			}
			if len(out) > 0 {
				t.Errorf("malformed packets:\n%s", tail(string(out)))
			}
			out, err = exec.Command(tshark, "-r", capture, "-Y", "asap || enrp", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,",
				"-e", "asap.message_type", "-e", "enrp.message_type").Output()
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(out)) {
				asap, enrp, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
				for _, kind := range strings.Split(asap, ",") {
					seen["asap "+kind]++
				}
				for _, kind := range strings.Split(enrp, ",") {
					seen["enrp "+kind]++
				}
			}
		})
	}
	t.Logf("messages dissected: %v", seen)
}
