package calcapp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/sessions"
	"github.com/rspool/rspool/pool"
)

// UseConfig describes a user whose jobs come by themselves and are done one after the
// other. The zero value works but for Dial.
type UseConfig struct {
	// Dial opens a session for a job. Required.
	Dial func(ctx context.Context) (sessions.User, error)
	// Count is the number of jobs, Duration how long jobs come. Where either is zero, it
	// is no limit.
	Count    int
	Duration time.Duration
	// Interval is the mean time from one job to the next, and Size the mean size of a job,
	// in calculations. If zero, 15 s and 5 million. Both have a negative exponential
	// distribution, unless Fixed is set: then each is the mean.
	Interval time.Duration
	Size     float64
	Fixed    bool
	// Parallel is the number of jobs at work at once. If zero, 1.
	Parallel int
	// KeepAliveInterval is how often an element is asked that says nothing, and
	// KeepAliveTimeout how long it may take to answer that or a request. If zero, 5 s.
	KeepAliveInterval, KeepAliveTimeout time.Duration
	// Attempts is the number of sessions in which a job may fail. If zero, 5.
	Attempts int
	// Rand decides about intervals and sizes. If nil, a random seed.
	Rand *rand.Rand
	// Done hears of each job that is done, Moved of each failover. They may be called at
	// once where Parallel is more than one. Either may be nil.
	Done  func(JobReport)
	Moved func(*pool.Failover)
	// Log receives what an operator should know. If nil, slog.Default().
	Log *slog.Logger
}

func (c *UseConfig) setDefaults() {
	c.Interval = cmp.Or(c.Interval, 15*time.Second)
	c.Size = cmp.Or(c.Size, 5e6)
	c.Parallel = cmp.Or(c.Parallel, 1)
	c.KeepAliveInterval = cmp.Or(c.KeepAliveInterval, 5*time.Second)
	c.KeepAliveTimeout = cmp.Or(c.KeepAliveTimeout, 5*time.Second)
	c.Attempts = cmp.Or(c.Attempts, 5)
	if c.Rand == nil {
		c.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
}

// Report says how a user's jobs fared. Times are sums over the jobs that were completed.
type Report struct {
	Queued    int `json:"jobs_queued"`
	Started   int `json:"jobs_started"`
	Completed int `json:"jobs_completed"`
	Failed    int `json:"jobs_failed"`

	SizeQueued    float64 `json:"size_queued"`
	SizeCompleted float64 `json:"size_completed"`

	Queuing    time.Duration `json:"queuing_ns"`
	Startup    time.Duration `json:"startup_ns"`
	Processing time.Duration `json:"processing_ns"`
	Handling   time.Duration `json:"handling_ns"`
	// Speeds are calculations a second, over all completed jobs.
	ProcessingSpeed float64 `json:"processing_speed"`
	HandlingSpeed   float64 `json:"handling_speed"`

	Rejects    int            `json:"rejects"`
	Failovers  sessions.Moves `json:"failovers"`
	Resumed    int            `json:"resumed"`
	KeepAlives int            `json:"keep_alives"`
	Silences   int            `json:"silences"`
	Elapsed    time.Duration  `json:"elapsed_ns"`
	// Elements are those that completed jobs, in order of their identifiers.
	Elements []ElementReport `json:"elements"`
}

// ElementReport says what one element has done.
type ElementReport struct {
	Element rserpool.ElementID `json:"element"`
	Jobs    int                `json:"jobs"`
	Size    float64            `json:"size"`
	Share   float64            `json:"share"` // of all that was completed
	// Speed is the mean of what its jobs got while it worked on them.
	Speed float64 `json:"processing_speed"`

	processing time.Duration
}

// Use has jobs done until there are enough, the time is over, or the context ends, which
// is no error. Jobs that have come in time are finished.
func Use(ctx context.Context, cfg UseConfig) (Report, error) {
	cfg.setDefaults()
	u := &use{cfg: cfg, began: time.Now(), elements: map[rserpool.ElementID]*ElementReport{}}
	u.next = u.began
	g, gctx := errgroup.WithContext(ctx)
	for range cfg.Parallel {
		g.Go(func() error { return u.work(gctx) })
	}
	err := g.Wait()
	u.closers.Wait()
	if ctx.Err() != nil {
		err = nil
	}
	return u.conclude(), err
}

// use is one run of Use.
type use struct {
	cfg     UseConfig
	began   time.Time
	closers sync.WaitGroup // of sessions that are done

	mu       sync.Mutex
	next     time.Time   // when the next job comes
	starts   []time.Time // of jobs that may have waited when the next one came
	report   Report
	elements map[rserpool.ElementID]*ElementReport
}

// come returns the next job and when it comes, or false if there is none. Jobs come
// whether or not somebody is free for them.
func (u *use) come() (job JobReport, at time.Time, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.cfg.Count > 0 && u.report.Queued >= u.cfg.Count {
		return job, at, false
	}
	interval, size := 1.0, u.cfg.Size
	if !u.cfg.Fixed {
		interval, size = u.cfg.Rand.ExpFloat64(), u.cfg.Size*u.cfg.Rand.ExpFloat64()
	}
	at = u.next.Add(time.Duration(interval * float64(u.cfg.Interval)))
	if u.cfg.Duration > 0 && at.Sub(u.began) >= u.cfg.Duration {
		return job, at, false
	}
	u.next = at
	u.report.Queued++
	job.Job, job.Size = uint32(u.report.Queued), uint64(max(math.Round(size), 1))
	u.report.SizeQueued += float64(job.Size)
	return job, at, true
}

// start notes that a job that came at an instant is begun now, and returns how many jobs
// waited at that instant.
func (u *use) start(at, now time.Time) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.report.Started++
	u.starts = slices.DeleteFunc(u.starts, func(t time.Time) bool { return !t.After(at) })
	waited := len(u.starts)
	u.starts = append(u.starts, now)
	return waited
}

// work does one job after the other.
func (u *use) work(ctx context.Context) error {
	for {
		job, at, ok := u.come()
		if !ok {
			return nil
		}
		timer := time.NewTimer(time.Until(at))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		now := time.Now()
		job.Queuing, job.Waiting = now.Sub(at), u.start(at, now)
		err := u.persist(ctx, &job, now)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		u.note(&job, err)
		if err != nil {
			return err
		}
		if u.cfg.Done != nil {
			u.cfg.Done(job)
		}
	}
}

// persist does a job in as many sessions as it takes.
func (u *use) persist(ctx context.Context, job *JobReport, began time.Time) error {
	for attempt := 1; ; attempt++ {
		err := u.do(ctx, job, began)
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case errors.Is(err, pool.ErrNoElement) || errors.Is(err, pool.ErrNoRegistrar):
			return fmt.Errorf("job %d: %w", job.Job, err) // the pool has had its chance
		case attempt >= u.cfg.Attempts:
			return fmt.Errorf("job %d failed in %d sessions: %w", job.Job, attempt, err)
		}
		u.cfg.Log.Info("job is begun again", "job", job.Job, "attempt", attempt, "error", err)
	}
}

// do does a job in one session.
func (u *use) do(ctx context.Context, job *JobReport, began time.Time) error {
	s, err := u.cfg.Dial(ctx)
	if err != nil {
		return err
	}
	defer u.closers.Go(func() { s.Close() }) // nobody waits for the other side to confirm
	w := work{cfg: &u.cfg, session: s, report: job, began: began}
	return w.run(ctx)
}

// note enters a job into the report.
func (u *use) note(job *JobReport, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	r := &u.report
	r.Rejects += job.Rejects
	r.Resumed += job.Resumed
	r.KeepAlives += job.KeepAlives
	r.Silences += job.Silences
	r.Failovers.Count += job.Failovers.Count
	r.Failovers.Longest = max(r.Failovers.Longest, job.Failovers.Longest)
	if err != nil {
		r.Failed++
		return
	}
	r.Completed++
	r.SizeCompleted += float64(job.Size)
	r.Queuing += job.Queuing
	r.Startup += job.Startup
	r.Processing += job.Processing
	r.Handling += job.Handling()
	e := u.elements[job.Element]
	if e == nil {
		e = &ElementReport{Element: job.Element}
		u.elements[job.Element] = e
	}
	e.Jobs++
	e.Size += float64(job.Size)
	e.processing += job.Processing
}

// conclude completes the report.
func (u *use) conclude() Report {
	u.mu.Lock()
	defer u.mu.Unlock()
	r := u.report
	r.Elapsed = time.Since(u.began)
	r.ProcessingSpeed = perSecond(r.SizeCompleted, r.Processing)
	r.HandlingSpeed = perSecond(r.SizeCompleted, r.Handling)
	r.Elements = []ElementReport{}
	for _, e := range u.elements {
		e.Share, e.Speed = e.Size/max(r.SizeCompleted, 1), perSecond(e.Size, e.processing)
		r.Elements = append(r.Elements, *e)
	}
	slices.SortFunc(r.Elements, func(a, b ElementReport) int { return cmp.Compare(a.Element, b.Element) })
	return r
}
