package fractal

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// drawRequest draws a request for any part of the plane, down to where pixels are
// only just distinct.
func drawRequest(t *rapid.T, label string) Parameter {
	p := Parameter{
		Width:         rapid.Uint32Range(1, 300).Draw(t, label+" width"),
		Height:        rapid.Uint32Range(1, 300).Draw(t, label+" height"),
		MaxIterations: 60,
		Algorithm:     Mandelbrot,
		N:             2,
	}
	extent := math.Ldexp(rapid.Float64Range(1, 2).Draw(t, label+" extent"), -rapid.IntRange(0, 28).Draw(t, label+" zoom"))
	p.C1 = complex(rapid.Float64Range(-2, 1).Draw(t, label+" real"), rapid.Float64Range(-1.5, 1.5).Draw(t, label+" imaginary"))
	p.C2 = p.C1 + complex(extent, -extent)
	return p
}

func TestTilesEqualTheWholeToTheLastBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, err := NewView(drawRequest(t, "view"))
		if err != nil {
			t.Fatal(err)
		}
		whole := NewPlane(v.Parameter())
		size := rapid.Uint32Range(1, 100).Draw(t, "tile size")
		for _, tile := range v.Tiles(size) {
			p := v.Request(tile)
			pl := NewPlane(p)
			for range 4 {
				x := rapid.Uint32Range(0, tile.Width-1).Draw(t, "x")
				y := rapid.Uint32Range(0, tile.Height-1).Draw(t, "y")
				want := whole.Point(tile.X+x, tile.Y+y)
				if got := pl.Point(x, y); got != want {
					t.Fatalf("tile %+v: point (%d, %d) is %v, in the whole %v", tile, x, y, got, want)
				}
				// Elements may multiply before they divide.
				got := complex(
					real(p.C1)+float64(float64(float64(x)*(real(p.C2)-real(p.C1)))/float64(p.Width)),
					imag(p.C1)+float64(float64(float64(y)*(imag(p.C2)-imag(p.C1)))/float64(p.Height)))
				if got != want {
					t.Fatalf("tile %+v: multiplied first, point (%d, %d) is %v, in the whole %v", tile, x, y, got, want)
				}
			}
		}
	})
}

func TestLargestImageIsExact(t *testing.T) {
	v, err := NewView(Parameter{Width: MaxWidth, Height: MaxHeight, MaxIterations: 1, Algorithm: Mandelbrot, C1: complex(-0.7, 1.3), C2: complex(2.1, -1.1)})
	if err != nil {
		t.Fatal(err)
	}
	p := v.Parameter()
	pl := NewPlane(p)
	for _, x := range []uint32{1, 3, 255, 4097, 65535} {
		tile := Tile{X: x, Y: x, Width: 1, Height: 1}
		if got, want := v.Request(tile).C1, pl.Point(x, x); got != want {
			t.Errorf("corner of tile at %d is %v, in the whole %v", x, got, want)
		}
		first := real(p.C1) + float64(float64(x)*(real(p.C2)-real(p.C1)))/float64(p.Width)
		if got := real(pl.Point(x, x)); got != first {
			t.Errorf("column %d is %v, multiplied first %v", x, got, first)
		}
	}
}

func TestViewStaysWithinHalfAPixel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawRequest(t, "view")
		v, err := NewView(p)
		if err != nil {
			t.Fatal(err)
		}
		got := v.Parameter()
		pixel := math.Abs(real(p.C2)-real(p.C1)) / float64(p.Width)
		for _, d := range []float64{real(got.C1) - real(p.C1), real(got.C2) - real(p.C2)} {
			if math.Abs(d) > 0.51*pixel {
				t.Fatalf("corner moved by %g pixels: %v to %v became %v to %v", d/pixel, p.C1, p.C2, got.C1, got.C2)
			}
		}
	})
}

func TestViewRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		p    Parameter
	}{
		{"an empty interval", Parameter{C1: complex(1, 1), C2: complex(1, -1)}},
		{"pixels closer than a float64 can tell", Parameter{C1: complex(1, 1), C2: complex(1+1e-13, -1)}},
		{"an interval without end", Parameter{C1: complex(-math.MaxFloat64, 1), C2: complex(math.MaxFloat64, -1)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.p.Width, tc.p.Height, tc.p.MaxIterations, tc.p.Algorithm = 1000, 1000, 10, Mandelbrot
			if v, err := NewView(tc.p); err == nil {
				t.Errorf("got the view %+v, want an error", v.Parameter())
			}
		})
	}
}

func TestTilesCoverTheViewOnce(t *testing.T) {
	v := &View{p: Parameter{Width: 50, Height: 30}}
	for _, tc := range []struct {
		name  string
		size  uint32
		tiles int
	}{
		{"one tile for the whole", 0, 1},
		{"a tile larger than the view", 64, 1},
		{"even tiles", 10, 15},
		{"with a rest to the right and below", 16, 8},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tiles := v.Tiles(tc.size)
			if len(tiles) != tc.tiles {
				t.Errorf("%d tiles, want %d", len(tiles), tc.tiles)
			}
			seen := make([]int, 50*30)
			for _, tile := range tiles {
				for y := tile.Y; y < tile.Y+tile.Height; y++ {
					for x := tile.X; x < tile.X+tile.Width; x++ {
						seen[y*50+x]++
					}
				}
			}
			for at, n := range seen {
				if n != 1 {
					t.Fatalf("pixel (%d, %d) is in %d tiles", at%50, at/50, n)
				}
			}
		})
	}
}
