package sessionstest

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Vectors returns the messages of the reference implementation in the files of
// testdata/vectors, by name.
func Vectors(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/vectors/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("vectors: %v, %d files", err, len(files))
	}
	vectors := map[string][]byte{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var v struct{ Name, Hex string }
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if vectors[v.Name], err = hex.DecodeString(v.Hex); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
	}
	return vectors
}
