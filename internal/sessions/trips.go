package sessions

import (
	"encoding/json"
	"math"
	"time"
)

// Trips are the times that questions took to be answered. The zero value is empty.
type Trips struct {
	Count        int
	Least, Most  time.Duration
	sum, squares float64 // in seconds
}

// Add counts one.
func (t *Trips) Add(d time.Duration) {
	if t.Count == 0 || d < t.Least {
		t.Least = d
	}
	t.Most = max(t.Most, d)
	t.Count++
	t.sum += d.Seconds()
	t.squares += d.Seconds() * d.Seconds()
}

// Mean returns the mean, zero where there were none.
func (t *Trips) Mean() time.Duration {
	if t.Count == 0 {
		return 0
	}
	return time.Duration(t.sum / float64(t.Count) * float64(time.Second))
}

// Deviation returns the standard deviation, zero where there were none.
func (t *Trips) Deviation() time.Duration {
	if t.Count == 0 {
		return 0
	}
	mean := t.sum / float64(t.Count)
	return time.Duration(math.Sqrt(max(t.squares/float64(t.Count)-mean*mean, 0)) * float64(time.Second))
}

// MarshalJSON writes what the methods return, in nanoseconds.
func (t Trips) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Count     int           `json:"count"`
		Least     time.Duration `json:"least_ns"`
		Mean      time.Duration `json:"mean_ns"`
		Most      time.Duration `json:"most_ns"`
		Deviation time.Duration `json:"deviation_ns"`
	}{t.Count, t.Least, t.Mean(), t.Most, t.Deviation()})
}

// Moves counts failovers. The zero value is empty.
type Moves struct {
	Count   int           `json:"count"`
	Longest time.Duration `json:"longest_ns"`
}

// Add counts one that took so long.
func (m *Moves) Add(d time.Duration) {
	m.Count++
	m.Longest = max(m.Longest, d)
}
