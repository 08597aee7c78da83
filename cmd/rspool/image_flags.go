package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rspool/rspool/internal/fractal"
)

// imageFlags say which image to compute.
type imageFlags struct {
	size       string
	from, to   string
	iterations uint32
	algorithm  string
	exponent   float64
}

func (f *imageFlags) add(flags *pflag.FlagSet, size string) {
	flags.StringVar(&f.size, "size", size, "`WIDTHxHEIGHT` of the image, in pixels")
	flags.StringVar(&f.from, "from", "", "`REAL,IMAGINARY` part of the upper left corner (default: the whole set)")
	flags.StringVar(&f.to, "to", "", "`REAL,IMAGINARY` part of the lower right corner")
	flags.Uint32Var(&f.iterations, "iterations", 500, "largest `NUMBER` of iterations for a pixel")
	flags.StringVar(&f.algorithm, "algorithm", fractal.Mandelbrot.String(), "mandelbrot, or mandelbrot-n with --exponent")
	flags.Float64Var(&f.exponent, "exponent", 2, "`N` of mandelbrot-n")
}

// maxPixels bounds what is held in memory: six bytes for each pixel, and four more
// for a picture.
const maxPixels = 1 << 26

// view returns what the flags ask for.
func (f *imageFlags) view() (*fractal.View, error) {
	p := fractal.Parameter{MaxIterations: f.iterations, N: f.exponent}
	var err error
	if p.Width, p.Height, err = parseSize(f.size); err != nil {
		return nil, err
	}
	if n := uint64(p.Width) * uint64(p.Height); n > maxPixels {
		return nil, fmt.Errorf("size %s: %d pixels are too many: want at most %d", f.size, n, maxPixels)
	}
	if p.Algorithm, err = fractal.ParseAlgorithm(f.algorithm); err != nil {
		return nil, err
	}
	if (f.from == "") != (f.to == "") {
		return nil, fmt.Errorf("--from and --to go together: give both corners, or none for the whole set")
	}
	if f.from == "" {
		p.C1, p.C2 = wholeSet(p.Width, p.Height)
	} else {
		if p.C1, err = parsePoint(f.from); err != nil {
			return nil, fmt.Errorf("--from: %w", err)
		}
		if p.C2, err = parsePoint(f.to); err != nil {
			return nil, fmt.Errorf("--to: %w", err)
		}
	}
	return fractal.NewView(p)
}

// wholeSet returns the corners between which the whole Mandelbrot set is seen, with
// square pixels. The service's formula subtracts the point, so the real axis runs
// from right to left.
func wholeSet(width, height uint32) (from, to complex128) {
	const centre, w, h = complex(0.65, 0), 3.2, 2.4 // of a picture of 4 by 3
	pixel := max(w/float64(width), h/float64(height))
	half := complex(pixel*float64(width)/2, -pixel*float64(height)/2)
	return centre + half, centre - half
}

func parseSize(s string) (width, height uint32, err error) {
	w, h, ok := strings.Cut(s, "x")
	x, err1 := strconv.ParseUint(w, 10, 32)
	y, err2 := strconv.ParseUint(h, 10, 32)
	if !ok || err1 != nil || err2 != nil {
		return 0, 0, fmt.Errorf("size %q: want WIDTHxHEIGHT, as in 1024x768", s)
	}
	return uint32(x), uint32(y), nil
}

func parsePoint(s string) (complex128, error) {
	re, im, ok := strings.Cut(s, ",")
	x, err1 := strconv.ParseFloat(re, 64)
	y, err2 := strconv.ParseFloat(im, 64)
	if !ok || err1 != nil || err2 != nil {
		return 0, fmt.Errorf("point %q: want REAL,IMAGINARY, as in 0.7,0.3", s)
	}
	return complex(x, y), nil
}

// pictureFlag is the -o of commands that make a picture: a file that ends in .png,
// or one of the formats that every -o takes. It may be given twice.
type pictureFlag struct {
	app  *app
	file *string
}

func addPictureFlag(cmd *cobra.Command, a *app, file *string) {
	cmd.Flags().VarP(&pictureFlag{a, file}, "output", "o", "`FILE` of the picture, ending in .png; or json for results and errors as data. May be given for both")
}

func (p *pictureFlag) String() string { return *p.file }
func (p *pictureFlag) Type() string   { return "FILE.png|text|json" }

func (p *pictureFlag) Set(s string) error {
	switch {
	case s == textOutput || s == jsonOutput:
		p.app.output = s
	case strings.HasSuffix(strings.ToLower(s), ".png"):
		*p.file = s
	default:
		return fmt.Errorf("want a file that ends in .png, or text or json")
	}
	return nil
}
