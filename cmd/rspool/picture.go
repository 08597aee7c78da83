package main

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rspool/rspool/internal/fractal"
)

// writePNG writes a picture to a file, which is there as a whole or not at all.
func writePNG(path string, img image.Image) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".rspool-*.png")
	if err != nil {
		return fmt.Errorf("write picture %s: %w", path, err)
	}
	err = errors.Join(png.Encode(f, img), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error counts
		return fmt.Errorf("write picture %s: %w", path, err)
	}
	return nil
}

// checkPicture fails early where writePNG would fail in the end.
func checkPicture(path string) error {
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write picture %s: %w", path, err)
	}
	return nil
}

// painters is a table of elements with the columns that an image of a pool has,
// and more where the caller knows more of the elements.
func painters(w io.Writer, r fractal.Report, more []string, values func(fractal.ElementReport) []string) error {
	rows := [][]string{append(append([]string{"ELEMENT"}, more...), "TILES", "PIXELS", "SHARE", "FAILOVERS", "LOST WORK", "FAILOVER TIME")}
	for _, e := range r.Elements {
		row := []string{e.Element.String()}
		if values != nil {
			row = append(row, values(e)...)
		}
		longest := "-"
		if e.Failovers > 0 {
			longest = milliseconds(e.LongestFailover)
		}
		rows = append(rows, append(row,
			fmt.Sprint(e.Tiles), fmt.Sprint(e.Pixels), fmt.Sprintf("%.1f%%", 100*e.Share),
			fmt.Sprint(e.Failovers), fmt.Sprintf("%d px", e.Lost), longest))
	}
	return table(w, rows)
}

// milliseconds returns a duration as a person wants it here: to the millisecond.
func milliseconds(d time.Duration) string { return d.Round(time.Millisecond).String() }

// showPreview draws a picture into the terminal, nothing where there is none or
// where it has no colours.
func showPreview(w io.Writer, img *image.RGBA) {
	columns, rows, ok := terminal(w)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return
	}
	// The table is to be seen too.
	columns = min(columns-1, 64, (rows-12)*2*img.Rect.Dx()/max(img.Rect.Dy(), 1))
	fmt.Fprint(w, fractal.Preview(img, columns))
}

// legend says which colour is whose; without a terminal it is empty.
func legend(w io.Writer, elements []fractal.ElementReport, colours []color.RGBA) string {
	if _, _, ok := terminal(w); !ok || os.Getenv("NO_COLOR") != "" {
		return ""
	}
	var b strings.Builder
	for i, e := range elements {
		c := colours[i]
		fmt.Fprintf(&b, "\x1b[38;2;%d;%d;%dm■\x1b[0m %s  ", c.R, c.G, c.B, e.Element)
	}
	return b.String()
}

// besides returns a file name beside another: "a.png" with "-elements" is
// "a-elements.png".
func besides(path, suffix string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + suffix + ext
}
