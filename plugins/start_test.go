package plugins

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestStartErrors(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tc := range []struct {
		name      string
		behaviour string
		change    func(*Config)
		problem   string // contained in it
		remedy    string
		stderr    string // contained in one of the lines
	}{
		{"no command", "well", func(c *Config) { c.Command = "" }, "no command", "command =", ""},
		{"no such file", "well", func(c *Config) { c.Command = filepath.Join(folder, "nowhere") }, "no such file", "correct the command", ""},
		{"a folder", "well", func(c *Config) { c.Command = folder }, "no regular file", "program itself", ""},
		{"not executable", "well", func(c *Config) { c.Command = file("plain", "x", 0o644) }, "not executable", "chmod +x", ""},
		{"writable by everybody", "well", func(c *Config) { c.Command = file("open", "x", 0o777) }, "everybody may write", "chmod o-w", ""},
		{"in a folder writable by everybody", "well", func(c *Config) {
			sub := filepath.Join(folder, "open-folder")
			_ = os.Mkdir(sub, 0o777)
			_ = os.Chmod(sub, 0o777)
			c.Command = filepath.Join(sub, "x")
			_ = os.WriteFile(c.Command, nil, 0o755)
		}, "everybody may write into the folder", "chmod o-w", ""},
		{"for no system", "well", func(c *Config) { c.Command = file("noexec", "garbage\n", 0o755) }, "another system", "tells what it is", ""},
		{"without its interpreter", "well", func(c *Config) { c.Command = file("script", "#!/no/such/interpreter\n", 0o755) }, "interpreter", "head -1", ""},
		{"not pinned", "well", func(c *Config) { c.AllowUnpinned = false }, "not pinned", "add sha256 = \"", ""},
		{"wrong checksum", "well", func(c *Config) { c.SHA256 = strings.Repeat("ab", 32) }, "not the one that was pinned", "rspool plugin add " + exe, ""},
		{"ends at once", "exit", nil, "ended before it was ready (exit status 3)", "rspool plugin run", "the prices are nowhere"},
		{"panics at once", "panic", nil, "ended before it was ready (exit status 2)", "rspool plugin run", "panic: prices out of bounds"},
		{"never speaks", "mute", func(c *Config) { c.StartTimeout = 300 * time.Millisecond }, "said nothing within 300ms", "sdk.Serve", ""},
		{"greets on stdout", "greeting", nil, `wrote "Hello! I am a friendly plugin."`, "before sdk.Serve", ""},
		{"writes a line without end", "endless-line", nil, `wrote "xxxxxxxx`, "before sdk.Serve", ""},
		{"other protocol of the library", "line 2|1|unix|/x|grpc", nil, `version "2"."1"`, "build it with the sdk", ""},
		{"other protocol of ours", "line 1|9|unix|/x|grpc", nil, `version "1"."9"`, "build it with the sdk", ""},
		{"no grpc", "line 1|1|unix|/x|netrpc", nil, `offers "netrpc"`, "build it with the sdk", ""},
		{"a socket elsewhere", "line 1|1|unix|/var/run/docker.sock|grpc", nil, "not at a socket in the folder", "PLUGIN_UNIX_SOCKET_DIR", ""},
		{"a socket that is none", "line 1|1|unix|FOLDER/plugin|grpc", nil, "not at a socket in the folder", "PLUGIN_UNIX_SOCKET_DIR", ""},
		{"a port", "line 1|1|tcp|127.0.0.1:22|grpc", nil, "not at a socket in the folder", "PLUGIN_UNIX_SOCKET_DIR", ""},
		{"no name", "nameless", nil, "no name in lower case", "author", ""},
		{"no policies", "no-policies", nil, "offers 0 policies", "author", ""},
		{"a mode of the future", "future-mode", nil, "mode 77", "author", ""},
		{"hangs when described", "hang-describe", func(c *Config) { c.StartTimeout = 3 * time.Second }, "does not describe itself", "rspool plugin run", ""},
		{"panics when described", "crash-describe", nil, "ended before it had described itself: the process ended: exit status 2", "rspool plugin run", "panic: cannot describe"},
		{"wrong version", "well", func(c *Config) { c.Version = ">= 2.0, < 3" }, "version is 1.4.2, wanted is >= 2.0, < 3", "another version", ""},
		{"no such user", "well", func(c *Config) { c.User = "nobody-of-this-name" }, `no user "nobody-of-this-name"`, "user and group", ""},
		{"attached to nothing", "well", func(c *Config) { c.Attach = filepath.Join(folder, "socket"); c.StartTimeout = 300 * time.Millisecond }, "does not describe itself", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := self(t, tc.behaviour)
			if tc.change != nil {
				tc.change(&cfg)
			}
			e := startError(t, cfg)
			if !strings.Contains(e.Problem, tc.problem) || !strings.Contains(e.Remedy, tc.remedy) {
				t.Errorf("%v\nwant %q and %q", e, tc.problem, tc.remedy)
			}
			if tc.stderr != "" && !slices.ContainsFunc(e.Stderr, func(l string) bool { return strings.Contains(l, tc.stderr) }) {
				t.Errorf("stderr %q, want %q", e.Stderr, tc.stderr)
			}
			if len(e.Stderr) > maxTail {
				t.Errorf("%d lines of stderr", len(e.Stderr))
			}
		})
	}
}

// TestChecksumErrorsNameBothSums is for those who upgrade a program and wonder.
func TestChecksumErrorsNameBothSums(t *testing.T) {
	cfg := self(t, "well")
	cfg.SHA256 = strings.Repeat("ab", 32)
	found, err := Checksum(cfg.Command)
	if err != nil {
		t.Fatal(err)
	}
	e := startError(t, cfg)
	if e.Expected != cfg.SHA256 || e.Found != found || !strings.Contains(e.Error(), found) || !strings.Contains(e.Error(), cfg.Command) {
		t.Errorf("%v", e)
	}
	cfg.SHA256, cfg.AllowUnpinned = strings.ToUpper(found), false
	up(t, cfg)
}

func TestCertificatesOnBothSides(t *testing.T) {
	cfg := self(t, "well")
	cfg.NoMTLS = false
	w := open(t, up(t, cfg), "least", nil, 0.5, 0.1)
	eventually(t, "ranks", w.is(true))

	cfg.Env["BEHAVIOUR"] = "line 1|1|unix|FOLDER/s|grpc"
	if e := startError(t, cfg); !strings.Contains(e.Problem, "not at a socket") {
		t.Error(e)
	}
}

// TestStartIsGivenUp ends a start from outside.
func TestStartIsGivenUp(t *testing.T) {
	for _, how := range []string{"mute", "hang-describe"} {
		t.Run(how, func(t *testing.T) {
			p := New(self(t, how))
			defer func() { _ = p.Close() }()
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			defer cancel()
			began := time.Now()
			if err := p.Start(ctx); err != context.DeadlineExceeded || time.Since(began) > 5*time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		})
	}
	t.Run("by Close", func(t *testing.T) {
		p := New(self(t, "mute"))
		time.AfterFunc(200*time.Millisecond, func() { _ = p.Close() })
		if err := p.Start(context.Background()); err == nil {
			t.Error("started")
		}
		_ = p.Close()
	})
}

// TestOnlyTheEnvironmentGiven keeps the host's secrets from the plugin.
func TestOnlyTheEnvironmentGiven(t *testing.T) {
	t.Setenv("SECRET", "of the host")
	script := filepath.Join(t.TempDir(), "plugin")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nenv >&2\npwd >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cfg := self(t, "")
	cfg.Command = script
	cfg.Env = map[string]string{"ZONE": "de"}
	e := startError(t, cfg)
	all := strings.Join(e.Stderr, "\n")
	if strings.Contains(all, "SECRET") || !strings.Contains(all, "ZONE=de") || !slices.Contains(e.Stderr, filepath.Dir(script)) {
		t.Errorf("environment:\n%s", all)
	}
}

func TestFoldersWithLongNames(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), strings.Repeat("long", 20)))
	if err := os.Mkdir(os.TempDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	up(t, self(t, "well"))
}
