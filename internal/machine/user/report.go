package user

import (
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
)

const (
	// maxReports waits for a home at most; the oldest is dropped.
	maxReports = 64
	// reportLife is how long a report is worth sending.
	reportLife = 30 * time.Second
	// reportBurst reports may go out at once, and one more in each reportPace
	// (RFC 5352, Section 9.1, threat 8).
	reportBurst = 32
	reportPace  = 100 * time.Millisecond
	// maxReported bounds the memory of what was reported.
	maxReported = 4096
)

// reports decides which elements are reported as unreachable: each once for what
// is one event, although many sessions notice it.
type reports struct {
	interval time.Duration
	last     map[Report]time.Time
	tokens   int
	paced    time.Time // when tokens was last counted
	waiting  []waitingReport
}

type waitingReport struct {
	Report
	since time.Time
}

// admit reports whether r is to be sent.
func (q *reports) admit(now time.Time, r Report) bool {
	if t, ok := q.last[r]; ok && now.Sub(t) < q.interval {
		return false
	}
	q.refill(now)
	if q.tokens == 0 {
		return false
	}
	if len(q.last) >= maxReported {
		for k, t := range q.last {
			if now.Sub(t) >= q.interval {
				delete(q.last, k)
			}
		}
		if len(q.last) >= maxReported {
			return false
		}
	}
	q.tokens--
	q.last[r] = now
	return true
}

func (q *reports) refill(now time.Time) {
	n := int(now.Sub(q.paced) / reportPace)
	if q.tokens+n >= reportBurst || q.paced.IsZero() {
		q.tokens, q.paced = reportBurst, now
		return
	}
	q.tokens += n
	q.paced = q.paced.Add(time.Duration(n) * reportPace)
}

// keep lets a report wait for a home.
func (q *reports) keep(now time.Time, r Report) {
	q.waiting = slices.DeleteFunc(q.waiting, func(w waitingReport) bool { return w.Report == r })
	if len(q.waiting) == maxReports {
		q.waiting = q.waiting[:copy(q.waiting, q.waiting[1:])]
	}
	q.waiting = append(q.waiting, waitingReport{r, now})
}

// take returns the reports that have waited and are still worth sending.
func (q *reports) take(now time.Time) []Report {
	var rs []Report
	for _, w := range q.waiting {
		if now.Sub(w.since) < reportLife {
			rs = append(rs, w.Report)
			q.last[w.Report] = now
		}
	}
	q.waiting = nil
	return rs
}

// report handles an unreachable element (RFC 5352, Section 3.5): it leaves the
// cache at once, whether or not it is reported.
func (r *Resolver) report(now time.Time, in Report) {
	if in.Element == 0 || rserpool.CheckHandle(in.Handle, r.cfg.MaxHandleLength) != nil {
		return
	}
	r.cache.drop(now, in.Handle, in.Element)
	if !r.reports.admit(now, in) {
		r.stats.ReportsLimited++
		return
	}
	if r.home == 0 {
		r.reports.keep(now, in)
		return
	}
	r.sendReport(in)
}
