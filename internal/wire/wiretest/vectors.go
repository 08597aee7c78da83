// Package wiretest reads the golden vectors of the protocols, renders decoded
// values as the vectors state them, and holds the tests that every protocol has
// to pass. It is for tests only.
//
// It does not decode: that is what is tested.
package wiretest

import (
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Vector is one message and what it says.
type Vector struct {
	Name      string         `json:"name"`
	Protocol  string         `json:"protocol"`  // "asap" or "enrp"
	PPID      uint32         `json:"ppid"`      // of the SCTP user message
	Transport string         `json:"transport"` // "sctp" or "udp"
	Source    string         `json:"source"`    // who wrote the message, and what peers made of it
	Hex       string         `json:"hex"`       // the message, padded as sent
	Fields    map[string]any `json:"fields"`
}

// Captured reports whether a deployed implementation wrote the message, so that
// an encoder has to reproduce it.
func (v *Vector) Captured() bool { return strings.HasPrefix(v.Source, "captured") }

// Bytes returns the message.
func (v *Vector) Bytes(t testing.TB) []byte {
	t.Helper()
	b, err := hex.DecodeString(v.Hex)
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	return b
}

// Load reads all vectors in a folder.
func Load(t testing.TB, dir string) []Vector {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no vectors in %s", dir)
	}
	vectors := make([]Vector, len(files))
	for i, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &vectors[i]); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
	}
	return vectors
}

// Equal makes cmp compare messages by value.
var Equal = cmp.Options{cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()}
