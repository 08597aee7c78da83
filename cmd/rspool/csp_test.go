package main

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rspool/rspool/internal/csp"
)

// TestComponentsOfStrangers reports to a monitor what somebody might who is up to no good.
func TestComponentsOfStrangers(t *testing.T) {
	m, err := csp.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	c, err := net.Dial("udp", m.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, r := range []csp.Report{
		{
			Sender: csp.NewID(csp.Element, 2), Interval: time.Minute, Uptime: 90 * time.Second, Workload: csp.WorkloadOf(0.5),
			Status: "\x1b[2J1 Session\n\n", Location: "host\u009b: \xff\t192.0.2.1",
			Associations: []csp.Association{{Peer: 1}, {Peer: 2}, {Peer: 3}, {Peer: 4}, {Peer: 5}, {Peer: csp.NewID(csp.User, 6)}},
		},
		{Sender: csp.NewID(77, 1), Interval: time.Minute, Uptime: -1, Workload: csp.NoWorkload},
	} {
		if _, err := c.Write(r.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	var all components
	for end := time.Now().Add(patience); len(all.Components) < 2; time.Sleep(time.Millisecond) {
		if all = componentsOf(m); time.Now().After(end) {
			t.Fatal("the reports are not heard")
		}
	}
	var b bytes.Buffer
	if err := writeComponents(&b, "ADDRESS", all, all.Components[0].Heard); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for _, c := range all.Components { // the second may have been heard a little later
		got = strings.ReplaceAll(got, fmt.Sprintf("%s ago", rough(all.Components[0].Heard.Sub(c.Heard).Seconds())), "0s ago")
	}
	const want = `component status at ADDRESS   0 registrars   1 element   0 users
reports: 2 taken, 0 malformed, 0 for others, 0 beyond the bounds

COMPONENT            UP     HEARD   LOAD                STATUS            ASSOCIATIONS                                                                       LOCATION
element 0x00000002   1m30s  0s ago  █████░░░░░  50.0 %  .[2J1 Session..   group 0 0x00000001, group 0 0x00000002, group 0 0x00000003, group 0 0x00000004, 2 more  host.: �.192.0.2.1
group 77 0x00000001  0s     0s ago  ░░░░░░░░░░  -       -  `
	if strings.ContainsAny(got, "\x1b\u009b\t") {
		t.Errorf("characters that move the cursor are left:\n%q", got)
	}
	if diff := cmp.Diff(strings.Fields(want), strings.Fields(got)); diff != "" {
		t.Errorf("view (-want +got):\n%s", diff)
	}
}
