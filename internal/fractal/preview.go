package fractal

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"strings"
)

// Colours returns n colours that are easy to tell apart, for PainterPicture.
func Colours(n int) []color.RGBA {
	// Bright hues first, in an order in which neighbours differ; then the circle
	// of hues in steps of the golden angle.
	base := []color.RGBA{
		{230, 80, 70, 255}, {70, 140, 240, 255}, {90, 200, 90, 255}, {250, 200, 60, 255},
		{180, 100, 230, 255}, {60, 210, 210, 255}, {245, 140, 50, 255}, {240, 120, 190, 255},
	}
	colours := make([]color.RGBA, n)
	for i := range colours {
		if i < len(base) {
			colours[i] = base[i]
			continue
		}
		colours[i] = hue(math.Mod(float64(i)*0.381966, 1))
	}
	return colours
}

func hue(h float64) color.RGBA {
	channel := func(at float64) uint8 {
		d := math.Abs(math.Mod(h-at+1.5, 1) - 0.5) // distance on the circle
		return uint8(70 + 180*min(max(2-6*d, 0), 1))
	}
	return color.RGBA{channel(0), channel(1. / 3), channel(2. / 3), 255}
}

// Preview returns a picture as text for a terminal with 24-bit colours: lines of
// at most the columns given, each of which shows two rows of the picture.
func Preview(img *image.RGBA, columns int) string {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	columns = min(columns, w)
	if columns < 1 || h < 1 {
		return ""
	}
	rows := max(2*((h*columns/w+1)/2), 2)
	var b strings.Builder
	for row := 0; row < rows; row += 2 {
		for column := range columns {
			upper := average(img, column, row, columns, rows)
			lower := average(img, column, row+1, columns, rows)
			fmt.Fprintf(&b, "\x1b[38;2;%d;%d;%dm\x1b[48;2;%d;%d;%dm▀", upper.R, upper.G, upper.B, lower.R, lower.G, lower.B)
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String()
}

// average returns the mean colour of a cell, where the picture is cut into columns
// times rows of them.
func average(img *image.RGBA, column, row, columns, rows int) color.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	x0, x1 := column*w/columns, max((column+1)*w/columns, column*w/columns+1)
	y0 := min(row*h/rows, h-1)
	y1 := min(max((row+1)*h/rows, y0+1), h)
	var r, g, b, n int
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			c := img.RGBAAt(img.Rect.Min.X+x, img.Rect.Min.Y+y)
			r, g, b, n = r+int(c.R), g+int(c.G), b+int(c.B), n+1
		}
	}
	return color.RGBA{uint8(r / n), uint8(g / n), uint8(b / n), 255}
}
