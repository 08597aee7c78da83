package services

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/bubble"
	"github.com/rspool/rspool/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a session whose user sends in, and then closes it. Sends fail once
// out has most messages.
type script struct {
	in, out []pool.Message
	most    int
	wait    chan struct{} // if not nil, Recv waits for it
}

var errFull = errors.New("full")

func (s *script) Recv(ctx context.Context) (pool.Message, error) {
	if s.wait != nil {
		select {
		case <-s.wait:
		case <-ctx.Done():
			return pool.Message{}, ctx.Err()
		}
	}
	if len(s.in) == 0 {
		return pool.Message{}, io.EOF
	}
	m := s.in[0]
	s.in = s.in[1:]
	return m, nil
}

func (s *script) Send(_ context.Context, m pool.Message) error {
	if s.most > 0 && len(s.out) == s.most {
		return errFull
	}
	m.Data = bytes.Clone(m.Data)
	s.out = append(s.out, m)
	return nil
}

func (s *script) SaveCookie(context.Context, []byte) error { return nil }

func (s *script) Close() error { return nil }

func TestServices(t *testing.T) {
	in := []pool.Message{
		{Cookie: []byte("of another element")},
		{Data: []byte("one"), PPID: 7, Stream: 1},
		{Data: []byte("two"), PPID: 8, Stream: 2, Unordered: true},
	}
	now := []byte("2000-01-01T00:00:00Z\r\n")
	for _, tt := range []struct {
		name    string
		service Service
		most    int
		want    []pool.Message
		err     error
	}{
		{"echo_sends_back_what_came", Echo, 0, in[1:], io.EOF},
		{"echo_ends_when_sending_fails", Echo, 1, in[1:2], errFull},
		{"discard_says_nothing", Discard, 0, nil, io.EOF},
		{"daytime_tells_the_time_at_once_and_when_asked", Daytime, 0, []pool.Message{{Data: now}, {Data: now, Stream: 1}, {Data: now, Stream: 2}}, io.EOF},
		{"chargen_goes_on_until_sending_fails", Chargen, 1, []pool.Message{{Data: lines(0, linesEach)}}, errFull},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				s := &script{in: in, most: tt.most}
				if err := tt.service(t.Context(), s); !errors.Is(err, tt.err) {
					t.Errorf("ended with %v, want %v", err, tt.err)
				}
				if diff := cmp.Diff(tt.want, s.out); diff != "" {
					t.Errorf("sent (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func lines(from, to int) []byte {
	var b []byte
	for i := from; i < to; i++ {
		b = appendLine(b, i)
	}
	return b
}

func TestChargenRotates(t *testing.T) {
	got := strings.Split(strings.TrimSuffix(string(lines(0, 97)), "\r\n"), "\r\n")
	if got[0] != " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg" {
		t.Errorf("first line %q", got[0])
	}
	if got[1][:len(got[1])-1] != got[0][1:] {
		t.Errorf("second line %q is not the first one moved on", got[1])
	}
	if got[95] != got[0] || got[94] == got[0] {
		t.Error("the lines do not begin anew after 95")
	}
}

func TestServerKeepsCountOfItsSessions(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var loads []rserpool.Load
		s := NewServer(Config{
			Service: Discard, MaxSessions: 2, Log: slog.New(slog.DiscardHandler),
			Load: func(l rserpool.Load) { loads = append(loads, l) },
		})
		gates := []chan struct{}{make(chan struct{}), make(chan struct{}), make(chan struct{})}
		next := 0
		closed := errors.New("listener is closed")
		end := make(chan struct{})
		accept := func(ctx context.Context) (closer, error) {
			if next == len(gates) {
				select {
				case <-end:
					return nil, closed
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			}
			next++
			return &script{wait: gates[next-1]}, nil
		}
		result := make(chan error)
		go func() { result <- s.serve(t.Context(), accept) }()
		synctest.Wait()
		served, refused := s.Stats()
		if served != 2 || refused != 1 {
			t.Errorf("%d served, %d refused; want 2 and 1", served, refused)
		}
		close(end)
		synctest.Wait()
		select {
		case err := <-result:
			t.Fatalf("Serve returned %v while sessions run", err)
		default:
		}
		close(gates[0])
		synctest.Wait()
		close(gates[1])
		if err := <-result; !errors.Is(err, closed) {
			t.Errorf("Serve returned %v", err)
		}
		half := rserpool.LoadOf(0.5)
		if diff := cmp.Diff([]rserpool.Load{half, rserpool.LoadOf(1), half, 0}, loads); diff != "" {
			t.Errorf("loads (-want +got):\n%s", diff)
		}
	})
}

func TestServerEndsWithItsContext(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := NewServer(Config{Service: Discard, Log: slog.New(slog.DiscardHandler)})
		first := true
		accept := func(ctx context.Context) (closer, error) {
			if first {
				first = false
				return &script{wait: make(chan struct{})}, nil
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		result := make(chan error)
		go func() { result <- s.serve(ctx, accept) }()
		synctest.Wait()
		cancel()
		if err := <-result; err != nil {
			t.Errorf("Serve returned %v", err)
		}
	})
}
