package simulate

import (
	"fmt"
	"math/rand/v2"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/registrar"
	"github.com/rspool/rspool/internal/transport"
)

// World is everything there is: hosts, their processes, and what is known of
// them by who sees all.
type World struct {
	*network
	seed    uint64
	setting Setting

	places     []place // by host, as what follows
	registrars []*registrarNode
	members    []*member

	// live are the elements that are to be in their pools, and died those that
	// were, with the time since when they are not.
	live map[elementKey]*service
	died map[elementKey]time.Duration

	elements uint32 // that there are when all live

	failure *Failure
	tally   Tally
	hash    uint64

	recording bool
	lines     []Line

	// spoil may change what a machine asks for, to see that this is noticed. It is
	// nil but in tests.
	spoil func(r *role, effects []machine.Effect) []machine.Effect
}

// elementKey names an element.
type elementKey struct {
	handle rserpool.Handle
	id     rserpool.ElementID
}

// place is what runs on a host, from one life to the next.
type place struct {
	registrar bool
	id        rserpool.RegistrarID // the present one's, or the last one's
	peers     []transport.Address  // that it is configured with
	member    *memberPlace
	lives     uint64
	streams   uint64 // of chance, in this life
	downs     int    // how many faults keep the host from running
}

// memberPlace is what the process of a host with elements and users does.
type memberPlace struct {
	registrars    []transport.Address
	announcements bool
	elements      []*elementPlan
	resolves      []rserpool.Handle
	sessions      []rserpool.Handle
}

// Tally counts what has happened in a world.
type Tally struct {
	Steps           uint64        `json:"steps"`    // of all machines
	Messages        uint64        `json:"messages"` // of ASAP and ENRP
	Associations    uint64        `json:"associations"`
	Resolutions     uint64        `json:"resolutions"`
	Unresolved      uint64        `json:"unresolved"` // in the time of the faults, or of an unknown pool
	Failovers       uint64        `json:"failovers"`
	LongestFailover time.Duration `json:"longest_failover_ns"`
	Takeovers       uint64        `json:"takeovers"`
	TableRequests   uint64        `json:"table_requests"`
}

// epoch is when worlds begin.
var epoch = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)

func (w *World) time() time.Time { return epoch.Add(w.now) }

// since is the reverse of time.
func (w *World) since(t time.Time) time.Duration { return t.Sub(epoch) }

// newWorld makes the hosts of a setting, none of which runs yet.
func newWorld(seed uint64, s Setting, r *rand.Rand) *World {
	w := &World{
		network: &network{agenda: &agenda{}, conditions: s.Network},
		seed:    seed,
		setting: s,
		live:    map[elementKey]*service{},
		died:    map[elementKey]time.Duration{},
		hash:    14695981039346656037,
	}
	w.network.fail = w.fail
	add := func(name string, p place) *host {
		w.places = append(w.places, p)
		w.registrars = append(w.registrars, nil)
		w.members = append(w.members, nil)
		return w.addHost(name, rand.New(rand.NewPCG(seed, uint64(len(w.places)))))
	}
	var addresses []transport.Address
	for i := range s.Registrars {
		id := rserpool.RegistrarID(uint32(r.IntN(256))<<24 | 0xa0 + uint32(i)<<4)
		h := add(string(rune('A'+i)), place{registrar: true, id: id})
		addresses = append(addresses, addressOf(h, asap.Port))
	}
	for i := range addresses {
		for j, a := range addresses {
			if j != i && (!s.Scope.Multicast || r.IntN(2) == 0) {
				w.places[i].peers = append(w.places[i].peers, transport.Address{IPs: a.IPs, Port: enrp.Port})
			}
		}
	}
	number := uint32(0)
	types := []rserpool.PolicyType{rserpool.RoundRobin, rserpool.LeastUsed, rserpool.WeightedRandomDPF}
	newMember := func() *memberPlace {
		p := &memberPlace{announcements: r.IntN(3) == 0}
		if !p.announcements || r.IntN(2) == 0 {
			for _, i := range r.Perm(len(addresses)) {
				p.registrars = append(p.registrars, addresses[i])
			}
		}
		return p
	}
	for i := range s.Elements {
		p := newMember()
		for range 1 + r.IntN(3) {
			number++
			k := r.IntN(len(s.Pools))
			e := &elementPlan{handle: s.Pools[k], number: number, prefix: uint32(r.IntN(256)), policy: rserpool.Policy{Type: types[k], Weight: 1}}
			if types[k] != rserpool.WeightedRandomDPF {
				e.policy.Weight = 0
			}
			if s.SamePorts {
				e.port = uint16(5000 + number)
			}
			p.elements = append(p.elements, e)
		}
		add(fmt.Sprintf("e%d", i+1), place{member: p})
	}
	w.elements = number
	for i := range s.Users {
		p := newMember()
		for range 1 + r.IntN(2) {
			p.resolves = append(p.resolves, s.Pools[r.IntN(len(s.Pools))])
			p.sessions = append(p.sessions, s.Pools[r.IntN(len(s.Pools))])
		}
		add(fmt.Sprintf("u%d", i+1), place{member: p})
	}
	return w
}

// chance returns a source for something on a host. What happens on one host does
// not change what is drawn on another.
func (p *process) chance() *rand.Rand {
	at := &p.w.places[p.h.index]
	at.streams++
	return rand.New(rand.NewPCG(p.w.seed, uint64(p.h.index+1)<<48|at.lives<<24|at.streams))
}

// start begins a process on a host. Anew, it has another identity than before.
func (w *World) start(h *host, anew bool) {
	if h.stopped > 0 {
		h.waiting = append(h.waiting, func() { w.start(h, anew) })
		return
	}
	p := &w.places[h.index]
	if p.downs > 0 || w.registrars[h.index] != nil || w.members[h.index] != nil {
		return
	}
	h.on = true
	p.lives++
	p.streams = 0
	if p.registrar {
		if anew {
			p.id = p.id&0xffff_fff0 | rserpool.RegistrarID(p.lives&0xf)
		}
		w.note("%s starts as %v", h.name, p.id)
		w.startRegistrar(h, p.id)
	} else {
		w.note("%s starts", h.name)
		w.startMember(h, p.member, anew)
	}
	w.review()
}

// kill ends the process on a host.
func (w *World) kill(h *host, told bool) {
	var p *process
	if n := w.registrars[h.index]; n != nil {
		p = &n.process
	} else if m := w.members[h.index]; m != nil {
		p = &m.process
		for _, s := range m.services {
			s.out()
		}
	}
	if p == nil {
		return
	}
	p.dead = true
	w.registrars[h.index], w.members[h.index] = nil, nil
	h.die(told)
}

// mix makes the hash depend on numbers.
func (w *World) mix(numbers ...uint64) {
	for _, v := range numbers {
		w.hash = (w.hash ^ v) * 1099511628211
	}
}

// sent notes a message.
func (w *World) sent(from *host, a *end, ppid uint32, payload []byte) {
	w.tally.Messages++
	w.mix(uint64(a.id), uint64(ppid), uint64(len(payload)))
	for _, b := range payload {
		w.mix(uint64(b))
	}
	if ppid == enrp.PPID && len(payload) > 0 {
		switch enrp.Type(payload[0]) {
		case enrp.TypeHandleTableRequest:
			w.tally.TableRequests++
			w.restless(from, "asks for a handle table")
		case enrp.TypeHandleUpdate:
			w.countUpdate(from)
		case enrp.TypeInitTakeover:
			w.restless(from, "begins a takeover")
		case enrp.TypeTakeoverServer:
			w.tally.Takeovers++
		}
	}
	if w.recording {
		w.note("%s -> %s  %s", from.name, a.remote.name, explain(ppid, payload))
		w.lines[len(w.lines)-1].Routine = routine(ppid, payload)
	}
}

// countUpdate counts what a registrar tells its peers of elements in a second.
func (w *World) countUpdate(h *host) {
	n := w.registrars[h.index]
	if s := w.now.Truncate(time.Second); s != n.second {
		n.second, n.updates = s, 0
	}
	const each = 12 // of an element to a peer: registered, suggested, claimed, each for a home that changes
	if n.updates++; n.updates > each*(int(w.elements)+1)*w.setting.Registrars {
		w.fail(Livelock, "%s sends %d updates of %d elements within a second", h.name, n.updates, w.elements)
	}
}

// routine reports whether a message is one of those that go to and fro all the
// time.
func routine(ppid uint32, payload []byte) bool {
	if ppid == enrp.PPID {
		return enrp.Type(payload[0]) == enrp.TypePresence
	}
	switch asap.Type(payload[0]) {
	case asap.TypeKeepAlive, asap.TypeKeepAliveAck, asap.TypeHandleResolution, asap.TypeHandleResolutionResponse:
		return true
	}
	return false
}

// announced notes a datagram.
func (w *World) announced(from *host, e *machine.Announce) {
	w.mix(uint64(e.Group), uint64(len(e.Payload)))
	if w.recording && e.Group == machine.ENRPGroup {
		w.note("%s -> *  %s", from.name, explain(enrp.PPID, e.Payload))
		w.lines[len(w.lines)-1].Routine = true
	}
}

// observed notes what a registrar tells its operator.
func (w *World) observed(n *registrarNode, e *registrar.Observed) {
	if !w.recording {
		return
	}
	about := ""
	if e.Handle != "" {
		about = " " + e.Handle.String()
	}
	if e.Element != 0 {
		about += "/" + e.Element.String()
	}
	if e.Peer != 0 {
		about += " " + e.Peer.String()
	}
	if e.Count != 0 {
		about += fmt.Sprintf(" %d elements", e.Count)
	}
	if e.Detail != "" {
		about += " (" + e.Detail + ")"
	}
	w.note("%s: %v%s", n.h.name, e.Event, about)
}

// explain returns a message in a line.
func explain(ppid uint32, payload []byte) string {
	var m fmt.Stringer
	var err error
	if ppid == asap.PPID {
		m, _, err = asap.Parse(payload)
	} else {
		m, _, err = enrp.Parse(payload)
	}
	if err != nil {
		return fmt.Sprintf("%x (%v)", payload, err)
	}
	return m.String()
}

// Line is one line of a transcript.
type Line struct {
	At   time.Duration
	Text string
	// Routine marks what goes on all the time: signs of life and resolutions.
	Routine bool
}

// String returns the line with its time in seconds.
func (l Line) String() string { return fmt.Sprintf("%9.3fs  %s", l.At.Seconds(), l.Text) }

// note adds a line to the transcript, if one is wanted.
func (w *World) note(format string, args ...any) {
	if w.recording {
		w.lines = append(w.lines, Line{At: w.now, Text: fmt.Sprintf(format, args...)})
	}
}
