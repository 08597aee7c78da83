package csp

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	here  = netip.MustParseAddr("192.0.2.1")
	there = netip.MustParseAddr("192.0.2.2")
)

// heard writes what a table knows, and how it counts.
func heard(t *table, now time.Time) string {
	var b strings.Builder
	for _, c := range t.list(now) {
		fmt.Fprintf(&b, "%s at %s: %s\n", c.Sender, c.From, c.Status)
	}
	c := t.counters
	fmt.Fprintf(&b, "taken %d malformed %d foreign %d refused %d\n", c.Taken, c.Malformed, c.Foreign, c.Refused)
	return b.String()
}

func said(id ID, status string, interval time.Duration) []byte {
	r := Report{Sender: id, Status: status, Interval: interval}
	return r.Append(nil)
}

func gone(id ID) []byte {
	r := Report{Sender: id, Final: true}
	return r.Append(nil)
}

func TestTable(t *testing.T) {
	registrar, element := NewID(Registrar, 1), NewID(Element, 2)
	type datagram struct {
		at   time.Duration
		from netip.Addr
		b    []byte
	}
	for _, tt := range []struct {
		name string
		in   []datagram
		at   time.Duration
		want string
	}{
		{"the_last_word_counts", []datagram{
			{0, here, said(element, "a", time.Second)}, {time.Second, there, said(registrar, "b", time.Second)}, {2 * time.Second, here, said(element, "c", time.Second)},
		}, 2 * time.Second, "registrar 0x00000001 at 192.0.2.2: b\nelement 0x00000002 at 192.0.2.1: c\ntaken 3 malformed 0 foreign 0 refused 0\n"},
		{"who_leaves_is_forgotten", []datagram{
			{0, here, said(element, "a", time.Second)}, {1, here, gone(element)}, {2, here, gone(registrar)},
		}, 3, "taken 3 malformed 0 foreign 0 refused 0\n"},
		{"nobody_speaks_for_another", []datagram{
			{0, here, said(element, "a", time.Second)}, {1, there, said(element, "forged", time.Second)}, {2, there, gone(element)},
		}, 3, "element 0x00000002 at 192.0.2.1: a\ntaken 1 malformed 0 foreign 2 refused 0\n"},
		{"until_it_is_forgotten", []datagram{
			{0, here, said(element, "a", time.Second)}, {11 * time.Second, there, said(element, "moved", time.Second)},
		}, 11 * time.Second, "element 0x00000002 at 192.0.2.2: moved\ntaken 2 malformed 0 foreign 0 refused 0\n"},
		{"ten_intervals_are_waited_for", []datagram{
			{0, here, said(element, "a", 2*time.Second)}, {0, here, said(registrar, "b", time.Minute)},
		}, 21 * time.Second, "registrar 0x00000001 at 192.0.2.1: b\ntaken 2 malformed 0 foreign 0 refused 0\n"},
		{"half_a_minute_at_most", []datagram{{0, here, said(registrar, "b", time.Minute)}}, 31 * time.Second, "taken 1 malformed 0 foreign 0 refused 0\n"},
		{"a_second_at_least", []datagram{{0, here, said(registrar, "b", 0)}}, time.Second, "registrar 0x00000001 at 192.0.2.1: b\ntaken 1 malformed 0 foreign 0 refused 0\n"},
		{"nonsense_is_counted", []datagram{{0, here, nil}, {1, here, []byte("nonsense")}}, 2, "taken 0 malformed 2 foreign 0 refused 0\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := newTable()
			for _, d := range tt.in {
				table.receive(start.Add(d.at), d.from, d.b)
			}
			if diff := cmp.Diff(tt.want, heard(table, start.Add(tt.at))); diff != "" {
				t.Errorf("table (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFloodOfOneAddressLeavesRoomForOthers(t *testing.T) {
	table := newTable()
	for i := range uint64(100_000) {
		table.receive(start, here, said(NewID(User, i), "", time.Hour))
	}
	table.receive(start, there, said(NewID(Registrar, 1), "heard", time.Second))
	if n := len(table.components); n != maxOfAddress+1 || table.counters.Refused != 100_000-maxOfAddress {
		t.Errorf("%d components, %+v", n, table.counters)
	}
	// They make room when they are silent.
	later := start.Add(forgetLatest + time.Second)
	table.receive(later, here, said(NewID(User, 1<<40), "", time.Second))
	if n := len(table.components); n != 1 || len(table.from) != 1 {
		t.Errorf("%d components of %d addresses are left, want the last", n, len(table.from))
	}
}

func TestFloodOfManyAddressesIsBounded(t *testing.T) {
	table := newTable()
	for i := range 20_000 {
		from := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		table.receive(start.Add(time.Duration(i)*time.Microsecond), from, said(NewID(Element, uint64(i)), "", time.Second))
	}
	if n := len(table.components); n != maxComponents || len(table.from) != maxComponents || table.counters.Refused != 20_000-maxComponents {
		t.Errorf("%d components, %d addresses, %+v", n, len(table.from), table.counters)
	}
}
