package handlespace_test

import (
	"fmt"
	"strings"
	"testing"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/handlespace"
)

// chunk walks on and returns at most n elements as handle/id.
func chunk(s *handlespace.Space, owner rserpool.RegistrarID, from handlespace.Cursor, n int) (string, handlespace.Cursor, bool) {
	var got []string
	next, more := s.Walk(owner, from, func(e *handlespace.Entry) bool {
		if len(got) == n {
			return false
		}
		got = append(got, fmt.Sprintf("%s/%d", e.Pool().Handle(), uint32(e.ID())))
		return true
	})
	return strings.Join(got, " "), next, more
}

func walkSpace(t *testing.T) *handlespace.Space {
	s := newSpace(handlespace.Config{})
	for _, r := range []struct {
		h    rserpool.Handle
		id   rserpool.ElementID
		home rserpool.RegistrarID
	}{
		{"b", 2, 7}, {"b", 1, 7}, {"a", 0xffffffff, 7}, {"a", 3, 8}, {"c", 5, 8}, {"d", 1, 7}, {"d", 9, 8}, {"d", 2, 7},
	} {
		register(t, s, r.h, with(r.id, func(e *rserpool.Element) { e.Home = r.home }))
	}
	return s
}

func TestWalkInChunks(t *testing.T) {
	for _, tc := range []struct {
		name  string
		owner rserpool.RegistrarID
		n     int
		want  []string
	}{
		{"an owner's in one", 7, 9, []string{"a/4294967295 b/1 b/2 d/1 d/2"}},
		{"an owner's, exactly filling the last", 7, 5, []string{"a/4294967295 b/1 b/2 d/1 d/2"}},
		{"an owner's by two", 7, 2, []string{"a/4294967295 b/1", "b/2 d/1", "d/2"}},
		{"another owner's by one", 8, 1, []string{"a/3", "c/5", "d/9"}},
		{"everybody's by three", handlespace.Everybody, 3, []string{"a/3 a/4294967295 b/1", "b/2 c/5 d/1", "d/2 d/9"}},
		{"a stranger's", 99, 3, []string{""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := walkSpace(t)
			var from handlespace.Cursor
			for i, want := range tc.want {
				got, next, more := chunk(s, tc.owner, from, tc.n)
				if got != want || more != (i < len(tc.want)-1) {
					t.Fatalf("chunk %d: %s, more %t, want %s", i, got, more, want)
				}
				from = next
			}
		})
	}
}

func TestWalkGoesOnAfterChanges(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*handlespace.Space)
		want   string // after a/4294967295 b/1
	}{
		{"nothing", func(*handlespace.Space) {}, "b/2 d/1 d/2"},
		{"the last one visited is gone", func(s *handlespace.Space) { s.Remove(s.Find("b", 1)) }, "b/2 d/1 d/2"},
		{"its pool is gone", func(s *handlespace.Space) { s.RemovePool(s.Pool("b")) }, "d/1 d/2"},
		{"all pools before are gone", func(s *handlespace.Space) { s.RemovePool(s.Pool("a")); s.RemovePool(s.Pool("b")) }, "d/1 d/2"},
		{"the rest is gone", func(s *handlespace.Space) {
			for _, h := range []rserpool.Handle{"b", "c", "d"} {
				s.RemovePool(s.Pool(h))
			}
		}, ""},
		{"new ones before and behind", func(s *handlespace.Space) {
			for _, h := range []rserpool.Handle{"A", "b", "bb", "e"} {
				s.Register(epoch, h, element(6), epoch)
			}
		}, "b/2 b/6 bb/6 d/1 d/2 e/6"},
		{"ownership moves", func(s *handlespace.Space) {
			s.SetHome(s.Find("c", 5), 7)
			s.SetHome(s.Find("d", 1), 8)
			s.SetHome(s.Find("a", 3), 7)
		}, "b/2 c/5 d/2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := walkSpace(t)
			first, from, more := chunk(s, 7, handlespace.Cursor{}, 2)
			if first != "a/4294967295 b/1" || !more {
				t.Fatalf("first chunk %s, more %t", first, more)
			}
			tc.change(s)
			if got, _, more := chunk(s, 7, from, 9); got != tc.want || more {
				t.Errorf("second chunk %s, more %t, want %s", got, more, tc.want)
			}
		})
	}
}

// TestWalkWithoutRoom does not move on where not even the first element fits.
func TestWalkWithoutRoom(t *testing.T) {
	s := walkSpace(t)
	_, from, _ := chunk(s, 7, handlespace.Cursor{}, 2)
	if got, next, more := chunk(s, 7, from, 0); got != "" || next != from || !more {
		t.Errorf("no room: %q, cursor %v, more %t", got, next, more)
	}
}
