package pool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/element"
)

// Registration is an element's place in its pool. The host renews it, and makes
// it again where a registrar is lost, until Close. Its methods may be called at
// once.
type Registration struct {
	host   *Host
	owned  bool // the host was made for this registration alone
	handle rserpool.Handle
	id     rserpool.ElementID

	// What follows belongs to Host.mu.
	ticket machine.Ticket
	policy rserpool.Policy
	status Status
	first  chan error // takes the outcome of the first registration
	ended  chan struct{}
	err    error // of the end
}

// Status is an element's standing with the registrars.
type Status struct {
	// Registered is set while a home registrar has confirmed the element.
	Registered bool
	// Home is the home registrar, zero where there is none or it has not named
	// itself yet. Registrar is its address.
	Home      rserpool.RegistrarID
	Registrar string
	// Since is when the registration was confirmed last.
	Since time.Time
	// Policy is what is registered, or will be next.
	Policy rserpool.Policy
	// Warning says what the registrar has changed in the registration, or is
	// nil.
	Warning error
	// Err says why the element is not registered at present, or is nil.
	Err error
}

// Register enters a service that the program runs by itself, by TCP, UDP or any
// other protocol, into a pool: cfg.Transport says where users reach it. If the
// transport has no addresses, those under which the registrar sees the host are
// registered. Register returns when a registrar has accepted; the error is an
// *Error that names the cause and what to do.
func Register(ctx context.Context, handle rserpool.Handle, cfg *ElementConfig) (*Registration, error) {
	c, err := cfg.complete(handle)
	if err == nil && c.Transport == nil {
		err = errors.New("the transport is missing: set ElementConfig.Transport, or use Listen")
	}
	if err == nil && c.Transport.Protocol != rserpool.Opaque && c.Transport.Port == 0 {
		err = errors.New("the transport's port is missing: set it to the port of the service")
	}
	if err != nil {
		return nil, &Error{Op: "register", Handle: handle, Element: c.ID, Err: err}
	}
	h, owned, err := c.openHost()
	if err != nil {
		return nil, &Error{Op: "register", Handle: handle, Element: c.ID, Err: err}
	}
	r := newRegistration(h, owned, handle, c)
	if err := h.addPart(r); err != nil {
		return nil, &Error{Op: "register", Handle: handle, Element: c.ID, Err: err}
	}
	if err := r.begin(ctx, c, *c.Transport); err != nil {
		_ = r.abandon(r) // there is nothing to deregister
		return nil, err
	}
	return r, nil
}

// complete returns a copy of the configuration with its defaults, and what is
// wrong with it.
func (c *ElementConfig) complete(handle rserpool.Handle) (*ElementConfig, error) {
	own := ElementConfig{}
	if c != nil {
		own = *c
	}
	c = &own
	dialect, limit := c.HostConfig.Dialect, c.HostConfig.MaxHandleLength
	if c.Host != nil {
		dialect, limit = c.Host.cfg.Dialect, c.Host.cfg.MaxHandleLength
	}
	if err := rserpool.CheckHandle(handle, limit); err != nil {
		return c, err
	}
	if n := len(c.CookieKey); n > 0 && n < minCookieKey {
		return c, fmt.Errorf("the cookie key has %d bytes: use %d or more", n, minCookieKey)
	}
	if err := c.Tags.Check(); err != nil {
		return c, err
	}
	c.Tags = maps.Clone(c.Tags)
	if c.Protocol = cmp.Or(c.Protocol, rserpool.SCTP); c.Protocol != rserpool.SCTP && c.Protocol != rserpool.TCP {
		return c, fmt.Errorf("services over %s are not offered here: use SCTP or TCP, or Register for one of your own", c.Protocol)
	}
	c.setTimes(dialect)
	c.Policy.Type = cmp.Or(c.Policy.Type, rserpool.RoundRobin)
	c.MaxRegisterAttempts = cmp.Or(c.MaxRegisterAttempts, 2)
	c.Backlog = cmp.Or(c.Backlog, 128)
	return c, nil
}

// setTimes sets the defaults of the timers.
func (c *ElementConfig) setTimes(dialect rserpool.Dialect) {
	if dialect == rserpool.RFC {
		c.Life = cmp.Or(c.Life, max(15*time.Minute, c.Reregister*3/2))
	}
	if c.Reregister == 0 {
		if c.Life == 0 {
			c.Reregister = 30 * time.Second
		} else {
			c.Reregister = min(10*time.Minute, max(c.Life-20*time.Second, c.Life/3))
		}
	}
	c.Life = cmp.Or(c.Life, 3*c.Reregister)
	c.RegisterTimeout = cmp.Or(c.RegisterTimeout, 30*time.Second)
	c.DeregisterTimeout = cmp.Or(c.DeregisterTimeout, 30*time.Second)
	c.LoadInterval = cmp.Or(c.LoadInterval, 100*time.Millisecond)
}

// openHost returns the configured host, or a new one and true.
func (c *ElementConfig) openHost() (*Host, bool, error) {
	if c.Host != nil {
		return c.Host, false, nil
	}
	h, err := NewHost(&c.HostConfig)
	return h, true, err
}

func newRegistration(h *Host, owned bool, handle rserpool.Handle, c *ElementConfig) *Registration {
	return &Registration{
		host: h, owned: owned, handle: handle, id: c.ID, policy: c.Policy,
		first: make(chan error, 1),
		ended: make(chan struct{}),
	}
}

// idTrials is how often a random identifier that is taken is replaced.
const idTrials = 3

// begin registers and waits for the outcome.
func (r *Registration) begin(ctx context.Context, c *ElementConfig, t rserpool.Transport) error {
	for trial := 1; ; trial++ {
		r.ask(c, t)
		select {
		case err := <-r.first:
			if c.ID == 0 && trial < idTrials && errors.Is(err, rserpool.Fail(rserpool.NonUniqueElementID)) {
				continue
			}
			return err
		case <-ctx.Done():
			r.host.mu.Lock()
			defer r.host.mu.Unlock()
			return &Error{Op: "register", Handle: r.handle, Element: r.id, Err: r.host.unreached(context.Cause(ctx))}
		}
	}
}

// ask hands the registration to the machine.
func (r *Registration) ask(c *ElementConfig, t rserpool.Transport) {
	h := r.host
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.ID == 0 {
		r.id = rserpool.ElementID(rand.Uint32N(1<<32-1) + 1)
	}
	h.elements.last++
	r.ticket, r.err, r.ended = h.elements.last, nil, make(chan struct{})
	h.elements.byTicket[r.ticket] = r
	h.step(h.elements.role, &element.Register{
		Ticket:            r.ticket,
		Handle:            r.handle,
		Element:           rserpool.Element{ID: r.id, UserTransport: t, Policy: r.policy, Tags: c.Tags},
		Life:              c.Life,
		Reregister:        c.Reregister,
		RegisterTimeout:   c.RegisterTimeout,
		DeregisterTimeout: c.DeregisterTimeout,
		MaxAttempts:       c.MaxRegisterAttempts,
		LoadInterval:      c.LoadInterval,
	})
}

// answer tells begin the outcome of the first registration. The caller holds mu,
// as for end.
func (r *Registration) answer(err error) {
	select {
	case r.first <- err:
	default:
	}
}

// end notes that the machine has forgotten the element.
func (r *Registration) end(err error) {
	delete(r.host.elements.byTicket, r.ticket)
	r.status.Registered, r.err = false, err
	r.answer(cmp.Or(err, error(&Error{Op: "register", Handle: r.handle, Element: r.id, Err: ErrClosed})))
	close(r.ended)
}

// Handle returns the pool's handle.
func (r *Registration) Handle() rserpool.Handle { return r.handle }

// ID returns the element's identifier.
func (r *Registration) ID() rserpool.ElementID { return r.id }

// Status returns the element's standing.
func (r *Registration) Status() Status {
	h := r.host
	h.mu.Lock()
	defer h.mu.Unlock()
	s := r.status
	s.Policy = r.policy
	if h.home.Association != 0 {
		s.Home, s.Registrar = h.home.Registrar, h.home.Remote.String()
	} else if s.Err == nil {
		s.Err = fmt.Errorf("%w (%s)", ErrNoRegistrar, h.why)
	}
	return s
}

// SetLoad registers another load, and SetPolicy another policy or other values
// of it. They return at once; changes that follow each other within
// LoadInterval are registered as one.
func (r *Registration) SetLoad(load rserpool.Load) {
	r.change(func(p *rserpool.Policy) { p.Load = load })
}

// SetPolicy is described with SetLoad. A pool refuses elements whose policy type
// is not its own.
func (r *Registration) SetPolicy(policy rserpool.Policy) {
	r.change(func(p *rserpool.Policy) { *p = policy })
}

func (r *Registration) change(f func(*rserpool.Policy)) {
	h := r.host
	h.mu.Lock()
	defer h.mu.Unlock()
	f(&r.policy)
	h.step(h.elements.role, &element.Update{Ticket: r.ticket, Policy: r.policy})
}

// Close deregisters the element. It waits for the registrar for two seconds at
// most; an element that could not be deregistered disappears when its life has
// run out, or sooner by the registrar's keep-alives. It may be called more than
// once.
func (r *Registration) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	return errors.Join(r.deregister(ctx), r.abandon(r))
}

// closeWithHost implements part.
func (r *Registration) closeWithHost(ctx context.Context) { r.host.note(r.deregister(ctx)) }

// abandon leaves the host, of which p is the part, and closes it where it was
// made for r.
func (r *Registration) abandon(p part) error {
	r.host.handle(r.host.elements.role, &element.Deregister{Ticket: r.ticket})
	r.host.dropPart(p)
	if r.owned {
		return r.host.Close()
	}
	return nil
}

// deregister takes the element out of its pool, and gives the registrar up when
// ctx ends.
func (r *Registration) deregister(ctx context.Context) error {
	h := r.host
	h.mu.Lock()
	ended := r.ended
	h.step(h.elements.role, &element.Deregister{Ticket: r.ticket})
	h.mu.Unlock()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-ended:
		return r.err
	default:
	}
	h.step(h.elements.role, &element.Forget{Ticket: r.ticket})
	r.end(&Error{Op: "deregister", Handle: r.handle, Element: r.id, Err: fmt.Errorf("%w (%s)", element.ErrNoAnswer, h.reason())})
	return r.err
}
