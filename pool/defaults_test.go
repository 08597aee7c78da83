package pool_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/pool"
)

// hostNumbers are the defaults of a host.
type hostNumbers struct {
	MaxHandleLength, MaxRequestRetransmit                     int
	RequestTimeout, HuntTimeout, HuntMaxTimeout, Announcement time.Duration
	AnnounceGroup                                             string
}

func hostNumbersOf(c *pool.HostConfig) hostNumbers {
	return hostNumbers{
		c.MaxHandleLength, c.MaxRequestRetransmit, c.RequestTimeout, c.HuntTimeout, c.HuntMaxTimeout, c.AnnounceTimeout, c.AnnounceGroup,
	}
}

// TestDefaultsAreThoseThatAreWritten compares what configuration files say of
// defaults with what holds without a file.
func TestDefaultsAreThoseThatAreWritten(t *testing.T) {
	for _, d := range []rserpool.Dialect{rserpool.Deployed, rserpool.RFC} {
		t.Run(d.String(), func(t *testing.T) {
			c := config.Default()
			c.Element.HostConfig.Dialect, c.User.HostConfig.Dialect = d, d
			var text bytes.Buffer
			if err := c.WriteHCL(&text); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "all.hcl")
			if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := config.Load([]string{file}, config.Options{})
			if err != nil {
				t.Fatal(err)
			}
			host := pool.HostConfig{Dialect: d}.WithDefaults()
			for name, of := range map[string]*pool.HostConfig{"element": &c.Element.HostConfig, "user": &c.User.HostConfig} {
				if diff := cmp.Diff(hostNumbersOf(of), hostNumbersOf(&host)); diff != "" {
					t.Errorf("%s (-file +without)\n%s", name, diff)
				}
			}
			e, err := (&pool.ElementConfig{HostConfig: pool.HostConfig{Dialect: d}}).WithDefaults()
			if err != nil {
				t.Fatal(err)
			}
			type element struct {
				Protocol                     rserpool.Protocol
				Policy                       rserpool.PolicyType
				Register, Deregister, Load   time.Duration
				MaxRegisterAttempts, Backlog int
			}
			f := c.Element
			if diff := cmp.Diff(
				element{f.Protocol, f.Policy.Type, f.RegisterTimeout, f.DeregisterTimeout, f.LoadInterval, f.MaxRegisterAttempts, f.Backlog},
				element{e.Protocol, e.Policy.Type, e.RegisterTimeout, e.DeregisterTimeout, e.LoadInterval, e.MaxRegisterAttempts, e.Backlog},
			); diff != "" {
				t.Errorf("element (-file +without)\n%s", diff)
			}
			u := pool.UserConfig{}.WithDefaults()
			type user struct {
				Connect, Failover, Delay time.Duration
				NoFailover, Subscribe    bool
			}
			g := c.User
			if diff := cmp.Diff(
				user{g.ConnectTimeout, g.FailoverTimeout, g.FailoverDelay, g.NoFailover, g.Subscribe},
				user{u.ConnectTimeout, u.FailoverTimeout, u.FailoverDelay, u.NoFailover, u.Subscribe},
			); diff != "" {
				t.Errorf("user (-file +without)\n%s", diff)
			}
		})
	}
}
