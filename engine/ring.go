package engine

// ring holds points in order of their hashes, and finds the one at or behind a hash
// and those that follow. It is a table in which a point's place grows with its hash:
// each stands at the place of its hash or as little behind it as the others let it,
// so that neither search nor change depends on the number of points.
type ring struct {
	table []point // with room behind the last place
	shift uint8   // of a hash, to get its place
	count int
}

// point is a place of a member on the ring.
type point struct {
	hash   uint64
	member *Member // nil: the place is free
}

// The number of places of a small ring, as a power of two, and of those behind the
// last one at first.
const (
	ringBits = 8
	ringTail = 32
)

func (r *ring) place(hash uint64) int { return int(hash >> r.shift) }

// insert adds a point whose hash is not there yet.
func (r *ring) insert(hash uint64, m *Member) {
	if r.table == nil {
		r.make(ringBits)
	}
	if places := uint64(1) << (64 - r.shift); uint64(r.count) > places-places/4 {
		r.resize(64 - r.shift + 1)
	}
	i := r.place(hash)
	for r.table[i].member != nil && r.table[i].hash < hash {
		i++
	}
	// Whatever stands here and behind moves on, up to the next free place.
	free := i
	for r.table[free].member != nil {
		free++
	}
	copy(r.table[i+1:free+1], r.table[i:free])
	r.table[i] = point{hash, m}
	r.count++
	if free == len(r.table)-1 { // the last place stays free
		r.table = append(r.table, point{})
	}
}

// remove takes out a point that is there.
func (r *ring) remove(hash uint64) {
	i := r.place(hash)
	for r.table[i].hash != hash || r.table[i].member == nil {
		i++
	}
	end := i + 1
	for r.table[end].member != nil && r.place(r.table[end].hash) < end {
		end++
	}
	copy(r.table[i:end-1], r.table[i+1:end])
	r.table[end-1] = point{}
	r.count--
	if bits := 64 - r.shift; bits > ringBits && uint64(r.count) < 1<<bits/8 {
		r.resize(bits - 1)
	}
}

func (r *ring) make(bits uint8) {
	*r = ring{table: make([]point, 1<<bits+ringTail), shift: 64 - bits}
}

// resize makes room for another number of points.
func (r *ring) resize(bits uint8) {
	old := r.table
	r.make(bits)
	for _, p := range old {
		if p.member != nil {
			r.insert(p.hash, p.member)
		}
	}
}

// from visits the points at and behind a hash, once around, until visit returns
// false.
func (r *ring) from(hash uint64, visit func(*Member) bool) {
	if r.count == 0 {
		return
	}
	start := r.place(hash)
	for r.table[start].member != nil && r.table[start].hash < hash {
		start++
	}
	for _, p := range r.table[start:] {
		if p.member != nil && !visit(p.member) {
			return
		}
	}
	for _, p := range r.table[:start] {
		if p.member != nil && !visit(p.member) {
			return
		}
	}
}
