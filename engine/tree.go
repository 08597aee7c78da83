package engine

// tree keeps members in order. It is a treap whose nodes are the members
// themselves, threaded so that neighbours and both ends are one step away. The
// priorities are random, so that nobody who registers can make it lopsided.
type tree struct{ root, first, last *Member }

// insert adds m, whose key, seq and priority are set. Both ends cost O(1).
func (t *tree) insert(m *Member) {
	switch {
	case t.root == nil:
		m.left, m.right, m.parent, m.prev, m.next = nil, nil, nil, nil, nil
		t.root, t.first, t.last = m, m, m
	case t.last.before(m):
		t.insertLast(m)
	case m.before(t.first):
		t.insertFirst(m)
	default:
		t.insertWithin(m)
	}
}

func (t *tree) insertLast(m *Member) {
	var below *Member
	above := t.last
	for above != nil && above.priority < m.priority {
		below, above = above, above.parent
	}
	m.left, m.right = below, nil
	if below != nil {
		below.parent = m
	}
	if m.parent = above; above == nil {
		t.root = m
	} else {
		above.right = m
	}
	m.prev, m.next, t.last.next = t.last, nil, m
	t.last = m
}

func (t *tree) insertFirst(m *Member) {
	var below *Member
	above := t.first
	for above != nil && above.priority < m.priority {
		below, above = above, above.parent
	}
	m.left, m.right = nil, below
	if below != nil {
		below.parent = m
	}
	if m.parent = above; above == nil {
		t.root = m
	} else {
		above.left = m
	}
	m.prev, m.next, t.first.prev = nil, t.first, m
	t.first = m
}

// insertWithin adds m between the ends: it descends to where m's priority
// belongs and splits what is below into what comes before and after m.
func (t *tree) insertWithin(m *Member) {
	var parent, prev, next *Member
	link := &t.root
	n := t.root
	for n != nil && n.priority >= m.priority {
		parent = n
		if m.before(n) {
			next, link = n, &n.left
		} else {
			prev, link = n, &n.right
		}
		n = *link
	}
	*link = m
	m.parent = parent

	left, right := &m.left, &m.right
	leftParent, rightParent := m, m
	for n != nil {
		if m.before(n) {
			*right = n
			n.parent = rightParent
			next, rightParent, right = n, n, &n.left
			n = n.left
		} else {
			*left = n
			n.parent = leftParent
			prev, leftParent, left = n, n, &n.right
			n = n.right
		}
	}
	*left, *right = nil, nil

	m.prev, m.next = prev, next
	prev.next, next.prev = m, m
}

// remove takes m out and joins its two subtrees in its place.
func (t *tree) remove(m *Member) {
	if m.prev != nil {
		m.prev.next = m.next
	} else {
		t.first = m.next
	}
	if m.next != nil {
		m.next.prev = m.prev
	} else {
		t.last = m.prev
	}

	parent, link := m.parent, &t.root
	if parent != nil {
		link = &parent.right
		if parent.left == m {
			link = &parent.left
		}
	}
	l, r := m.left, m.right
	for l != nil && r != nil {
		if l.priority > r.priority {
			*link, l.parent = l, parent
			parent, link = l, &l.right
			l = l.right
		} else {
			*link, r.parent = r, parent
			parent, link = r, &r.left
			r = r.left
		}
	}
	if l == nil {
		l = r
	}
	if *link = l; l != nil {
		l.parent = parent
	}
}

// move gives m a new key and seq. Where m stays between its neighbours nothing
// else happens.
func (t *tree) move(m *Member, key float64, seq uint64) {
	m.key, m.seq = key, seq
	if (m.prev == nil || m.prev.before(m)) && (m.next == nil || m.before(m.next)) {
		return
	}
	t.remove(m)
	t.insert(m)
}
