package simulate

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/machine/registrar"
)

// policies are those of all worlds; they do not change.
var policies = engine.NewRegistry(builtin.All()...)

// Options fix what is left to the seed otherwise: each that is zero.
type Options struct {
	// Registrars is how many there are, 1 to 5.
	Registrars int
	// Elements and Users are hosts with elements, 1 to 20, and with users, 1 to 20.
	Elements, Users int
	// Chaos is how long faults happen, and Faults how many; negative for none.
	Chaos  time.Duration
	Faults int
}

// Check says what is wrong with the options, if anything.
func (o *Options) Check() error {
	for _, v := range []struct {
		name  string
		value int
		most  int
	}{{"registrars", o.Registrars, 5}, {"elements", o.Elements, 20}, {"users", o.Users, 20}} {
		if v.value < 0 || v.value > v.most {
			return fmt.Errorf("%s: %d: want 1 to %d", v.name, v.value, v.most)
		}
	}
	if o.Chaos < 0 || o.Chaos > time.Hour || o.Chaos > 0 && o.Chaos < time.Second {
		return fmt.Errorf("chaos: %v: want 1s to 1h", o.Chaos)
	}
	if o.Faults > 1000 {
		return fmt.Errorf("faults: %d: want 1000 or less", o.Faults)
	}
	return nil
}

// Setting is a world before anything happens in it.
type Setting struct {
	Registrars, Elements, Users int
	// Peered says that the registrars share a handlespace. Otherwise each has
	// its own.
	Peered bool
	// Gentle says that nothing happens but that registrars come and go, one at a
	// time; see gentle.go.
	Gentle  bool
	Dialect rserpool.Dialect
	Pools   []rserpool.Handle

	// What the machines are configured with: see their packages.
	KeepAliveInterval, KeepAliveTimeout, StallTimeout       time.Duration
	HuntTimeout, HuntMaxTimeout, AnnounceTimeout            time.Duration
	RequestTimeout, ReportInterval                          time.Duration
	MaxRetransmit                                           int
	Reregister, RegisterTimeout, Life                       time.Duration
	Items                                                   uint32
	CacheTime, ConnectTimeout, FailoverDelay, FailoverLimit time.Duration
	Subscribe                                               bool
	Scope                                                   registrar.ScopeConfig
	// SamePorts says that hosts come back at the ports that they had.
	SamePorts bool

	Network conditions `json:"-"`

	// Chaos is when the faults end, Settled when everything must be well again,
	// and End when it has been so for long enough.
	Chaos, Settled, End time.Duration
	Faults              int
}

// drawSetting lets a seed decide what the options leave open.
func drawSetting(r *rand.Rand, o Options) Setting {
	between := func(least, most time.Duration) time.Duration {
		const grain = 100 * time.Millisecond
		return least + time.Duration(r.Int64N(int64((most-least)/grain)+1))*grain
	}
	number := func(fixed, least, most int) int {
		n := least + r.IntN(most-least+1)
		if fixed != 0 {
			n = fixed
		}
		return n
	}
	s := Setting{
		Registrars:        number(o.Registrars, 1, 5),
		Elements:          number(o.Elements, 1, 5),
		Users:             number(o.Users, 1, 3),
		Dialect:           rserpool.Dialect(r.IntN(2)),
		KeepAliveInterval: between(time.Second, 5*time.Second),
		KeepAliveTimeout:  between(time.Second, 5*time.Second),
		StallTimeout:      between(2*time.Second, 5*time.Second),
		HuntTimeout:       between(2*time.Second, 8*time.Second),
		AnnounceTimeout:   5 * time.Second,
		RequestTimeout:    between(time.Second, 3*time.Second),
		ReportInterval:    5 * time.Second,
		MaxRetransmit:     1 + r.IntN(3),
		Reregister:        between(3*time.Second, 15*time.Second),
		RegisterTimeout:   between(2*time.Second, 6*time.Second),
		Items:             uint32(r.IntN(4)),
		ConnectTimeout:    between(2*time.Second, 7500*time.Millisecond),
		FailoverDelay:     250 * time.Millisecond,
		FailoverLimit:     -1,
		SamePorts:         r.IntN(2) == 0,
		Network: conditions{
			delay:       time.Duration(r.Int64N(int64(20 * time.Millisecond))),
			jitter:      time.Duration(r.Int64N(int64(30 * time.Millisecond))),
			retransmit:  time.Second,
			drop:        r.Float64() * 0.2,
			detection:   between(time.Second, 5*time.Second),
			heartbeat:   between(500*time.Millisecond, 5*time.Second),
			dialTimeout: between(3*time.Second, 7500*time.Millisecond),
			buffer:      1 << (10 + r.IntN(7)),
		},
	}
	s.Life = 3 * s.Reregister
	if r.IntN(2) == 0 {
		s.Life = 15 * time.Minute // nothing is mended by the end of a life
	}
	s.drawScope(r, between)
	s.HuntMaxTimeout = s.HuntTimeout * time.Duration(1+r.IntN(2))
	if r.IntN(2) == 0 {
		s.Network.loss = r.Float64() * 0.05
	}
	if r.IntN(2) == 0 {
		s.CacheTime = between(time.Second, 10*time.Second)
		s.Subscribe = r.IntN(2) == 0
	}
	if r.IntN(4) == 0 {
		s.FailoverLimit = between(5*time.Second, 30*time.Second)
	}
	s.Pools = append(s.Pools, []rserpool.Handle{"Alpha", "Beta", "Gamma"}[:1+r.IntN(3)]...)
	s.Chaos = between(10*time.Second, 60*time.Second)
	if o.Chaos > 0 {
		s.Chaos = o.Chaos
	}
	s.Faults = 1 + r.IntN(1+int(s.Chaos/(3*time.Second)))
	if o.Faults != 0 {
		s.Faults = max(o.Faults, 0)
	}
	if s.Gentle {
		s.Faults = 1 + r.IntN(3)
		if o.Faults != 0 {
			s.Faults = min(max(o.Faults, 0), 5)
		}
		s.Chaos = calm + time.Duration(s.Faults)*(30*time.Second+s.recovering())
		s.Network.loss, s.Network.drop = 0, min(s.Network.drop, 0.05)
	}
	s.Settled = s.Chaos + s.settling()
	s.End = s.Settled + 10*time.Second
	return s
}

// drawScope decides how registrars share their scope.
func (s *Setting) drawScope(r *rand.Rand, between func(least, most time.Duration) time.Duration) {
	s.Peered = s.Registrars > 1 && r.IntN(8) > 0
	s.Gentle = s.Peered && r.IntN(4) == 0
	s.Scope = registrar.ScopeConfig{
		Multicast:         r.IntN(2) == 0,
		HeartbeatInterval: between(time.Second, 3*time.Second),
		MaxTimeNoResponse: between(time.Second, 5*time.Second),
		MentorTimeout:     between(2*time.Second, 5*time.Second),
		TakeoverTimeout:   between(2*time.Second, 5*time.Second),
		HandoverTimeout:   between(time.Second, 5*time.Second),
		Suggest:           r.IntN(3) == 0,
		DistanceStep:      []time.Duration{-1, 10 * time.Millisecond, 50 * time.Millisecond}[r.IntN(3)],
		TablePart:         []int{0, 150, 400}[r.IntN(3)], // many parts although there are few elements
	}
	s.Scope.MaxTimeLastHeard = s.Scope.HeartbeatInterval * 2
}

// noticing bounds the time until somebody knows that a peer is gone with whom it
// has an association.
func (s *Setting) noticing() time.Duration {
	return s.Network.detection*3/2 + s.Network.heartbeat + time.Second
}

// removing bounds the time for which a home registrar keeps an element that is
// gone: until its association is lost, or a keep-alive is not answered. With
// peers, it may have to call the element first, and where takeovers are
// suggested it waits for the new home.
func (s *Setting) removing() time.Duration {
	d := max(s.noticing(), s.KeepAliveInterval*3/2+s.KeepAliveTimeout+s.StallTimeout+time.Second)
	if s.Peered {
		d += 3 * s.KeepAliveTimeout
		if s.Scope.Suggest {
			d += 5 * time.Second
		}
	}
	return d
}

// homing bounds the time until a host that has lost its registrar has another.
func (s *Setting) homing() time.Duration {
	return s.noticing() + 3*s.HuntMaxTimeout
}

// resolving bounds the time until a resolution is answered, if only by an error.
func (s *Setting) resolving() time.Duration {
	return time.Duration(s.MaxRetransmit+1)*s.RequestTimeout + 100*time.Millisecond
}

// peering bounds the time until registrars know of each other, of one that is
// gone, and of all elements: redialling, arbitration with its attempts, claims
// and audits, one behind the other.
func (s *Setting) peering() time.Duration {
	if !s.Peered {
		return 0
	}
	const redial = 34 * time.Second
	p := &s.Scope
	return redial + p.MaxTimeLastHeard + p.MaxTimeNoResponse + 8*p.TakeoverTimeout + p.MentorTimeout +
		s.Network.dialTimeout + s.removing() + 4*p.HeartbeatInterval
}

// settling bounds the time until everything is well after the last fault.
func (s *Setting) settling() time.Duration {
	return s.homing() + s.RegisterTimeout + s.HuntMaxTimeout + s.Reregister + s.removing() + s.ConnectTimeout + s.peering() + 5*time.Second
}

// String tells what matters of the setting in a line.
func (s *Setting) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d registrars", s.Registrars)
	if s.Registrars > 1 && !s.Peered {
		b.WriteString(" of their own")
	}
	if s.Gentle {
		b.WriteString(" in a gentle world")
	}
	fmt.Fprintf(&b, ", %d hosts with elements, %d with users, %s dialect, %d faults in %v, quiet from then to %v",
		s.Elements, s.Users, s.Dialect, s.Faults, s.Chaos, s.End)
	return b.String()
}
