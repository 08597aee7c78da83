package pool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/transport/memory"
)

// TestChaos lets elements die, come back and be cut off for ten minutes, while
// users ask without a break. Every question is answered, answers change their
// element with a notice alone, and no failover takes long.
func TestChaos(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.net.Set(memory.Conditions{
					Delay: 5 * time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 0.01, Retransmit: 100 * time.Millisecond,
					Detection: time.Second, DialTimeout: 2 * time.Second,
				})
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				rng := rand.New(rand.NewPCG(seed, 0))
				h := w.host()
				elements := []*echo{w.echo(1), w.echo(2), w.echo(3), w.echo(4)}
				var users sync.WaitGroup
				for i := range 10 {
					users.Go(func() { w.interrogate(ctx, t, h, i) })
				}
				for n := rserpool.ElementID(5); ctx.Err() == nil; n++ {
					time.Sleep(time.Duration(rng.IntN(20)) * time.Second)
					i := rng.IntN(4)
					victim := elements[i]
					switch rng.IntN(4) {
					case 0:
						victim.kill()
						elements[i] = w.echo(n)
					case 1:
						victim.close()
						elements[i] = w.echo(n)
					case 2:
						side, other := []*memory.Host{victim.machine}, []*memory.Host{w.registrar, h.door.(*memory.Host)}
						w.net.Partition(side, other)
						time.Sleep(time.Duration(rng.IntN(10)) * time.Second)
						w.net.Heal(side, other)
					case 3:
						w.registrar.Restart()
						w.stopRegistrar()
						time.Sleep(time.Duration(rng.IntN(10)) * time.Second)
						w.startRegistrar()
					}
				}
				users.Wait()
			})
		})
	}
}

// interrogate asks question after question in one session.
func (w *world) interrogate(ctx context.Context, t *testing.T, h *Host, user int) {
	s, err := Dial(ctx, testPool, &UserConfig{Host: h})
	if err != nil {
		t.Errorf("user %d: %v", user, err)
		return
	}
	defer s.Close()
	serving, answered, moves := s.Element(), 0, 0
	for asked := false; ctx.Err() == nil; {
		question := fmt.Sprintf("user %d question %d", user, answered)
		if !asked {
			if err := s.Send(ctx, Message{Data: []byte(question)}); err != nil {
				if ctx.Err() == nil {
					t.Errorf("%s: %v", question, err)
				}
				break
			}
		}
		m, err := s.Recv(ctx)
		var moved *Failover
		if errors.As(err, &moved) {
			moves++
			if moved.From != serving || moved.Duration > 20*time.Second {
				t.Errorf("user %d of element %s: %v, %d tried", user, serving, moved, moved.Attempts)
			}
			serving = moved.To
			asked = moved.Sent < s.Stats().Sent // the question waited for the next element
			continue
		}
		if err != nil {
			if ctx.Err() == nil {
				t.Errorf("%s: %v", question, err)
			}
			break
		}
		if want := fmt.Sprintf("%d ", serving); !strings.HasPrefix(string(m.Data), want) || !strings.HasSuffix(string(m.Data), question) {
			t.Errorf("%s to element %s: answer %q", question, serving, m.Data)
		}
		answered++
		asked = false
		time.Sleep(100 * time.Millisecond)
	}
	st := s.Stats()
	t.Logf("user %d: %d answers, %d failovers, %v each, %v the longest", user, answered, moves, st.FailoverTime/time.Duration(max(moves, 1)), st.Longest)
	if answered < 1000 {
		t.Errorf("user %d: %d answers", user, answered)
	}
}
