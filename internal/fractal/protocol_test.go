package fractal

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A vector is a message of the reference implementation.
type vector struct {
	Name string `json:"name"`
	Hex  string `json:"hex"`
}

func readVectors(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/vectors/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("vectors: %v, %d files", err, len(files))
	}
	vectors := make(map[string][]byte)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var v vector
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		b, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		vectors[v.Name] = b
	}
	return vectors
}

// reference is the request of the vectors, and what its cookie must be.
var reference = Parameter{
	Width: 20, Height: 10, MaxIterations: 50, Algorithm: Mandelbrot,
	C1: complex(-1.5, 1.5), C2: complex(1.5, -1.5), N: 2,
}

func TestParameterVector(t *testing.T) {
	b := readVectors(t)["fractal_type1_1"]
	got, err := ParseParameter(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(reference, got); diff != "" {
		t.Errorf("parsed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(b, got.Append(nil)); diff != "" {
		t.Errorf("appended (-want +got):\n%s", diff)
	}
}

func TestDataVector(t *testing.T) {
	b := readVectors(t)["fractal_type2_1"]
	// The vector is the answer to the request of the other one: computing it
	// again proves that both sides mean the same pixels.
	want := Data{}
	pl := NewPlane(reference)
	for y := range reference.Height {
		for x := range reference.Width {
			want.Points = append(want.Points, pl.Pixel(x, y))
		}
	}
	got, err := ParseData(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parsed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(b, want.Append(nil)); diff != "" {
		t.Errorf("appended (-want +got):\n%s", diff)
	}
}

func TestEndVector(t *testing.T) {
	b := readVectors(t)["fractal_type2_2"]
	got, err := ParseData(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !got.IsEnd() {
		t.Errorf("got %+v, want the end marker", got)
	}
	if diff := cmp.Diff(b, End().Append(nil)); diff != "" {
		t.Errorf("appended (-want +got):\n%s", diff)
	}
}

func TestCookieLayout(t *testing.T) {
	c := Cookie{Parameter: reference, X: 3, Y: 7}
	// Magic, the request with a length field of 4, and the next pixel.
	want, err := hex.DecodeString("3c46472d5444313e" +
		"01000004000000140000000a0000003200000001bff80000000000003ff80000000000003ff8000000000000bff80000000000004000000000000000" +
		"0000000300000007")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, c.Append(nil)); diff != "" {
		t.Errorf("appended (-want +got):\n%s", diff)
	}
	got, err := ParseCookie(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, got); diff != "" {
		t.Errorf("parsed (-want +got):\n%s", diff)
	}
}

func TestEveryPrefixIsRejected(t *testing.T) {
	check := func(name string, b []byte, parse func([]byte) error) {
		if err := parse(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for n := range b {
			if err := parse(b[:n]); !errors.Is(err, ErrProtocol) {
				t.Errorf("%s: first %d of %d bytes: error %v, want ErrProtocol", name, n, len(b), err)
			}
		}
		if err := parse(append(b[:len(b):len(b)], 0)); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: one byte too many: error %v, want ErrProtocol", name, err)
		}
	}
	check("parameter", reference.Append(nil), func(b []byte) error { _, err := ParseParameter(b); return err })
	check("data", Data{X: 1, Y: 2, Points: []uint32{3, 4}}.Append(nil), func(b []byte) error { _, err := ParseData(b, nil); return err })
	check("end", End().Append(nil), func(b []byte) error { _, err := ParseData(b, nil); return err })
	check("cookie", Cookie{Parameter: reference}.Append(nil), func(b []byte) error { _, err := ParseCookie(b); return err })
}

func TestHostileMessages(t *testing.T) {
	many := Data{Points: make([]uint32, MaxPoints)}.Append(nil)
	many = append(many, 0, 0, 0, 0)
	copy(many[2:], []byte{byte(len(many) >> 8), byte(len(many))})
	many[14], many[15] = byte((MaxPoints+1)>>8), byte((MaxPoints+1)&0xff)
	claim := Data{Points: []uint32{1}}.Append(nil)
	copy(claim[12:], []byte{0xff, 0xff, 0xff, 0xff})
	empty := Data{X: 5}.Append(nil)
	outside := Cookie{Parameter: reference, X: 0, Y: 11}.Append(nil)
	beside := Cookie{Parameter: reference, X: 21, Y: 0}.Append(nil)
	behind := Cookie{Parameter: reference, X: 1, Y: 10}.Append(nil)
	huge := reference
	huge.Width = 1 << 31
	data := func(b []byte) error { _, err := ParseData(b, nil); return err }
	cookie := func(b []byte) error { _, err := ParseCookie(b); return err }
	for _, tc := range []struct {
		name  string
		b     []byte
		parse func([]byte) error
		want  string
	}{
		{"more points than allowed", many, data, "at most 324"},
		{"more points claimed than sent", claim, data, "at most 324"},
		{"no points but not the end", empty, data, "no points at (5, 0)"},
		{"a request instead of data", reference.Append(nil), data, "want data"},
		{"cookie below the image", outside, cookie, "outside of 20 x 10"},
		{"cookie beside the image", beside, cookie, "outside of 20 x 10"},
		{"cookie behind the last pixel", behind, cookie, "outside of 20 x 10"},
		{"cookie of an image too large", Cookie{Parameter: huge}.Append(nil), cookie, "width 2147483648"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.parse(tc.b)
			if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want ErrProtocol with %q", err, tc.want)
			}
		})
	}
}

func TestCheckRefusesWhatIsOutOfBounds(t *testing.T) {
	with := func(f func(*Parameter)) Parameter { p := reference; f(&p); return p }
	for _, tc := range []struct {
		name string
		p    Parameter
		want string // empty: accepted
	}{
		{"the reference request", reference, ""},
		{"the largest image", with(func(p *Parameter) { p.Width, p.Height, p.MaxIterations = 65536, 65536, 1000000 }), ""},
		{"no width", with(func(p *Parameter) { p.Width = 0 }), "width 0"},
		{"too wide", with(func(p *Parameter) { p.Width = 65537 }), "width 65537"},
		{"no height", with(func(p *Parameter) { p.Height = 0 }), "height 0"},
		{"too high", with(func(p *Parameter) { p.Height = 65537 }), "height 65537"},
		{"no iterations", with(func(p *Parameter) { p.MaxIterations = 0 }), "0 iterations"},
		{"too many iterations", with(func(p *Parameter) { p.MaxIterations = 1000001 }), "1000001 iterations"},
		{"unknown algorithm", with(func(p *Parameter) { p.Algorithm = 3 }), "algorithm 3"},
		{"corner that is no number", with(func(p *Parameter) { p.C1 = complex(math.NaN(), 0) }), "finite"},
		{"infinite exponent", with(func(p *Parameter) { p.N = math.Inf(1) }), "finite"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.p.Check()
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

func TestAlgorithmNames(t *testing.T) {
	for _, a := range []Algorithm{Mandelbrot, MandelbrotN} {
		if got, err := ParseAlgorithm(a.String()); err != nil || got != a {
			t.Errorf("ParseAlgorithm(%q) = %v, %v", a.String(), got, err)
		}
	}
	if _, err := ParseAlgorithm("julia"); err == nil {
		t.Error("julia is accepted")
	}
}

// FuzzParse reads anything as each of the three, and writes again what was read.
func FuzzParse(f *testing.F) {
	for _, b := range readVectors(f) {
		f.Add(b)
	}
	f.Add(Cookie{Parameter: reference, X: 3, Y: 7}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParseParameter(b); err == nil {
			// Flags are not kept; everything else is, bit by bit.
			again := p.Append(nil)
			again[1] = b[1]
			if diff := cmp.Diff(b, again); diff != "" {
				t.Errorf("parameter (-read +written):\n%s", diff)
			}
			if p.Check() == nil {
				p.MaxIterations = min(p.MaxIterations, 100)
				pl := NewPlane(p)
				if n := pl.Pixel(p.Width-1, p.Height-1); n > p.MaxIterations {
					t.Errorf("%d iterations of at most %d", n, p.MaxIterations)
				}
			}
		}
		if d, err := ParseData(b, nil); err == nil {
			again := d.Append(nil)
			again[1] = b[1]
			if diff := cmp.Diff(b, again); diff != "" {
				t.Errorf("data (-read +written):\n%s", diff)
			}
		}
		if c, err := ParseCookie(b); err == nil {
			again := c.Append(nil)
			copy(again[8:12], b[8:12])
			if diff := cmp.Diff(b, again); diff != "" {
				t.Errorf("cookie (-read +written):\n%s", diff)
			}
		}
	})
}
