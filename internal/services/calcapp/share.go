package calcapp

import (
	"math"
	"time"
)

// share divides a capacity among jobs, to each the same part (processor sharing). Every
// job receives what the others receive, so that one number is the progress of all: a job
// is done when that has grown by the job's size since the job came.
type share struct {
	capacity float64 // calculations a second, of all jobs together
	jobs     int
	progress float64   // calculations that each job has received
	at       time.Time // when that was so
	used     float64   // calculations, of all jobs so far
}

// advance brings the progress up to date.
func (s *share) advance(now time.Time) {
	if elapsed := now.Sub(s.at).Seconds(); elapsed > 0 {
		if s.jobs > 0 {
			s.progress += elapsed * s.capacity / float64(s.jobs)
			s.used += elapsed * s.capacity
		}
		s.at = now
	}
}

// enter adds a job, which is done at the progress that it returns.
func (s *share) enter(now time.Time, calculations float64) (end float64) {
	s.advance(now)
	if s.jobs == 0 {
		s.progress = 0 // small numbers are the more exact ones
	}
	s.jobs++
	return s.progress + calculations
}

// leave takes a job out.
func (s *share) leave(now time.Time) {
	s.advance(now)
	s.jobs--
}

// farthest bounds how far ahead an instant may be.
const farthest = 100 * 365 * 24 * time.Hour

// when returns the instant at which the progress will be p, if no job comes or goes.
func (s *share) when(p float64) time.Time {
	seconds := max(p-s.progress, 0) * float64(s.jobs) / s.capacity
	if seconds > farthest.Seconds() {
		return s.at.Add(farthest)
	}
	return s.at.Add(time.Duration(math.Ceil(seconds * float64(time.Second))))
}
