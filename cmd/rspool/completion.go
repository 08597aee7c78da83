package main

import (
	"github.com/spf13/cobra"
)

func newCompletionCommand(a *app) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Write the completion script for a shell",
		Long: `completion writes a script that makes a shell complete commands, flags and their
values. SHELL is bash, zsh, fish or powershell.`,
		Example:           "  rspool completion bash > /etc/bash_completion.d/rspool\n  rspool completion zsh > \"${fpath[1]}/_rspool\"",
		Args:              arguments("SHELL"),
		ValidArgsFunction: cobra.FixedCompletions(shells, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.stdout)
			case "fish":
				return root.GenFishCompletion(a.stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.stdout)
			}
			return misusef("%s: unknown shell %q; want one of bash, zsh, fish, powershell", place(cmd), args[0])
		},
	}
}
