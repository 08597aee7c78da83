package pool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine/user"
)

// The bounds of the messages that wait for an element, in each session.
const (
	maxOutbox      = 64
	maxOutboxBytes = 256 << 10
)

// Dial begins a session with an element of a pool, which the pool's policy
// chooses. It tries other elements while those that it was given fail, and
// returns when one has accepted.
//
// It fails with ErrNoRegistrar where no registrar answers, with ErrNoElement
// where the pool does not exist or none of its elements could be reached within
// FailoverTimeout, and with the context's error. A nil configuration stands for
// the zero one.
func Dial(ctx context.Context, handle rserpool.Handle, cfg *UserConfig) (*Session, error) {
	c := UserConfig{}
	if cfg != nil {
		c = *cfg
	}
	c.setDefaults()
	c.Attributes = maps.Clone(c.Attributes)
	fail := func(err error) (*Session, error) {
		return nil, &Error{Op: "dial", Handle: handle, Err: err}
	}
	limit := c.HostConfig.MaxHandleLength
	if c.Host != nil {
		limit = c.Host.cfg.MaxHandleLength
	}
	if err := rserpool.CheckHandle(handle, limit); err != nil {
		return fail(err)
	}
	if err := c.check(); err != nil {
		return fail(err)
	}
	h := c.Host
	if h == nil {
		var err error
		if h, err = NewHost(&c.HostConfig); err != nil {
			return fail(err)
		}
	}
	s := &Session{handle: handle, inbox: newInbox()}
	u := newUserEnd(s, h, c)
	s.end = u
	if err := h.addPart(s); err != nil {
		return fail(err)
	}
	u.input(&user.Start{})
	select {
	case <-u.connected:
		return s, nil
	case <-u.done:
	case <-ctx.Done():
	}
	err := cmp.Or(u.failure(), ctx.Err())
	s.Close()
	return fail(err)
}

func (c *UserConfig) setDefaults() {
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 7500*time.Millisecond)
	c.FailoverTimeout = cmp.Or(c.FailoverTimeout, 60*time.Second)
	c.FailoverDelay = cmp.Or(c.FailoverDelay, 250*time.Millisecond)
}

// check reports what is wrong with the policy and the attributes.
func (c *UserConfig) check() error {
	if c.Policy != nil && len(c.Policy.Policies) == 0 {
		return errors.New("the policy is empty: name one in UserConfig.Policy.Policies, or leave it nil")
	}
	if c.Policy != nil && c.CacheTime <= 0 {
		return errors.New("a policy without a cache has nothing to choose from: set UserConfig.CacheTime")
	}
	tags := rserpool.Tags{}
	for name, value := range c.Attributes {
		tags[name] = value
	}
	if err := tags.Check(); err != nil {
		return fmt.Errorf("attributes: %w", err)
	}
	return nil
}

// machineConfig is the configuration as the machine wants it.
func (c *UserConfig) machineConfig(handle rserpool.Handle) user.SessionConfig {
	m := user.SessionConfig{
		Handle:          handle,
		Items:           c.Items,
		CacheTime:       c.CacheTime,
		Subscribe:       c.Subscribe,
		Policy:          c.Policy,
		Attributes:      c.Attributes,
		ConnectTimeout:  c.ConnectTimeout,
		FailoverDelay:   c.FailoverDelay,
		FailoverTimeout: c.FailoverTimeout,
		NoFailover:      c.NoFailover,
		MaxQueue:        maxOutbox,
		MaxQueueBytes:   maxOutboxBytes,
	}
	if m.Items == 0 && m.CacheTime == 0 {
		m.Items = 1
	}
	return m
}

// errUserOnly is what an element's session says to what only users can do.
var errUserOnly = errors.New("only the user of a session can: it is the element's here")

// errElementOnly is the reverse.
var errElementOnly = errors.New("only the element of a session can: it is the user's here")
