package registrar

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/scenario"
)

// The commands of a scenario of several registrars, which are called A to Z; elements
// are called by handle and number:
//
//	config dialect=rfc multicast suggest    for the registrars that start after it
//	registrars A B                          start, and know each other's addresses
//	start C peers=A                         starts later
//	restart C peers=A                       starts anew before anybody has noticed
//	register A Pool/1 policy=least-used life=90000 deployed; or Pool/1-20
//	reregister Pool/1 [at B]                where its home is, or at B
//	deregister Pool/1 | mute Pool/1 | kill Pool/1
//	kill A | stop A | go A | drain A        stop and go are SIGSTOP and SIGCONT
//	cut A B | heal A B                      the network between two
//	lose 3                                  the next so many datagrams by multicast
//	tell A B update delete Pool/1           what A says to B by mistake
//	advance 5s | settle 5s                  let time pass; settle writes nothing of it
//	B has Pool/1 home=A | B has not Pool/1
//	space | peers | count B                 the state
//	loud                                    presences are written from now on
func TestScopeScenarios(t *testing.T) {
	scenario.RunFolder(t, "testdata/scope", func(t *testing.T) scenario.World { return newTown(t) })
}

func newTown(t *testing.T) *town {
	w := &town{t: t, start: time.Unix(1_700_000_000, 0), cuts: map[[2]string]bool{}, delay: townDelay}
	w.now = w.start
	return w
}

// Transcript implements scenario.World.
func (w *town) Transcript() []byte {
	b := bytes.Clone(w.out.Bytes())
	w.out.Reset()
	return b
}

// Do implements scenario.World.
func (w *town) Do(words []string) error {
	verb, words := words[0], words[1:]
	if len(words) > 0 && words[0] == "has" {
		return w.has(verb, words[1:])
	}
	switch verb {
	case "config":
		return w.configure(options(words))
	case "registrars":
		all := strings.Join(words, "")
		for _, name := range words {
			w.open(name, all)
		}
	case "start":
		peers := options(words[1:])["peers"]
		w.open(words[0], peers)
	case "restart":
		w.forget(words[0], options(words[1:])["peers"])
	case "register":
		return w.enter(words[0], words[1], options(words[2:]))
	case "reregister":
		h := w.host(words[0])
		if len(words) > 2 {
			w.meet(h, words[2])
		}
		w.register(h)
	case "deregister":
		h := w.host(words[0])
		w.send(h.home, h.name, asap.PPID, asap.Append(nil, &asap.Deregistration{Handle: h.handle, Element: h.element.ID}))
		h.mute = true
	case "mute":
		w.host(words[0]).mute = true
	case "kill":
		w.kill(words[0])
	case "stop":
		w.node(words[0]).stop = true
	case "go":
		n := w.node(words[0])
		n.stop = false
		inputs := n.paused
		n.paused = nil
		for _, in := range inputs {
			w.step(n, in)
		}
	case "drain":
		w.step(w.node(words[0]), &Drain{})
	case "cut":
		w.part(words[0], words[1])
	case "heal":
		w.heal(words[0], words[1])
	case "tell":
		return w.tell(words[0], words[1], words[2:])
	case "lose":
		n, err := strconv.Atoi(words[0])
		w.lose = n
		return err
	case "advance", "settle":
		d, err := time.ParseDuration(words[0])
		if err != nil {
			return err
		}
		w.quiet = verb == "settle"
		w.advance(d)
		w.quiet = false
	case "delay":
		d, err := time.ParseDuration(words[0])
		w.delay = d
		return err
	case "space":
		w.space()
	case "peers":
		w.peers()
	case "count":
		w.count(w.node(words[0]).m.counters.Scope)
	case "loud":
		w.loud = true
	default:
		return fmt.Errorf("unknown command")
	}
	return nil
}

func (w *town) configure(opts map[string]string) error {
	s := &w.cfg.Scope
	for name, v := range opts {
		d, _ := time.ParseDuration(v)
		n, _ := strconv.Atoi(v)
		switch name {
		case "dialect":
			dialect, err := rserpool.ParseDialect(v)
			if err != nil {
				return err
			}
			w.cfg.Dialect = dialect
		case "multicast":
			s.Multicast = v != "no"
		case "suggest":
			s.Suggest = v != "no"
		case "heartbeat":
			s.HeartbeatInterval = d
		case "handover":
			s.HandoverTimeout = d
		case "takeover":
			s.TakeoverTimeout = d
		case "keep-alive":
			w.cfg.KeepAliveInterval = d
		case "max-elements":
			w.cfg.MaxElements = n
		case "distance-step":
			s.DistanceStep = d
		default:
			return fmt.Errorf("unknown option %q", name)
		}
	}
	return nil
}

// enter registers an element at a registrar.
func (w *town) enter(registrar, name string, opts map[string]string) error {
	if first, last, ok := strings.Cut(name, "-"); ok {
		pool, number, _ := strings.Cut(first, "/")
		from, _ := strconv.Atoi(number)
		to, err := strconv.Atoi(last)
		for i := from; i <= to && err == nil; i++ {
			err = w.enter(registrar, fmt.Sprintf("%s/%d", pool, i), maps.Clone(opts))
		}
		return err
	}
	handle, id, err := parseElement(name)
	if err != nil {
		return err
	}
	h := &host{name: name, handle: handle, alive: true, ip: netip.AddrFrom4([4]byte{192, 0, 2, byte(101 + len(w.hosts))})}
	if _, h.deployed = opts["deployed"]; h.deployed {
		delete(opts, "deployed")
	}
	if opts["life"] == "" {
		opts["life"] = "90000"
	}
	if h.element, err = parseRegistration(id, opts); err != nil {
		return err
	}
	h.element.UserTransport.Addresses = []netip.Addr{h.ip}
	w.hosts = append(w.hosts, h)
	w.meet(h, registrar)
	w.register(h)
	return nil
}

// meet lets an element have an association with a registrar, which becomes its home.
func (w *town) meet(h *host, registrar string) {
	for _, l := range w.lines {
		if !l.dead && l.ends == [2]string{h.name, registrar} || l.ends == [2]string{registrar, h.name} {
			h.home = l
			return
		}
	}
	former := h.home
	h.home = w.connect(h.name, registrar, machine.ASAPEndpoint)
	w.step(w.node(registrar), &machine.AssociationUp{Association: h.home.id, Remote: w.address(h.name, 0)})
	w.at(5*time.Second, func() { w.hangUp(former, h.name, true) })
}

// tell lets one registrar say something to another that it would not say itself.
func (w *town) tell(from, to string, words []string) error {
	var line *line
	for _, l := range w.lines {
		if !l.dead && l.endpoint == machine.ENRPEndpoint && (l.ends == [2]string{from, to} || l.ends == [2]string{to, from}) {
			line = l
		}
	}
	if line == nil {
		return fmt.Errorf("no association")
	}
	route := enrp.Route{Sender: registrarID(from)}
	var msg enrp.Message
	switch words[0] {
	case "update":
		h := w.host(words[2])
		u := &enrp.HandleUpdate{Route: route, Handle: h.handle, Element: h.element}
		u.Element.ASAPTransport = &rserpool.Transport{Protocol: rserpool.SCTP, Port: 7000, Addresses: []netip.Addr{h.ip}}
		u.Element.Home = route.Sender
		if v := options(words[3:])["home"]; v != "" {
			u.Element.Home = registrarID(v)
		}
		if words[1] == "delete" {
			u.Action = enrp.DeleteElement
		}
		msg = u
	case "init-takeover":
		msg = &enrp.InitTakeover{Route: route, Target: registrarID(words[1])}
	case "takeover":
		msg = &enrp.TakeoverServer{Route: route, Target: registrarID(words[1])}
	default:
		return fmt.Errorf("unknown message")
	}
	w.send(line, from, enrp.PPID, enrp.Append(nil, msg))
	return nil
}

// has fails where a registrar knows something else than it should.
func (w *town) has(registrar string, words []string) error {
	not := words[0] == "not"
	if not {
		words = words[1:]
	}
	handle, id, err := parseElement(words[0])
	if err != nil {
		return err
	}
	entry := w.node(registrar).m.space.Find(handle, id)
	want := options(words[1:])["home"]
	switch {
	case not && entry != nil:
		return fmt.Errorf("%s has it, home %s", registrar, w.name(entry.Home()))
	case not:
	case entry == nil:
		return fmt.Errorf("%s has it not", registrar)
	case want != "" && w.name(entry.Home()) != want:
		return fmt.Errorf("its home is %s", w.name(entry.Home()))
	}
	return nil
}
