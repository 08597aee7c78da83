package plugins

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// python is the interpreter in the first line of Python plugins.
const python = "/usr/bin/python3"

// needPython skips where the interpreter lacks what plugins import.
func needPython(t testing.TB) {
	t.Helper()
	if out, err := exec.Command(python, "-c", "import grpc, google.protobuf").CombinedOutput(); err != nil {
		t.Skipf("%s has no grpc and protobuf (apt-get install python3-grpcio python3-protobuf): %v\n%s", python, err, out)
	}
}

// inPython is the configuration of the Python twin of the well-behaved plugin.
func inPython(t testing.TB) Config {
	t.Helper()
	needPython(t)
	cfg := self(t, "")
	var err error
	if cfg.Command, err = filepath.Abs("testdata/well.py"); err != nil {
		t.Fatal(err)
	}
	folder, err := filepath.Abs("python")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Env = map[string]string{"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}
	cfg.Limits = Limits{}
	return cfg
}

func TestPython(t *testing.T) {
	var log logged
	cfg := inPython(t)
	cfg.Log = log.logger()
	p := up(t, cfg)
	w := open(t, p, "least", nil, 0.5, 0.1, 0.3)
	eventually(t, "ranks", w.is(true))
	eventually(t, "order", func() bool { return slices.Equal(w.order(), []uint32{2, 3, 1}) })
	eventually(t, "its log", log.has(`msg="pool is open" plugin=test pool=EchoPool`))
	w.remove(2)
	w.add(3, 0.6, 0)
	eventually(t, "order", func() bool { return slices.Equal(w.order(), []uint32{1, 3}) })

	w.add(4, 0.99, 0)
	eventually(t, "a fault", w.faults("RuntimeError: load of 0.99"))
	eventually(t, "the traceback", log.has("Traceback"))
	if p.Status().State != "running" {
		t.Errorf("status %+v", p.Status())
	}
	began := time.Now()
	_ = p.Close()
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("Close took %v", d)
	}
}

func TestPythonBringsNoCertificate(t *testing.T) {
	cfg := inPython(t)
	cfg.NoMTLS = false
	e := startError(t, cfg)
	if !slices.ContainsFunc(e.Stderr, func(l string) bool { return strings.Contains(l, "set auto_mtls = false") }) {
		t.Error(e)
	}
}
