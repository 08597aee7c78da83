//go:build interop

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
)

// services are the columns of the table of services.
var services = []string{"echo", "discard", "daytime", "chargen", "ping-pong", "fractal", "CalcApp"}

// patience is what a user's work may take on a busy machine.
const patience = 60 * time.Second

func (r reference) use(t *testing.T, c userConfig, service string, id rserpool.ElementID) {
	switch service {
	case "echo":
		p := r.terminal(t, c)
		p.says(t, patience, "three echoes", func(s string) bool {
			lines := fromElement(id).FindAllStringSubmatch(s, -1)
			return len(lines) >= 3 && strings.HasPrefix(lines[2][1], "line ")
		})
	case "discard":
		p := r.terminal(t, c)
		p.ended(5 * time.Second)
		p.signal(syscall.SIGINT)
		p.ended(5 * time.Second)
		if said := p.out.String(); strings.Contains(said, "FAILOVER") || !strings.Contains(said, "Pool Handle") {
			t.Errorf("the terminal was not content:\n%s", tail(said))
		}
	case "daytime":
		p := r.terminal(t, c)
		p.says(t, patience, "time of day", func(s string) bool {
			return strings.Contains(s, time.Now().UTC().Format("2006")) && fromElement(id).MatchString(s)
		})
	case "chargen":
		p := r.terminal(t, c)
		p.says(t, patience, "characters", func(s string) bool { return len(fromElement(id).FindAllString(s, -1)) >= 3 })
	case "ping-pong":
		p := c.host.start(t, nil, "stdbuf", append(r.common(t, c, "pingpongclient"), "-interval=200")...)
		p.says(t, patience, "five pongs in order", func(s string) bool {
			return strings.Contains(s, fmt.Sprintf("Ack #5 from PE $%08x (reply #5)", uint32(id)))
		})
	case "CalcApp":
		p := c.host.start(t, nil, "stdbuf", append(r.common(t, c, "calcappclient"), "-jobinterval=1", "-jobsize=200000")...)
		p.says(t, patience, "completed jobs", func(s string) bool { return strings.Count(s, "completed:") >= 2 })
	case "fractal":
		p := c.host.start(t, nil, "stdbuf", append(r.common(t, c, "fractalpooluser"), "-configdir=/usr/share/fgpconfig", "-width=160", "-height=120",
			"-threads=2", "-interimagetime=0")...)
		p.says(t, patience, "third picture", func(s string) bool { return strings.Count(s, "Getting parameters") >= 3 })
		if said := p.out.String(); strings.Contains(said, "FAILOVER") {
			t.Errorf("the element was left:\n%s", tail(said))
		}
	}
}

func (o own) use(t *testing.T, c userConfig, service string, _ rserpool.ElementID) {
	name := ownServices[service]
	args := []string{"user", name, "--pool", string(c.pool)}
	switch service {
	case "echo", "ping-pong":
		args = append(args, "--count", "5", "--interval", "100ms")
	case "discard":
		args = append(args, "--duration", "3s", "--size", "200")
	case "chargen":
		args = append(args, "--bytes", "5000", "--duration", "20s")
	case "CalcApp":
		args = append(args, "--count", "2", "--size", "200000", "--interval", "500ms")
	case "fractal":
		args = append(args, "--size", "160x120", "--verify", "-o", filepath.Join(t.TempDir(), "picture.png"))
	}
	p := o.user(t, c, args...)
	if !p.ended(patience) {
		t.Errorf("user %s does not end within %s", name, patience)
	} else if !p.cmd.ProcessState.Success() {
		t.Errorf("user %s: %s", name, p.cmd.ProcessState)
	}
}

// layout of the table's hosts.
const (
	registrarHost     = host1     // keep-alives every second
	calmRegistrarHost = host1 + 1 // no keep-alives
	referenceElements = host1 + 2
	referenceUsers    = host1 + 3
	ownUsers          = host1 + 4
	ownElements       = host1 + 5 // and further ones
	tableHosts        = 5 + 18
)

func userHost(i implementation) labHost {
	if i.name() == "rspool" {
		return ownUsers
	}
	return referenceUsers
}

// elementHost is where the n-th element of an implementation lives. Each of ours has
// a host of its own, since over UDP only one process of a host can have the port that
// the reference's kernel sends to.
func elementHost(i implementation, n int) labHost {
	if i.name() == "rspool" {
		return ownElements + labHost(n)
	}
	return referenceElements
}

// row names a combination as the table does.
func row(registrar, element, user implementation) string {
	return registrar.name() + " " + element.name() + " " + user.name()
}

// registered waits until a pool has n elements at a registrar.
func registered(t *testing.T, registrar labHost, pool rserpool.Handle, n int, within time.Duration) (r poolView, ok bool) {
	t.Helper()
	var err error
	for end := time.Now().Add(within); ; time.Sleep(200 * time.Millisecond) {
		r, err = own{theDoor()}.resolve(t, userConfig{ownUsers, registrar, pool})
		if err == nil && len(r.Elements) == n {
			return r, true
		}
		if time.Now().After(end) {
			t.Errorf("%q has %v at %s, want %d elements (%v)", pool, r.Elements, registrar.ip(), n, err)
			return r, false
		}
	}
}

// wanted tells whether the lab was asked for a registrar's half of the table.
func wanted(i implementation) bool {
	only := os.Getenv("RSPOOL_LAB_REGISTRAR")
	return only == "" || only == i.name()
}

func TestServices(t *testing.T) {
	needHosts(t, tableHosts)
	for _, registrar := range implementations() {
		if !wanted(registrar) {
			continue
		}
		t.Run(registrar.name(), func(t *testing.T) {
			c := quiet(0x10001)
			c.keepAlive, c.keepAliveTimeout = time.Second, 10*time.Second
			if registrar.registrar(t, registrarHost, c).ended(2 * time.Second) {
				t.Fatal("the registrar does not start")
			}
			t.Run("elements", func(t *testing.T) {
				for e, element := range implementations() {
					for n, service := range services {
						t.Run(element.name()+"/"+service, func(t *testing.T) {
							t.Parallel()
							testService(t, registrar, element, service, elementHost(element, n), rserpool.ElementID(0x100*(e+1)+n))
						})
					}
				}
			})
		})
	}
}

// testService starts an element and has both implementations' users use it.
func testService(t *testing.T, registrar, element implementation, service string, h labHost, id rserpool.ElementID) {
	reason := ""
	var p *process
	pool := rserpool.Handle(element.name() + " " + service)
	if o, ok := element.(own); ok && !o.has(t, "element run", service) {
		reason = "we have no such element yet"
	} else {
		p = element.element(t, h, elementConfig{registrar: registrarHost, service: service, pool: pool, id: id})
		if _, ok := element.(reference); ok && service == "chargen" && p.ended(patience) && strings.Contains(p.out.String(), "Unknown Character Generator parameter") {
			reason = "the reference's element refuses its own option"
		}
	}
	if reason == "" {
		registered(t, registrarHost, pool, 1, patience)
	}
	for _, user := range implementations() {
		t.Run(user.name(), func(t *testing.T) {
			skip := record(t, "service", row(registrar, element, user), service)
			if reason != "" {
				skip(reason)
			}
			if o, ok := user.(own); ok && !o.has(t, "user", service) {
				skip("we have no such user yet")
			}
			user.use(t, userConfig{userHost(user), registrarHost, pool}, service, id)
		})
	}
}
