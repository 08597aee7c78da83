package fractal

import (
	"fmt"
	"math"
)

// View is a part of the plane of which every tile can be computed on its own, with
// the same result to the last bit as the whole.
//
// On each axis its corner and its step are multiples of one power of two, large
// enough that no coordinate of any pixel or tile is ever rounded. So it does not
// matter relative to which corner, and in which order, an element computes them.
type View struct{ p Parameter }

// stepBits is the precision of a step: with it even the product of two coordinates
// of the largest image and the step has no more than the 53 bits of a float64. The
// last pixel of that image is off by less than a hundredth of a pixel.
const stepBits = 21

// NewView returns the view nearest to a request: its corners are off by half a
// pixel at most. It fails where the request fails Check, or where its pixels are
// too close to each other for exact coordinates.
func NewView(p Parameter) (*View, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	r1, r2, err := snap(real(p.C1), real(p.C2), p.Width)
	if err != nil {
		return nil, fmt.Errorf("real axis: %w", err)
	}
	i1, i2, err := snap(imag(p.C1), imag(p.C2), p.Height)
	if err != nil {
		return nil, fmt.Errorf("imaginary axis: %w", err)
	}
	p.C1, p.C2 = complex(r1, i1), complex(r2, i2)
	return &View{p: p}, nil
}

// snap returns the interval nearest to [from, to] whose ends and whose step from
// one pixel to the next are exact.
func snap(from, to float64, pixels uint32) (float64, float64, error) {
	step := (to - from) / float64(pixels)
	if step == 0 || math.IsInf(step, 0) {
		return 0, 0, fmt.Errorf("from %g to %g: want two different ends, not too far apart", from, to)
	}
	_, stepExp := math.Frexp(step)
	_, extentExp := math.Frexp(max(math.Abs(from), math.Abs(to)))
	// With two of the 53 bits left over, the difference of the ends is exact too,
	// also where rounding has moved them.
	quantum := math.Ldexp(1, max(stepExp-stepBits, extentExp-51, -1000))
	k := math.RoundToEven(step / quantum)
	if math.Abs(k) < float64(pixels) {
		return 0, 0, fmt.Errorf("%d pixels from %g to %g are too close to each other: want at least %.3g between two; choose a larger part or fewer pixels",
			pixels, from, to, quantum*float64(pixels))
	}
	from = math.RoundToEven(from/quantum) * quantum
	return from, from + k*quantum*float64(pixels), nil
}

// Parameter returns the request for the whole view.
func (v *View) Parameter() Parameter { return v.p }

// Tile is a rectangle of pixels of a view.
type Tile struct{ X, Y, Width, Height uint32 }

func (t Tile) pixels() int { return int(t.Width) * int(t.Height) }

// Tiles cuts the view into tiles of at most size by size pixels, in reading order.
// If size is zero, the view is one tile.
func (v *View) Tiles(size uint32) []Tile {
	if size == 0 {
		return []Tile{{Width: v.p.Width, Height: v.p.Height}}
	}
	size = min(size, max(v.p.Width, v.p.Height))
	tiles := make([]Tile, 0, int((v.p.Width+size-1)/size)*int((v.p.Height+size-1)/size))
	for y := uint32(0); y < v.p.Height; y += size {
		for x := uint32(0); x < v.p.Width; x += size {
			tiles = append(tiles, Tile{X: x, Y: y, Width: min(size, v.p.Width-x), Height: min(size, v.p.Height-y)})
		}
	}
	return tiles
}

// Request returns the request for a tile, which any element of the service answers
// with the very pixels that the whole view has there.
func (v *View) Request(t Tile) Parameter {
	pl := NewPlane(v.p)
	p := v.p
	p.Width, p.Height = t.Width, t.Height
	p.C1, p.C2 = pl.Point(t.X, t.Y), pl.Point(t.X+t.Width, t.Y+t.Height)
	return p
}
