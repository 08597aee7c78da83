package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/rspool/rspool/internal/status"
)

func newRegistrarDrainCommand(a *app) *cobra.Command {
	var address string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "drain",
		Short: "Let a registrar hand its elements over and end",
		Long: `drain asks a registrar of this machine, at its telemetry address, to end as SIGTERM
does: it stops announcing, hands its elements over to the other registrars, and closes
its associations. The command returns when the registrar is gone. Elements that no
other registrar takes over look for a new home by themselves.`,
		Example: "  rspool registrar drain\n  rspool registrar drain --telemetry 127.0.0.1:9101",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			addr, err := a.telemetryAddress(address)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return a.drainRegistrar(ctx, addr)
		},
	}
	f := cmd.Flags()
	f.StringVar(&address, "telemetry", "", telemetryFlagUsage)
	f.DurationVar(&timeout, "timeout", 30*time.Second, "`TIME` that it may take")
	return cmd
}

// drained is the result of the command.
type drained struct {
	Registrar string  `json:"registrar"`
	Elements  int     `json:"elements"` // its own, when it was asked
	Left      int     `json:"left"`     // when it was last seen
	Seconds   float64 `json:"seconds"`
}

func (a *app) drainRegistrar(ctx context.Context, addr string) error {
	began := time.Now()
	before, err := a.registrarStatus(ctx, addr)
	if err != nil {
		return err
	}
	if err := askToDrain(ctx, addr); err != nil {
		return err
	}
	result := drained{Registrar: before.ID.String(), Elements: before.OwnedCount, Left: before.OwnedCount}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		now, err := a.registrarStatus(ctx, addr)
		if err != nil || now.ID != before.ID {
			if ctx.Err() != nil {
				return timedOut(fmt.Errorf("registrar %s has not ended in time; %s left", before.ID, count(result.Left, "element")))
			}
			break // gone
		}
		result.Left = now.OwnedCount
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	result.Seconds = time.Since(began).Seconds()
	return a.print(result, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "registrar %s has ended after %s; it had %s\n", result.Registrar, rough(result.Seconds), count(result.Elements, "element"))
		return err
	})
}

// registrarStatus reads a registrar's state without its pools.
func (a *app) registrarStatus(ctx context.Context, addr string) (*status.Registrar, error) {
	s, err := readSnapshot(ctx, addr, status.Query{Limit: -1})
	if err != nil {
		return nil, err
	}
	r, ok := s.(*status.Registrar)
	if !ok {
		return nil, fmt.Errorf("%s is not a registrar", addr)
	}
	return r, nil
}

// askToDrain lets the process at addr end.
func askToDrain(ctx context.Context, addr string) error {
	u := url.URL{Scheme: "http", Host: addr, Path: "/drain"}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), nil)
	if err != nil {
		return misusef("telemetry address %q: want HOST:PORT, as in %s", addr, defaultTelemetry)
	}
	req.Header.Set(status.DrainHeader, "1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if resp.StatusCode != http.StatusAccepted {
		return errors.Join(fmt.Errorf("%s answers %s: %s", addr, resp.Status, printable(firstLine(body))), err)
	}
	return nil
}
