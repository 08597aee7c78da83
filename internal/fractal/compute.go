package fractal

import (
	"math/cmplx"
)

// Plane computes the pixels of one request. It has no state besides the request,
// so that any number of callers may use one at once.
type Plane struct {
	p            Parameter
	stepX, stepY float64
}

// NewPlane returns the plane of a request that passes Check.
func NewPlane(p Parameter) Plane {
	return Plane{
		p:     p,
		stepX: (real(p.C2) - real(p.C1)) / float64(p.Width),
		stepY: (imag(p.C2) - imag(p.C1)) / float64(p.Height),
	}
}

// Point returns the point of the plane that a pixel shows: its corner nearest C1.
//
// The conversions forbid fused operations, here and in Pixel, so that machines of
// every kind compute the same.
func (pl *Plane) Point(x, y uint32) complex128 {
	return complex(
		real(pl.p.C1)+float64(float64(x)*pl.stepX),
		imag(pl.p.C1)+float64(float64(y)*pl.stepY))
}

// Pixel returns the number of iterations after which the pixel's point escapes,
// MaxIterations if it does not.
func (pl *Plane) Pixel(x, y uint32) uint32 {
	c := pl.Point(x, y)
	if pl.p.Algorithm == MandelbrotN {
		return escapeN(c, complex(pl.p.N, 0), pl.p.MaxIterations)
	}
	return escape(real(c), imag(c), pl.p.MaxIterations)
}

// escape iterates z := z² - c from 0 until |z|² is at least 2.
func escape(cr, ci float64, maximum uint32) uint32 {
	var zr, zi, rr, ii float64
	for i := range maximum {
		zi = float64(2*zr*zi) - ci
		zr = float64(rr-ii) - cr
		rr, ii = float64(zr*zr), float64(zi*zi)
		if rr+ii >= 2 {
			return i
		}
	}
	return maximum
}

// escapeN iterates z := zⁿ - c. Its powers are those of the machine's mathematical
// library, which may differ between kinds of machine in the last bit.
func escapeN(c, n complex128, maximum uint32) uint32 {
	var z complex128
	for i := range maximum {
		z = cmplx.Pow(z, n) - c
		if float64(real(z)*real(z))+float64(imag(z)*imag(z)) >= 2 {
			return i
		}
	}
	return maximum
}
