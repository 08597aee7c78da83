// Package watch tells when files have other contents than before, whichever way
// they were changed: written in place, replaced by an editor, or by a link that now
// leads elsewhere. It watches folders, and reads the files when something happens
// in them.
//
// It does not know what is in the files, and it keeps nothing of them but a hash.
package watch

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle is how long nothing must happen before the files are read: editors
	// and package managers write several times.
	settle = 100 * time.Millisecond
	// patience bounds that where something happens all the time.
	patience = time.Second
	// poll is how often the files are read although nothing is heard: file
	// systems of other machines are silent. Without any notifications it is
	// done more often.
	poll      = 30 * time.Second
	pollAlone = 2 * time.Second
	// maxRead bounds what is hashed of one file.
	maxRead = 4 << 20
)

// Watcher watches files. Its methods may be called at once.
type Watcher struct {
	log    *slog.Logger
	notify *fsnotify.Watcher // nil where the system has none

	mu      sync.Mutex
	folders map[string]bool
	prints  map[string]print // by path
}

type print [sha256.Size]byte

// New returns a watcher of nothing. Close it at the end.
func New(log *slog.Logger) *Watcher {
	w := &Watcher{log: log, folders: map[string]bool{}, prints: map[string]print{}}
	var err error
	if w.notify, err = fsnotify.NewWatcher(); err != nil {
		log.Warn("changes of files are noticed late: the system does not report them", "error", err, "interval", pollAlone)
	}
	return w
}

// Close ends the watching.
func (w *Watcher) Close() error {
	if w.notify == nil {
		return nil
	}
	return w.notify.Close()
}

// Set replaces what is watched: files, and folders, of which the files directly in
// them are meant. They need not exist. What was changed at or after the moment
// given, when the caller read it, counts as changed.
func (w *Watcher) Set(paths []string, since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	folders := map[string]bool{}
	prints := map[string]print{}
	for _, p := range paths {
		if in, err := os.Stat(p); err == nil && in.IsDir() {
			folders[p] = true
		}
		folders[filepath.Dir(p)] = true
		prints[p] = fingerprint(p)
		if changedSince(p, since) {
			prints[p] = print{} // no file has this hash
		}
	}
	if w.notify != nil {
		for f := range w.folders {
			if !folders[f] {
				_ = w.notify.Remove(f) // it may be gone already
			}
		}
		for _, f := range slices.Sorted(maps.Keys(folders)) {
			if w.folders[f] {
				continue
			}
			if err := w.notify.Add(f); err != nil {
				w.log.Warn("changes in a folder are noticed late", "folder", f, "error", err, "interval", poll)
			}
		}
	}
	w.folders, w.prints = folders, prints
}

// Run calls changed after each change with the paths that did, until ctx ends. It
// is called from this goroutine, so that it may call Set.
func (w *Watcher) Run(ctx context.Context, changed func(paths []string)) {
	interval := poll
	var events chan fsnotify.Event
	var errs chan error
	if w.notify == nil {
		interval = pollAlone
	} else {
		events, errs = w.notify.Events, w.notify.Errors
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	quiet := time.NewTimer(settle) // what Set took for changed
	defer quiet.Stop()
	var first time.Time // of the events that wait
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-events:
			if !ok {
				return // closed
			}
			if first.IsZero() {
				first = time.Now()
			}
			quiet.Reset(max(0, min(settle, patience-time.Since(first))))
		case err, ok := <-errs:
			if !ok {
				return // closed
			}
			w.log.Warn("changes of files may be noticed late", "error", err, "interval", poll)
		case <-quiet.C:
			first = time.Time{}
			if w.compare(changed) {
				quiet.Reset(settle)
			}
		case <-tick.C:
			w.compare(changed)
		}
	}
}

// compare reads all files and calls changed where any differs from before. It says
// whether to look again soon.
func (w *Watcher) compare(changed func([]string)) (again bool) {
	paths, again := w.differing()
	if len(paths) > 0 {
		changed(paths)
	}
	return again
}

// differing returns the files that differ from before, which is told once. Those that
// somebody may be writing just now are left for later.
func (w *Watcher) differing() (paths []string, again bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range slices.Sorted(maps.Keys(w.prints)) {
		f := fingerprint(p)
		switch {
		case f == w.prints[p]:
		case unfinished(p):
			again = true
		default:
			w.prints[p] = f
			paths = append(paths, p)
		}
	}
	return paths, again
}

// unfinished reports whether a file, or one in a folder, was emptied a moment ago: who
// writes in place does that first.
func unfinished(path string) bool {
	in, err := os.Stat(path)
	if err != nil {
		return false
	}
	empty := func(in os.FileInfo) bool {
		return in.Mode().IsRegular() && in.Size() == 0 && time.Since(in.ModTime()) < patience
	}
	if !in.IsDir() {
		return empty(in)
	}
	entries, err := os.ReadDir(path)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		in, err := e.Info()
		return err == nil && empty(in)
	})
}

// fingerprint is a hash of a file's contents, or of the names and contents of the
// files in a folder, or of what is wrong with it.
func fingerprint(path string) print {
	h := sha256.New()
	entries, err := os.ReadDir(path)
	if err != nil { // no folder
		hashFile(h, path)
		return print(h.Sum(nil))
	}
	for _, e := range entries { // in lexical order
		fmt.Fprintf(h, "%q\n", e.Name())
		if !e.IsDir() {
			hashFile(h, filepath.Join(path, e.Name()))
		}
	}
	return print(h.Sum(nil))
}

func hashFile(h io.Writer, path string) {
	in, err := os.Stat(path)
	if err == nil && !in.Mode().IsRegular() {
		fmt.Fprint(h, in.Mode().Type()) // a pipe would block
		return
	}
	f, err := os.Open(path)
	if err != nil {
		fmt.Fprint(h, os.IsNotExist(err))
		return
	}
	defer func() { _ = f.Close() }() // only read
	fmt.Fprintln(h, in.Size())
	_, _ = io.Copy(h, io.LimitReader(f, maxRead)) // what cannot be read cannot be compared
}

// changedSince reports whether a file, or a folder or one of its files, was
// written at or after a moment.
func changedSince(path string, since time.Time) bool {
	in, err := os.Stat(path)
	if err != nil {
		return false
	}
	if !in.ModTime().Before(since) {
		return true
	}
	if !in.IsDir() {
		return false
	}
	entries, err := os.ReadDir(path)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		in, err := e.Info()
		return err == nil && !in.ModTime().Before(since)
	})
}
