package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/status"
)

func TestScopeForPeople(t *testing.T) {
	ago := func(d time.Duration) *time.Time {
		at := viewTime.Add(-d)
		return &at
	}
	seconds, mentor := 0.021, rserpool.RegistrarID(0x0c)
	for _, tt := range []struct {
		name  string
		scope status.Scope
		want  string
	}{
		{"alone", status.Scope{InSync: true, Contacts: 2}, "no peers, 2 contacts tried\n"},
		{"before_the_mentor", status.Scope{}, "looking for a registrar to learn the handlespace from\n"},
		{"with_a_mentor", status.Scope{Mentor: &mentor}, "learning the handlespace from 0x0000000c\n"},
		{
			"after_takeovers",
			status.Scope{
				InSync: true,
				Peers: []status.Peer{
					{ID: 0x0b, State: "active", Address: "192.0.2.2:9901", Heard: ago(1500 * time.Millisecond), Elements: 3, Checksum: 0x1234, Distance: 50, Audit: status.Audit{State: "agrees", Agreed: ago(time.Second)}},
					{
						ID: 0x0c, State: "inactive", Address: "192.0.2.3:9901", Heard: ago(12 * time.Second), Elements: 4, Audit: status.Audit{State: "disagrees", Agreed: ago(20 * time.Second), Failed: 2},
						Takeover: &status.Takeover{By: 0x0a, Waiting: []rserpool.RegistrarID{0x0b}},
					},
					{ID: 0x0d, State: "unheard", Audit: status.Audit{State: "unknown"}},
				},
				Takeovers: []status.TakeoverRecord{
					{At: *ago(2 * time.Minute), Target: 0x0e, By: 0x0b, Elements: 1},
					{At: *ago(3 * time.Second), Target: 0x0f, By: 0x0a, Elements: 70, Seconds: &seconds},
				},
				Counters: status.ScopeCounters{
					Takeovers: status.Counts{"begun": 2, "won": 1}, Audits: status.Counts{"resyncs": 0},
					Ignored: status.Counts{"impostor": 1},
				},
			},
			`3 peers, in sync
takeovers: begun 2, won 1
ignored of peers: impostor 1
2m0s ago: 0x0000000b took over 1 element of 0x0000000e
3s ago: 0x0000000a took over 70 elements of 0x0000000f, 21ms after its death was certain

PEER        ADDRESS         STATE                                                              HEARD     ELEMENTS  CHECKSUM  DISTANCE  AUDIT
0x0000000b  192.0.2.2:9901  active                                                             1.5s ago  3         0x1234    50 ms     agrees
0x0000000c  192.0.2.3:9901  inactive, taken over by 0x0000000a with the consent of 0x0000000b  12s ago   4         0x0000    0 ms      disagrees, agreed 20s ago, 2 in vain
0x0000000d  none            unheard                                                            never     0         0x0000    0 ms      unknown
`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := writeScope(&b, &tt.scope, viewTime); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, b.String()); diff != "" {
				t.Errorf("scope (-want +got):\n%s", diff)
			}
		})
	}
}
