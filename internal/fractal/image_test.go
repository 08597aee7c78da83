package fractal

import (
	"context"
	"errors"
	"image"
	"image/color"
	"strings"
	"testing"
)

func TestPictureShowsTheSetInBlack(t *testing.T) {
	p := reference
	p.Width, p.Height = 40, 40
	m, err := Compute(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	img := m.Picture()
	for at, v := range m.Counts {
		c := img.RGBAAt(at%40, at/40)
		if c.A != 255 {
			t.Fatalf("pixel %d is transparent: %v", at, c)
		}
		if black := c == (color.RGBA{A: 255}); black != (v == p.MaxIterations) {
			t.Fatalf("pixel %d with %d of %d iterations is %v", at, v, p.MaxIterations, c)
		}
	}
}

func TestPainterPictureTellsPaintersApart(t *testing.T) {
	m := NewImage(Parameter{Width: 3, Height: 1, MaxIterations: 10})
	copy(m.Counts, []uint32{5, 5, 0})
	copy(m.Painters, []uint16{1, 2, 0})
	img := m.PainterPicture([]color.RGBA{{R: 255, A: 255}, {G: 255, A: 255}})
	first, second, missing := img.RGBAAt(0, 0), img.RGBAAt(1, 0), img.RGBAAt(2, 0)
	if first.R == 0 || first.G != 0 || second.G == 0 || second.R != 0 {
		t.Errorf("painters 1 and 2 are %v and %v, want red and green", first, second)
	}
	if missing != (color.RGBA{128, 128, 128, 255}) {
		t.Errorf("the missing pixel is %v, want grey", missing)
	}
}

func TestPicturesOfDegenerateImages(t *testing.T) {
	for _, tc := range []struct {
		name  string
		image *Image
	}{
		{"nothing is painted", NewImage(Parameter{Width: 2, Height: 2, MaxIterations: 10})},
		{"all within the set", &Image{Width: 1, Height: 1, MaxIterations: 3, Counts: []uint32{3}, Painters: []uint16{1}}},
		{"one count everywhere", &Image{Width: 2, Height: 1, MaxIterations: 3, Counts: []uint32{2, 2}, Painters: []uint16{1, 1}}},
		{"a painter without a colour", &Image{Width: 1, Height: 1, MaxIterations: 3, Counts: []uint32{2}, Painters: []uint16{9}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if img := tc.image.Picture(); img.Rect.Dx() != int(tc.image.Width) {
				t.Errorf("picture is %v", img.Rect)
			}
			if img := tc.image.PainterPicture(Colours(1)); img.Rect.Dy() != int(tc.image.Height) {
				t.Errorf("painter picture is %v", img.Rect)
			}
		})
	}
}

func TestDifferentCountsPixels(t *testing.T) {
	a, b := NewImage(reference), NewImage(reference)
	if n := a.Different(b); n != 0 {
		t.Errorf("equal images differ in %d pixels", n)
	}
	b.Counts[3], b.Counts[7] = 1, 1
	if n := a.Different(b); n != 2 {
		t.Errorf("images differ in %d pixels, want 2", n)
	}
	if n := a.Different(NewImage(wide)); n != wide.Pixels() {
		t.Errorf("images of different sizes differ in %d pixels, want %d", n, wide.Pixels())
	}
}

func TestComputeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Compute(ctx, wide); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the cancellation", err)
	}
	if _, err := Compute(t.Context(), Parameter{}); err == nil {
		t.Error("an empty request is computed")
	}
}

func TestColoursAreDistinct(t *testing.T) {
	seen := make(map[color.RGBA]int)
	for i, c := range Colours(40) {
		if j, ok := seen[c]; ok {
			t.Errorf("colours %d and %d are both %v", j, i, c)
		}
		seen[c] = i
	}
}

func TestPreviewFitsTheTerminal(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 100, 50))
	for i := range img.Pix {
		img.Pix[i] = 200
	}
	for _, tc := range []struct {
		name           string
		columns        int
		lines, symbols int
	}{
		{"narrower than the picture", 40, 10, 40},
		{"wider than the picture", 200, 25, 100},
		{"one column", 1, 1, 1},
		{"no terminal", 0, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := Preview(img, tc.columns)
			lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
			if text == "" {
				lines = nil
			}
			if len(lines) != tc.lines {
				t.Errorf("%d lines, want %d", len(lines), tc.lines)
			}
			for _, l := range lines {
				if n := strings.Count(l, "▀"); n != tc.symbols {
					t.Errorf("%d symbols in a line, want %d", n, tc.symbols)
				}
				if !strings.HasSuffix(l, "\x1b[0m") {
					t.Error("a line leaves its colours behind")
				}
			}
		})
	}
}
