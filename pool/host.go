package pool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/hunt"
	"github.com/rspool/rspool/internal/transport"
)

// Host is a process's door to the pools: a transport and one association with a
// home registrar, shared by the process's elements and sessions. Its methods may
// be called at once.
type Host struct {
	cfg    HostConfig // with its defaults
	log    *slog.Logger
	door   transport.Door
	owned  bool // the door was opened by NewHost
	asap   transport.Endpoint
	group  transport.Group // nil unless announcements are listened for
	cancel context.CancelFunc
	work   sync.WaitGroup // goroutines of the host
	once   sync.Once      // of Close

	started time.Time
	tally   tally

	// mu owns what follows, the machines among it. It may be held in calls of
	// the transport, but not in Endpoint.Close and Door.Close.
	mu     sync.Mutex
	closed bool
	more   map[transport.Via]transport.Door // beside door
	// Of more, those that dial registrars.
	endpoints map[transport.Via]transport.Endpoint
	links     map[machine.AssociationID]*link
	dials     map[machine.Ticket]transport.Association
	hunt      *role
	roles     []*role // element and user
	elements  elements
	inputs    []pending
	stepping  bool
	home      machine.HomeUp // zero Association: none
	why       string         // why there is no home
	parts     map[part]struct{}
	resolver  resolver
	left      chan struct{} // closed when the last link is gone; nil unless waited for
}

// part is what lives on a host and ends with it: a listener or a session.
type part interface {
	// closeWithHost ends the part at once; the host waits for it.
	closeWithHost(ctx context.Context)
}

// closeTime bounds what is done in order when a host closes.
const closeTime = 2 * time.Second

// NewHost opens the door and begins to look for a registrar; it does not wait for
// one. It fails where the configuration is wrong or a port is taken.
func NewHost(cfg *HostConfig) (*Host, error) {
	c := HostConfig{}
	if cfg != nil {
		c = *cfg
	}
	c.setDefaults()
	servers, err := parseRegistrars(c.Registrars)
	if err != nil {
		return nil, fmt.Errorf("open host: %w", err)
	}
	h := &Host{
		cfg:       c,
		log:       c.Log,
		door:      c.Door,
		more:      map[transport.Via]transport.Door{},
		endpoints: map[transport.Via]transport.Endpoint{},
		links:     map[machine.AssociationID]*link{},
		dials:     map[machine.Ticket]transport.Association{},
		parts:     map[part]struct{}{},
		started:   time.Now(),
		why:       "no registrar is known: name one in Registrars, or let one announce itself",
	}
	if len(c.Registrars) > 0 {
		h.why = "still trying " + strings.Join(c.Registrars, ", ")
	}
	if h.door == nil {
		if h.door, err = openDoor(&c); err != nil {
			return nil, fmt.Errorf("open host: %w", err)
		}
		h.owned = true
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	h.mu.Lock()
	h.hunt = h.addRole(hunt.New(hunt.Config{
		Dialect:         c.Dialect,
		Timeout:         c.HuntTimeout,
		MaxTimeout:      c.HuntMaxTimeout,
		AnnounceTimeout: c.AnnounceTimeout,
		Rand:            newRand(),
	}), nil, h.performHunt)
	h.addElements()
	h.addResolver()
	h.mu.Unlock()
	h.asap, err = h.door.Open(transport.EndpointConfig{Listen: true, Handler: (*asapHandler)(h)})
	if err == nil {
		err = h.openFor(servers)
	}
	if err == nil && (c.Announcements || len(servers) == 0) {
		err = h.listenForAnnouncements()
	}
	if err != nil {
		_ = h.Close() // the first error counts
		return nil, fmt.Errorf("open host: %w", err)
	}
	h.seek(ctx, servers)
	return h, nil
}

func (c *HostConfig) setDefaults() {
	c.Log = cmp.Or(c.Log, slog.Default())
	c.MaxHandleLength = cmp.Or(c.MaxHandleLength, rserpool.DeployedHandleLen)
	c.AnnounceGroup = cmp.Or(c.AnnounceGroup, "239.0.0.50:3863")
	if c.Dialect == rserpool.RFC {
		c.RequestTimeout = cmp.Or(c.RequestTimeout, 15*time.Second)
	}
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 3*time.Second)
	c.MaxRequestRetransmit = cmp.Or(c.MaxRequestRetransmit, 2)
	c.HuntTimeout = cmp.Or(c.HuntTimeout, 10*time.Second)
	c.HuntMaxTimeout = max(cmp.Or(c.HuntMaxTimeout, 60*time.Second), c.HuntTimeout)
	c.AnnounceTimeout = cmp.Or(c.AnnounceTimeout, 5*time.Second)
}

// newRand returns a source of chance for a machine.
func newRand() *rand.Rand { return rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) }

// listenForAnnouncements joins the multicast group of announcements. Where the
// machine has no multicast, that is only an error if there is no static list.
func (h *Host) listenForAnnouncements() error {
	fail := func(err error) error {
		if len(h.cfg.Registrars) > 0 {
			h.log.Warn("announcements are not heard", "group", h.cfg.AnnounceGroup, "error", err)
			return nil
		}
		return fmt.Errorf("listen for announcements: %w (or name registrars in Registrars)", err)
	}
	group, err := netip.ParseAddrPort(h.cfg.AnnounceGroup)
	if err != nil {
		return fmt.Errorf("announcement group %q: want IP:PORT, as in 239.0.0.50:3863", h.cfg.AnnounceGroup)
	}
	m, ok := h.door.(transport.Multicast)
	if !ok {
		return fail(errors.New("the door has no multicast"))
	}
	h.group, err = m.Join(transport.GroupConfig{
		Group:     group,
		Interface: h.cfg.AnnounceInterface,
		Receive: func(from netip.AddrPort, payload []byte) {
			h.handle(h.hunt, &machine.Heard{Group: machine.ASAPGroup, From: from, Payload: payload})
		},
	})
	if err != nil {
		return fail(err)
	}
	return nil
}

// addPart makes p end with the host; it fails when that has begun.
func (h *Host) addPart(p part) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ErrClosed
	}
	h.parts[p] = struct{}{}
	return nil
}

// dropPart forgets a part that has ended by itself.
func (h *Host) dropPart(p part) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.parts, p)
}

// Close deregisters the host's elements, ends its sessions and leaves the
// registrar, all within two seconds. When it has returned, nothing of the host
// is left. It may be called more than once.
func (h *Host) Close() (err error) {
	h.once.Do(func() { err = h.close() })
	return err
}

func (h *Host) close() error {
	ctx, done := context.WithTimeout(context.Background(), closeTime)
	defer done()
	for _, p := range h.beginClose() {
		h.work.Go(func() { p.closeWithHost(ctx) })
	}
	h.cancel()
	h.work.Wait()
	h.leave(ctx)
	var err error
	if h.group != nil {
		err = h.group.Close()
	}
	if h.asap != nil {
		err = errors.Join(err, h.asap.Close())
	}
	h.mu.Lock()
	endpoints, more := h.endpoints, h.more // nothing opens any more: hunt and parts have ended
	h.mu.Unlock()
	for _, p := range endpoints {
		err = errors.Join(err, p.Close())
	}
	h.mu.Lock()
	for _, r := range append(h.roles, h.hunt) {
		r.stop()
	}
	h.mu.Unlock()
	for _, d := range more {
		err = errors.Join(err, d.Close())
	}
	if h.owned {
		err = errors.Join(err, h.door.Close())
	}
	return err
}

// note logs why something could not be ended in order.
func (h *Host) note(err error) {
	if err != nil {
		h.log.Warn("not closed in order", "error", err)
	}
}

// beginClose lets no new parts in and returns those there are.
func (h *Host) beginClose() []part {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.closeResolver()
	ps := make([]part, 0, len(h.parts))
	for p := range h.parts {
		ps = append(ps, p)
	}
	return ps
}
