package plugins

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"text/template"
)

//go:embed templates python/rspool_plugin/*.py
var starters embed.FS

// starter says which template becomes which file of a new plugin.
type starter struct {
	template string
	file     string // %s is the plugin's name
	mode     fs.FileMode
}

var languages = map[string][]starter{
	"go": {
		{"templates/go/main.go.tmpl", "main.go", 0o644},
		{"templates/go/main_test.go.tmpl", "main_test.go", 0o644},
		{"templates/go/go.mod.tmpl", "go.mod", 0o644},
		{"templates/go/README.md.tmpl", "README.md", 0o644},
	},
	"python": {
		{"templates/python/plugin.py.tmpl", "%s.py", 0o755},
		{"templates/python/test_plugin.py.tmpl", "test_plugin.py", 0o755},
		{"templates/python/README.md.tmpl", "README.md", 0o644},
	},
}

// Scaffold writes a new plugin, in "go" or "python", into a folder that it makes, and
// returns the files. The plugin works as it is, and passes the conformance test. It
// overwrites nothing.
func Scaffold(language, name, folder string) ([]string, error) {
	list, ok := languages[language]
	switch {
	case !ok:
		return nil, fmt.Errorf("language %q: there are templates for go and python", language)
	case !named(name):
		return nil, fmt.Errorf("name %q: use lower case and hyphens, as in \"least-cost\"", name)
	}
	var written []string
	write := func(file string, content []byte, mode fs.FileMode) error {
		file = filepath.Join(folder, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s is there already: choose another folder", file)
		}
		if err != nil {
			return err
		}
		written = append(written, file)
		_, err = f.Write(content)
		return errors.Join(err, f.Close())
	}
	for _, s := range list {
		t, err := template.ParseFS(starters, s.template)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, struct{ Name string }{name}); err != nil {
			return nil, err
		}
		file := s.file
		if path.Ext(file) == ".py" && file[0] == '%' {
			file = fmt.Sprintf(file, name)
		}
		if err := write(file, b.Bytes(), s.mode); err != nil {
			return written, err
		}
	}
	if language != "python" {
		return written, nil
	}
	modules, err := fs.Glob(starters, "python/rspool_plugin/*.py")
	if err != nil {
		return written, err
	}
	for _, m := range modules {
		content, err := starters.ReadFile(m)
		if err != nil {
			return written, err
		}
		if err := write(filepath.Join("rspool_plugin", path.Base(m)), content, 0o644); err != nil {
			return written, err
		}
	}
	return written, nil
}
