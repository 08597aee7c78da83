package registrar_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/config"
	role "github.com/rspool/rspool/internal/machine/registrar"
	"github.com/rspool/rspool/internal/transport/tcp"
	"github.com/rspool/rspool/internal/transport/udp"
)

// written returns the configuration in which each default is written out.
func written(t *testing.T, d rserpool.Dialect) *config.Config {
	t.Helper()
	c := config.Default()
	c.Registrar.Dialect = d
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
	return c
}

// TestDefaultsAreThoseThatAreWritten compares what configuration files say of
// defaults with what holds without a file.
func TestDefaultsAreThoseThatAreWritten(t *testing.T) {
	type numbers struct {
		MaxHandleLength, MaxPools, MaxPoolElements, MaxElements, MaxAssociations int
		MaxItems, MaxBadReports, MaxPeers                                        int
		KeepAliveInterval, KeepAliveTimeout, ReportInterval                      time.Duration
		MinLife, MaxLife, DefaultLife, Announce                                  time.Duration
		Heartbeat, LastHeard, NoResponse, Mentor, Takeover, Handover, Step       time.Duration
		TransportHeartbeat                                                       time.Duration
		TransportRetries                                                         int
	}
	for _, d := range []rserpool.Dialect{rserpool.Deployed, rserpool.RFC} {
		t.Run(d.String(), func(t *testing.T) {
			c, m, u, s := written(t, d).Registrar, role.Defaults(d), udp.Defaults(), tcp.Defaults()
			e := c.ENRP
			file := numbers{
				c.MaxHandleLength, c.MaxPools, c.MaxPoolElements, c.MaxElements, c.MaxAssociations,
				c.MaxItems, c.MaxBadReports, e.MaxPeers,
				c.KeepAliveInterval, c.KeepAliveTimeout, c.ReportInterval,
				c.MinLife, c.MaxLife, c.DefaultLife, c.Announce.Interval,
				e.HeartbeatInterval, e.MaxTimeLastHeard, e.MaxTimeNoResponse, e.MentorTimeout, e.TakeoverTimeout, e.HandoverTimeout, e.DistanceStep,
				c.HeartbeatInterval, c.HeartbeatRetries,
			}
			holds := numbers{
				m.MaxHandleLength, m.MaxPools, m.MaxPoolElements, m.MaxElements, m.MaxAssociations,
				m.MaxItems, m.MaxBadReports, m.Scope.MaxPeers,
				m.KeepAliveInterval, m.KeepAliveTimeout, m.ReportInterval,
				m.MinLife, m.MaxLife, m.DefaultLife, m.AnnounceInterval,
				m.Scope.HeartbeatInterval, m.Scope.MaxTimeLastHeard, m.Scope.MaxTimeNoResponse, m.Scope.MentorTimeout, m.Scope.TakeoverTimeout, m.Scope.HandoverTimeout, m.Scope.DistanceStep,
				u.HeartbeatInterval, u.MaxRetrans,
			}
			if diff := cmp.Diff(file, holds); diff != "" {
				t.Errorf("(-file +without)\n%s", diff)
			}
			if s.HeartbeatInterval != u.HeartbeatInterval || s.MaxRetrans != u.MaxRetrans {
				t.Errorf("doors over TCP have heartbeats of their own: %v, %d", s.HeartbeatInterval, s.MaxRetrans)
			}
		})
	}
}
