package engine

// fan is the number of children of a node of sums: a cache line of weights.
const fan = 8

// sums draws slots in proportion to their weights. It is a tree of partial sums;
// each sum is computed from its children whenever one of them changes, so that
// rounding errors do not accumulate. Level 0 holds the weights themselves.
type sums struct{ levels [][]float64 }

// total returns the sum of all weights.
func (s *sums) total() float64 {
	if len(s.levels) == 0 {
		return 0
	}
	t := 0.0
	for _, w := range s.levels[len(s.levels)-1] {
		t += w
	}
	return t
}

// set changes the weight of a slot, which may be the first one beyond the end.
func (s *sums) set(slot int, w float64) {
	if len(s.levels) == 0 {
		s.levels = [][]float64{nil}
	}
	for l := 0; ; l++ {
		level := s.levels[l]
		if slot == len(level) {
			level = append(level, w)
			s.levels[l] = level
		} else {
			level[slot] = w
		}
		if len(level) <= fan {
			return
		}
		slot /= fan
		if l+1 == len(s.levels) {
			s.levels = append(s.levels, []float64{sum(level[:fan])})
		}
		w = sum(level[slot*fan : min(slot*fan+fan, len(level))])
	}
}

func sum(ws []float64) float64 {
	t := 0.0
	for _, w := range ws {
		t += w
	}
	return t
}

// find returns the slot at which the running sum of weights exceeds x, and -1
// where no weight is above zero. Where rounding lets x pass the end, it is some
// slot of weight above zero.
func (s *sums) find(x float64) int {
	at, from := -1, 0
	for l := len(s.levels) - 1; l >= 0; l-- {
		level := s.levels[l]
		at = -1
		for i, w := range level[from:min(from+fan, len(level))] {
			if w <= 0 {
				continue
			}
			at = from + i
			if x < w {
				break
			}
			x -= w
		}
		if at < 0 {
			return -1
		}
		from = at * fan
	}
	return at
}
