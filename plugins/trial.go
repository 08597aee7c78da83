package plugins

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// trial is a pool in which a policy is tried.
type trial struct {
	c        *conformance
	info     *PolicyInfo
	policy   *Policy
	mu       sync.Mutex
	selector *engine.Selector
	pool     *pool
	members  map[uint32]*engine.Member
	random   *rand.Rand
}

// tryout opens a pool of n elements.
func (c *conformance) tryout(info *PolicyInfo, handle rserpool.Handle, n int) (*trial, error) {
	p, _, err := c.plugin.Policy(c.ctx, PolicyConfig{Name: "plugin." + info.Name, Policy: info.Name, Config: c.configs[info.Name]})
	if err != nil {
		return nil, err
	}
	t := &trial{c: c, info: info, policy: p, members: map[uint32]*engine.Member{}, random: rand.New(rand.NewPCG(1, 2))}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.selector, err = engine.NewSelector(time.Now(), t, engine.Setting{Handle: handle, Rand: rand.New(rand.NewPCG(3, 4)), Run: t.run})
	if err != nil {
		return nil, err
	}
	for i := range n {
		t.add(uint32(i + 1))
	}
	return t, nil
}

// run calls f as the owner of the pool.
func (t *trial) run(f func(time.Time)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(time.Now())
}

// Describe and Open make the trial a policy that notes which instance was opened.
func (t *trial) Describe() engine.Description { return t.policy.Describe() }

func (t *trial) Open(e *engine.Pool) (engine.Policy, error) {
	i, err := t.policy.Open(e)
	if p, ok := i.(interface{ itself() *pool }); ok {
		t.pool = p.itself()
	}
	return i, err
}

func (p *pool) itself() *pool { return p }

func (t *trial) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.selector.Close()
}

// add registers an element with values that depend on its identifier alone.
func (t *trial) add(id uint32) {
	r := rand.New(rand.NewPCG(uint64(id), 7))
	t.register(id, rserpool.Policy{
		Type: rserpool.WeightedRoundRobin, Weight: 1 + r.Uint32N(100), Priority: r.Uint32N(10), Load: rserpool.Load(r.Uint32()),
		Degradation: rserpool.Load(r.Uint32N(1 << 24)), LoadDPF: rserpool.Load(r.Uint32N(1 << 20)), Distance: r.Uint32N(300),
	})
}

func (t *trial) register(id uint32, v rserpool.Policy) {
	if m := t.members[id]; m != nil {
		m.Element.Policy = v
		t.selector.Update(time.Now(), m)
		return
	}
	m := &engine.Member{Element: &rserpool.Element{ID: rserpool.ElementID(id), Policy: v}}
	t.members[id] = m
	t.selector.Add(time.Now(), m)
}

func (t *trial) remove(id uint32) {
	if m := t.members[id]; m != nil {
		t.selector.Remove(m)
		delete(t.members, id)
	}
}

// unanswered says what is missing for everybody to be known, empty if nothing is.
func (t *trial) unanswered() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pool
	p.mu.Lock()
	l := p.active
	var behind uint64
	pending := l == nil || l.pending || l.epoch == 0
	if l != nil {
		behind = l.epoch - l.answered
	}
	p.mu.Unlock()
	if pending || behind > 0 {
		return fmt.Sprintf("%d events are not answered", behind)
	}
	switch t.info.Mode {
	case Rank:
		n := 0
		for _, r := range p.records {
			if !r.ranked {
				n++
			}
		}
		if n > 0 {
			return fmt.Sprintf("%d of %d elements have no rank", n, len(p.records))
		}
	case Queue:
		if len(p.records) > 0 && p.queue.left == 0 {
			return "the queue is empty"
		}
	}
	return ""
}

// settle waits until everybody is known, and then looks for nonsense.
func (t *trial) settle() error {
	patience := t.c.plugin.config().StartTimeout
	end := time.Now().Add(patience)
	for {
		missing := t.unanswered()
		if missing == "" {
			break
		}
		s := t.c.plugin.Status()
		switch {
		case s.State != Running.String():
			return fmt.Errorf("the plugin ended: %s\n%s", s.LastEnd, strings.Join(t.c.plugin.Logs(), "\n"))
		case t.c.ctx.Err() != nil:
			return t.c.ctx.Err()
		case time.Now().After(end):
			return fmt.Errorf("after %v, %s", patience, missing)
		}
		time.Sleep(time.Millisecond)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.selector.LastFault(); err != nil {
		return err
	}
	return nil
}

// selects makes some selections.
func (t *trial) selects() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := engine.Request{Items: 3, Now: time.Now()}
	var dst []*engine.Member
	for range 10 {
		dst = t.selector.Select(&r, dst[:0])
		if len(dst) == 0 && t.selector.Len() > 0 && t.info.Mode != Direct {
			return errors.New("a selection found nobody")
		}
	}
	if err := t.selector.LastFault(); err != nil {
		return err
	}
	return nil
}
