package enrp

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rspool/rspool/internal/wire/wiretest"
)

func TestVectorsDecodeToTheirFields(t *testing.T) {
	for _, v := range wiretest.Load(t, "testdata/vectors") {
		t.Run(v.Name, func(t *testing.T) {
			b := v.Bytes(t)
			m, reports, err := Parse(b)
			if err != nil || reports != nil {
				t.Fatalf("Parse: reports %v, error %v", reports, err)
			}
			got := fields(m)
			got["message_type"] = m.Type()
			got["message_name"] = m.Type().String()
			got["flags"] = m.flags()
			got["length"] = binary.BigEndian.Uint16(b[2:])
			if diff := cmp.Diff(v.Fields, wiretest.Normalize(t, got)); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

// fields returns the message as the vectors state it.
func fields(m Message) wiretest.Fields {
	sender, receiver := m.Ends()
	f := wiretest.Fields{"sender_server_id": sender, "receiver_server_id": receiver}
	p := []wiretest.Fields{}
	add := func(x wiretest.Fields) { p = append(p, x) }
	switch m := m.(type) {
	case *Presence:
		f["reply_required"] = m.ReplyRequired
		add(wiretest.Fields{"param": "pe_checksum", "pe_checksum": fmt.Sprintf("0x%04x", m.Checksum)})
		if m.Server != nil {
			add(wiretest.Server(*m.Server))
		}
	case *HandleTableRequest:
		f["own_children_only"] = m.OwnChildren
	case *HandleTableResponse:
		f["reject"] = m.Reject
		f["more_to_send"] = m.More
		for _, pool := range m.Pools {
			add(wiretest.Handle(pool.Handle))
			for _, e := range pool.Elements {
				add(wiretest.Element(e))
			}
		}
	case *HandleUpdate:
		f["takeover_suggested"] = m.TakeoverSuggested
		f["update_action"] = m.Action
		add(wiretest.Handle(m.Handle))
		add(wiretest.Element(m.Element))
	case *ListResponse:
		f["reject"] = m.Reject
		for _, s := range m.Servers {
			add(wiretest.Server(s))
		}
	case *InitTakeover:
		f["target_server_id"] = m.Target
	case *InitTakeoverAck:
		f["target_server_id"] = m.Target
	case *TakeoverServer:
		f["target_server_id"] = m.Target
	case *Error:
		add(wiretest.OperationError(m.Causes))
	}
	f["parameters"] = p
	return f
}

func TestVectorsAreReproduced(t *testing.T) {
	for _, v := range wiretest.Load(t, "testdata/vectors") {
		t.Run(v.Name, func(t *testing.T) {
			m, _, err := Parse(v.Bytes(t))
			if err != nil {
				t.Fatal(err)
			}
			const before = "before"
			b := Append([]byte(before), m)
			if want := before + string(v.Bytes(t)); want != string(b) {
				t.Errorf("wrote %x\nwant  %x", b, want)
			}
			again, _, err := Parse(b[len(before):])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(m, again, wiretest.Equal); diff != "" {
				t.Errorf("read, written and read again (-first +second):\n%s", diff)
			}
		})
	}
}

// A prefix of a message may lack nothing but final padding: senders who do not
// count it may leave it out.
func TestPrefixesAreRejectedUnlessOnlyPaddingIsMissing(t *testing.T) {
	for _, v := range wiretest.Load(t, "testdata/vectors") {
		t.Run(v.Name, func(t *testing.T) {
			b := v.Bytes(t)
			whole, _, err := Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			for n := range b {
				m, _, err := Parse(b[:n])
				if err != nil {
					continue
				}
				if missing := string(b[n:]); len(missing) > 3 || missing != "\x00\x00\x00"[:len(missing)] {
					t.Fatalf("accepted the first %d of %d bytes as %v", n, len(b), m)
				}
				if diff := cmp.Diff(whole, m, wiretest.Equal); diff != "" {
					t.Fatalf("first %d of %d bytes read differently (-whole +prefix):\n%s", n, len(b), diff)
				}
			}
		})
	}
}

// A Decoder uses its messages again, so nothing may be left of an earlier one.
func TestDecoderForgetsTheMessageBefore(t *testing.T) {
	vectors := wiretest.Load(t, "testdata/vectors")
	var d Decoder
	for _, before := range vectors {
		for _, v := range vectors {
			if v.Fields["message_type"] != before.Fields["message_type"] {
				continue
			}
			want, _, err := Parse(v.Bytes(t))
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := d.Parse(before.Bytes(t)); err != nil {
				t.Fatal(err)
			}
			got, _, err := d.Parse(v.Bytes(t))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, wiretest.Equal); diff != "" {
				t.Fatalf("%s after %s (-want +got):\n%s", v.Name, before.Name, diff)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range wiretest.Load(f, "testdata/vectors") {
		f.Add(v.Bytes(f))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, _, err := Parse(b)
		if err != nil {
			return
		}
		_ = m.String()
		written := Append(nil, m)
		if len(written) == 0 {
			if len(b) < 0xfff0 {
				t.Fatalf("message of %d bytes is not written: %v", len(b), m)
			}
			return
		}
		again, reports, err := Parse(written)
		if err != nil || reports != nil {
			t.Fatalf("what was written is not read: reports %v, error %v\n%x", reports, err, written)
		}
		if diff := cmp.Diff(m, again, wiretest.Equal); diff != "" {
			t.Fatalf("read, written and read again (-first +second):\n%s", diff)
		}
		if twice := Append(nil, again); string(twice) != string(written) {
			t.Fatalf("written twice:\n%x\n%x", written, twice)
		}
	})
}
