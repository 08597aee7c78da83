package wire

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	rserpool "github.com/rspool/rspool"
)

// The rule of RFC 5354, Section 3, wherever an unknown parameter stands.
func TestUnknownParameters(t *testing.T) {
	const (
		ph   = "0009 0008 41424344 "
		pe   = "000a 00%02x 00000001 00000000 00000001 %s0004 0010 1267 0001 0001 0008 c0000201 %s0008 0008 00000001 %s"
		skip = "8020 0006 abcd 0000 "
		tell = "c020 0008 01020304 "
		drop = "0020 0008 01020304 "
		fail = "4020 0006 0102 0000 "
	)
	inElement := func(a, b, c string) string {
		n := 40 + len(unhex(t, a+b+c))
		return fmt.Sprintf(pe, n, a, b, c)
	}
	told := []rserpool.Cause{{Code: rserpool.UnrecognizedParameter, Info: unhex(t, tell)}}
	failed := &rserpool.OperationError{Causes: []rserpool.Cause{{Code: rserpool.UnrecognizedParameter, Info: unhex(t, "4020 0006 0102")}}}

	tests := []struct {
		name       string
		parameters string
		reports    []rserpool.Cause
		rejected   bool
		answer     *rserpool.OperationError
	}{
		{name: "none", parameters: ph + inElement("", "", "")},
		{name: "skipped at the front", parameters: skip + ph + inElement("", "", "")},
		{name: "skipped between", parameters: ph + skip + skip + inElement("", "", "")},
		{name: "skipped at the end", parameters: ph + inElement("", "", "") + skip},
		{name: "skipped in an element, before the transport", parameters: ph + inElement(skip, "", "")},
		{name: "skipped in an element, before the policy", parameters: ph + inElement("", skip, "")},
		{name: "skipped in an element, at the end", parameters: ph + inElement("", "", skip)},
		{name: "told of at the front", parameters: tell + ph + inElement("", "", ""), reports: told},
		{name: "told of in an element", parameters: ph + inElement("", tell, ""), reports: told},
		{name: "told of at the end", parameters: ph + inElement("", "", "") + tell, reports: told},
		{name: "each is told of", parameters: tell + ph + skip + inElement("", "", tell), reports: append(told, told...)},
		{name: "dropped at the front", parameters: drop + ph + inElement("", "", ""), rejected: true},
		{name: "dropped in an element", parameters: ph + inElement("", "", drop), rejected: true},
		{name: "dropped at the end", parameters: ph + inElement("", "", "") + drop, rejected: true},
		{name: "failed at the front", parameters: fail + ph + inElement("", "", ""), rejected: true, answer: failed},
		{name: "failed in an element", parameters: ph + inElement(fail, "", ""), rejected: true, answer: failed},
		{name: "failed at the end", parameters: ph + inElement("", "", "") + fail, rejected: true, answer: failed},
		{name: "type 0", parameters: ph + inElement("", "", "") + "0000 0004", rejected: true},
		{name: "type 65535", parameters: ph + inElement("", "", "") + "ffff 0008 00000000", reports: []rserpool.Cause{{Code: rserpool.UnrecognizedParameter, Info: unhex(t, "ffff000800000000")}}},
		{name: "known but not expected, at the end", parameters: ph + inElement("", "", "") + "000f 0006 0001 0000"},
		{name: "known but not expected, skippable", parameters: "803f 0008 00000001" + ph + "9899 0008 00000000" + inElement("", "", "")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var h rserpool.Handle
			var e rserpool.Element
			c, err := read(message(t, test.parameters), func(c *Cursor) {
				h = c.Handle()
				e = c.Element()
			})
			if rejected := err != nil; rejected != test.rejected {
				t.Fatalf("error %v", err)
			}
			if err != nil {
				var failure *Error
				if !errors.As(err, &failure) {
					t.Fatalf("error of type %T", err)
				}
				if diff := cmp.Diff(test.answer, failure.Report()); diff != "" {
					t.Errorf("answer (-want +got):\n%s", diff)
				}
				return
			}
			if h != "ABCD" || e.ID != 1 || e.Policy.Type != rserpool.RoundRobin {
				t.Errorf("read %v and %v", h, e)
			}
			if diff := cmp.Diff(test.reports, c.Reports()); diff != "" {
				t.Errorf("reports (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMessageAction(t *testing.T) {
	for _, test := range []struct {
		messageType uint8
		want        Action
	}{
		{0x0f, Discard}, {0x3f, Discard}, {0x40, DiscardAndReport}, {0x7f, DiscardAndReport}, {0x80, Discard}, {0xff, Discard},
	} {
		if got := MessageAction(test.messageType); got != test.want {
			t.Errorf("type 0x%02x: %d, want %d", test.messageType, got, test.want)
		}
	}
}

// What a hostile message has reported about it stays small.
func TestReportsAreBounded(t *testing.T) {
	b, start := BeginMessage(nil, 1, 0)
	for range 4000 {
		b = append(b, unhex(t, "c020 0004")...)
	}
	c, err := read(FinishMessage(b, start), func(*Cursor) {})
	if err != nil || len(c.Reports()) != maxCauses {
		t.Errorf("%d reports, error %v", len(c.Reports()), err)
	}

	b, start = BeginMessage(nil, 1, 0)
	long, at := begin(b, 0xc020)
	c, err = read(FinishMessage(finish(append(long, make([]byte, 2000)...), at), start), func(*Cursor) {})
	if diff := cmp.Diff([]rserpool.Cause{{Code: rserpool.UnrecognizedParameter}}, c.Reports()); diff != "" || err != nil {
		t.Errorf("error %v, reports (-want +got):\n%s", err, diff)
	}
}
