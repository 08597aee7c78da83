package plugins

import (
	"cmp"
	"slices"
	"time"
)

// Status is what there is to know of a plugin at one moment.
type Status struct {
	Name    string `json:"name"`
	State   string `json:"state"`
	File    string `json:"file"`
	SHA256  string `json:"sha256,omitempty"` // of the file that runs
	As      string `json:"as,omitempty"`     // what it calls itself
	Version string `json:"version,omitempty"`
	PID     int    `json:"pid,omitempty"`
	// Since is when the process was started.
	Since time.Time `json:"since,omitzero"`
	// Starts counts them all, Restarts those after an end, FailedStarts those that
	// led to nothing.
	Starts       uint64 `json:"starts"`
	Restarts     uint64 `json:"restarts"`
	FailedStarts uint64 `json:"failed_starts"`
	// LastEnd is why it ended last, or did not start.
	LastEnd   string    `json:"last_end,omitempty"`
	LastEndAt time.Time `json:"last_end_at,omitzero"`
	// Ranks counts those used, Dropped by reason what was not, Faults what was told
	// to the pools.
	Ranks   uint64            `json:"ranks"`
	Dropped map[string]uint64 `json:"dropped"`
	Faults  uint64            `json:"faults"`
	Pools   []PoolStatus      `json:"pools"`
}

// PoolStatus is what there is to know of a pool that uses a policy of the plugin.
type PoolStatus struct {
	Pool     string `json:"pool"`
	Policy   string `json:"policy"`
	Elements int    `json:"elements"`
	// Unavailable is why the pool goes by its fallback, empty: it does not.
	Unavailable string `json:"unavailable,omitempty"`
	// Epoch is that of the event sent last, Answered that of the last one which the
	// plugin has taken into account.
	Epoch    uint64    `json:"epoch"`
	Answered uint64    `json:"answered"`
	Heard    time.Time `json:"heard,omitzero"`
	TTL      string    `json:"ttl"`
	Waiting  int       `json:"waiting"` // changes not sent yet
}

// Status returns a snapshot.
func (p *Plugin) Status() Status {
	cfg := p.config()
	s := Status{
		Name:         cfg.Name,
		File:         cmp.Or(cfg.Command, cfg.Attach),
		Starts:       p.counters.starts.Load(),
		Restarts:     p.counters.restarts.Load(),
		FailedStarts: p.counters.failures.Load(),
		Ranks:        p.counters.ranks.Load(),
		Faults:       p.counters.faults.Load(),
		Dropped:      map[string]uint64{},
		Pools:        []PoolStatus{},
	}
	for r := range reasons {
		if n := p.counters.dropped[r].Load(); n > 0 {
			s.Dropped[r.String()] = n
		}
	}
	p.mu.Lock()
	s.State = p.state.String()
	if d := p.description; d != nil {
		s.As, s.Version = d.Name, d.Version
	}
	if c := p.current; c != nil {
		s.SHA256, s.PID, s.Since = c.hash, c.pid(), c.started
	}
	if p.ended != nil {
		s.LastEnd, s.LastEndAt = p.ended.Error(), p.endedAt
	}
	pools := p.all()
	p.mu.Unlock()
	for _, q := range pools {
		s.Pools = append(s.Pools, q.status())
	}
	slices.SortFunc(s.Pools, func(a, b PoolStatus) int {
		return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Policy, b.Policy))
	})
	return s
}

func (p *pool) status() PoolStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := PoolStatus{
		Pool: p.handle.String(), Policy: p.policy.name, Elements: len(p.records),
		Unavailable: p.why, Heard: p.heard, TTL: p.ttl.String(),
	}
	if l := p.active; l != nil {
		s.Epoch, s.Answered, s.Waiting = l.epoch, l.answered, len(l.dirty)+len(l.gone)
	}
	return s
}

// maxHistory is how many lines of earlier lives are kept.
const maxHistory = 200

// keep notes the last lines of a session that is over.
func (p *Plugin) keep(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.history = append(p.history, s.output.last()...)
	p.history = slices.Clone(p.history[max(0, len(p.history)-maxHistory):])
}

// Logs returns what the plugin wrote last, in all its lives.
func (p *Plugin) Logs() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := slices.Clone(p.history)
	if p.current != nil {
		lines = append(lines, p.current.output.last()...)
	}
	return lines
}

// Description returns what the plugin says of itself, and false before it was
// started.
func (p *Plugin) Description() (Description, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.description == nil {
		return Description{}, false
	}
	return *p.description, true
}

func (s *session) pid() int {
	if s.launcher == nil {
		return 0
	}
	return s.launcher.pid()
}
