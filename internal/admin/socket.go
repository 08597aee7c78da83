package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	rserpool "github.com/rspool/rspool"
)

// maxPath is the longest name of a Unix socket that all systems take.
const maxPath = 103

// Folder is where sockets are unless a configuration says otherwise: what the
// service manager has set aside, else the user's own folder for such files.
func Folder() string {
	if f := os.Getenv("RUNTIME_DIRECTORY"); f != "" {
		f, _, _ = strings.Cut(f, ":") // the first of them
		return f
	}
	if f := os.Getenv("XDG_RUNTIME_DIR"); f != "" {
		return filepath.Join(f, "rspool")
	}
	if os.Getuid() == 0 {
		return "/run/rspool"
	}
	return filepath.Join(os.TempDir(), "rspool-"+strconv.Itoa(os.Getuid()))
}

// Socket is the file of a registrar's socket in Folder.
func Socket(id rserpool.RegistrarID) string {
	return filepath.Join(Folder(), fmt.Sprintf("registrar-%08x.sock", uint32(id)))
}

// Find returns the socket of the one registrar that runs here. It fails where
// there is none, and where there are several.
func Find() (string, error) {
	files, err := filepath.Glob(filepath.Join(Folder(), "registrar-*.sock"))
	if err != nil {
		return "", err
	}
	var alive []string
	for _, f := range files {
		if answers(f) {
			alive = append(alive, f)
		}
	}
	switch len(alive) {
	case 0:
		return "", ErrMissing{fmt.Errorf("no registrar of this user runs here: there is no socket in %s; name another one with --admin FILE", Folder())}
	case 1:
		return alive[0], nil
	}
	return "", fmt.Errorf("%d registrars run here; name one with --admin: %s", len(alive), strings.Join(alive, ", "))
}

// answers reports whether somebody listens at a socket.
func answers(file string) bool {
	c, err := net.DialTimeout("unix", file, time.Second)
	if err != nil {
		return false
	}
	_ = c.Close() // it was only to see
	return true
}

// listen opens a socket that nobody but this user and root may use.
func listen(file string) (net.Listener, error) {
	if len(file) > maxPath {
		return nil, fmt.Errorf("admin socket %s: the name has %d bytes, more than %d; choose a shorter one", file, len(file), maxPath)
	}
	folder := filepath.Dir(file)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("admin socket: %w; choose another file, or set admin { enabled = false }", err)
	}
	if err := ownFolder(folder); err != nil {
		return nil, fmt.Errorf("admin socket %s: %w", file, err)
	}
	if in, err := os.Lstat(file); err == nil {
		switch {
		case in.Mode().Type() != fs.ModeSocket:
			return nil, fmt.Errorf("admin socket %s: the file is there and no socket; choose another one", file)
		case answers(file):
			return nil, fmt.Errorf("admin socket %s: another process answers there; choose another one", file)
		}
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("admin socket: %w", err)
		}
	}
	l, err := net.Listen("unix", file)
	if err != nil {
		return nil, fmt.Errorf("admin socket: %w; choose another file, or set admin { enabled = false }", err)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	return l, nil
}
