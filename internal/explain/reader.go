package explain

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/rspool/rspool/internal/wire"
)

// A reader turns a stretch of bytes into fields, front to back.
type reader struct {
	b        []byte // the whole message
	off, end int
	level    int // of nested parameters
	fields   []Field
	stopped  bool // what was left made no sense
}

// maxLevel is how deep parameters nest: element, transport, address, and one to
// spare for those in the information of a cause.
const maxLevel = 4

// shown is a value: for people, for programs, and what to remark.
type shown struct {
	value   string
	data    any
	meaning string
}

func decimal(v uint32) shown { return shown{strconv.FormatUint(uint64(v), 10), v, ""} }

func identifier(v uint32) shown {
	s := fmt.Sprintf("0x%08x", v)
	return shown{s, s, ""}
}

// uint reads a number of n bytes and returns it.
func (r *reader) uint(n int, name, key string, show func(uint32) shown) uint32 {
	if !r.have(n, name) {
		return 0
	}
	var v uint32
	switch n {
	case 1:
		v = uint32(r.b[r.off])
	case 2:
		v = uint32(binary.BigEndian.Uint16(r.b[r.off:]))
	default:
		v = binary.BigEndian.Uint32(r.b[r.off:])
	}
	s := show(v)
	r.add(Field{Length: n, Name: name, Value: s.value, Meaning: s.meaning, key: key, data: s.data})
	return v
}

// reserved reads two bytes that mean nothing.
func (r *reader) reserved() {
	r.uint(2, "Reserved", "", func(v uint32) shown {
		if v != 0 {
			return shown{meaning: "not zero, and ignored"}
		}
		return shown{}
	})
}

// bytes reads n bytes.
func (r *reader) bytes(name, key string, n int, meaning string) {
	if n == 0 || !r.have(n, name) {
		return
	}
	v := r.b[r.off : r.off+n]
	r.add(Field{Length: n, Name: name, Value: text(v), Meaning: meaning, key: key, data: fmt.Sprintf("%x", v)})
}

// text returns bytes as text where they are, else their number.
func text(v []byte) string {
	for _, c := range v {
		if c < ' ' || c > '~' {
			return fmt.Sprintf("%d bytes", len(v))
		}
	}
	return strconv.Quote(string(v))
}

// padding reads what is missing to a multiple of four, as far as it is there.
func (r *reader) padding() {
	n := min((4-r.off%4)%4, r.end-r.off)
	if n > 0 {
		r.add(Field{Length: n, Name: "Padding"})
	}
}

// add appends a field at the reader's place.
func (r *reader) add(f Field) {
	f.Offset = r.off
	r.off += f.Length
	r.fields = append(r.fields, f)
}

// have reports whether n more bytes are there; otherwise the reader stops.
func (r *reader) have(n int, name string) bool {
	if !r.stopped && r.end-r.off < n {
		r.stop(fmt.Sprintf("%s needs %d bytes", name, n))
	}
	return !r.stopped
}

// stop gives up on what is left.
func (r *reader) stop(why string) {
	r.stopped = true
	r.add(Field{Length: r.end - r.off, Name: "Undecoded", Meaning: why, key: "undecoded_hex", data: fmt.Sprintf("%x", r.b[r.off:r.end])})
}

// parameters reads parameters to the end.
func (r *reader) parameters() {
	for !r.stopped && r.end-r.off >= 4 {
		t := wire.ParameterType(binary.BigEndian.Uint16(r.b[r.off:]))
		n := int(binary.BigEndian.Uint16(r.b[r.off+2:]))
		switch {
		case n < 4:
			r.stop(fmt.Sprintf("%s has the impossible length %d", t, n))
		case n > r.end-r.off:
			r.stop(fmt.Sprintf("%s has the length %d, but %d bytes are left", t, n, r.end-r.off))
		default:
			r.parameter(t, n)
		}
	}
	if !r.stopped && r.off < r.end {
		r.bytes("Surplus", "", r.end-r.off, "too short for a parameter, and ignored")
	}
}

// parameter reads the parameter at the reader's place, which has n bytes.
func (r *reader) parameter(t wire.ParameterType, n int) {
	in := reader{b: r.b, off: r.off + 4, end: r.off + n, level: r.level + 1}
	meaning := ""
	if t.Known() {
		in.value(t)
	} else {
		meaning = [...]string{
			wire.Discard:          "unknown: the message is discarded silently",
			wire.DiscardAndReport: "unknown: the message is discarded, the sender hears of it",
			wire.Skip:             "unknown: skipped silently",
			wire.SkipAndReport:    "unknown: skipped, the sender hears of it",
		}[t.Action()]
		in.bytes("Value", "value_hex", in.end-in.off, "")
	}
	r.add(Field{Length: n, Name: fmt.Sprintf("%s, %d bytes", name(t), n), Meaning: meaning, Fields: in.fields, parameter: t})
	r.padding()
}

// name returns a parameter's name with its number.
func name(t wire.ParameterType) string {
	if !t.Known() {
		return fmt.Sprintf("Parameter 0x%04x", uint16(t))
	}
	return fmt.Sprintf("%s (0x%04x)", t, uint16(t))
}
