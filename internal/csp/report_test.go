package csp

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/rspool/rspool/internal/sessions/sessionstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// half is the interval of the components in the vectors.
const half = 500 * time.Millisecond

func TestVectors(t *testing.T) {
	vectors := sessionstest.Vectors(t)
	const nine = "(none): 10.9.0.1, 10.9.0.2, 10.9.0.3, 10.9.0.4, 10.9.0.5, 10.9.0.6, 10.9.0.7, 10.9.0.8, 10.9.0.9"
	for name, want := range map[string]*Report{
		"csp_type1_1": {
			Sender: NewID(Registrar, 0x0a000001), Uptime: 21 * time.Microsecond, Interval: half,
			Location: "(none): 10.9.0.1:3863", Status: "0[0] PEs in 0 Pools, 0 Peers", Workload: NoWorkload,
		},
		"csp_type1_5": {
			Sender: NewID(Element, 0xf0000003), Uptime: 15 * time.Microsecond, Interval: half,
			Location: "(none): 10.9.0.1:46829", Status: looking,
		},
		"csp_type1_13": {
			Sender: NewID(User, 0xcf477988d8bc08), Uptime: 0x07abcd * time.Microsecond, Interval: half,
			Location: nine, Status: "1 Session", Workload: NoWorkload,
			Associations: []Association{
				{Peer: NewID(Registrar, 0), Duration: 0x07a79a * time.Microsecond, Protocol: sctp, PPID: 11},
				{Peer: NewID(Element, 0xf0000001), Duration: 0x079ea0 * time.Microsecond, Protocol: sctp, PPID: 33},
			},
		},
		"csp_type1_22": {Sender: NewID(Element, 0xf0000005), Final: true, Uptime: 13353154 * time.Microsecond, Interval: half},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseReport(vectors[name])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("parsed (-want +got):\n%s", diff)
			}
		})
	}
	for name, b := range vectors {
		r, err := ParseReport(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(b, r.Append(nil)); diff != "" {
			t.Errorf("%s appended (-want +got):\n%s", name, diff)
		}
	}
}

func TestEveryPrefixIsRejected(t *testing.T) {
	b := sessionstest.Vectors(t)["csp_type1_13"]
	for n := range b {
		if _, err := ParseReport(b[:n]); !errors.Is(err, ErrReport) {
			t.Errorf("first %d of %d bytes: error %v, want ErrReport", n, len(b), err)
		}
	}
	with := func(at int, v byte) []byte { b := bytes.Clone(b); b[at] = v; return b }
	for _, tt := range []struct {
		name string
		b    []byte
		want string
	}{
		{"another_type", with(0, 2), "type 2"},
		{"another_version", with(6, 1), "version 0x0100"},
		{"another_length", with(3, 0), "length field"},
		{"fewer_associations_than_bytes", with(287, 1), "for 1 associations: want 312"},
		{"more_associations_than_bytes", with(286, 255), "for 65282 associations"},
		{"one_byte_too_many", append(bytes.Clone(b), 0), "length field"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseReport(tt.b); !errors.Is(err, ErrReport) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestTextsAndNumbersThatDoNotFit(t *testing.T) {
	in := &Report{
		Sender: NewID(User, 1<<60|7), Uptime: -1, Interval: 100 * time.Hour, Workload: WorkloadOf(7),
		Location: strings.Repeat("x", 126) + "é", Status: strings.Repeat("y", 200) + "\x00z",
		Associations: make([]Association, MaxAssociations+1),
	}
	in.Associations[0].Duration = Unknown
	want := &Report{
		Sender: NewID(User, 7), Interval: (1<<32 - 1) * time.Microsecond, Workload: WorkloadOf(1),
		Location: strings.Repeat("x", 126), Status: strings.Repeat("y", 127), Associations: in.Associations[:MaxAssociations],
	}
	got, err := ParseReport(in.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("written and read (-want +got):\n%s", diff)
	}
}

func TestWorkload(t *testing.T) {
	for _, tt := range []struct {
		name  string
		load  Workload
		share float64
		known bool
	}{
		{"none", WorkloadOf(-1), 0, true}, {"half", WorkloadOf(0.5), 0.5, true}, {"full", WorkloadOf(2), 1, true}, {"unknown", NoWorkload, 1.0000152592547381, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if share, known := tt.load.Share(); share != tt.share || known != tt.known {
				t.Errorf("got %v, %v; want %v, %v", share, known, tt.share, tt.known)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for id, want := range map[ID]string{
		NewID(Registrar, 0x17): "registrar 0x00000017", NewID(Element, 0xf0000001): "element 0xf0000001",
		NewID(User, 0x34f3de5b84da6e): "user 0x34f3de5b84da6e", NewID(9, 1): "group 9 0x00000001",
	} {
		if got := id.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzParseReport(f *testing.F) {
	for _, b := range sessionstest.Vectors(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseReport(b)
		if err != nil {
			return
		}
		again := r.Append(nil)
		if len(again) != len(b) {
			t.Fatalf("%d bytes read, %d written", len(b), len(again))
		}
		r2, err := ParseReport(again)
		if err != nil {
			t.Fatal(err)
		}
		// Texts that are no UTF-8 may be cut shorter, and what is longer than a clock goes is.
		if third, err := ParseReport(r2.Append(nil)); err != nil || cmp.Diff(r2, third) != "" {
			t.Errorf("written and read again (-first +second): %v\n%s", err, cmp.Diff(r2, third))
		}
	})
}
