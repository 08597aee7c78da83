package main

import (
	_ "embed"
	"fmt"
	"io"
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

func newPolicyNewCommand(a *app) *cobra.Command {
	form, folder := "key", "."
	var force, stub bool
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Write a starting file for a policy in Lua",
		Long: `new writes NAME.lua: a policy that works, with comments and with tests. Change it and
run rspool policy check on it until it does what you want.

Of the forms, key sorts the elements by a number and is the one to begin with; weight
draws them at random, affinity sends the same users to the same elements, and select
looks at the whole pool for each request, which costs much more. --stub writes
rspool.lua beside it, with which editors complete and check policy files.`,
		Example: "  rspool policy new energy\n  rspool policy new night-shift --form weight --dir /etc/rspool/policies",
		Args:    arguments("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			name := strings.TrimSuffix(args[0], ".lua")
			if name == "" || strings.ContainsAny(name, `/\ `) {
				return misusef("rspool policy new: %q is no name; use letters, digits, _ and -, and --dir for the folder", args[0])
			}
			file := filepath.Join(folder, name+".lua")
			text := map[string]string{"key": newKey, "weight": newWeight, "affinity": newAffinity, "select": newSelect}[form]
			if err := writeNew(file, []byte(strings.ReplaceAll(text, "NAME", name)), force); err != nil {
				return err
			}
			written := []string{file}
			if stub {
				types := filepath.Join(folder, "rspool.lua")
				if err := writeNew(types, []byte(lua.Stub), true); err != nil {
					return err
				}
				written = append(written, types)
			}
			return a.print(map[string][]string{"written": written}, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s is written; check it with: rspool policy check %s\n", strings.Join(written, " and "), file)
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
