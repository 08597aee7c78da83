package watch

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// watching returns what Run reports of the paths.
func watching(t *testing.T, paths ...string) <-chan []string {
	t.Helper()
	w := New(slog.New(slog.DiscardHandler))
	w.Set(paths, time.Now().Add(time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	reports := make(chan []string, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx, func(paths []string) { reports <- paths })
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return reports
}

// want waits for a report of exactly these paths.
func want(t *testing.T, reports <-chan []string, paths ...string) {
	t.Helper()
	select {
	case got := <-reports:
		if !slices.Equal(got, paths) {
			t.Errorf("changed are %v, want %v", got, paths)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("nothing is reported, want %v", paths)
	}
}

func TestChangesAreReported(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, dir, file string)
		folder bool // the folder is watched, not the file
	}{
		{"written_in_place", func(t *testing.T, _, file string) { write(t, file, "new") }, false},
		{"replaced", func(t *testing.T, dir, file string) {
			write(t, filepath.Join(dir, "tmp"), "new")
			if err := os.Rename(filepath.Join(dir, "tmp"), file); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"removed", func(t *testing.T, _, file string) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"made_a_link", func(t *testing.T, dir, file string) {
			write(t, filepath.Join(dir, "elsewhere"), "other")
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("elsewhere", file); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"a_new_file_in_a_folder", func(t *testing.T, dir, _ string) { write(t, filepath.Join(dir, "b"), "b") }, true},
		{"written_in_a_folder", func(t *testing.T, _, file string) { write(t, file, "new") }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "a.lua")
			write(t, file, "old")
			path := file
			if tt.folder {
				path = dir
			}
			reports := watching(t, path)
			tt.change(t, dir, file)
			want(t, reports, path)
		})
	}
}

func TestManyWritesAreOneChange(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.lua")
	write(t, file, "old")
	reports := watching(t, file)
	for i := range 20 {
		write(t, file, string(rune('a'+i)))
	}
	want(t, reports, file)
	write(t, file, "last")
	want(t, reports, file)
	if n := len(reports); n > 0 {
		t.Errorf("%d reports too many", n)
	}
}

func TestSameContentsAreNoChange(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.lua"), filepath.Join(dir, "b.lua")
	write(t, a, "a")
	write(t, b, "b")
	reports := watching(t, a, b)
	write(t, a, "a")
	write(t, filepath.Join(dir, "unwatched"), "c")
	write(t, b, "new")
	want(t, reports, b)
}

func TestFilesMayAppearLater(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.lua")
	reports := watching(t, file)
	write(t, file, "new")
	want(t, reports, file)
}

func TestWhatWasWrittenAfterItWasReadIsAChange(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.lua")
	read := time.Now().Add(-time.Minute)
	write(t, file, "new")
	w := New(slog.New(slog.DiscardHandler))
	defer w.Close()
	w.Set([]string{file}, read)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	var got []string
	w.Run(ctx, func(paths []string) {
		got = paths
		cancel()
	})
	if !slices.Equal(got, []string{file}) {
		t.Errorf("changed are %v, want %v", got, file)
	}
}

func TestPathsMayBeSetWhileRunning(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a")
	write(t, file, "one")
	w := New(slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	reports := make(chan []string, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx, func(paths []string) {
			w.Set([]string{file}, time.Now().Add(time.Hour)) // as a reload does
			reports <- paths
		})
	}()
	for range 100 {
		w.Set([]string{file}, time.Now().Add(time.Hour)) // as a signal does
	}
	write(t, file, "two")
	want(t, reports, file)
	cancel()
	<-done
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestUnfinishedFiles(t *testing.T) {
	now, before := time.Now().Add(time.Minute), time.Now().Add(-time.Minute)
	for _, tt := range []struct {
		name, text string
		written    time.Time
		want       bool
	}{
		{"emptied_just_now", "", now, true},
		{"emptied_long_ago", "", before, false},
		{"written_just_now", "x", now, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "file")
			write(t, file, tt.text)
			if err := os.Chtimes(file, tt.written, tt.written); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{file, filepath.Dir(file)} {
				if got := unfinished(path); got != tt.want {
					t.Errorf("unfinished is %t of %s", got, path)
				}
			}
		})
	}
	if unfinished(filepath.Join(t.TempDir(), "nowhere")) {
		t.Error("a file that is gone is unfinished")
	}
}

func TestEmptiedFilesAreReportedLater(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "something")
	reports := watching(t, file)
	write(t, file, "")
	want(t, reports, file)
}
