package csp

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/status"
)

func TestReportsOfAProcess(t *testing.T) {
	load := 0.5
	home := []Association{{Peer: NewID(Registrar, 9), Duration: Unknown, Protocol: sctp, PPID: 11}}
	for _, tt := range []struct {
		name string
		of   status.Snapshot
		want []Report
	}{
		{
			"a_registrar_with_a_peer",
			&status.Registrar{
				Process: status.Process{Uptime: 1.5}, ID: 7, ASAPAddress: "192.0.2.1:3863", ElementCount: 5, OwnedCount: 3, PoolCount: 2,
				Scope: &status.Scope{Peers: []status.Peer{{ID: 8, Association: 1, Since: start.Add(-time.Minute)}, {ID: 9}}},
			},
			[]Report{{
				Sender: NewID(Registrar, 7), Uptime: 1500 * time.Millisecond, Location: "host: 192.0.2.1:3863", Status: "5[3] PEs in 2 Pools, 1 Peers",
				Workload: NoWorkload, Associations: []Association{{Peer: NewID(Registrar, 8), Duration: time.Minute, Protocol: sctp, PPID: 12}},
			}},
		},
		{
			"two_elements",
			&status.Host{
				RegistrarAddress: "192.0.2.1:3863", RegistrarID: 9, Sessions: 3,
				Elements: []status.HostElement{
					{ID: 1, Load: &load, Registered: true, Sessions: 1, Address: "192.0.2.7:4711"},
					{ID: 2, Sessions: 2},
				},
			},
			[]Report{
				{Sender: NewID(Element, 1), Location: "host: 192.0.2.7:4711", Status: "1 Session", Workload: WorkloadOf(0.5), Associations: home},
				{Sender: NewID(Element, 2), Location: "host", Status: looking, Workload: NoWorkload},
			},
		},
		{
			"a_user",
			&status.Host{RegistrarAddress: "192.0.2.1:3863", RegistrarID: 9, Sessions: 2, Used: []rserpool.ElementID{4, 5}},
			[]Report{{
				Sender: NewID(User, 77), Location: "host", Status: "2 Sessions", Workload: NoWorkload,
				Associations: append(home,
					Association{Peer: NewID(Element, 4), Duration: Unknown, Protocol: sctp}, Association{Peer: NewID(Element, 5), Duration: Unknown, Protocol: sctp}),
			}},
		},
		{"a_user_without_registrar", &status.Host{}, []Report{{Sender: NewID(User, 77), Location: "host", Status: looking, Workload: NoWorkload}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Of(tt.of, "host", 77, start)); diff != "" {
				t.Errorf("reports (-want +got):\n%s", diff)
			}
		})
	}
}
