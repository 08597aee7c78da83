package engine

// Status is what became of the policies of a chain.
type Status struct {
	// Active is the number of the policy that the pool goes by; zero is the first
	// choice.
	Active int
	// Policies are those of the chain, in its order.
	Policies []PolicyStatus
	// Shadow is the policy in the shadow, nil without one.
	Shadow *PolicyStatus
}

// PolicyStatus is what became of one policy of a pool.
type PolicyStatus struct {
	Name, Version, Hash string
	Standing            Standing
	// Reason is why it is Open or Unavailable.
	Reason error
	// LastFault is the latest fault, nil without any.
	LastFault error
	// Truncated is how many selections ended before the filter had seen everybody.
	Truncated uint64
	Counts
}

// Standing is where a policy of a chain stands.
type Standing uint8

// Where it may stand.
const (
	Idle        Standing = iota // not at work, since nothing calls for it
	InUse                       // the pool goes by it
	StandingBy                  // it answers what the one in use does not
	Open                        // it failed, and is left alone
	Trial                       // it failed, and is asked again for nothing
	Unavailable                 // it has nothing to go by
	Shadowing                   // it is asked about a share of the selections, for nothing
)

// String returns the word in lower case.
func (s Standing) String() string {
	return [...]string{"idle", "in-use", "standing-by", "open", "trial", "unavailable", "shadowing"}[s]
}

// Chained reports whether there is more than one trusted policy.
func (c *Chain) Chained() bool { return c.lanes != nil }

// Status returns what became of the policies.
func (c *Chain) Status() Status {
	if c.lanes == nil {
		d := c.main.policy.Describe()
		return Status{Policies: []PolicyStatus{{
			Name: d.Name, Version: d.Version, Hash: d.Hash, Standing: InUse, Counts: Counts{Faults: c.main.faults},
		}}}
	}
	s := Status{Active: c.active}
	for i, l := range c.lanes {
		standing := Idle
		switch {
		case i == c.active:
			standing = InUse
		case l.working() && i > c.active:
			standing = StandingBy
		}
		s.Policies = append(s.Policies, l.status(standing))
	}
	if c.shadow != nil {
		l := c.shadow.status(Shadowing)
		s.Shadow = &l
	}
	return s
}

// status returns what became of the policy, which stands as said if all is well.
func (l *lane) status(standing Standing) PolicyStatus {
	d := l.description
	s := PolicyStatus{Name: d.Name, Version: d.Version, Hash: d.Hash, Standing: standing, LastFault: l.fault, Counts: *l.own}
	if l.selector != nil {
		s.Truncated = l.selector.Truncated()
	}
	switch {
	case standing == InUse:
	case l.breaker.phase == opened:
		s.Standing, s.Reason = Open, l.breaker.cause
	case l.breaker.phase == trial:
		s.Standing, s.Reason = Trial, l.breaker.cause
	case l.away != nil:
		s.Standing, s.Reason = Unavailable, l.away
	}
	return s
}
