package handlespace_test

import (
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/handlespace"
)

func TestExpiry(t *testing.T) {
	at := func(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }
	s := newSpace(handlespace.Config{})
	if !s.NextExpiry().IsZero() || len(s.Expired(at(1000), nil)) != 0 {
		t.Error("an empty space expires")
	}
	for id, seconds := range []int{40, 10, 30, 20} {
		s.Register(epoch, "P", element(1), time.Time{})
		s.Register(epoch, "P", element(rserpool.ElementID(2+id)), at(seconds))
	}
	expect := func(now time.Time, want string, next time.Time) {
		t.Helper()
		got := s.Expired(now, nil)
		if ids(got) != want {
			t.Errorf("at %v: expired %q, want %q", now.Sub(epoch), ids(got), want)
		}
		if n := s.NextExpiry(); !n.Equal(next) {
			t.Errorf("at %v: next %v, want %v", now.Sub(epoch), n.Sub(epoch), next.Sub(epoch))
		}
		for _, e := range got {
			s.Remove(e)
		}
	}
	expect(at(9), "", at(10))
	expect(at(10), "3", at(20))

	// Prolonged by a re-registration, shortened, and no longer limited.
	s.Register(epoch, "P", element(5), at(50))
	expect(at(25), "", at(30))
	s.SetExpiry(s.Find("P", 2), at(26))
	expect(at(26), "2", at(30))
	s.SetExpiry(s.Find("P", 4), time.Time{})
	if !s.Find("P", 4).Expires().IsZero() || !s.Find("P", 5).Expires().Equal(at(50)) {
		t.Errorf("expiries %v and %v", s.Find("P", 4).Expires(), s.Find("P", 5).Expires())
	}
	expect(at(49), "", at(50))

	// Returned once; a new expiry counts again.
	late := s.Expired(at(60), nil)
	if ids(late) != "5" || len(s.Expired(at(60), nil)) != 0 {
		t.Errorf("expired %q", ids(late))
	}
	s.SetExpiry(late[0], at(70))
	expect(at(70), "5", time.Time{})
}
