package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

const (
	maxInclude = 1 << 20 // bytes that file returns
	maxEnv     = 1 << 17 // bytes that env returns
)

// functions returns what expressions of one file may call. None of them can make
// a result that is much larger than its arguments, except those that cost knows.
func functions(filename string, env func(string) (string, bool), included map[string]bool) map[string]function.Function {
	return map[string]function.Function{
		"env":       envFunction(env),
		"file":      fileFunction(filepath.Dir(filename), included),
		"hash":      hashFunction,
		"coalesce":  stdlib.CoalesceFunc,
		"concat":    stdlib.ConcatFunc,
		"contains":  stdlib.ContainsFunc,
		"join":      stdlib.JoinFunc,
		"keys":      stdlib.KeysFunc,
		"length":    stdlib.LengthFunc,
		"lower":     stdlib.LowerFunc,
		"max":       stdlib.MaxFunc,
		"merge":     stdlib.MergeFunc,
		"min":       stdlib.MinFunc,
		"split":     stdlib.SplitFunc,
		"trimspace": stdlib.TrimSpaceFunc,
		"upper":     stdlib.UpperFunc,
		"values":    stdlib.ValuesFunc,
	}
}

// envFunction is env(name) and env(name, default).
func envFunction(env func(string) (string, bool)) function.Function {
	return function.New(&function.Spec{
		Params:   []function.Parameter{{Name: "name", Type: cty.String}},
		VarParam: &function.Parameter{Name: "default", Type: cty.String},
		Type:     function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if len(args) > 2 {
				return cty.NilVal, function.NewArgErrorf(2, "want a name and at most one default")
			}
			name := args[0].AsString()
			s, ok := env(name)
			switch {
			case ok && len(s) > maxEnv:
				return cty.NilVal, function.NewArgErrorf(0, "environment variable %s is longer than %d bytes", quote(name), maxEnv)
			case ok:
				return cty.StringVal(s), nil
			case len(args) == 2:
				return args[1], nil
			}
			return cty.NilVal, function.NewArgErrorf(0, "environment variable %s is not set; set it, or name a default: env(%s, \"...\")", quote(name), quote(name))
		},
	})
}

// fileFunction is file(name): the text of a file in folder or below it, which is
// noted in included.
func fileFunction(folder string, included map[string]bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "name", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			included[filepath.Join(folder, name)] = true // even if it cannot be read: that may change
			s, err := readInside(folder, name)
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.StringVal(s), nil
		},
	})
}

// readInside reads a file that is in folder or below it, links included.
func readInside(folder, name string) (string, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return "", err
	}
	defer root.Close()
	if info, err := root.Stat(name); err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return "", fmt.Errorf("%s: %w; files are read from the folder of the configuration and below it", quote(name), err)
	} else if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", quote(name))
	}
	f, err := root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxInclude+1))
	switch {
	case err != nil:
		return "", err
	case len(b) > maxInclude:
		return "", fmt.Errorf("%s is larger than %d bytes", quote(name), maxInclude)
	case !utf8.Valid(b):
		return "", fmt.Errorf("%s is not text in UTF-8", quote(name))
	}
	return string(b), nil
}

// hashFunction is hash(text): the SHA-256 of a string in hexadecimal digits.
var hashFunction = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "text", Type: cty.String}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		sum := sha256.Sum256([]byte(args[0].AsString()))
		return cty.StringVal(hex.EncodeToString(sum[:])), nil
	},
})
