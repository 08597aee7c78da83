package protocol

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestGeneratedFilesAreUpToDate runs the generator as go generate does.
func TestGeneratedFilesAreUpToDate(t *testing.T) {
	for _, tool := range []struct{ name, version string }{
		{"protoc", "libprotoc 3.21.12"}, {"protoc-gen-go", "v1.36.12"}, {"protoc-gen-go-grpc", "1.6.2"},
	} {
		out, err := exec.Command(tool.name, "--version").CombinedOutput()
		if err != nil || !strings.Contains(string(out), tool.version) {
			t.Skipf("%s %s is needed to generate, found %q (%v)", tool.name, tool.version, strings.TrimSpace(string(out)), err)
		}
	}
	source, err := os.ReadFile("generate.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(source), "//go:generate protoc ")
	if !ok {
		t.Fatal("there is no go:generate line")
	}
	command, _, _ := strings.Cut(rest, "\n")
	folder := t.TempDir()
	command = strings.NewReplacer("_out=../python", "_out="+folder, "_out=.", "_out="+folder).Replace(command)
	if out, err := exec.Command("protoc", strings.Fields(command)...).CombinedOutput(); err != nil {
		t.Fatalf("protoc %s: %v\n%s", command, err, out)
	}
	for file, committed := range map[string]string{
		"policy.pb.go":                "policy.pb.go",
		"policy_grpc.pb.go":           "policy_grpc.pb.go",
		"rspool_plugin/policy_pb2.py": "../python/rspool_plugin/policy_pb2.py",
	} {
		want, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(committed)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, got) {
			t.Errorf("%s is out of date: go generate ./plugins/protocol", committed)
		}
	}
}
