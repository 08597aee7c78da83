// Package fractal is the Fractal Generator service: a user asks for an image of
// a Mandelbrot set and an element computes it pixel by pixel, with a state cookie
// every now and then, so that another element can carry on where one died. It
// holds both sides, and the tiles, pictures and figures that come with them.
//
// It is not a general job system, and it knows nothing of ASAP: sessions, their
// cookies and their failover are package pool's.
package fractal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	rserpool "github.com/rspool/rspool"
)

// PPID is the payload protocol identifier of the service's messages.
const PPID = 32

// DefaultHandle is the pool where users look for the service unless told otherwise.
const DefaultHandle rserpool.Handle = "FractalGeneratorPool"

// The limits of a request, and of the points in one Data message. Elements refuse
// what exceeds them.
const (
	MaxWidth      = 65536
	MaxHeight     = 65536
	MaxIterations = 1000000
	MaxPoints     = 324
)

// ErrProtocol is wrapped by the errors that a message of the peer causes.
var ErrProtocol = errors.New("fractal protocol")

// Message types and sizes, in bytes. All integers are big-endian and nothing is padded.
const (
	typeParameter = 1
	typeData      = 2

	headerLen    = 4
	parameterLen = 60
	dataLen      = 16 // before the points
	cookieLen    = 76
	cookieMagic  = "<FG-TD1>"
)

// Algorithm tells how a pixel is computed.
type Algorithm uint32

// The algorithms: z := z² - c, and z := zⁿ - c.
const (
	Mandelbrot  Algorithm = 1
	MandelbrotN Algorithm = 2
)

// String returns the algorithm in lower case, as ParseAlgorithm reads it.
func (a Algorithm) String() string {
	switch a {
	case Mandelbrot:
		return "mandelbrot"
	case MandelbrotN:
		return "mandelbrot-n"
	}
	return fmt.Sprintf("algorithm-%d", uint32(a))
}

// ParseAlgorithm reads what String prints.
func ParseAlgorithm(s string) (Algorithm, error) {
	for _, a := range []Algorithm{Mandelbrot, MandelbrotN} {
		if s == a.String() {
			return a, nil
		}
	}
	return 0, fmt.Errorf("algorithm %q: want %q or %q", s, Mandelbrot, MandelbrotN)
}

// Parameter is a request for an image of Width times Height pixels, which shows
// the plane from the corner C1, inclusive, to the corner C2, exclusive. N is the
// exponent of MandelbrotN.
type Parameter struct {
	Width, Height uint32
	MaxIterations uint32
	Algorithm     Algorithm
	C1, C2        complex128
	N             float64
}

// Check reports why an element would refuse the request.
func (p Parameter) Check() error {
	switch {
	case p.Width < 1 || p.Width > MaxWidth:
		return fmt.Errorf("width %d: want 1 to %d pixels", p.Width, MaxWidth)
	case p.Height < 1 || p.Height > MaxHeight:
		return fmt.Errorf("height %d: want 1 to %d pixels", p.Height, MaxHeight)
	case p.MaxIterations < 1 || p.MaxIterations > MaxIterations:
		return fmt.Errorf("%d iterations: want 1 to %d", p.MaxIterations, MaxIterations)
	case p.Algorithm != Mandelbrot && p.Algorithm != MandelbrotN:
		return fmt.Errorf("algorithm %d: want %d (%s) or %d (%s)", uint32(p.Algorithm),
			uint32(Mandelbrot), Mandelbrot, uint32(MandelbrotN), MandelbrotN)
	}
	for _, f := range []float64{real(p.C1), imag(p.C1), real(p.C2), imag(p.C2), p.N} {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("corner or exponent %v: want a finite number", f)
		}
	}
	return nil
}

// Pixels returns the number of pixels of the image.
func (p Parameter) Pixels() int { return int(p.Width) * int(p.Height) }

// Append appends the request as a Parameter message to b.
func (p Parameter) Append(b []byte) []byte {
	return p.append(b, parameterLen)
}

// append writes the block with the length field given: a message states its own,
// a cookie that of the header alone.
func (p Parameter) append(b []byte, length uint16) []byte {
	b = appendHeader(b, typeParameter, length)
	b = binary.BigEndian.AppendUint32(b, p.Width)
	b = binary.BigEndian.AppendUint32(b, p.Height)
	b = binary.BigEndian.AppendUint32(b, p.MaxIterations)
	b = binary.BigEndian.AppendUint32(b, uint32(p.Algorithm))
	for _, f := range [...]float64{real(p.C1), imag(p.C1), real(p.C2), imag(p.C2), p.N} {
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(f))
	}
	return b
}

// ParseParameter reads a Parameter message. What it asks for may still exceed the
// limits; see Check.
func ParseParameter(b []byte) (Parameter, error) {
	typ, err := parseHeader(b)
	if err != nil {
		return Parameter{}, err
	}
	if typ != typeParameter || len(b) != parameterLen {
		return Parameter{}, fmt.Errorf("%w: message of type %d and %d bytes: want a request (type %d, %d bytes)",
			ErrProtocol, typ, len(b), typeParameter, parameterLen)
	}
	return parseParameterBlock(b), nil
}

// parseParameterBlock reads what follows the header of a block of parameterLen bytes.
func parseParameterBlock(b []byte) Parameter {
	u := func(at int) uint32 { return binary.BigEndian.Uint32(b[at:]) }
	f := func(at int) float64 { return math.Float64frombits(binary.BigEndian.Uint64(b[at:])) }
	return Parameter{
		Width:         u(4),
		Height:        u(8),
		MaxIterations: u(12),
		Algorithm:     Algorithm(u(16)),
		C1:            complex(f(20), f(28)),
		C2:            complex(f(36), f(44)),
		N:             f(52),
	}
}

// Data is a piece of the image: the iteration counts of consecutive pixels, from
// (X, Y) to the right and on in the next line.
type Data struct {
	X, Y   uint32
	Points []uint32 // at most MaxPoints; none in the end marker alone
}

// end is the coordinate that marks the end of an image.
const end = 0xffffffff

// End returns the message that ends an image.
func End() Data { return Data{X: end, Y: end} }

// IsEnd reports whether d ends the image.
func (d Data) IsEnd() bool { return d.X == end && d.Y == end && len(d.Points) == 0 }

// Append appends the message to b. It panics where there are more than MaxPoints.
func (d Data) Append(b []byte) []byte {
	if len(d.Points) > MaxPoints {
		panic("fractal: more points than a message may carry")
	}
	b = appendHeader(b, typeData, uint16(dataLen+4*len(d.Points)))
	b = binary.BigEndian.AppendUint32(b, d.X)
	b = binary.BigEndian.AppendUint32(b, d.Y)
	b = binary.BigEndian.AppendUint32(b, uint32(len(d.Points)))
	for _, v := range d.Points {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// ParseData reads a Data message. The points are appended to points, so that a
// caller may use one slice again and again.
func ParseData(b []byte, points []uint32) (Data, error) {
	typ, err := parseHeader(b)
	if err != nil {
		return Data{}, err
	}
	if typ != typeData || len(b) < dataLen {
		return Data{}, fmt.Errorf("%w: message of type %d and %d bytes: want data (type %d, at least %d bytes)",
			ErrProtocol, typ, len(b), typeData, dataLen)
	}
	d := Data{X: binary.BigEndian.Uint32(b[4:]), Y: binary.BigEndian.Uint32(b[8:])}
	n := binary.BigEndian.Uint32(b[12:])
	switch {
	case n > MaxPoints:
		return Data{}, fmt.Errorf("%w: %d points in one message: want at most %d", ErrProtocol, n, MaxPoints)
	case len(b) != dataLen+4*int(n):
		return Data{}, fmt.Errorf("%w: %d bytes for %d points: want %d", ErrProtocol, len(b), n, dataLen+4*n)
	case n == 0 && (d.X != end || d.Y != end):
		return Data{}, fmt.Errorf("%w: no points at (%d, %d)", ErrProtocol, d.X, d.Y)
	case n > 0:
		for i := range int(n) {
			points = append(points, binary.BigEndian.Uint32(b[dataLen+4*i:]))
		}
		d.Points = points
	}
	return d, nil
}

// Cookie is the state that an element leaves with its user: the request, and the
// pixel that comes next. Y is the height of the image when all are done.
type Cookie struct {
	Parameter Parameter
	X, Y      uint32
}

// Append appends the cookie to b.
func (c Cookie) Append(b []byte) []byte {
	b = append(b, cookieMagic...)
	b = c.Parameter.append(b, headerLen)
	b = binary.BigEndian.AppendUint32(b, c.X)
	return binary.BigEndian.AppendUint32(b, c.Y)
}

// ParseCookie reads a cookie that this or another element wrote, and checks what
// it asks for: it went through the user's hands.
func ParseCookie(b []byte) (Cookie, error) {
	if len(b) != cookieLen || string(b[:len(cookieMagic)]) != cookieMagic {
		return Cookie{}, fmt.Errorf("%w: cookie of %d bytes: want %d bytes that begin with %s",
			ErrProtocol, len(b), cookieLen, cookieMagic)
	}
	// The header inside says nothing: its length field is that of the header alone.
	c := Cookie{
		Parameter: parseParameterBlock(b[len(cookieMagic):]),
		X:         binary.BigEndian.Uint32(b[cookieLen-8:]),
		Y:         binary.BigEndian.Uint32(b[cookieLen-4:]),
	}
	if err := c.Parameter.Check(); err != nil {
		return Cookie{}, fmt.Errorf("%w: cookie: %w", ErrProtocol, err)
	}
	if p := c.Parameter; c.Y > p.Height || c.X > p.Width || c.Y == p.Height && c.X > 0 && c.X != p.Width {
		return Cookie{}, fmt.Errorf("%w: cookie: pixel (%d, %d) is outside of %d x %d", ErrProtocol, c.X, c.Y, p.Width, p.Height)
	}
	return c, nil
}

func appendHeader(b []byte, typ uint8, length uint16) []byte {
	return binary.BigEndian.AppendUint16(append(b, typ, 0), length)
}

// parseHeader returns the type of a message whose length field is true. Flags
// carry nothing and are ignored.
func parseHeader(b []byte) (typ uint8, err error) {
	if len(b) < headerLen {
		return 0, fmt.Errorf("%w: message of %d bytes: want at least %d", ErrProtocol, len(b), headerLen)
	}
	if n := int(binary.BigEndian.Uint16(b[2:])); n != len(b) {
		return 0, fmt.Errorf("%w: length field %d in a message of %d bytes", ErrProtocol, n, len(b))
	}
	return b[0], nil
}
