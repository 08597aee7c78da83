//go:build interop

package interop

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
)

// own is our implementation, by its command.
type own struct{ door }

func (own) name() string { return "rspool" }

// program is the command, as the lab has built it.
func program(t *testing.T) string {
	t.Helper()
	p := os.Getenv("RSPOOL_LAB_PROGRAM")
	if p == "" {
		t.Skip("there is no program to test: run make lab")
	}
	return p
}

// configFile writes a configuration and returns the flags that name it.
func configFile(t *testing.T, text string) []string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "rspool.hcl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--config", name}
}

// transport is the block that chooses the door, for a process that others dial or
// that only dials.
func (d door) transport(h labHost, dialled bool) string {
	port := `"any"`
	if dialled {
		port = "9899"
	}
	if d == udpDoor {
		return fmt.Sprintf("transport {\n mode = \"udp\"\n listen = %q\n udp_port = %s\n}\n", h.ip(), port)
	}
	return "transport {\n mode = \"kernel\"\n}\n"
}

func (o own) registrar(t *testing.T, h labHost, c registrarConfig) *process {
	text := fmt.Sprintf(`registrar {
  id = "0x%x"
  %s
  asap {
    keepalive_interval = "%dms"
    keepalive_timeout = "%dms"
  }
  enrp {
    enabled = %t
    heartbeat = "%dms"
    max_time_last_heard = "%dms"
    max_time_no_response = "%dms"
    mentor_timeout = "%dms"
    takeover_timeout = "%dms"
  }
  announce {
    enabled = %t
  }
}
`, uint32(c.id), o.door.transport(h, true), c.keepAlive.Milliseconds(), c.keepAliveTimeout.Milliseconds(), c.peers,
		c.heartbeat.Milliseconds(), c.lastHeard.Milliseconds(), c.noResponse.Milliseconds(), c.mentor.Milliseconds(), c.takeover.Milliseconds(), c.announce)
	return h.start(t, nil, program(t), append(configFile(t, text), "registrar", "run", "--log-level", "debug")...)
}

// ownServices are the names of the services in our commands.
var ownServices = map[string]string{
	"echo": "echo", "discard": "discard", "daytime": "daytime", "chargen": "chargen",
	"ping-pong": "pingpong", "fractal": "fractal", "CalcApp": "calcapp",
}

// has tells whether our command knows a service of a side, "element run" or "user".
func (own) has(t *testing.T, side, service string) bool {
	command := side + " " + ownServices[service]
	out, _ := host1.command(program(t), append(strings.Fields(command), "--help")...).CombinedOutput()
	return strings.Contains(string(out), "rspool "+command+" [flags]")
}

func (o own) element(t *testing.T, h labHost, c elementConfig) *process {
	if c.policy.Type == 0 {
		c.policy.Type = rserpool.RoundRobin
	}
	text := fmt.Sprintf("element {\n life = \"%dms\"\n %s }\n", 3*c.life().Milliseconds(), o.door.transport(h, true))
	args := append(configFile(t, text), "element", "run", ownServices[c.service],
		"--registrar", c.registrar.ip()+":3863", "--pool", string(c.pool), "--id", fmt.Sprintf("0x%x", uint32(c.id)),
		"--policy", c.policy.Type.String(), "--log-level", "debug")
	carried, _ := c.policy.Type.Fields()
	for _, field := range carried {
		value := strconv.FormatUint(uint64(c.policy.Value(field)), 10)
		switch field {
		case rserpool.FieldLoad:
			continue
		case rserpool.FieldDegradation, rserpool.FieldLoadDPF, rserpool.FieldWeightDPF:
			value = fmt.Sprintf("%f", rserpool.Load(c.policy.Value(field)).Float64())
		}
		args = append(args, "--"+strings.ReplaceAll(field.String(), "_", "-"), value)
	}
	return h.start(t, nil, program(t), args...)
}

// user runs one of our user commands.
func (o own) user(t *testing.T, c userConfig, args ...string) *process {
	return o.userAt(t, c.host, c.registrar.addr(0), args...)
}

// userAt is the same for a registrar by its address.
func (o own) userAt(t *testing.T, h labHost, registrar netip.Addr, args ...string) *process {
	text := fmt.Sprintf("user {\n %s }\n", o.door.transport(h, false))
	args = append(append(configFile(t, text), args...), "--registrar", registrar.String()+":3863")
	return h.start(t, nil, program(t), args...)
}

// poolView is what "rspool resolve -o json" prints.
type poolView struct {
	Elements []struct {
		ID     rserpool.ElementID   `json:"id"`
		Home   rserpool.RegistrarID `json:"home"`
		Policy string               `json:"policy"`
		Values map[string]any       `json:"values"`
	} `json:"elements"`
}

// resolve asks a registrar for all elements of a pool. A pool that is not there has
// none.
func (o own) resolve(t *testing.T, c userConfig) (poolView, error) {
	t.Helper()
	return o.resolveAt(t, c.host, c.registrar.addr(0), c.pool)
}

// resolveAt is the same for a registrar by its address.
func (o own) resolveAt(t *testing.T, h labHost, registrar netip.Addr, pool rserpool.Handle) (poolView, error) {
	t.Helper()
	p := o.userAt(t, h, registrar, "resolve", string(pool), "--all", "-o", "json", "--timeout", "8s", "--log-level", "error")
	if !p.ended(30 * time.Second) {
		p.signal(syscall.SIGQUIT) // it says where it is
		p.ended(10 * time.Second)
		return poolView{}, fmt.Errorf("resolve does not end: %s", p.out.String())
	}
	if p.cmd.ProcessState.ExitCode() == 3 {
		return poolView{}, nil
	}
	var r poolView
	if err := json.Unmarshal([]byte(p.out.String()), &r); err != nil || p.cmd.ProcessState.ExitCode() != 0 {
		return poolView{}, fmt.Errorf("resolve: %s: %s (%v)", p.cmd.ProcessState, p.out.String(), cmp.Or(err, nil))
	}
	return r, nil
}
