package engine

import (
	"fmt"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
)

// Try reports why a configuration is not fit to take over: it has every policy in it
// that is not at work yet, nor Remote, rank the members as they are now. Nothing of
// the chain changes.
func (c *Chain) Try(now time.Time, to *ChainConfig) error {
	for i, p := range to.Policies {
		if err := c.try(now, p, i == 0); err != nil {
			return err
		}
	}
	if to.Shadow != nil {
		return c.try(now, to.Shadow, false)
	}
	return nil
}

func (c *Chain) try(now time.Time, p Policy, first bool) error {
	d := p.Describe()
	known := func(o Policy) bool { return same(o, p) }
	if d.Trusted || d.Remote || slices.ContainsFunc(c.config.Policies, known) || same(c.config.Shadow, p) {
		return nil
	}
	s := c.newTwins(nil)
	s.keeper = stopper{}
	var old map[rserpool.ElementID]any
	if first {
		old = c.main.data()
	}
	instance, pool, err := s.open(now, p)
	if err == nil {
		s.attach(now, p, instance, pool, old)
		err = s.LastFault()
		s.suspend()
	}
	if err != nil {
		return fmt.Errorf("policy %s: %w", d.Name, err)
	}
	return nil
}

// stopper ends a trial with the first fault.
type stopper struct{}

func (stopper) faulted(error) bool { return true }
func (stopper) wavered(error)      {}
func (stopper) spare() Policy      { return nil }
