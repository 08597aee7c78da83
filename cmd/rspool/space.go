package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/status"
)

func newSpaceCommand(a *app) *cobra.Command {
	return a.group("space", "Look at the handlespace as registrars see it",
		"  rspool space dump\n  rspool space diff 127.0.0.1:9100 127.0.0.1:9101",
		newSpaceDumpCommand(a), newSpaceWatchCommand(a), newSpaceDiffCommand(a))
}

// spaceElement is one element of a handlespace, without what only one registrar
// knows of it.
type spaceElement struct {
	Pool      string               `json:"pool"`
	ID        rserpool.ElementID   `json:"id"`
	Home      rserpool.RegistrarID `json:"home"`
	Policy    string               `json:"policy"`
	Transport string               `json:"transport"`
	Load      *float64             `json:"load,omitempty"`
	Distance  *uint32              `json:"distance,omitempty"`
	Expires   time.Time            `json:"expires"`
}

// spaceKey names an element.
type spaceKey struct {
	pool string
	id   rserpool.ElementID
}

// space is the handlespace as one registrar sees it.
type space struct {
	Registrar rserpool.RegistrarID `json:"registrar"`
	InSync    bool                 `json:"in_sync"`
	Elements  []spaceElement       `json:"elements"`
}

func (s *space) byKey() map[spaceKey]*spaceElement {
	m := make(map[spaceKey]*spaceElement, len(s.Elements))
	for i := range s.Elements {
		e := &s.Elements[i]
		m[spaceKey{e.Pool, e.ID}] = e
	}
	return m
}

// readSpace reads the handlespace page by page. What changes meanwhile may be
// missed.
func readSpace(ctx context.Context, addr, pattern string) (*space, error) {
	q := status.Query{Pool: pattern, Limit: status.MaxLimit}
	var s *space
	for {
		snapshot, err := readSnapshot(ctx, addr, q)
		if err != nil {
			return nil, err
		}
		r, ok := snapshot.(*status.Registrar)
		if !ok {
			return nil, fmt.Errorf("%s is not a registrar", addr)
		}
		if s == nil {
			s = &space{Registrar: r.ID, InSync: r.Scope == nil || r.Scope.InSync, Elements: []spaceElement{}}
		} else if s.Registrar != r.ID {
			return nil, fmt.Errorf("the registrar at %s has ended meanwhile, and another is in its place; try again", addr)
		}
		for i := range r.Pools {
			p := &r.Pools[i]
			for j := range p.Elements {
				e := &p.Elements[j]
				s.Elements = append(s.Elements, spaceElement{
					Pool: p.Handle, ID: e.ID, Home: e.Home, Policy: p.Policy, Transport: e.Transport,
					Load: e.Load, Distance: e.Distance, Expires: e.Expires,
				})
			}
		}
		if r.Next == nil {
			return s, nil
		}
		q.After = *r.Next
	}
}

func newSpaceDumpCommand(a *app) *cobra.Command {
	var address, pattern string
	cmd := &cobra.Command{
		Use:   "dump",
		Short: "Write every element that a registrar knows",
		Long: `dump writes the handlespace as a registrar sees it, from its telemetry address: every
pool and element, with its home registrar.`,
		Example: "  rspool space dump\n  rspool space dump --telemetry 192.0.2.1:9100 --pool 'Echo*' -o json",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			addr, err := a.telemetryAddress(address)
			if err != nil {
				return err
			}
			s, err := readSpace(cmd.Context(), addr, pattern)
			if err != nil {
				return err
			}
			return a.print(s, func(w io.Writer) error { return writeSpace(w, s, time.Now()) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&address, "telemetry", "", telemetryFlagUsage)
	f.StringVar(&pattern, "pool", "", "only pools whose handle matches `PATTERN`")
	return cmd
}

func writeSpace(w io.Writer, s *space, now time.Time) error {
	note := ""
	if !s.InSync {
		note = ", which is not in sync yet"
	}
	fmt.Fprintf(w, "%s, as registrar %s sees it%s\n", count(len(s.Elements), "element"), s.Registrar, note)
	if len(s.Elements) == 0 {
		return nil
	}
	rows := [][]string{{"POOL", "ELEMENT", "HOME", "POLICY", "TRANSPORT", "LOAD", "EXPIRES"}}
	for i := range s.Elements {
		e := &s.Elements[i]
		rows = append(rows, []string{
			printable(e.Pool), e.ID.String(), e.Home.String(), printable(e.Policy), printable(e.Transport),
			share(e.Load), "in " + rough(e.Expires.Sub(now).Seconds()),
		})
	}
	return table(w, rows)
}

// spaceChange is one difference between two views of the handlespace.
type spaceChange struct {
	At time.Time `json:"at,omitzero"`
	// Change is "joined", "left", "moved" (another home) or "changed"; of a diff,
	// "only-first", "only-second" or "differs".
	Change  string             `json:"change"`
	Pool    string             `json:"pool"`
	Element rserpool.ElementID `json:"element"`
	Before  *spaceElement      `json:"before,omitempty"`
	After   *spaceElement      `json:"after,omitempty"`
}

// compareSpaces returns what differs, in order of pools and elements. Loads and
// what depends on time do not count, unless values is set.
func compareSpaces(before, after *space, values bool) []spaceChange {
	was, is := before.byKey(), after.byKey()
	keys := maps.Clone(is)
	maps.Copy(keys, was)
	sorted := slices.SortedFunc(maps.Keys(keys), func(a, b spaceKey) int {
		return cmp.Or(cmp.Compare(a.pool, b.pool), cmp.Compare(a.id, b.id))
	})
	changes := []spaceChange{}
	for _, k := range sorted {
		c := spaceChange{Pool: k.pool, Element: k.id, Before: was[k], After: is[k]}
		switch b, n := was[k], is[k]; {
		case b == nil:
			c.Change = "joined"
		case n == nil:
			c.Change = "left"
		case b.Home != n.Home:
			c.Change = "moved"
		case b.Transport != n.Transport || b.Policy != n.Policy || values && !sameShare(b.Load, n.Load):
			c.Change = "changed"
		default:
			continue
		}
		changes = append(changes, c)
	}
	return changes
}

func sameShare(a, b *float64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
