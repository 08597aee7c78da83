package config

import (
	"strconv"
	"testing"

	rserpool "github.com/rspool/rspool"
)

func TestSharesAreShownAsTheyWereWritten(t *testing.T) {
	for _, written := range []string{"0", "1", "0.5", "0.1", "0.25", "0.001", "0.333", "0.123456789", "1e-06"} {
		t.Run(written, func(t *testing.T) {
			f, err := strconv.ParseFloat(written, 64)
			if err != nil {
				t.Fatal(err)
			}
			if got := strconv.FormatFloat(shortestShare(rserpool.LoadOf(f)), 'g', -1, 64); got != written {
				t.Errorf("%s is shown as %s", written, got)
			}
		})
	}
}

func FuzzShortestShare(f *testing.F) {
	f.Add(uint32(0))
	f.Add(uint32(429496730))
	f.Add(uint32(1<<32 - 1))
	f.Fuzz(func(t *testing.T, n uint32) {
		if l := rserpool.Load(n); rserpool.LoadOf(shortestShare(l)) != l {
			t.Errorf("%d becomes %d", l, rserpool.LoadOf(shortestShare(l)))
		}
	})
}
