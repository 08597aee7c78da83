package pingpong

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/services"
	"github.com/rspool/rspool/internal/sessions/sessionstest"
	"github.com/rspool/rspool/internal/transport/memory"
	"github.com/rspool/rspool/pool"
)

// element joins the pool with a service, on a machine that may be killed.
func element(w *sessionstest.World, id rserpool.ElementID, service services.Service) *memory.Host {
	ln, at := w.Element(DefaultHandle, id, rserpool.RoundRobin)
	s := services.NewServer(services.Config{Service: service, Log: sessionstest.Quiet})
	w.Serve(func(ctx context.Context) error { return s.Serve(ctx, ln) })
	return at
}

func TestNumbersGoOnAcrossElements(t *testing.T) {
	sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
		machines := map[rserpool.ElementID]*memory.Host{}
		for id := rserpool.ElementID(1); id <= 4; id++ {
			machines[id] = element(w, id, Serve)
		}
		s := w.Dial(DefaultHandle)
		var numbers, want []uint64
		r, err := Use(t.Context(), s, services.AskConfig{Count: 40, Interval: 50 * time.Millisecond}, func(r services.Reply, n uint64) {
			numbers, want = append(numbers, n), append(want, r.Number)
			if r.Number%10 == 0 && r.Number < 40 { // three of four die
				time.Sleep(10 * time.Millisecond) // the cookie is out
				machines[r.Element].Kill()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, numbers); diff != "" {
			t.Errorf("numbers of the replies (-want +got):\n%s", diff)
		}
		if r.Answered != 40 || r.Last != 40 || r.Repeated+r.Skipped != 0 || r.Failovers.Count != 3 {
			t.Errorf("report %+v, want 40 answers without a gap and 3 failovers", r)
		}
	})
}

func TestNumbersThatAreNotKept(t *testing.T) {
	for _, tt := range []struct {
		name              string
		cookie            []byte
		repeated, skipped uint64
	}{
		{"cookie_of_the_last_reply_is_missing", AppendCookie(nil, 2), 1, 0},
		{"replies_are_missing", AppendCookie(nil, 9), 0, 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
				at := element(w, 1, func(ctx context.Context, s services.Session) error {
					for n := uint64(1); ; n++ {
						m, err := s.Recv(ctx)
						if err != nil {
							return err
						}
						p, _ := ParsePing(m.Data)
						_ = s.Send(ctx, pool.Message{Data: Pong{Number: p.Number, Reply: n, Data: p.Data}.Append(nil), PPID: PPID})
						_ = s.SaveCookie(ctx, tt.cookie)
					}
				})
				s := w.Dial(DefaultHandle)
				element(w, 2, Serve)
				r, err := Use(t.Context(), s, services.AskConfig{Count: 4, Interval: 50 * time.Millisecond}, func(r services.Reply, n uint64) {
					if n == 2 {
						time.Sleep(10 * time.Millisecond)
						at.Kill()
					}
				})
				if err != nil || r.Answered != 4 || r.Repeated != tt.repeated || r.Skipped != tt.skipped {
					t.Errorf("report %+v, error %v; want %d repeated, %d skipped", r, err, tt.repeated, tt.skipped)
				}
			})
		})
	}
}

// script is a session whose user sends in.
type script struct{ in, out []pool.Message }

func (s *script) Recv(context.Context) (pool.Message, error) {
	if len(s.in) == 0 {
		return pool.Message{}, errEnd
	}
	m := s.in[0]
	s.in = s.in[1:]
	return m, nil
}

func (s *script) Send(_ context.Context, m pool.Message) error {
	m.Data = append([]byte(nil), m.Data...)
	s.out = append(s.out, m)
	return nil
}

func (s *script) SaveCookie(_ context.Context, state []byte) error {
	s.out = append(s.out, pool.Message{Cookie: append([]byte(nil), state...)})
	return nil
}

var errEnd = errors.New("end")

func TestServe(t *testing.T) {
	ping := func(n uint64, data string) pool.Message {
		return pool.Message{Data: Ping{n, []byte(data)}.Append(nil), PPID: PPID}
	}
	pong := func(n, reply uint64, data string) pool.Message {
		return pool.Message{Data: Pong{n, reply, []byte(data)}.Append(nil), PPID: PPID}
	}
	cookie := func(n uint64) pool.Message { return pool.Message{Cookie: AppendCookie(nil, n)} }
	for _, tt := range []struct {
		name    string
		in, out []pool.Message
		want    string // of the error
	}{
		{"counts_from_one", []pool.Message{ping(7, "a"), ping(8, "")}, []pool.Message{pong(7, 1, "a"), cookie(2), pong(8, 2, ""), cookie(3)}, "end"},
		{"counts_on_behind_a_cookie", []pool.Message{cookie(42), ping(9, "a")}, []pool.Message{pong(9, 42, "a"), cookie(43)}, "end"},
		{"cookie_of_another_service", []pool.Message{{Cookie: []byte("<FG-TD1>12345678")}}, nil, "cookie of 16 bytes"},
		{"another_protocol", []pool.Message{{Data: ping(1, "").Data, PPID: 32}}, nil, "payload protocol 32: want 33"},
		{"a_pong", []pool.Message{pong(1, 1, "")}, nil, "message of type 2: want 1"},
		{"half_a_ping", []pool.Message{{Data: ping(1, "").Data[:7], PPID: PPID}}, nil, "message of 7 bytes: want at least 12"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &script{in: tt.in}
			err := Serve(t.Context(), s)
			if !strings.Contains(err.Error(), tt.want) || tt.want != "end" && !errors.Is(err, services.ErrProtocol) {
				t.Errorf("ended with %v, want %q", err, tt.want)
			}
			if diff := cmp.Diff(tt.out, s.out); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUserRefusesOtherAnswers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer pool.Message
		want   string
	}{
		{"another_protocol", pool.Message{Data: Pong{Number: 1, Reply: 1, Data: make([]byte, 52)}.Append(nil), PPID: 1}, "payload protocol 1"},
		{"another_number", pool.Message{Data: Pong{Number: 2, Reply: 1, Data: make([]byte, 52)}.Append(nil), PPID: PPID}, "pong 2"},
		{"other_data", pool.Message{Data: Pong{Number: 1, Reply: 1, Data: []byte("x")}.Append(nil), PPID: PPID}, "pong 1 with 1 bytes"},
		{"a_ping", pool.Message{Data: Ping{Number: 1, Data: make([]byte, 52)}.Append(nil), PPID: PPID}, "message of type 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
				element(w, 1, func(ctx context.Context, s services.Session) error {
					if _, err := s.Recv(ctx); err != nil {
						return err
					}
					return errors.Join(s.Send(ctx, tt.answer), func() error { _, err := s.Recv(ctx); return err }())
				})
				_, err := Use(t.Context(), w.Dial(DefaultHandle), services.AskConfig{Count: 1, Size: 64}, nil)
				if !errors.Is(err, services.ErrProtocol) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error %v, want %q", err, tt.want)
				}
			})
		})
	}
}
