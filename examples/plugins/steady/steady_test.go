// Package steady_test runs the tests of a plugin in Python.
package steady_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rspool/rspool/plugins"
)

const python = "/usr/bin/python3"

func TestSteady(t *testing.T) {
	if out, err := exec.Command(python, "-c", "import grpc, google.protobuf").CombinedOutput(); err != nil {
		t.Skipf("%s has no grpc and protobuf (apt-get install python3-grpcio python3-protobuf): %v\n%s", python, err, out)
	}
	library, err := filepath.Abs("../../../plugins/python")
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"PYTHONPATH": library, "PYTHONDONTWRITEBYTECODE": "1"}

	c := exec.Command(python, "test_steady.py")
	c.Env = os.Environ()
	for k, v := range env {
		c.Env = append(c.Env, k+"="+v)
	}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	r := plugins.Conformance(context.Background(), plugins.Config{Name: "steady", Command: "steady.py", Env: env, NoMTLS: true}, nil)
	if !r.OK() {
		var b strings.Builder
		_, _ = r.WriteTo(&b)
		t.Error(b.String())
	}
}
