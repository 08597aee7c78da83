package pool

import (
	"fmt"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/element"
)

// elements is the host's element role: the machine, and who stands behind its
// tickets. All of it belongs to Host.mu.
type elements struct {
	*role
	machine  *element.Machine
	byTicket map[machine.Ticket]*Registration
	last     machine.Ticket
}

// addElements makes the role. The caller holds mu.
func (h *Host) addElements() {
	m := element.New(element.Config{Dialect: h.cfg.Dialect, Rand: newRand()})
	h.elements = elements{machine: m, byTicket: map[machine.Ticket]*Registration{}}
	h.elements.role = h.addRole(m, func(t uint8) bool {
		return asap.Type(t) != asap.TypeHandleResolutionResponse
	}, h.performElements)
	h.roles = append(h.roles, h.elements.role)
}

// performElements does what only the element machine asks for.
func (h *Host) performElements(e machine.Effect) {
	switch e := e.(type) {
	case element.Registered:
		if r := h.elements.byTicket[e.Ticket]; r != nil {
			r.registered(e)
		}
	case element.Refused:
		if r := h.elements.byTicket[e.Ticket]; r != nil {
			r.refused(e)
		}
	case element.Failed:
		h.tally.unregistered.Add(1)
		if r := h.elements.byTicket[e.Ticket]; r != nil {
			r.end(&Error{Op: "register", Handle: r.handle, Element: r.id,
				Err: fmt.Errorf("%w (%d attempts, the last: %s)", ErrNoRegistrar, e.Attempts, e.Reason)})
		}
	case element.Deregistered:
		if r := h.elements.byTicket[e.Ticket]; r != nil {
			err := e.Err
			if err != nil {
				err = &Error{Op: "deregister", Handle: r.handle, Element: r.id, Err: err}
			}
			r.end(err)
		}
	case element.Lapsed:
		if r := h.elements.byTicket[e.Ticket]; r != nil {
			h.log.Warn("registration has run out, registering again", "handle", r.handle, "element", r.id)
		}
	case element.Reported:
		h.log.Warn("registrar reports an error", "association", e.Association, "error", e.Err)
	}
}

// unconfirm notes that the home registrar is another one, or none: it has yet to
// confirm every element. The caller holds mu.
func (h *Host) unconfirm() {
	for _, r := range h.elements.byTicket {
		r.status.Registered = false
	}
}

// registered notes an accepted registration.
func (r *Registration) registered(e element.Registered) {
	h := r.host
	h.tally.accepted.Add(1)
	r.status.Registered, r.status.Err, r.status.Warning = true, nil, nil
	r.status.Since = time.Now()
	if e.Warning != nil {
		r.status.Warning = e.Warning
		h.log.Warn("registrar has changed the registration", "handle", r.handle, "element", r.id, "warning", e.Warning)
	}
	if e.First {
		h.log.Info("element registered", "handle", r.handle, "element", r.id, "policy", r.policy.Type, "registrar", homeName(h.home))
		r.answer(nil)
	}
}

// refused notes a refusal; the first registration ends with it.
func (r *Registration) refused(e element.Refused) {
	r.host.tally.refused.Add(1)
	err := &Error{Op: "register", Handle: r.handle, Element: r.id, Err: withRemedy(e.Err)}
	if e.First {
		r.end(err)
		return
	}
	r.status.Registered, r.status.Err = false, err
	r.host.log.Error("re-registration refused", "handle", r.handle, "element", r.id, "error", e.Err)
}

// remedies say what to do about a refusal.
var remedies = map[rserpool.CauseCode]string{
	rserpool.NonUniqueElementID:        "choose another ID, or leave it zero",
	rserpool.InconsistentPolicy:        "register the pool's policy, or choose another handle",
	rserpool.InconsistentTransport:     "use the pool's transport protocol, or choose another handle",
	rserpool.InconsistentTransportUse:  "set DataOnly as the pool's other elements do, or choose another handle",
	rserpool.LackOfResources:           "raise the registrar's limits, or register elsewhere",
	rserpool.SecurityRejection:         "let the registrar allow this element",
	rserpool.DeployedUnsupportedPolicy: "choose a policy that the registrar knows",
	rserpool.DeployedInvalidPolicy:     "choose a policy that the registrar knows",
	rserpool.DeployedInvalidHandle:     "choose a handle of 1 to 32 bytes",
	rserpool.DeployedInvalidValue:      "deployed registrars take no loopback or link-local addresses: set Listen to another address",
	rserpool.DeployedNoASAPAddresses:   "set Listen to an address that the registrar can reach",
	rserpool.DeployedNoUserAddresses:   "register addresses of this host, or set Listen",
}

// withRemedy adds what to do to a refusal, where that is known.
func withRemedy(err *rserpool.OperationError) error {
	if len(err.Causes) > 0 {
		if s := remedies[err.Causes[0].Code]; s != "" {
			return fmt.Errorf("refused by the registrar: %w: %s", err, s)
		}
	}
	return fmt.Errorf("refused by the registrar: %w", err)
}

// unreached explains why nothing was registered before the caller's patience
// ended.
func (h *Host) unreached(cause error) error {
	return fmt.Errorf("%w (%s): %w", ErrNoRegistrar, h.reason(), cause)
}

// reason says why no registrar answers. The caller holds mu.
func (h *Host) reason() string {
	if h.home.Association != 0 {
		return "the one at " + h.home.Remote.String() + " is silent"
	}
	return h.why
}
