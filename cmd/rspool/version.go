package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/rspool/rspool/internal/transport/sctp"
)

// build says what this binary was made of.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	SCTP     string `json:"sctp,omitempty"` // how this machine speaks it
}

func readBuild() build {
	b := build{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func newVersionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version, how the program was built, and how this machine speaks SCTP",
		Example: "  rspool version\n  rspool version -o json",
		Args:    arguments(),
		RunE: func(*cobra.Command, []string) error {
			b := readBuild()
			b.SCTP = sctp.Ways()
			return a.print(b, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "rspool %s, %s, %s\n", b.Version, b.Go, b.Platform)
				if err == nil && b.Revision != "" {
					mark := ""
					if b.Modified {
						mark = ", modified"
					}
					_, err = fmt.Fprintf(w, "revision %s of %s%s\n", b.Revision, b.Time, mark)
				}
				if err == nil {
					_, err = fmt.Fprintf(w, "SCTP %s\n", b.SCTP)
				}
				return err
			})
		},
	}
}
