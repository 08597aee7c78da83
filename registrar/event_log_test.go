package registrar

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/bubble"
	role "github.com/rspool/rspool/internal/machine/registrar"
)

// lines returns a log without times and what was written to it.
func lines() (*eventLog, *bytes.Buffer) {
	var b bytes.Buffer
	return newEventLog(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))), &b
}

func TestEventsAreLogged(t *testing.T) {
	l, b := lines()
	for _, o := range []role.Observed{
		{Event: role.PoolCreated, Handle: "EchoPool", Detail: "round-robin"},
		{Event: role.ElementJoined, Handle: "EchoPool", Element: 1, Association: 7},
		{Event: role.ElementLeft, Handle: "EchoPool", Element: 1, Association: 7, Detail: "keepalive"},
		{Event: role.ElementLeft, Handle: "EchoPool", Element: 2, Association: 7, Detail: "deregistered"},
		{Event: role.RegistrationRefused, Handle: rserpool.Handle(strings.Repeat("x", 1000)), Element: 3, Detail: "invalid pool handle"},
	} {
		l.observed(&o)
	}
	want := `level=INFO msg="pool is new" handle=EchoPool policy=round-robin
level=WARN msg="element has left" handle=EchoPool element=0x00000001 association=7 reason=keepalive
level=WARN msg="registration is refused" handle=` + strings.Repeat("x", 64) + `... element=0x00000003 reason="invalid pool handle"
`
	if b.String() != want {
		t.Errorf("log is\n%swant\n%s", b, want)
	}
}

func TestFloodOfEventsIsCutShort(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		l, b := lines()
		for range 1000 {
			l.observed(&role.Observed{Event: role.MessageRefused, Association: 1})
		}
		if n := strings.Count(b.String(), "\n"); n != linesAtOnce {
			t.Errorf("%d lines at once, want %d", n, linesAtOnce)
		}
		b.Reset()
		time.Sleep(time.Second)
		for range 1000 {
			l.observed(&role.Observed{Event: role.MessageRefused, Association: 1})
		}
		l.flush()
		if n := strings.Count(b.String(), `msg="message is refused"`); n != linesPerSecond {
			t.Errorf("%d lines after a second, want %d", n, linesPerSecond)
		}
		for _, want := range []string{"count=950\n", "count=990\n"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("the log does not say %q:\n%s", want, b)
			}
		}
	})
}
