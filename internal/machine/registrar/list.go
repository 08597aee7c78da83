package registrar

import (
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/enrp"
)

// listRequest tells who the peers are (RFC 5353, Section 3.2.2). A registrar that
// is starting itself knows too little.
func (m *Machine) listRequest(a *association) {
	msg := &enrp.ListResponse{Route: m.to(a.peer.id)}
	if !m.inSync() {
		msg.Reject = true
	} else {
		for _, p := range m.scope.peers {
			if p.takeover == nil && len(p.server.Addresses) > 0 {
				msg.Servers = append(msg.Servers, rserpool.Server{ID: p.id, Transport: p.server})
			}
		}
	}
	m.tell(a, msg)
}

// requestList asks a peer who else there is.
func (m *Machine) requestList(p *peer) {
	p.listing = true
	m.tell(p.link(), &enrp.ListRequest{Route: m.to(p.id)})
}

// listResponse hears who the peer's peers are, and makes contact with those that
// are not known.
func (m *Machine) listResponse(p *peer, msg *enrp.ListResponse) {
	if !p.listing { // else a peer could have any place dialled
		m.ignore(p.link(), PeerUnexpected, msg.Type().String())
		return
	}
	p.listing, p.starting = false, msg.Reject
	if !msg.Reject {
		for i := range msg.Servers {
			s := &msg.Servers[i]
			if s.ID == 0 || s.ID == m.cfg.ID {
				continue
			}
			if q := m.peer(s.ID); q != nil && q.contact != nil {
				continue
			}
			if to, ok := reachable(&s.Transport); ok {
				m.learnPlace(s.ID, to)
			}
		}
	}
	m.mentorListed(p, msg.Reject)
}
