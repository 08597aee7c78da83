package handlespace_test

import (
	"fmt"
	"testing"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/handlespace"
)

// TestChecksums has the values that deployed registrars send for these elements.
func TestChecksums(t *testing.T) {
	type id struct {
		handle rserpool.Handle
		id     rserpool.ElementID
	}
	single := []id{{"CPool", 0xc0000001}}
	fourteen := []id{}
	for i := 1; i <= 14; i++ {
		fourteen = append(fourteen, id{rserpool.Handle(fmt.Sprintf("Pool-%d", i)), 0xa0000000 + rserpool.ElementID(i)})
	}
	mixed := []id{{"CPool", 0xc0000001}, {"CPool", 0xc0000002}}
	for i := 1; i <= 20; i++ {
		mixed = append(mixed, id{rserpool.Handle(fmt.Sprintf("Pool-Number-%d", i%4)), 0xc1000000 + rserpool.ElementID(i)})
	}
	for _, tc := range []struct {
		name     string
		elements []id
		want     uint16
	}{
		{"no elements", nil, 0xffff},
		{"one element", single, 0x213e},
		{"one element in each of fourteen pools", fourteen, 0x4eb4},
		{"five pools", mixed, 0x004a},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSpace(handlespace.Config{})
			// Others, and what comes and goes, leave no trace.
			register(t, s, "Other", with(1, func(e *rserpool.Element) { e.Home = 8 }))
			gone := register(t, s, "Gone", element(0xffffffff))
			for _, e := range tc.elements {
				register(t, s, e.handle, element(e.id))
			}
			s.Remove(gone)
			if got := s.Checksum(7); got != tc.want {
				t.Errorf("checksum %#04x, want %#04x", got, tc.want)
			}
			if got := s.Owned(7); got != len(tc.elements) {
				t.Errorf("owns %d, want %d", got, len(tc.elements))
			}
		})
	}
}

func TestHomesMoveChecksums(t *testing.T) {
	s := newSpace(handlespace.Config{})
	e := register(t, s, "CPool", element(0xc0000001))
	s.SetHome(e, 8)
	s.SetHome(e, 8)
	if s.Checksum(7) != 0xffff || s.Checksum(8) != 0x213e || s.Owned(7) != 0 || s.Owned(8) != 1 || e.Home() != 8 {
		t.Errorf("after SetHome: %#04x and %#04x", s.Checksum(7), s.Checksum(8))
	}
	register(t, s, "CPool", element(0xc0000001))
	if s.Checksum(7) != 0x213e || s.Checksum(8) != 0xffff {
		t.Errorf("after a registration at 7: %#04x and %#04x", s.Checksum(7), s.Checksum(8))
	}
}

func TestMarks(t *testing.T) {
	s := newSpace(handlespace.Config{})
	for id := range rserpool.ElementID(6) {
		register(t, s, "P", element(id+1))
	}
	register(t, s, "P", with(7, func(e *rserpool.Element) { e.Home = 8 }))
	marked := func(owner rserpool.RegistrarID) string { return ids(s.Marked(owner, nil)) }
	if got := marked(7); got != "" {
		t.Errorf("at first %q is marked", got)
	}
	s.Mark(7)
	s.Mark(99) // owns nothing
	if got := marked(7); got != "1 2 3 4 5 6" {
		t.Errorf("all are marked, got %q", got)
	}
	register(t, s, "P", element(2))
	s.Unmark(s.Find("P", 4))
	s.Remove(s.Find("P", 5))
	s.SetHome(s.Find("P", 6), 8)
	s.SetHome(s.Find("P", 7), 7)
	register(t, s, "P", element(9))
	if got := marked(7); got != "1 3" {
		t.Errorf("marked %q, want 1 3", got)
	}
	if got := marked(8); got != "" {
		t.Errorf("marked of another owner %q", got)
	}
	s.Mark(7)
	if got := marked(7); got != "1 2 3 4 7 9" {
		t.Errorf("marked again %q, want 1 2 3 4 7 9", got)
	}
}
