package handlespace

import rserpool "github.com/rspool/rspool"

// Refusal says why an element was not registered: an error cause of RFC 5354,
// Section 3.12, and what goes into its information.
type Refusal struct {
	Code rserpool.CauseCode
	// Policy is the pool's with InconsistentPolicy, and the one that nobody
	// knows with InvalidValues.
	Policy rserpool.Policy
	// Transport is that of an element of the pool, with InconsistentTransport.
	Transport rserpool.Transport
}

// Error returns the cause in words.
func (r *Refusal) Error() string { return r.Code.String() }

// check refuses what does not fit to the elements that the pool has
// (RFC 5352, Section 3.1).
func (p *Pool) check(e *rserpool.Element) *Refusal {
	switch {
	case e.Policy.Type != p.policy:
		return &Refusal{Code: rserpool.InconsistentPolicy, Policy: rserpool.Policy{Type: p.policy}}
	case e.UserTransport.Protocol != p.protocol:
		r := &Refusal{Code: rserpool.InconsistentTransport}
		for other := range p.Elements() {
			r.Transport = other.element.UserTransport
			break
		}
		return r
	case e.UserTransport.Use != p.use:
		return &Refusal{Code: rserpool.InconsistentTransportUse}
	}
	return nil
}
