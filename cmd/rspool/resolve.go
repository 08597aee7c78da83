package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/pool"
)

func newResolveCommand(a *app) *cobra.Command {
	var host hostFlags
	var n uint32
	var all, watch bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "resolve HANDLE",
		Short: "Ask a registrar which elements serve a pool",
		Long: `resolve asks a registrar for elements of a pool and writes them in the order in
which the pool's policy selected them. With --watch it goes on and writes the pool
again after every change, until it is interrupted.

It ends with 3 where the pool does not exist, and with 4 where no registrar
answers.`,
		Example: `  rspool resolve EchoPool --registrar 127.0.0.1:3863
  rspool resolve EchoPool -n 3 -o json
  rspool resolve EchoPool --watch`,
		Args: arguments("HANDLE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.settings()
			if err != nil {
				return err
			}
			cfg := c.User.HostConfig
			host.apply(cmd.Flags(), &cfg)
			cfg.Log = a.quietLogger(c.Log)
			handle := rserpool.Handle(args[0])
			if err := rserpool.CheckHandle(handle, cfg.MaxHandleLength); err != nil {
				return misuse(err)
			}
			h, err := pool.NewHost(&cfg)
			if err != nil {
				return err
			}
			if all {
				n = pool.AllElements
			}
			if watch {
				err = a.watchPool(cmd.Context(), h, handle)
			} else {
				err = a.resolvePool(cmd.Context(), h, handle, n, timeout)
			}
			return errors.Join(err, h.Close())
		},
	}
	f := cmd.Flags()
	host.add(f)
	f.Uint32VarP(&n, "number", "n", 0, "ask for `N` elements (default as many as the registrar likes)")
	f.BoolVar(&all, "all", false, "ask for as many elements as the registrar is willing to name")
	f.BoolVar(&watch, "watch", false, "write the pool again after every change")
	f.DurationVar(&timeout, "timeout", 10*time.Second, "`TIME` after which to give up")
	cmd.MarkFlagsMutuallyExclusive("number", "all")
	return cmd
}

func (a *app) resolvePool(ctx context.Context, h *pool.Host, handle rserpool.Handle, n uint32, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := pool.Resolve(ctx, h, handle, n)
	if errors.Is(err, context.DeadlineExceeded) {
		return timedOut(fmt.Errorf("resolve %q: no registrar answered within %s; name one with --registrar IP:PORT", handle, timeout))
	}
	if err != nil {
		return err
	}
	return a.print(describePool(r), func(w io.Writer) error { return writePool(w, r) })
}

// watchPool writes the pool after every change, until it is interrupted.
func (a *app) watchPool(ctx context.Context, h *pool.Host, handle rserpool.Handle) error {
	ctx, stop := untilInterrupt(ctx)
	defer stop()
	for r, err := range pool.Watch(ctx, h, handle) {
		switch {
		case errors.Is(err, pool.ErrClosed):
			return err
		case err != nil:
			a.remark("%v", err)
			continue
		}
		err := a.print(describePool(r), func(w io.Writer) error {
			fmt.Fprintf(w, "%s  ", time.Now().Format(time.TimeOnly))
			return writePool(w, r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// A poolJSON is a resolution as -o json writes it.
type poolJSON struct {
	Handle   string        `json:"handle"`
	Policy   string        `json:"policy"`
	Elements []elementJSON `json:"elements"`
}

type elementJSON struct {
	ID        rserpool.ElementID   `json:"id"`
	Home      rserpool.RegistrarID `json:"home"`
	Protocol  string               `json:"protocol"`
	Addresses []string             `json:"addresses"`
	Port      uint16               `json:"port"`
	UDPPort   uint16               `json:"udp_port,omitempty"`
	Control   bool                 `json:"control_channel"`
	Policy    string               `json:"policy"`
	Values    map[string]any       `json:"values,omitempty"`
}

func describePool(r pool.Resolution) poolJSON {
	p := poolJSON{Handle: r.Handle.String(), Policy: policyOf(r).String(), Elements: []elementJSON{}}
	for _, e := range r.Elements {
		t := e.UserTransport
		j := elementJSON{
			ID: e.ID, Home: e.Home, Protocol: t.Protocol.String(), Addresses: []string{}, Port: t.Port, UDPPort: t.UDPPort,
			Control: t.Use == rserpool.DataAndControl, Policy: e.Policy.Type.String(), Values: map[string]any{},
		}
		for _, ip := range t.Addresses {
			j.Addresses = append(j.Addresses, ip.String())
		}
		fields, _ := e.Policy.Type.Fields()
		for _, f := range fields {
			j.Values[f.String()] = policyValue(&e.Policy, f)
		}
		p.Elements = append(p.Elements, j)
	}
	return p
}

func writePool(w io.Writer, r pool.Resolution) error {
	fmt.Fprintf(w, "pool %s: %s, %s\n", r.Handle, policyOf(r), count(len(r.Elements), "element"))
	rows := [][]string{{"ELEMENT", "TRANSPORT", "VALUES", "HOME"}}
	for _, e := range r.Elements {
		var values []string
		fields, _ := e.Policy.Type.Fields()
		for _, f := range fields {
			format := "%s=%d"
			if f.Share() {
				format = "%s=%.4g"
			}
			values = append(values, fmt.Sprintf(format, f, policyValue(&e.Policy, f)))
		}
		rows = append(rows, []string{e.ID.String(), e.UserTransport.String(), orElse(strings.Join(values, " "), "-"), e.Home.String()})
	}
	return table(w, rows)
}

// policyOf is the pool's policy, which is round robin where nothing is said.
func policyOf(r pool.Resolution) rserpool.PolicyType {
	if r.Policy.Type == 0 {
		return rserpool.RoundRobin
	}
	return r.Policy.Type
}

// policyValue is one of a policy's values: shares between 0 and 1, others as
// they are.
func policyValue(p *rserpool.Policy, f rserpool.PolicyField) any {
	v := p.Value(f)
	if f.Share() {
		return rserpool.Load(v).Float64()
	}
	return v
}
