package fractal

import (
	"context"
	"image"
	"image/color"
	"math"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Image is a picture in the making: the iteration count of each pixel, and who
// computed it.
type Image struct {
	Width, Height uint32
	MaxIterations uint32
	// Counts and Painters hold the pixels line by line. A painter is a number of
	// the caller's choice; zero means that the pixel is still missing.
	Counts   []uint32
	Painters []uint16
}

// NewImage returns an image of which every pixel is missing.
func NewImage(p Parameter) *Image {
	return &Image{
		Width: p.Width, Height: p.Height, MaxIterations: p.MaxIterations,
		Counts:   make([]uint32, p.Pixels()),
		Painters: make([]uint16, p.Pixels()),
	}
}

// Compute computes the image of a request on this machine, with all its processors,
// as painter 1. It returns early with the context's error when that ends.
func Compute(ctx context.Context, p Parameter) (*Image, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	m, pl := NewImage(p), NewPlane(p)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for y := range p.Height {
		g.Go(func() error {
			for x := range p.Width {
				if x%64 == 0 && ctx.Err() != nil {
					return ctx.Err()
				}
				at := int(y)*int(p.Width) + int(x)
				m.Counts[at], m.Painters[at] = pl.Pixel(x, y), 1
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return m, nil
}

// Different returns the number of pixels in which two images differ; images of
// different sizes differ in all pixels of the larger one.
func (m *Image) Different(other *Image) int {
	if m.Width != other.Width || m.Height != other.Height {
		return max(len(m.Counts), len(other.Counts))
	}
	n := 0
	for i, v := range m.Counts {
		if v != other.Counts[i] {
			n++
		}
	}
	return n
}

// Picture returns the image in colours: the set itself is black, and the colours
// around it follow the logarithm of the iteration count.
func (m *Image) Picture() *image.RGBA {
	palette := m.palette()
	return m.draw(func(at int) color.RGBA { return palette.at(m.Counts[at]) })
}

// PainterPicture returns the image with one hue for each painter; colours holds
// that of painter 1 first. Missing pixels are grey. What the image shows stays
// visible as lighter and darker shades.
func (m *Image) PainterPicture(colours []color.RGBA) *image.RGBA {
	palette := m.palette()
	return m.draw(func(at int) color.RGBA {
		painter := int(m.Painters[at])
		if painter < 1 || painter > len(colours) {
			return color.RGBA{128, 128, 128, 255}
		}
		c, shade := colours[painter-1], palette.shade(m.Counts[at])
		return color.RGBA{scale(c.R, shade), scale(c.G, shade), scale(c.B, shade), 255}
	})
}

func (m *Image) draw(colour func(at int) color.RGBA) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, int(m.Width), int(m.Height)))
	for at := range m.Counts {
		c := colour(at)
		copy(img.Pix[4*at:], []byte{c.R, c.G, c.B, c.A})
	}
	return img
}

func scale(v uint8, by float64) uint8 { return uint8(math.Round(float64(v) * by)) }

// palette maps iteration counts to colours.
type palette struct {
	lowest, highest float64 // logarithms of the counts present
	maximum         uint32
}

func (m *Image) palette() palette {
	lowest, highest := uint32(math.MaxUint32), uint32(0)
	for i, v := range m.Counts {
		if v < m.MaxIterations && m.Painters[i] != 0 {
			lowest, highest = min(lowest, v), max(highest, v)
		}
	}
	if lowest > highest {
		lowest, highest = 0, 1
	}
	p := palette{lowest: math.Log1p(float64(lowest)), highest: math.Log1p(float64(highest)), maximum: m.MaxIterations}
	if p.highest == p.lowest {
		p.highest++
	}
	return p
}

// brightness returns how near the pixel is to the set, from 0 to 1, and 0 within.
func (p palette) brightness(count uint32) float64 {
	if count >= p.maximum {
		return 0
	}
	f := (math.Log1p(float64(count)) - p.lowest) / (p.highest - p.lowest)
	return min(max(f, 0), 1)
}

// shade is for pictures in which the hue says something else.
func (p palette) shade(count uint32) float64 {
	if count >= p.maximum {
		return 0.4
	}
	return 0.65 + 0.35*p.brightness(count)
}

// stops are the colours from far away of the set to its edge.
var stops = []color.RGBA{
	{0, 7, 60, 255}, {10, 50, 140, 255}, {32, 107, 203, 255}, {130, 200, 245, 255}, {237, 250, 255, 255},
	{255, 214, 80, 255}, {255, 150, 0, 255}, {200, 50, 20, 255}, {90, 5, 40, 255},
}

func (p palette) at(count uint32) color.RGBA {
	if count >= p.maximum {
		return color.RGBA{A: 255}
	}
	f := p.brightness(count) * float64(len(stops)-1)
	i := min(int(f), len(stops)-2)
	a, b, f := stops[i], stops[i+1], f-float64(i)
	mix := func(x, y uint8) uint8 { return uint8(math.Round(float64(x)*(1-f) + float64(y)*f)) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}
