package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rspool/rspool/internal/status"
)

var viewTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// registrarAt is a registrar's state after some seconds, in which the first
// element was selected three times as often as the second.
func registrarAt(seconds float64) *status.Registrar {
	load := 0.42
	n := uint64(seconds)
	started := viewTime.Add(-time.Duration(seconds * float64(time.Second)))
	return &status.Registrar{
		Process:   status.Process{Role: "registrar", Started: viewTime.Add(-time.Hour), Uptime: seconds, Ready: true, Transport: status.Transport{PacketsReceived: 10 * n, PacketsSent: 20 * n}},
		ID:        0x2f1a93c4,
		Dialect:   "deployed",
		PoolCount: 1, ElementCount: 2, OwnedCount: 2, AssociationCount: 3, Checksum: 0x1234,
		ASAPAddress: "127.0.0.1:3863@9899",
		Counters:    status.RegistrarCounters{Resolutions: status.Counts{"answered": 4 * n, "unknown": 0}, KeepAlives: status.Counts{"sent": n}},
		Pools: []status.Pool{{
			Handle: "EchoPool", Policy: "round-robin", Selection: "least-used", ElementCount: 2,
			Elements: []status.Element{
				{ID: 0x17, Home: 0x2f1a93c4, Transport: "sctp 127.0.0.1:5001", Load: &load, Selections: 3 * n, Registered: started, Heard: viewTime.Add(-1200 * time.Millisecond), Expires: viewTime.Add(90 * time.Second)},
				{ID: 0x18, Home: 0x2f1a93c4, Transport: "sctp 127.0.0.1:\x1b[31m5002", Selections: n, Registered: started, Heard: viewTime, Expires: viewTime.Add(time.Hour)},
			},
		}},
	}
}

func TestViewOfARegistrar(t *testing.T) {
	const rows = `
pool EchoPool   least-used (told: round-robin)   2 elements   4.0/s selected
ELEMENT     LOAD                SHARE               SELECTED  RATE   HEARD     TRANSPORT
0x00000017  ████░░░░░░  42.0 %  ████████░░  75.0 %  %d        3.0/s  1.2s ago  sctp 127.0.0.1:5001
0x00000018  ░░░░░░░░░░  -       ███░░░░░░░  25.0 %  %d        1.0/s  0s ago    sctp 127.0.0.1:.[31m5002
`
	for _, tt := range []struct {
		name         string
		now, before  status.Snapshot
		wantUp       string
		wantSelected [2]int
	}{
		{"the_first_look_shows_means", registrarAt(10), nil, "10s", [2]int{30, 10}},
		{"the_next_look_shows_rates", registrarAt(20), registrarAt(10), "20s", [2]int{60, 20}},
		{"a_restart_begins_anew", registrarAt(10), &status.Registrar{Process: status.Process{Started: viewTime, Uptime: 1e6}}, "10s", [2]int{30, 10}},
		{"another_process_begins_anew", registrarAt(10), &status.Host{}, "10s", [2]int{30, 10}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := writeView(&b, tt.now, tt.before, viewTime); err != nil {
				t.Fatal(err)
			}
			head := "registrar 0x2f1a93c4   up " + tt.wantUp + "   1 pool   2 elements   3 associations\n" +
				"resolutions 4.0/s   registrations 0.0/s   keep-alives 1.0/s   reports 0.0/s   packets 10.0/s in, 20.0/s out\n"
			body := strings.Replace(rows, "%d", fmt.Sprint(tt.wantSelected[0]), 1)
			body = strings.Replace(body, "%d", fmt.Sprint(tt.wantSelected[1]), 1)
			if diff := cmp.Diff(head+body, b.String()); diff != "" {
				t.Errorf("view (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatusOfARegistrarForPeople(t *testing.T) {
	r := registrarAt(10)
	r.Next = &status.Cursor{Handle: "x"}
	r.Associations = []status.Association{{ID: 7, Endpoint: "asap", Remote: "127.0.0.1:40000", Since: viewTime.Add(-time.Minute), Elements: 2}}
	var b bytes.Buffer
	if err := writeRegistrar(&b, r, viewTime); err != nil {
		t.Fatal(err)
	}
	const want = `registrar 0x2f1a93c4, ready, up 10s, deployed dialect
asap 127.0.0.1:3863@9899, enrp none
1 pool, 2 elements (2 its own, checksum 0x1234), 3 associations
without ENRP, 0 other registrars heard
resolutions: answered 40
keep-alives: sent 10

pool EchoPool: round-robin, selected by least-used, 2 elements
ELEMENT     TRANSPORT                 LOAD    SELECTED  HEARD     EXPIRES
0x00000017  sctp 127.0.0.1:5001       42.0 %  30        1.2s ago  in 1m30s
0x00000018  sctp 127.0.0.1:.[31m5002  -       10        0s ago    in 1h0m

There are more elements; narrow them down with --pool, or raise --limit.

ASSOCIATION  REMOTE           ENDPOINT  AGE   ELEMENTS  SUBSCRIPTIONS
7            127.0.0.1:40000  asap      1m0s  2         0
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestFrameFitsTheTerminal(t *testing.T) {
	for _, tt := range []struct {
		name          string
		text          string
		columns, rows int
		want          string
	}{
		{"short_text", "one\ntwo\n", 80, 24, "\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J"},
		{"long_lines_are_cut_at_characters", "█████", 3, 24, "\x1b[H███\x1b[K\x1b[J"},
		{"further_lines_are_left_out", "a\nb\nc", 80, 2, "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J"},
		{"unknown_size", "a\nb", 0, 0, "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, string(frame([]byte(tt.text), tt.columns, tt.rows))); diff != "" {
				t.Errorf("frame (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRoughTimes(t *testing.T) {
	for _, tt := range []struct {
		name    string
		seconds float64
		want    string
	}{
		{"nothing", 0, "0s"}, {"a_clock_that_goes_back", -3, "0s"}, {"tenths", 1.234, "1.2s"}, {"seconds", 12.6, "13s"},
		{"minutes", 192, "3m12s"}, {"hours", 3600*5 + 61, "5h1m"}, {"days", 86400*3 + 7200, "3d2h"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := rough(tt.seconds); got != tt.want {
				t.Errorf("rough(%v) = %q, want %q", tt.seconds, got, tt.want)
			}
		})
	}
}

func TestSnapshotsOfStrangers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"not_found", http.NotFound, "answers 404 Not Found: 404 page not found"},
		{"an_error_with_colours", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, "\x1b[31mred\nand more")
		}, "answers 400 Bad Request: .[31mred"},
		{"something_else", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, "something else than a status"},
		{"an_unknown_role", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"role":"king"}`) }, "no process of rspool that this version knows"},
		{"a_wrong_type", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"role":"registrar","pools":7}`) }, "something else than a status"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(tt.answer)
			defer server.Close()
			_, err := readSnapshot(t.Context(), strings.TrimPrefix(server.URL, "http://"), status.Query{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestExitCodes(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want int
	}{
		{"done", nil, exitDone},
		{"failed", errors.New("x"), exitFailed},
		{"misuse_that_is_wrapped", fmt.Errorf("y: %w", misusef("x")), exitMisuse},
		{"not_found", notFound(errors.New("x")), exitNotFound},
		{"timed_out", timedOut(errors.New("x")), exitTimedOut},
		{"a_deadline", fmt.Errorf("x: %w", context.DeadlineExceeded), exitTimedOut},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := exitCode(tt.err); got != tt.want {
				t.Errorf("exit code %d, want %d", got, tt.want)
			}
		})
	}
}
