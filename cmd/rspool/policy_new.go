package main

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rspool/rspool/lua"
)

// The starting files, by form.
//
//go:embed new/key.lua
var newKey string

//go:embed new/weight.lua
var newWeight string

//go:embed new/affinity.lua
var newAffinity string

//go:embed new/select.lua
var newSelect string

// editorSettings has the Lua language server check files as what they are. The types
// beside it are found without being named.
//
//go:embed new/luarc.json
var editorSettings string

func newPolicyNewCommand(a *app) *cobra.Command {
	form, folder := "key", "."
	var force, stub bool
	cmd := &cobra.Command{
		Use:   "new [NAME]",
		Short: "Write a starting file for a policy in Lua",
		Long: `new writes NAME.lua: a policy that works, with comments and with tests. Change it and
run rspool policy check on it until it does what you want.

Of the forms, key sorts the elements by a number and is the one to begin with; weight
draws them at random, affinity sends the same users to the same elements, and select
looks at the whole pool for each request, which costs much more.

--stub writes rspool.lua into the folder too, with which editors that run the Lua
language server complete and check policy files, and its settings, .luarc.json, if
there are none. Without NAME it writes nothing else.`,
		Example: "  rspool policy new energy\n  rspool policy new night-shift --form weight --dir /etc/rspool/policies\n  rspool policy new --stub",
		Args:    arguments("[NAME]"),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 && !stub {
				return misusef("rspool policy new: want a NAME, or --stub alone; see rspool policy new --help")
			}
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return err
			}
			written, hint := []string{}, "editors complete policy files in this folder now"
			if len(args) > 0 {
				file, err := writePolicy(args[0], form, folder, force)
				if err != nil {
					return err
				}
				written, hint = append(written, file), "check it with: rspool policy check "+file
			}
			if stub {
				files, err := writeStub(folder)
				if err != nil {
					return err
				}
				written = append(written, files...)
			}
			return a.print(map[string][]string{"written": written}, func(w io.Writer) error {
				are := "is"
				if len(written) > 1 {
					are = "are"
				}
				_, err := fmt.Fprintf(w, "%s %s written; %s\n", strings.Join(written, " and "), are, hint)
				return err
			})
		},
	}
	cmd.Flags().Var(&choice{&form, []string{"key", "weight", "affinity", "select"}}, "form", "`FORM` of the policy: key, weight, affinity or select")
	cmd.Flags().StringVar(&folder, "dir", folder, "`FOLDER` of the file")
	cmd.Flags().BoolVar(&force, "force", false, "replace a file that exists")
	cmd.Flags().BoolVar(&stub, "stub", false, "write the types for editors too")
	return cmd
}

// writePolicy writes a starting file and returns its name.
func writePolicy(arg, form, folder string, force bool) (string, error) {
	name := strings.TrimSuffix(arg, ".lua")
	if name == "" || strings.ContainsAny(name, `/\ `) {
		return "", misusef("rspool policy new: %q is no name; use letters, digits, _ and -, and --dir for the folder", arg)
	}
	file := filepath.Join(folder, name+".lua")
	text := map[string]string{"key": newKey, "weight": newWeight, "affinity": newAffinity, "select": newSelect}[form]
	return file, writeNew(file, []byte(strings.ReplaceAll(text, "NAME", name)), force)
}

// writeStub writes what editors want, and returns the names of the files. Settings that
// exist are somebody's own.
func writeStub(folder string) ([]string, error) {
	types, settings := filepath.Join(folder, "rspool.lua"), filepath.Join(folder, ".luarc.json")
	if err := writeNew(types, []byte(lua.Stub), true); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(settings); err == nil {
		return []string{types}, nil
	}
	return []string{types, settings}, writeNew(settings, []byte(editorSettings), false)
}
