//go:build interop

package interop

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/fractal"
	"github.com/rspool/rspool/pool"
	"github.com/rspool/rspool/registrar"
)

// The guest's address. Loopback does not do: the reference drops such addresses.
const host = "10.9.0.1"

// encapsulate lets the kernel speak SCTP over UDP: received at port 9899, sent to
// the port given where the peer has not been heard of.
func encapsulate(t *testing.T, to string) {
	t.Helper()
	for name, value := range map[string]string{"udp_port": "9899", "encap_port": to} {
		if err := os.WriteFile(filepath.Join("/proc/sys/net/sctp", name), []byte(value), 0); err != nil {
			t.Skipf("the kernel has no SCTP: run make lab (%v)", err)
		}
	}
}

// start runs a program of the reference implementation until the test ends. What
// it says is shown if the test fails.
func start(t *testing.T, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed: on Debian, apt-get install rsplib-registrar rsplib-services", name)
	}
	logged, err := os.Create(filepath.Join(t.TempDir(), name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = logged, logged
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if out, err := os.ReadFile(logged.Name()); err == nil && t.Failed() {
			t.Logf("%s said:\n%s", name, out)
		}
	})
}

func startRegistrar(t *testing.T) {
	t.Helper()
	start(t, "rspregistrar", "-asap="+host+":3863", "-enrp="+host+":9901", "-logcolor=off",
		"-asapannounce=off", "-enrpannounce=off", "-mentordiscoverytimeout=1000")
}

// newHost returns a host of ours whose home is at the address given.
func newHost(t *testing.T, registrars string, udpPort int) *pool.Host {
	t.Helper()
	h, err := pool.NewHost(&pool.HostConfig{
		Registrars:  []string{registrars},
		Listen:      host,
		UDPPort:     udpPort,
		HuntTimeout: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// resolved waits until a handle resolves to n elements and returns them.
func resolved(ctx context.Context, t *testing.T, h *pool.Host, handle rserpool.Handle, n int) []rserpool.Element {
	t.Helper()
	for {
		res, err := pool.Resolve(ctx, h, handle, pool.AllElements)
		if errors.Is(err, rserpool.Fail(rserpool.UnknownPoolHandle)) {
			err = nil
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Elements) == n {
			return res.Elements
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("%q has %d elements, want %d", handle, len(res.Elements), n)
		}
	}
}

// compute lets the pool compute an image and compares it with our own.
func compute(ctx context.Context, t *testing.T, h *pool.Host) {
	t.Helper()
	view, err := fractal.NewView(fractal.Parameter{
		Width: 200, Height: 150, MaxIterations: 200, Algorithm: fractal.Mandelbrot,
		C1: complex(-1.5, 1.5), C2: complex(1.5, -1.5), N: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	image, report, err := fractal.NewRender(view, fractal.RenderConfig{
		User: &pool.UserConfig{Host: h}, TileSize: -1, Parallel: 1,
	}).Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	own, err := fractal.Compute(ctx, view.Parameter())
	if err != nil {
		t.Fatal(err)
	}
	if n := image.Different(own); n != 0 || report.Conflicts != 0 {
		t.Errorf("%d pixels differ from a local computation, %d conflicts", n, report.Conflicts)
	}
}

func TestOurElementStaysAtReferenceRegistrar(t *testing.T) {
	encapsulate(t, "9899")
	startRegistrar(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	h := newHost(t, host+":3863", 9900)
	r, err := pool.Register(ctx, "InteropPool", &pool.ElementConfig{
		Host:   h,
		ID:     0x1234abcd,
		Policy: rserpool.Policy{Type: rserpool.LeastUsedDegradation, Load: 1 << 30, Degradation: 1 << 28},
		Transport: &rserpool.Transport{
			Protocol: rserpool.SCTP, Use: rserpool.DataAndControl, Port: 4711, Addresses: []netip.Addr{netip.MustParseAddr(host)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	e := resolved(ctx, t, h, "InteropPool", 1)[0]
	if e.ID != 0x1234abcd || e.Policy.Load != 1<<30 || e.Policy.Degradation != 1<<28 || e.UserTransport.Port != 4711 {
		t.Errorf("resolved %v", e)
	}
	// Two rounds of the registrar's keep-alives, 5 s apart with 5 s for an answer.
	time.Sleep(16 * time.Second)
	resolved(ctx, t, h, "InteropPool", 1)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	resolved(ctx, t, h, "InteropPool", 0)
}

func TestOurUserComputesWithReferenceElement(t *testing.T) {
	encapsulate(t, "9899")
	startRegistrar(t)
	start(t, "rspserver", "-fractal", "-registrar="+host+":3863", "-asapannounce=off", "-logcolor=off")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	h := newHost(t, host+":3863", 9900)
	resolved(ctx, t, h, fractal.DefaultHandle, 1)
	compute(ctx, t, h)
}

func TestReferenceElementServesAtOurRegistrar(t *testing.T) {
	encapsulate(t, "9900")
	reg, err := registrar.New(registrar.Config{
		Listen: host, UDPPort: 9900, Announce: registrar.AnnounceConfig{Disabled: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	served := make(chan error, 1)
	go func() { served <- reg.Serve(ctx) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()

	start(t, "rspserver", "-fractal", "-registrar="+host+":3863", "-asapannounce=off", "-logcolor=off")
	h := newHost(t, host+":3863@9900", 9901)
	e := resolved(ctx, t, h, fractal.DefaultHandle, 1)[0]
	if e.UserTransport.UDPPort != 0 || e.Home != reg.ID() {
		t.Errorf("resolved %v", e)
	}
	// The reference's element lives on through our keep-alives.
	time.Sleep(12 * time.Second)
	resolved(ctx, t, h, fractal.DefaultHandle, 1)
	compute(ctx, t, h)
}
