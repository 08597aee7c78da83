package pool

import (
	"fmt"
	"time"

	rserpool "github.com/rspool/rspool"
)

// Failover is the notice that a session has moved to another element. Recv of a
// user's session returns it as its error, once for each failover and in its
// place among the messages: those before it are From's, those after it To's.
// The session goes on: it is the one error after which Recv may be called again.
//
// What From had not answered has to be asked again, unless the service keeps its
// state in cookies: To has received the last cookie before anything else where
// Resumed is set.
//
//	msg, err := s.Recv(ctx)
//	var moved *pool.Failover
//	if errors.As(err, &moved) {
//		// Repeat what is unanswered among the first moved.Sent messages.
//	}
type Failover struct {
	Handle   rserpool.Handle
	From, To rserpool.ElementID
	// Reason says why From was left.
	Reason string
	// Duration is the time from the loss of From to the association with To.
	Duration time.Duration
	// Attempts counts the elements that were tried, To among them.
	Attempts int
	// Sent counts the messages of this session, from its first, that went to
	// From or to elements before it. Whatever Send has accepted beyond them
	// waited for To and goes there without anybody's help.
	Sent uint64
	// Resumed says that To received a cookie: the last one held.
	Resumed bool
}

// Error says what happened and what to do about it.
func (f *Failover) Error() string {
	return fmt.Sprintf("session with %q moved from element %s to %s after %v (%s): repeat what is unanswered",
		string(f.Handle), f.From, f.To, f.Duration.Round(time.Millisecond), f.Reason)
}
