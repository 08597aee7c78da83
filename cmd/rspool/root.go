package main

import (
	"github.com/spf13/cobra"
)

// newRootCommand returns the whole tree of commands.
func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "rspool",
		Short: "Reliable Server Pooling: registrars, elements and users",
		Long: `rspool runs Reliable Server Pooling (RSerPool, RFC 5351 to RFC 5356): registrars
keep the handlespace, elements serve pools, users find an element and change to
another one when theirs dies.

Exit codes: 0 done, 1 failed, 2 misuse, 3 not found, 4 timed out. Results go to
the standard output, remarks and logs to the standard error.`,
		Example: `  rspool demo
  rspool registrar run
  rspool resolve EchoPool --registrar 127.0.0.1:3863`,
		Args:              cobra.ArbitraryArgs,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return a.unknownCommand(cmd, args[0])
			}
			cmd.SetOut(a.stdout)
			return cmd.Help()
		},
	}
	a.addGlobalFlags(root)
	root.SetHelpCommand(newHelpCommand(a))
	addGroup(root, "run", "Run a pool:",
		newDemoCommand(a),
		newRegistrarCommand(a),
		newElementCommand(a),
		newUserCommand(a),
	)
	addGroup(root, "look", "Look into one:",
		newResolveCommand(a),
		newSpaceCommand(a),
		newTopCommand(a),
		newDecodeCommand(a),
		newSimulateCommand(a),
	)
	addGroup(root, "choose", "Choose among elements:",
		newPolicyCommand(a),
		newPluginCommand(a),
	)
	addGroup(root, "else", "Configuration and help:",
		newConfigCommand(a),
		newCompletionCommand(a),
		newManCommand(a),
		newVersionCommand(a),
	)
	root.SetHelpCommandGroupID("else")
	a.finish(root)
	return root
}

// addGroup hangs commands into the root under a common heading.
func addGroup(root *cobra.Command, id, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: id, Title: title})
	for _, c := range commands {
		c.GroupID = id
	}
	root.AddCommand(commands...)
}

func newHelpCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND...]",
		Short:   "Explain a command",
		Long:    "help writes what --help does.",
		Example: "  rspool help registrar run",
		Args:    arguments("[COMMAND...]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			about, err := a.findCommand(cmd.Root(), args)
			if err != nil {
				return err
			}
			return about.Help()
		},
	}
}
