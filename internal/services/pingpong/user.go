package pingpong

import (
	"bytes"
	"context"
	"fmt"

	"github.com/rspool/rspool/internal/services"
	"github.com/rspool/rspool/internal/sessions"
	"github.com/rspool/rspool/pool"
)

// Report says how a user fared.
type Report struct {
	services.AskReport
	// Repeated counts the replies that had a number again, since an element died before
	// its cookie was out; Skipped the numbers that nobody saw, since it died with a reply.
	Repeated uint64 `json:"repeated"`
	Skipped  uint64 `json:"skipped"`
	// Last is the number of the last reply.
	Last uint64 `json:"last_reply"`
}

// Use sends pings and waits for their pongs, of which each number is the next one as long
// as the elements take care of their cookies. replied hears of each pong and its number;
// it may be nil, and cfg.Replied is not called. Where the context ends, that is no error.
func Use(ctx context.Context, s sessions.User, cfg services.AskConfig, replied func(services.Reply, uint64)) (r Report, err error) {
	cfg.Replied = func(reply services.Reply) {
		if replied != nil {
			replied(reply, r.Last)
		}
	}
	r.AskReport, err = services.Ask(ctx, s, cfg, PPID,
		func(n uint64, b []byte) []byte {
			return Ping{Number: n, Data: make([]byte, min(max(cap(b)-pingLen, 0), MaxData))}.Append(b)
		},
		func(n uint64, asked []byte, m pool.Message) (bool, error) {
			if m.PPID != PPID {
				return false, fmt.Errorf("%w: message with payload protocol %d: want %d", services.ErrProtocol, m.PPID, PPID)
			}
			pong, err := ParsePong(m.Data)
			if err != nil {
				return false, err
			}
			switch {
			case pong.Number < n: // it was asked twice because of a failover
				return false, nil
			case pong.Number > n || !bytes.Equal(pong.Data, asked[pingLen:]):
				return false, fmt.Errorf("%w: pong %d with %d bytes of data: want the answer to %d", services.ErrProtocol, pong.Number, len(pong.Data), n)
			}
			switch {
			case pong.Reply > r.Last:
				r.Skipped += pong.Reply - r.Last - 1
			default:
				r.Repeated++
			}
			r.Last = pong.Reply
			return true, nil
		})
	return r, err
}
