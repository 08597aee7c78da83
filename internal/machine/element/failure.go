package element

import (
	"errors"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/wire"
)

// blameTime is how long a request goes on waiting for its answer after an
// ASAP_ERROR that may be the answer.
const blameTime = time.Second

// failure notes an ASAP_ERROR. It does not say what it is about; a registrar
// answers in order, so it is probably about the oldest request that waits for an
// answer (deployed registrars answer registrations so that they cannot parse).
// That request need not wait much longer.
func (m *Machine) failure(now time.Time, a machine.AssociationID, msg *asap.Error) {
	m.counters.Errors++
	err := &rserpool.OperationError{Causes: msg.Causes}
	m.emit(Reported{Association: a, Err: err})
	if a != m.home || len(m.flight) == 0 {
		return
	}
	e := m.flight[0]
	if e.state != waiting || e.ever || e.blamed != nil {
		return
	}
	e.blamed = err
	if at := now.Add(blameTime); at.Before(e.t.at) {
		m.timers.set(e, at)
	}
}

// answerMalformed tells the sender of a message what is wrong with it, where the
// rules want that. An error is never answered by an error.
func (m *Machine) answerMalformed(in *machine.Received, err error) {
	var we *wire.Error
	if !errors.As(err, &we) || len(in.Payload) == 0 || asap.Type(in.Payload[0]) == asap.TypeError {
		return
	}
	if report := we.Report(); report != nil {
		m.send(in.Association, &asap.Error{Causes: report.Causes})
	}
}
