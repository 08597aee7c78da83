package engine

import (
	"math"
	"math/bits"
	"slices"
)

// runLen is the most ranks that a run has.
const runLen = 64

// ranks keeps members in order: by key, and of equals the one selected longest ago
// first. It is a list of runs, found by their bounds. A search looks at two dense
// arrays and a change moves one run at most, whatever the keys are; the ends cost
// the same for any number of members. The collector has nothing to look at but the
// runs themselves.
type ranks struct {
	bounds []rank // of runs but the first: none in it is before its bound, nor behind the next
	runs   []*run
	spare  *run // an empty one, for the next that is needed
}

// run is a part of the list that is moved about. It is never empty in the list.
type run struct {
	ranks []rank
	gone  int // of the leading ranks, which have been removed
}

// rank is where a member stands, and its slot.
type rank struct {
	key  uint64 // see sortable
	seq  uint64
	slot int32
}

func rankOf(m *Member) rank { return rank{sortable(m.key), m.seq, m.slot} }

func (r rank) before(o rank) bool { return r.less(o) != 0 }

// less is 1 if r is before o and 0 if not, without a branch of which no processor
// could foretell the outcome.
func (r rank) less(o rank) int {
	_, borrow := bits.Sub64(r.seq, o.seq, 0)
	_, borrow = bits.Sub64(r.key, o.key, borrow)
	return int(borrow)
}

// sortable returns a number that compares with others as k does with theirs. The two
// zeros are one.
func sortable(k float64) uint64 {
	b := math.Float64bits(k + 0)
	return b ^ (uint64(int64(b)>>63) | 1<<63)
}

// unsortable is the reverse of sortable.
func unsortable(s uint64) float64 {
	return math.Float64frombits(s ^ (uint64(int64(^s)>>63) | 1<<63))
}

// live returns the ranks that are there.
func (u *run) live() []rank { return u.ranks[u.gone:] }

// insert makes r the rank number i.
func (u *run) insert(i int, r rank) {
	if u.gone > 0 && len(u.ranks) == cap(u.ranks) {
		u.ranks = u.ranks[:copy(u.ranks, u.live())]
		u.gone = 0
	}
	u.ranks = slices.Insert(u.ranks, u.gone+i, r)
}

// remove takes out the rank number i, and moves nothing for the first one.
func (u *run) remove(i int) {
	if i == 0 {
		u.gone++
	} else {
		u.ranks = slices.Delete(u.ranks, u.gone+i, u.gone+i+1)
	}
}

// search returns how many of the ranks are before r.
func search(rs []rank, r rank) int {
	at, n := 0, len(rs)
	for n > 1 {
		half := n / 2
		at += half & -rs[at+half-1].less(r)
		n -= half
	}
	if n == 1 {
		at += rs[at].less(r)
	}
	return at
}

// place returns the number of the run that r belongs to. The first run has no bound
// below.
func (x *ranks) place(r rank) int {
	if len(x.runs) == 1 {
		return 0
	}
	i := search(x.bounds[1:], r)
	if i+1 < len(x.bounds) && x.bounds[i+1] == r {
		return i + 1
	}
	return i
}

// find returns the numbers of the run and of the rank in it of a member who is there.
func (x *ranks) find(m *Member) (n, i int) {
	if x.runs[0].live()[0].slot == m.slot {
		return 0, 0
	}
	r := rankOf(m)
	n = x.place(r)
	return n, search(x.runs[n].live(), r)
}

// first returns the smallest key, and whether there is one.
func (x *ranks) first() (float64, bool) {
	if len(x.runs) == 0 {
		return 0, false
	}
	return unsortable(x.runs[0].live()[0].key), true
}

// insert adds m, whose key, seq and slot are set.
func (x *ranks) insert(m *Member) { x.enter(rankOf(m)) }

func (x *ranks) enter(r rank) {
	if len(x.runs) == 0 {
		x.open(0, r)
	}
	if end := x.runs[len(x.runs)-1]; len(end.live()) == 0 || end.ranks[len(end.ranks)-1].before(r) {
		if len(end.ranks) == runLen { // ascending ranks fill their runs
			end = x.open(len(x.runs), r)
		}
		end.insert(len(end.live()), r)
		return
	}
	n := x.place(r)
	u := x.runs[n]
	i := search(u.live(), r)
	if len(u.live()) == runLen {
		half := runLen / 2
		next := x.open(n+1, u.live()[half])
		next.ranks = append(next.ranks, u.live()[half:]...)
		u.ranks = u.ranks[:u.gone+half]
		if i > half {
			u, i = next, i-half
		}
	}
	u.insert(i, r)
}

// open makes an empty run the number n, which must not stay so. The first one grows
// as it must, since most pools are small.
func (x *ranks) open(n int, bound rank) *run {
	u := x.spare
	switch {
	case u != nil:
		x.spare = nil
	case len(x.runs) > 0:
		u = &run{ranks: make([]rank, 0, runLen)}
	default:
		u = &run{}
	}
	x.bounds = slices.Insert(x.bounds, n, bound)
	x.runs = slices.Insert(x.runs, n, u)
	return u
}

// remove takes m out, whose key and seq are those that it came with.
func (x *ranks) remove(m *Member) { x.leave(x.find(m)) }

func (x *ranks) leave(n, i int) {
	u := x.runs[n]
	u.remove(i)
	switch {
	case len(u.live()) == 0:
		x.drop(n)
	case x.sparse(n):
		x.join(n)
	case x.sparse(n - 1):
		x.join(n - 1)
	}
}

// sparse reports whether the runs n and n+1 exist and should be one.
func (x *ranks) sparse(n int) bool {
	return n >= 0 && n+1 < len(x.runs) && len(x.runs[n].live())+len(x.runs[n+1].live()) <= runLen/2
}

// join moves the ranks of run n+1 into run n.
func (x *ranks) join(n int) {
	u := x.runs[n]
	for _, r := range x.runs[n+1].live() {
		u.insert(len(u.live()), r)
	}
	x.drop(n + 1)
}

// drop takes run n out of the list.
func (x *ranks) drop(n int) {
	u := x.runs[n]
	u.ranks, u.gone = u.ranks[:0], 0
	x.spare = u
	x.bounds = slices.Delete(x.bounds, n, n+1)
	x.runs = slices.Delete(x.runs, n, n+1)
}

// move gives m a new key and seq. Where m stays between its neighbours nothing else
// happens.
func (x *ranks) move(m *Member, key float64, seq uint64) {
	if m.key == key && m.seq == seq {
		return
	}
	n, i := x.find(m)
	m.key, m.seq = key, seq
	r, rs := rankOf(m), x.runs[n].live()
	if x.ahead(n, i, rs, r) && x.behind(n, i, rs, r) {
		rs[i] = r
		return
	}
	x.leave(n, i)
	x.enter(r)
}

// behind reports whether r comes after the one in front of number i of run n.
func (x *ranks) behind(n, i int, rs []rank, r rank) bool {
	if i > 0 {
		return rs[i-1].before(r)
	}
	return n == 0 || !r.before(x.bounds[n])
}

// ahead reports whether r comes before the one behind number i of run n.
func (x *ranks) ahead(n, i int, rs []rank, r rank) bool {
	if i+1 < len(rs) {
		return r.before(rs[i+1])
	}
	return n+1 == len(x.runs) || r.before(x.bounds[n+1])
}

// largest is what the largest finite key sorts as.
const largest = 0xffefffffffffffff

// last returns the largest key with which a member may be chosen, as ranks have it:
// those with an infinite key are left out, unless all have it and somebody has to be
// chosen.
func (x *ranks) last(strict bool) uint64 {
	if len(x.runs) == 0 || strict {
		return largest
	}
	return max(largest, x.runs[0].live()[0].key)
}

// choose appends the first n members that may be chosen.
func (x *ranks) choose(members []*Member, n int, strict bool, dst []*Member) []*Member {
	last := x.last(strict)
	for _, u := range x.runs {
		for _, r := range u.live() {
			if n == 0 || r.key > last {
				return dst
			}
			dst = append(dst, members[r.slot])
			n--
		}
	}
	return dst
}

// walk visits the members that may be chosen, in order, until visit returns false.
func (x *ranks) walk(members []*Member, strict bool, visit func(*Member) bool) {
	last := x.last(strict)
	for _, u := range x.runs {
		for _, r := range u.live() {
			if r.key > last || !visit(members[r.slot]) {
				return
			}
		}
	}
}

// rank takes over the members' keys and slots, which have changed without changing
// the order. The members are found by the former slots.
func (x *ranks) rank(members []*Member) {
	for n, u := range x.runs {
		rs := u.live()
		for i := range rs {
			rs[i] = rankOf(members[rs[i].slot])
		}
		x.bounds[n] = rs[0]
	}
}
