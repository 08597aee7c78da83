package pingpong

import (
	"context"
	"fmt"

	"github.com/rspool/rspool/internal/services"
	"github.com/rspool/rspool/pool"
)

// Serve answers the pings of one session, which it counts from 1 or from where another
// element's cookie says. It is a services.Service.
func Serve(ctx context.Context, s services.Session) error {
	next := uint64(1)
	var message, cookie []byte
	for {
		m, err := s.Recv(ctx)
		if err != nil {
			return err
		}
		if m.Cookie != nil {
			if next, err = ParseCookie(m.Cookie); err != nil {
				return err
			}
			continue
		}
		if m.PPID != PPID {
			return fmt.Errorf("%w: message with payload protocol %d: want %d", services.ErrProtocol, m.PPID, PPID)
		}
		ping, err := ParsePing(m.Data)
		if err != nil {
			return err
		}
		message = Pong{Number: ping.Number, Reply: next, Data: ping.Data}.Append(message[:0])
		if err := s.Send(ctx, pool.Message{Data: message, PPID: PPID}); err != nil {
			return err
		}
		next++
		cookie = AppendCookie(cookie[:0], next)
		if err := s.SaveCookie(ctx, cookie); err != nil {
			return err
		}
	}
}
