package plugins

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Checksum returns the SHA-256 of a file in hexadecimal digits, as a plugin block
// wants it.
func Checksum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	return sum(f)
}

func sum(f *os.File) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// program is the file of a plugin, open and looked at. Where the system can, it is
// started by the descriptor, so that what runs is what was hashed even if another
// file has taken its name. Who can write into the file itself can change it in
// between; that is why files that others may write are refused.
type program struct {
	file *os.File
	path string // absolute
	hash string
}

// openProgram opens and checks the program. The caller closes its file.
func openProgram(c *Config) (*program, error) {
	fail := func(problem, remedy string) error {
		return &StartError{Plugin: c.Name, File: c.Command, Problem: problem, Remedy: remedy}
	}
	if c.Command == "" {
		return nil, fail("no command is set", `add command = "FILE" to its block`)
	}
	path, err := filepath.Abs(c.Command)
	if err != nil {
		return nil, fail(err.Error(), "give the full path")
	}
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fail("there is no such file", "put the program there or correct the command")
	case err != nil:
		return nil, fail(err.Error(), "the host must be able to read the file, to check it")
	}
	p := &program{file: f, path: path}
	if err := p.check(c, fail); err != nil {
		_ = f.Close() // only read
		return nil, err
	}
	return p, nil
}

func (p *program) check(c *Config, fail func(problem, remedy string) error) error {
	info, err := p.file.Stat()
	switch {
	case err != nil:
		return fail(err.Error(), "look at the file system")
	case !info.Mode().IsRegular():
		return fail("this is no regular file", "name the program itself")
	case info.Mode().Perm()&0o111 == 0:
		return fail("the file is not executable", "chmod +x "+p.path)
	case info.Mode().Perm()&0o002 != 0:
		return fail("everybody may write into the file", "chmod o-w "+p.path)
	}
	folder := filepath.Dir(p.path)
	if in, err := os.Stat(folder); err == nil && in.Mode().Perm()&0o002 != 0 && in.Mode()&fs.ModeSticky == 0 {
		return fail("everybody may write into the folder "+folder, "chmod o-w "+folder)
	}
	if p.hash, err = sum(p.file); err != nil {
		return fail(err.Error(), "look at the file system")
	}
	want := strings.ToLower(strings.TrimSpace(c.SHA256))
	switch {
	case want == "" && !c.AllowUnpinned:
		return fail("its checksum is not pinned", fmt.Sprintf("add sha256 = %q, or allow_unpinned = true", p.hash))
	case want != "" && want != p.hash:
		return &StartError{
			Plugin: c.Name, File: c.Command,
			Problem:  "the file is not the one that was pinned",
			Expected: want, Found: p.hash,
			Remedy: "if it is meant to be: rspool plugin add " + p.path,
		}
	}
	return nil
}
