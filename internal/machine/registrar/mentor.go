package registrar

import (
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
)

// mentor is the registrar's start: it looks for a peer, asks it who else there is,
// and takes over its handle table (RFC 5353, Section 3.2). It is over as soon as
// the registrar is in sync, or alone.
//
// Elements and users are answered from the beginning, but the registrar does not
// make itself known to them before.
type mentor struct {
	alarm
	synced bool
	since  time.Time // of the machine's start
	until  time.Time // a mentor is looked for
	stage  mentorStage
	peer   *peer // whom it asks, nil while it looks for one
	tried  []rserpool.RegistrarID
	rounds int
}

type mentorStage uint8

const (
	searching mentorStage = iota
	listing               // LIST_REQUEST is on its way
	loading               // and then the table
	waiting               // everybody was asked in vain; again in a moment
)

const (
	// mentorRounds is how often all peers are asked in vain before the registrar
	// begins alone. Audits show it what it has missed.
	mentorRounds = 3
	// mentorPause is the wait between two rounds.
	mentorPause = time.Second
	// multicastPatience is how long a registrar that nobody has told of a peer
	// waits for one: whoever hears its presence makes contact at once.
	multicastPatience = time.Second
	// searchPresences is how many it sends meanwhile: some may be lost.
	searchPresences = 5
)

func (m *Machine) startMentor() {
	t := &m.scope.mentor
	t.owner, t.since, t.until = t, m.now, m.after(m.cfg.Scope.MentorTimeout)
	if !m.scope.enabled {
		m.becomeInSync("")
		return
	}
	m.alarms.set(&t.alarm, m.now)
}

// inSync reports whether the registrar knows the handlespace.
func (m *Machine) inSync() bool { return m.scope.mentor.synced }

// seekMentor asks the next peer that can be asked. Where there is none and none
// can come, the registrar is alone.
func (m *Machine) seekMentor() {
	t := &m.scope.mentor
	if t.synced || t.stage != searching {
		return
	}
	for _, p := range m.scope.peers {
		switch {
		case !p.met || p.link() == nil || p.takeover != nil:
		case !slices.Contains(t.tried, p.id):
			m.askMentor(p)
			return
		}
	}
	heard := t.since.Add(multicastPatience)
	switch {
	case len(t.tried) > 0:
		m.nextRound()
	case m.expectsContact():
		m.alarms.set(&t.alarm, t.until)
	case m.cfg.Scope.Multicast && m.now.Before(heard):
		m.alarms.set(&t.alarm, heard)
	default:
		m.becomeInSync("no peer was found")
	}
}

// searchesByMulticast reports whether the registrar waits for somebody who hears
// its presence.
func (m *Machine) searchesByMulticast() bool {
	t := &m.scope.mentor
	return m.cfg.Scope.Multicast && !t.synced && len(t.tried) == 0 && m.now.Before(t.since.Add(multicastPatience))
}

// expectsContact reports whether a place is being dialled, or somebody there asked
// who it is.
func (m *Machine) expectsContact() bool {
	for _, c := range m.scope.contacts {
		if !c.own && c.twin == nil && c.failures < redials && c.peer == nil {
			return true
		}
	}
	return false
}

func (m *Machine) askMentor(p *peer) {
	t := &m.scope.mentor
	t.peer, t.stage = p, listing
	t.tried = append(t.tried, p.id)
	m.alarms.set(&t.alarm, m.after(m.cfg.Scope.MaxTimeNoResponse))
	m.requestList(p)
}

// mentorListed goes on with the table.
func (m *Machine) mentorListed(p *peer, reject bool) {
	t := &m.scope.mentor
	if t.stage != listing || t.peer != p {
		return
	}
	if reject {
		m.leaveMentor()
		return
	}
	t.stage = loading
	m.alarms.clear(&t.alarm)
	m.fetch(p, false)
}

// mentored ends the transfer of the mentor's table.
func (m *Machine) mentored(p *peer, complete bool) {
	t := &m.scope.mentor
	switch {
	case t.stage != loading || t.peer != p:
	case complete:
		m.becomeInSync("mentor " + p.id.String())
	default:
		m.leaveMentor()
	}
}

// mentorLost hears that a peer is gone.
func (m *Machine) mentorLost(p *peer) {
	if t := &m.scope.mentor; t.peer == p && !t.synced {
		m.leaveMentor()
	}
}

// resume asks a peer that has a new association again for what it may have been
// asked over the former one.
func (m *Machine) resume(p *peer) {
	if p.transfer != nil {
		m.demand(p.transfer)
	} else {
		m.resumeMentor(p)
	}
}

func (m *Machine) resumeMentor(p *peer) {
	if t := &m.scope.mentor; t.peer == p && t.stage == listing {
		m.requestList(p)
	}
}

// leaveMentor tries a backup.
func (m *Machine) leaveMentor() {
	t := &m.scope.mentor
	t.peer = nil
	m.searchMentor()
}

func (m *Machine) searchMentor() {
	t := &m.scope.mentor
	t.stage, t.until = searching, m.after(m.cfg.Scope.MentorTimeout)
	m.alarms.set(&t.alarm, t.until)
	m.seekMentor()
}

// nextRound follows a round in which nobody could help. Where all are starting,
// nobody has anything to tell, and the one with the smallest identifier begins.
func (m *Machine) nextRound() {
	t := &m.scope.mentor
	t.rounds++
	first := true
	for _, p := range m.scope.peers {
		if p.met && (!p.starting || p.id < m.cfg.ID) {
			first = false
		}
	}
	if first || t.rounds >= mentorRounds {
		m.becomeInSync("no peer could help")
		return
	}
	t.tried, t.stage = nil, waiting
	m.alarms.set(&t.alarm, m.after(mentorPause))
}

// ring ends what takes too long.
func (t *mentor) ring(m *Machine) {
	switch t.stage {
	case searching:
		if m.now.Before(t.until) {
			m.seekMentor()
		} else {
			m.becomeInSync("no peer was found")
		}
	case listing:
		m.leaveMentor()
	case waiting:
		m.searchMentor()
	case loading: // the transfer has its own alarm
	}
}

// becomeInSync ends the start.
func (m *Machine) becomeInSync(how string) {
	t := &m.scope.mentor
	asked := t.peer
	t.synced, t.peer, t.tried = true, nil, nil
	m.alarms.clear(&t.alarm)
	if m.scope.enabled {
		m.observe(Observed{Event: InSync, Detail: how})
	}
	m.startAnnouncing()
	for _, p := range m.scope.peers {
		if p.met && p.link() != nil && p != asked {
			m.requestList(p)
		}
	}
}
