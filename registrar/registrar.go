// Package registrar runs a registrar: it gives the machine of
// internal/machine/registrar a transport, a clock, chance and a log. A program
// embeds one in a few lines, and rspool registrar run is such a program.
//
// It decides nothing about the protocol, which is the machine's, and reads no
// files: see package config for those.
package registrar

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/handlespace"
	"github.com/rspool/rspool/internal/machine"
	role "github.com/rspool/rspool/internal/machine/registrar"
	"github.com/rspool/rspool/internal/status"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/sctp"
)

// Registrar is a running registrar. Its methods may be called at once.
type Registrar struct {
	id      rserpool.RegistrarID
	dialect rserpool.Dialect
	log     *eventLog
	started time.Time
	door    transport.Door
	owned   bool // the door was opened by New
	asap    transport.Endpoint
	group   transport.Group // nil without announcements
	// For peers; nil without ENRP, and without presences by multicast.
	enrp      transport.Endpoint
	peerGroup transport.Group
	more      []doorway // beside door
	handover  time.Duration

	// mu guards the machine and what follows. It is held while effects are
	// carried out, none of which blocks; see docs/decisions for the figures
	// that a lock has against an owner goroutine.
	mu           sync.Mutex
	machine      *role.Machine
	associations map[machine.AssociationID]transport.Association
	dials        map[machine.AssociationID]machine.Ticket // under way
	received     machine.Received                         // used for each message
	follow       []machine.Input                          // what carrying effects out has led to
	later        []func()                                 // what is to be done without mu
	steps        status.Histogram
	stepped      uint64
	serving      bool
	draining     bool
	empty        chan struct{} // closed by the last association's end while draining
	timer        *time.Timer
	armed        time.Time // when timer fires, zero: it does not

	close sync.Once

	// reconfigure guards what follows, and is never taken with mu held.
	reconfigure  sync.Mutex
	present      selection
	former       *selection // before the last change, nil if there was none
	maxIncrement int
}

// drainTime bounds how long associations may take to close in order.
const drainTime = 2 * time.Second

// ErrServed is returned by Serve where it was called before.
var ErrServed = errors.New("registrar was served before; make another")

// New opens the registrar's endpoint, so that its address is known and taken.
// Peers are answered from here on; Serve watches over them. It fails where the
// configuration is wrong or a port is taken. Without Serve, call Close.
func New(cfg Config) (*Registrar, error) {
	r := &Registrar{
		id:           cfg.ID,
		dialect:      cfg.Dialect,
		log:          newEventLog(cmp.Or(cfg.Log, slog.Default())),
		started:      time.Now(),
		door:         cfg.Door,
		associations: map[machine.AssociationID]transport.Association{},
		dials:        map[machine.AssociationID]machine.Ticket{},
		handover:     handoverTime(&cfg.ENRP),
		empty:        make(chan struct{}),
		maxIncrement: cfg.MaxIncrement,
	}
	for r.id == 0 {
		r.id = rserpool.RegistrarID(rand.Uint32())
	}
	policies := cfg.Policies
	if policies == nil {
		policies = engine.NewRegistry(builtin.All()...)
	}
	options, err := poolOptions(cfg.Pools, cfg.MaxIncrement, policies)
	if err != nil {
		return nil, fmt.Errorf("registrar: %w", err)
	}
	r.present = selection{policies, cfg.Pools}
	r.mu.Lock() // peers that are quick wait until the machine is there
	if err = r.open(&cfg); err == nil {
		err = r.start(&cfg, policies, options)
	}
	r.mu.Unlock()
	if err != nil {
		_ = r.shut() // the first error counts
		return nil, fmt.Errorf("registrar: %w", err)
	}
	return r, nil
}

// start makes the machine. What it asks for at first is done by the first step.
func (r *Registrar) start(cfg *Config, policies *engine.Registry, options func(rserpool.Handle) *handlespace.Options) error {
	scope, err := r.scope(cfg)
	if err != nil {
		return err
	}
	interval := cfg.Announce.Interval
	if r.group == nil {
		interval = -1
	}
	r.machine = role.New(role.Config{
		ID:                r.id,
		Dialect:           cfg.Dialect,
		Rand:              rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
		ASAPAddress:       r.announced(),
		MaxHandleLength:   cfg.MaxHandleLength,
		MaxPools:          cfg.MaxPools,
		MaxPoolElements:   cfg.MaxPoolElements,
		MaxElements:       cfg.MaxElements,
		MaxAssociations:   cfg.MaxAssociations,
		MaxItems:          cfg.MaxItems,
		KeepAliveInterval: cfg.KeepAliveInterval,
		KeepAliveTimeout:  cfg.KeepAliveTimeout,
		MaxBadReports:     cfg.MaxBadReports,
		ReportInterval:    cfg.ReportInterval,
		MinLife:           cfg.MinLife,
		MaxLife:           cfg.MaxLife,
		DefaultLife:       cfg.DefaultLife,
		AnnounceInterval:  interval,
		Scope:             scope,
		Policies:          policies,
		Pool:              options,
		Admit:             admission(cfg.Pools),
		Run:               r.run,
	}, r.started)
	return nil
}

// ID returns the registrar's identifier.
func (r *Registrar) ID() rserpool.RegistrarID { return r.id }

// SCTP says whose SCTP the registrar speaks: "kernel", "udp", "both", or nothing
// where the door was given and is none of these.
func (r *Registrar) SCTP() string { return sctp.Describe(r.door) }

// Address returns where elements and users reach the registrar.
func (r *Registrar) Address() transport.Address { return r.asap.Local() }

// Serve runs the registrar until ctx ends. Then it stops announcing, hands its
// elements over to other registrars where there are any, closes the associations
// in order, which takes two seconds at most, closes everything that New opened,
// and returns nil. It can be called once.
func (r *Registrar) Serve(ctx context.Context) error {
	r.mu.Lock()
	if r.serving || r.draining {
		r.mu.Unlock()
		return ErrServed
	}
	r.serving = true
	r.timer = time.NewTimer(time.Hour)
	r.arm()
	r.mu.Unlock()
	for _, w := range r.more {
		r.log.Info("door is open", "transport", w.name, "address", w.endpoint.Local().String())
	}
	r.log.Info("registrar is up", "registrar", r.id, "address", r.Address().String(), "dialect", r.dialect.String(), "announcing", r.group != nil)
	for {
		select {
		case <-r.timer.C:
			r.tick()
		case <-ctx.Done():
			r.drain()
			return r.Close()
		}
	}
}

// tick lets the machine do what is due.
func (r *Registrar) tick() {
	r.mu.Lock()
	defer r.unlock()
	r.armed = time.Time{}
	r.step(&machine.Tick{})
}

// drain ends the machine's work and waits for the associations to close.
func (r *Registrar) drain() {
	r.mu.Lock()
	r.draining = true
	open, empty := len(r.associations), r.empty
	r.step(&role.Drain{})
	limit := drainTime
	if r.machine.HandsOver() {
		limit += r.handover
	}
	r.unlock()
	r.log.Info("registrar is closing", "associations", open)
	if open > 0 {
		bound := time.NewTimer(limit)
		defer bound.Stop()
		for waits := true; waits; {
			select {
			case <-r.timer.C:
				r.tick()
			case <-empty:
				waits = false
			case <-bound.C:
				waits = false
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timer.Stop()
}

// Close ends the registrar at once and closes everything that New opened. Serve
// calls it; it may be called more than once.
func (r *Registrar) Close() error {
	var err error
	r.close.Do(func() {
		err = r.shut()
		r.log.flush()
		r.log.Info("registrar is down", "registrar", r.id)
	})
	return err
}

// shut closes what open has opened.
func (r *Registrar) shut() error {
	r.mu.Lock()
	r.draining = true
	r.mu.Unlock()
	var err error
	if r.group != nil {
		err = r.group.Close()
	}
	if r.peerGroup != nil {
		err = errors.Join(err, r.peerGroup.Close())
	}
	for _, e := range []transport.Endpoint{r.asap, r.enrp} {
		if e != nil {
			err = errors.Join(err, e.Close())
		}
	}
	if r.owned && r.door != nil {
		err = errors.Join(err, r.door.Close())
	}
	for _, w := range r.more {
		err = errors.Join(err, w.door.Close())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.machine != nil {
		r.machine.Close()
	}
	return err
}
