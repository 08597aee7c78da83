package registrar

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// town is several registrars and the hosts of elements, and a network between
// them on virtual time.
type town struct {
	t     *testing.T
	start time.Time
	now   time.Time
	out   bytes.Buffer

	nodes  []*node // registrars, by name
	hosts  []*host
	lines  []*line
	cuts   map[[2]string]bool
	events []event
	serial int
	loud   bool // presences are written too
	quiet  bool // nothing is
	cfg    Config
	delay  time.Duration
	lose   int // datagrams by multicast
}

// The times of the network.
const (
	townDelay     = 10 * time.Millisecond
	townDetection = 100 * time.Millisecond // until the end of a process is noticed
	townCut       = 4 * time.Second        // until a cut is
	townDial      = 3 * time.Second        // until a dial is given up
)

// event is something that happens at a time.
type event struct {
	at time.Time
	n  int
	do func()
}

// node is one registrar.
type node struct {
	name   string
	m      *Machine
	alive  bool
	paused []machine.Input // while it is stopped
	stop   bool
	multi  bool
}

// host is the process of an element.
type host struct {
	name    string // as in Pool/1
	handle  rserpool.Handle
	element rserpool.Element
	ip      netip.Addr
	home    *line
	alive   bool
	mute    bool
	// deployed hosts abort the association with the former home, others close it
	// after some time; deployed ones do not register anew at once.
	deployed bool
}

// line is an association.
type line struct {
	id       machine.AssociationID
	ends     [2]string
	endpoint machine.Endpoint
	dead     bool
	stale    bool // one end has forgotten it, and says so when it hears the other
	tails    [2]time.Time
	held     []func()
}

func (w *town) at(d time.Duration, do func()) {
	w.serial++
	e := event{w.now.Add(d), w.serial, do}
	i, _ := slices.BinarySearchFunc(w.events, e, func(a, b event) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.n, b.n))
	})
	w.events = slices.Insert(w.events, i, e)
}

func registrarID(name string) rserpool.RegistrarID { return rserpool.RegistrarID(name[0]-'A') + 0x0a }

func registrarIP(name string) netip.Addr {
	return netip.AddrFrom4([4]byte{192, 0, 2, name[0] - 'A' + 1})
}

func registrarAt(name string, port uint16) transport.Address {
	return transport.Address{IPs: []netip.Addr{registrarIP(name)}, Port: port}
}

func (w *town) node(name string) *node {
	for _, n := range w.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

func (w *town) host(name string) *host {
	for _, h := range w.hosts {
		if h.name == name {
			return h
		}
	}
	return nil
}

// open starts a registrar with no memory.
func (w *town) open(name string, peers string) {
	cfg := w.cfg
	cfg.ID = registrarID(name)
	cfg.Rand = rand.New(rand.NewPCG(uint64(cfg.ID), 1))
	cfg.Policies = policies
	cfg.AnnounceInterval = -1
	cfg.Scope.Address = registrarAt(name, enrp.Port)
	for _, p := range peers {
		if string(p) != name {
			cfg.Scope.Peers = append(cfg.Scope.Peers, registrarAt(string(p), enrp.Port))
		}
	}
	n := w.node(name)
	if n == nil {
		n = &node{name: name}
		w.nodes = append(w.nodes, n)
		slices.SortFunc(w.nodes, func(a, b *node) int { return strings.Compare(a.name, b.name) })
	}
	n.m, n.alive, n.stop, n.multi = New(cfg, w.now), true, false, cfg.Scope.Multicast
	w.step(n, &machine.Tick{})
}

// step hands an input to a registrar, unless it is stopped.
func (w *town) step(n *node, in machine.Input) {
	switch {
	case !n.alive:
		return
	case n.stop:
		n.paused = append(n.paused, in)
		return
	}
	var last *machine.Send
	var to []string
	flush := func() {
		if last != nil {
			w.say(n.name, strings.Join(to, " "), last)
		}
		last, to = nil, nil
	}
	for _, e := range n.m.Step(w.now, in) {
		s, ok := e.(*machine.Send)
		if ok && last != nil && bytes.Equal(s.Payload, last.Payload) {
			to = append(to, w.other(s.Association, n.name))
		} else {
			flush()
			if ok {
				last, to = s, []string{w.other(s.Association, n.name)}
			}
		}
		w.perform(n, e)
	}
	flush()
	if err := n.m.check(); err != nil {
		w.t.Fatalf("%v %s: %v\n%s", w.now.Sub(w.start), n.name, err, w.out.String())
	}
}

func (w *town) perform(n *node, e machine.Effect) {
	switch e := e.(type) {
	case *machine.Send:
		w.send(w.line(e.Association), n.name, e.PPID, bytes.Clone(e.Payload))
	case *machine.Associate:
		w.dial(n.name, e.Ticket, e.Endpoint, e.To)
	case *machine.Shutdown:
		w.hangUp(w.line(e.Association), n.name, true)
	case *machine.Abort:
		w.hangUp(w.line(e.Association), n.name, false)
	case *machine.Announce:
		if w.lose > 0 {
			w.lose--
			return
		}
		payload := bytes.Clone(e.Payload)
		for _, o := range w.nodes {
			if o.multi && !w.cut(n.name, o.name) {
				from := netip.AddrPortFrom(registrarIP(n.name), enrp.Port)
				w.at(w.delay, func() { w.step(o, &machine.Heard{Group: e.Group, From: from, Payload: payload}) })
			}
		}
	case *Measure:
		if l := w.line(e.Association); l != nil {
			w.at(0, func() { w.step(n, &Measured{Association: l.id, RTT: 2 * w.delay}) })
		}
	case *Observed:
		w.observed(n, e)
	}
}

func (w *town) line(id machine.AssociationID) *line {
	for _, l := range w.lines {
		if l.id == id && !l.dead {
			return l
		}
	}
	return nil
}

// other is who is at the other end.
func (w *town) other(id machine.AssociationID, name string) string {
	l := w.line(id)
	if l == nil {
		return "nobody"
	}
	return l.other(name)
}

func (l *line) other(name string) string {
	if l.ends[0] == name {
		return l.ends[1]
	}
	return l.ends[0]
}

func (w *town) cut(a, b string) bool { return w.cuts[[2]string{a, b}] || w.cuts[[2]string{b, a}] }

// send delivers a message in order, or when the cut is healed.
func (w *town) send(l *line, from string, ppid uint32, payload []byte) {
	if l == nil {
		return
	}
	to := l.other(from)
	if l.stale {
		w.at(2*w.delay, func() { w.lost(l, from, false) })
		return
	}
	deliver := func() {
		if l.dead {
			return
		}
		if n := w.node(to); n != nil {
			w.step(n, &machine.Received{Association: l.id, PPID: ppid, Payload: payload})
		} else if h := w.host(to); h != nil && h.alive {
			w.hear(h, l, payload)
		}
	}
	if w.cut(from, to) {
		l.held = append(l.held, func() { w.at(w.delay, deliver) })
		return
	}
	i := 0
	if l.ends[1] == from {
		i = 1
	}
	at := w.now.Add(w.delay)
	if at.Before(l.tails[i]) {
		at = l.tails[i]
	}
	l.tails[i] = at
	w.at(at.Sub(w.now), deliver)
}

// dial is Associate.
func (w *town) dial(name string, ticket machine.Ticket, endpoint machine.Endpoint, to transport.Address) {
	fail := func(after time.Duration, why string) {
		w.at(after, func() { w.step(w.node(name), &machine.AssociationFailed{Ticket: ticket, Reason: why}) })
	}
	other := ""
	for _, n := range w.nodes {
		if to.IPs[0] == registrarIP(n.name) && to.Port == enrp.Port {
			other = n.name
		}
	}
	for _, h := range w.hosts {
		if to.IPs[0] == h.ip {
			other = h.name
		}
	}
	switch {
	case other == "" || !w.running(other):
		fail(2*w.delay, "refused")
		return
	case w.cut(name, other):
		fail(townDial, "no answer")
		return
	}
	for _, l := range w.lines {
		if !l.dead && !l.stale && l.endpoint == endpoint && (l.ends == [2]string{name, other} || l.ends == [2]string{other, name}) {
			fail(w.delay, "association exists already")
			return
		}
	}
	w.at(2*w.delay, func() {
		if !w.running(other) || !w.running(name) {
			fail(0, "refused")
			return
		}
		l := w.connect(name, other, endpoint)
		w.step(w.node(name), &machine.AssociationUp{Association: l.id, Endpoint: endpoint, Ticket: ticket, Remote: w.address(other, endpoint)})
		if n := w.node(other); n != nil {
			w.step(n, &machine.AssociationUp{Association: l.id, Endpoint: endpoint, Remote: w.address(name, endpoint)})
		}
	})
}

func (w *town) running(name string) bool {
	if n := w.node(name); n != nil {
		return n.alive
	}
	h := w.host(name)
	return h != nil && h.alive
}

func (w *town) address(name string, endpoint machine.Endpoint) transport.Address {
	if h := w.host(name); h != nil {
		return transport.Address{IPs: []netip.Addr{h.ip}, Port: 7000}
	}
	if endpoint == machine.ENRPEndpoint {
		return registrarAt(name, enrp.Port)
	}
	return registrarAt(name, asap.Port)
}

func (w *town) connect(a, b string, endpoint machine.Endpoint) *line {
	l := &line{id: machine.AssociationID(len(w.lines) + 1), ends: [2]string{a, b}, endpoint: endpoint}
	w.lines = append(w.lines, l)
	return l
}

// hangUp ends an association from one side.
func (w *town) hangUp(l *line, from string, orderly bool) {
	if l == nil {
		return
	}
	to := l.other(from)
	w.at(w.delay, func() {
		if l.dead || w.cut(from, to) {
			return
		}
		w.lost(l, to, orderly)
	})
}

// lost lets those who are left hear of an association's end.
func (w *town) lost(l *line, to string, orderly bool) {
	if l.dead {
		return
	}
	l.dead = true
	for _, name := range l.ends {
		if n := w.node(name); n != nil {
			w.step(n, &machine.AssociationLost{Association: l.id, Orderly: orderly})
		} else if h := w.host(name); h != nil && h.home == l {
			h.home = nil
		}
	}
}

// kill ends a process without a word.
func (w *town) kill(name string) {
	if n := w.node(name); n != nil {
		n.alive = false
	} else {
		w.host(name).alive = false
	}
	for _, l := range w.lines {
		if !l.dead && slices.Contains(l.ends[:], name) {
			w.at(townDetection, func() { w.lost(l, l.other(name), false) })
		}
	}
}

// forget starts a registrar anew, so soon that nobody has noticed it.
func (w *town) forget(name string, peers string) {
	for _, l := range w.lines {
		l.stale = l.stale || slices.Contains(l.ends[:], name)
	}
	w.open(name, peers)
}

// part cuts the network between two.
func (w *town) part(a, b string) {
	w.cuts[[2]string{a, b}] = true
	for _, l := range w.lines {
		if !l.dead && slices.Contains(l.ends[:], a) && slices.Contains(l.ends[:], b) {
			w.at(townCut, func() {
				if w.cut(a, b) {
					w.lost(l, "", false)
				}
			})
		}
	}
}

func (w *town) heal(a, b string) {
	delete(w.cuts, [2]string{a, b})
	delete(w.cuts, [2]string{b, a})
	for _, l := range w.lines {
		if slices.Contains(l.ends[:], a) && slices.Contains(l.ends[:], b) {
			held := l.held
			l.held = nil
			for _, f := range held {
				f()
			}
		}
	}
}

// hear is what an element does with a message.
func (w *town) hear(h *host, l *line, payload []byte) {
	msg, _, err := asap.Parse(payload)
	if err != nil {
		w.t.Fatalf("%s hears %x: %v", h.name, payload, err)
	}
	k, ok := msg.(*asap.KeepAlive)
	if !ok || h.mute {
		return
	}
	moves := k.Home && h.home != l
	former := h.home
	if moves {
		h.home = l
		w.write("%s adopts %s", h.name, l.other(h.name))
	}
	w.send(l, h.name, asap.PPID, asap.Append(nil, &asap.KeepAliveAck{Handle: h.handle, Element: h.element.ID}))
	switch {
	case !moves:
	case h.deployed:
		w.hangUp(former, h.name, false)
	default:
		w.register(h)
		w.at(5*time.Second, func() { w.hangUp(former, h.name, true) })
	}
}

// register sends a registration to the home.
func (w *town) register(h *host) {
	w.send(h.home, h.name, asap.PPID, asap.Append(nil, &asap.Registration{Handle: h.handle, Element: h.element}))
}

// advance lets time pass.
func (w *town) advance(d time.Duration) {
	end := w.now.Add(d)
	for range 1_000_000 {
		next := end.Add(1)
		var of *node
		for _, n := range w.nodes {
			if d := n.m.Deadline(); n.alive && !n.stop && !d.IsZero() && d.Before(next) {
				next, of = d, n
			}
		}
		if len(w.events) > 0 && !w.events[0].at.After(next) {
			next, of = w.events[0].at, nil
		}
		if next.After(end) {
			w.now = end
			return
		}
		if next.After(w.now) {
			w.now = next
		}
		if of != nil {
			w.step(of, &machine.Tick{})
			continue
		}
		e := w.events[0]
		w.events = w.events[1:]
		e.do()
	}
	w.t.Fatal("the registrars do not come to rest")
}
