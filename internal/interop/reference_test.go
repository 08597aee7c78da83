//go:build interop

package interop

import (
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
)

// reference is the deployed implementation, by its programs.
type reference struct{ door }

func (reference) name() string { return "rsplib" }

// prepare makes the host's kernel encapsulate SCTP where our door does, too.
func (r reference) prepare(t *testing.T, h labHost) {
	if r.door == udpDoor {
		h.must(t, "sh", "-c", "echo 9899 >/proc/sys/net/sctp/udp_port; echo 9899 >/proc/sys/net/sctp/encap_port")
	}
}

func (r reference) registrar(t *testing.T, h labHost, c registrarConfig) *process {
	r.prepare(t, h)
	args := []string{
		"-asap=" + h.ip() + ":3863", "-enrp=" + h.ip() + ":9901", "-disable-ipv6", "-logcolor=off", "-loglevel=5",
		fmt.Sprintf("-identifier=0x%x", uint32(c.id)),
		fmt.Sprintf("-endpointkeepalivetransmissioninterval=%d", c.keepAlive.Milliseconds()),
		fmt.Sprintf("-endpointkeepalivetimeoutinterval=%d", c.keepAliveTimeout.Milliseconds()),
		fmt.Sprintf("-serverannouncecycle=%d", 1000),
		fmt.Sprintf("-peerheartbeatcycle=%d", c.heartbeat.Milliseconds()),
		fmt.Sprintf("-peermaxtimelastheard=%d", c.lastHeard.Milliseconds()),
		fmt.Sprintf("-peermaxtimenoresponse=%d", c.noResponse.Milliseconds()),
		fmt.Sprintf("-mentordiscoverytimeout=%d", c.mentor.Milliseconds()),
		fmt.Sprintf("-takeoverexpiryinterval=%d", c.takeover.Milliseconds()),
	}
	if !c.announce {
		args = append(args, "-asapannounce=off")
	}
	if !c.peers {
		args = append(args, "-enrpannounce=off")
	}
	return h.start(t, nil, "stdbuf", append([]string{"-oL", "rspregistrar"}, args...)...)
}

// referenceServices are the options of rspserver that choose a service.
var referenceServices = map[string]string{
	"echo": "-echo", "discard": "-discard", "daytime": "-daytime", "chargen": "-chargen",
	"ping-pong": "-pingpong", "fractal": "-fractal", "CalcApp": "-calcapp",
}

func (r reference) element(t *testing.T, h labHost, c elementConfig) *process {
	r.prepare(t, h)
	args := []string{
		referenceServices[c.service], "-registrar=" + c.registrar.ip() + ":3863", "-asapannounce=off", "-logcolor=off",
		"-poolhandle=" + string(c.pool), fmt.Sprintf("-identifier=0x%x", uint32(c.id)),
		fmt.Sprintf("-rereginterval=%d", c.life().Milliseconds()), "-policy=" + referencePolicy(c.policy),
	}
	if c.local != "" {
		args = append(args, "-local="+c.local)
	}
	if c.service == "fractal" {
		args = append(args, "-fgpmaxthreads=16")
	}
	return h.start(t, nil, "stdbuf", append([]string{"-oL", "rspserver"}, args...)...)
}

// referencePolicy writes a policy as rspserver wants it.
func referencePolicy(p rserpool.Policy) string {
	switch p.Type {
	case rserpool.WeightedRoundRobin:
		return fmt.Sprintf("WeightedRoundRobin:%d", p.Weight)
	case rserpool.Random:
		return "Random"
	case rserpool.WeightedRandom:
		return fmt.Sprintf("WeightedRandom:%d", p.Weight)
	case rserpool.Priority:
		return fmt.Sprintf("Priority:%d", p.Priority)
	case rserpool.LeastUsed:
		return "LeastUsed"
	case rserpool.LeastUsedDegradation:
		return fmt.Sprintf("LeastUsedDegradation:%f", p.Degradation.Float64())
	case rserpool.PriorityLeastUsed:
		return fmt.Sprintf("PriorityLeastUsed:%f", p.Degradation.Float64())
	case rserpool.RandomizedLeastUsed:
		return "RandomizedLeastUsed"
	default:
		return "RoundRobin"
	}
}

// common is the begin of the command line of every user program: stdbuf, so that what
// it says can be read while it runs, the program and its options.
func (r reference) common(t *testing.T, c userConfig, program string) []string {
	r.prepare(t, c.host)
	return []string{"-oL", program, "-registrar=" + c.registrar.ip() + ":3863", "-asapannounce=off", "-logcolor=off", "-poolhandle=" + string(c.pool)}
}

// terminal runs rspterminal and types a line twice a second.
func (r reference) terminal(t *testing.T, c userConfig) *process {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := c.host.start(t, read, "stdbuf", r.common(t, c, "rspterminal")...)
	_ = read.Close()
	go func() {
		defer write.Close()
		for n := 1; !p.ended(500 * time.Millisecond); n++ {
			if _, err := fmt.Fprintf(write, "line %d\n", n); err != nil {
				return
			}
		}
	}()
	return p
}

// fromElement matches what rspterminal writes of an answer.
func fromElement(id rserpool.ElementID) *regexp.Regexp {
	return regexp.MustCompile(fmt.Sprintf(`from PE \$%08x> (.+)`, uint32(id)))
}
