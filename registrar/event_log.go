package registrar

import (
	"context"
	"log/slog"
	"sync"
	"time"

	role "github.com/rspool/rspool/internal/machine/registrar"
)

// eventLog writes what the machine observes. What peers can bring about as often
// as they like is written a few times a second at most; the rest is counted.
type eventLog struct {
	*slog.Logger

	mu         sync.Mutex
	credit     float64
	last       time.Time
	suppressed int
}

// The bucket from which lines about peers are paid.
const (
	linesPerSecond = 10
	linesAtOnce    = 50
)

func newEventLog(l *slog.Logger) *eventLog {
	return &eventLog{Logger: l, credit: linesAtOnce, last: time.Now()}
}

// levelOf is how important what was observed is.
func levelOf(o *role.Observed) slog.Level {
	switch o.Event {
	case role.ElementJoined:
		return slog.LevelDebug
	case role.ElementMoved:
		if o.Detail == "" {
			return slog.LevelDebug
		}
	case role.PoolCreated, role.PoolEmptied, role.PolicyTried, role.PolicyReturned, role.PoolTooLarge,
		role.InSync, role.PeerFound, role.PeerRevived, role.PeerDisagrees,
		role.TakeoverBegun, role.TakeoverByPeer:
		return slog.LevelInfo
	case role.ElementLeft:
		switch o.Detail {
		case role.Deregistered.String(), role.Withdrawn.String():
			return slog.LevelDebug
		case role.Gone.String():
			return slog.LevelInfo
		}
	}
	return slog.LevelWarn
}

// maxHandle is what is written of a handle, which a peer may have made very long.
const maxHandle = 64

// observed writes one event.
func (l *eventLog) observed(o *role.Observed) {
	attrs := make([]any, 0, 8)
	if o.Handle != "" {
		h := o.Handle
		if len(h) > maxHandle {
			h = h[:maxHandle] + "..."
		}
		attrs = append(attrs, "handle", h.String())
	}
	if o.Element != 0 {
		attrs = append(attrs, "element", o.Element)
	}
	if o.Association != 0 {
		attrs = append(attrs, "association", uint64(o.Association))
	}
	if o.Policy != "" {
		attrs = append(attrs, "policy", o.Policy)
	}
	if o.Version != "" {
		attrs = append(attrs, "version", o.Version)
	}
	if o.Hash != "" {
		attrs = append(attrs, "sha256", o.Hash)
	}
	if o.Next != "" {
		attrs = append(attrs, "next", o.Next)
	}
	if o.Peer != 0 {
		attrs = append(attrs, "peer", o.Peer)
	}
	if o.Event == role.TakeoverDone {
		attrs = append(attrs, "elements", o.Count, "took", o.Took)
	}
	switch {
	case o.Detail == "":
	case o.Event == role.TakeoverByPeer:
		attrs = append(attrs, "target", o.Detail, "elements", o.Count)
	case o.Event == role.PoolCreated:
		attrs = append(attrs, "policy", o.Detail)
	default:
		attrs = append(attrs, "reason", o.Detail)
	}
	l.rated(levelOf(o), o.Event.String(), attrs...)
}

// rated writes a line if there is credit for it.
func (l *eventLog) rated(level slog.Level, msg string, attrs ...any) {
	if !l.Enabled(context.Background(), level) {
		return
	}
	l.mu.Lock()
	now := time.Now()
	l.credit = min(linesAtOnce, l.credit+linesPerSecond*now.Sub(l.last).Seconds())
	l.last = now
	if l.credit < 1 {
		l.suppressed++
		l.mu.Unlock()
		return
	}
	l.credit--
	suppressed := l.suppressed
	l.suppressed = 0
	l.mu.Unlock()
	l.note(suppressed)
	l.Log(context.Background(), level, msg, attrs...)
}

// flush says how many lines were not written.
func (l *eventLog) flush() {
	l.mu.Lock()
	suppressed := l.suppressed
	l.suppressed = 0
	l.mu.Unlock()
	l.note(suppressed)
}

func (l *eventLog) note(suppressed int) {
	if suppressed > 0 {
		l.Warn("lines about peers were left out", "count", suppressed)
	}
}
