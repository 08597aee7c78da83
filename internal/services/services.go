// Package services holds the small services that every network once had: echo
// (RFC 862), discard (RFC 863), daytime (RFC 867) and chargen (RFC 864), here as
// services of elements. They show that a pool works, and give tests something to
// talk to.
//
// They save no cookies: nothing of theirs is worth a failover. For services that are,
// see pingpong, calcapp and internal/fractal.
package services

import (
	"context"
	"errors"
	"time"

	"github.com/rspool/rspool/pool"
)

// Session is what a service needs of a *pool.Session.
type Session interface {
	Recv(ctx context.Context) (pool.Message, error)
	Send(ctx context.Context, m pool.Message) error
	SaveCookie(ctx context.Context, state []byte) error
}

// ErrProtocol is wrapped by the errors that a message of the peer causes.
var ErrProtocol = errors.New("service protocol")

// Service serves one session until it ends, and returns why it did.
type Service func(ctx context.Context, s Session) error

// Echo sends every message back as it came: on its stream, with its payload
// protocol identifier.
func Echo(ctx context.Context, s Session) error {
	return answer(ctx, s, func(m pool.Message) pool.Message { return m })
}

// Discard throws away what it receives.
func Discard(ctx context.Context, s Session) error {
	for {
		if _, err := s.Recv(ctx); err != nil {
			return err
		}
	}
}

// Daytime tells the time, in UTC, in the form of RFC 3339 and with a line end: once at
// the beginning, and again for every message.
func Daytime(ctx context.Context, s Session) error {
	now := func() []byte { return append(time.Now().UTC().AppendFormat(nil, time.RFC3339), "\r\n"...) }
	if err := s.Send(ctx, pool.Message{Data: now()}); err != nil {
		return err
	}
	return answer(ctx, s, func(m pool.Message) pool.Message { return pool.Message{Data: now(), Stream: m.Stream} })
}

// answer sends one message for each that it receives.
func answer(ctx context.Context, s Session, reply func(pool.Message) pool.Message) error {
	for {
		m, err := s.Recv(ctx)
		if err != nil {
			return err
		}
		if m.Cookie != nil {
			continue // of another element; there is nothing to restore
		}
		if err := s.Send(ctx, reply(m)); err != nil {
			return err
		}
	}
}

// The lines of chargen: 72 of 95 characters, each line a character further
// (RFC 864).
const (
	firstChar  = ' '
	chars      = 95
	lineLength = 72
	linesEach  = 16 // lines of one message, which fits a packet
)

// Chargen sends characters, as fast as the user takes them.
func Chargen(ctx context.Context, s Session) error {
	buf := make([]byte, 0, linesEach*(lineLength+2))
	for line := 0; ; line += linesEach {
		buf = buf[:0]
		for i := range linesEach {
			buf = appendLine(buf, line+i)
		}
		if err := s.Send(ctx, pool.Message{Data: buf}); err != nil {
			return err
		}
	}
}

func appendLine(b []byte, line int) []byte {
	for i := range lineLength {
		b = append(b, byte(firstChar+(line+i)%chars))
	}
	return append(b, '\r', '\n')
}
