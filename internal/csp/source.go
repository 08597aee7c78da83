package csp

import (
	"fmt"
	"time"

	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/status"
)

// sctp is IANA's number of the protocol.
const sctp = 132

// looking is the status of those that have no registrar, in the words of deployed ones.
const looking = "Looking for Registrar ..."

// Of returns the reports of the components in a process: its registrar, its elements, or
// the user where it has none of them. host is the machine's name, and user what the user
// is called.
func Of(s status.Snapshot, host string, user uint64, now time.Time) []Report {
	switch s := s.(type) {
	case *status.Registrar:
		return []Report{ofRegistrar(s, host, now)}
	case *status.Host:
		if len(s.Elements) > 0 {
			return ofElements(s, host)
		}
		return []Report{ofUser(s, host, user)}
	}
	return nil
}

func ofRegistrar(s *status.Registrar, host string, now time.Time) Report {
	r := Report{
		Sender: NewID(Registrar, uint64(s.ID)), Uptime: seconds(s.Uptime), Workload: NoWorkload,
		Location: place(host, s.ASAPAddress),
	}
	if s.Scope != nil {
		for i := range s.Scope.Peers {
			p := &s.Scope.Peers[i]
			if p.Association == 0 {
				continue
			}
			r.Associations = append(r.Associations, Association{
				Peer: NewID(Registrar, uint64(p.ID)), Duration: max(now.Sub(p.Since), 0), Protocol: sctp, PPID: enrp.PPID,
			})
		}
	}
	r.Status = fmt.Sprintf("%d[%d] PEs in %d Pools, %d Peers", s.ElementCount, s.OwnedCount, s.PoolCount, len(r.Associations))
	return r
}

func ofElements(s *status.Host, host string) []Report {
	var all []Report
	for i := range s.Elements {
		e := &s.Elements[i]
		r := Report{
			Sender: NewID(Element, uint64(e.ID)), Uptime: seconds(s.Uptime), Workload: NoWorkload,
			Location: place(host, e.Address), Status: looking,
		}
		if e.Load != nil {
			r.Workload = WorkloadOf(*e.Load)
		}
		if e.Registered {
			r.Status = sessions(e.Sessions)
			r.Associations = home(s)
		}
		all = append(all, r)
	}
	return all
}

func ofUser(s *status.Host, host string, user uint64) Report {
	r := Report{
		Sender: NewID(User, user), Uptime: seconds(s.Uptime), Workload: NoWorkload,
		Location: place(host, ""), Status: looking,
	}
	if s.RegistrarAddress != "" {
		r.Status = sessions(s.Sessions)
		r.Associations = home(s)
	}
	for _, e := range s.Used {
		r.Associations = append(r.Associations, Association{Peer: NewID(Element, uint64(e)), Duration: Unknown, Protocol: sctp})
	}
	return r
}

// home is the association with the registrar, of which it is not known since when it is.
func home(s *status.Host) []Association {
	if s.RegistrarAddress == "" {
		return nil
	}
	return []Association{{Peer: NewID(Registrar, uint64(s.RegistrarID)), Duration: Unknown, Protocol: sctp, PPID: asap.PPID}}
}

func sessions(n int) string {
	if n == 1 {
		return "1 Session"
	}
	return fmt.Sprintf("%d Sessions", n)
}

func place(host, address string) string {
	if address == "" {
		return host
	}
	return host + ": " + address
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
