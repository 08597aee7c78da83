package registrar

import (
	"errors"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/wire"
)

// replies are the messages that are sent often, to be used again.
type replies struct {
	registration   asap.RegistrationResponse
	deregistration asap.DeregistrationResponse
	resolution     asap.HandleResolutionResponse
	keepAlive      asap.KeepAlive
}

func (m *Machine) received(in *machine.Received) {
	a := m.associations[in.Association]
	if a == nil {
		m.counters.Ignored[Late]++
		return
	}
	a.heard = m.now
	switch enrpEndpoint := a.endpoint == machine.ENRPEndpoint; {
	case in.PPID == asap.PPID && !enrpEndpoint:
		m.receivedASAP(a, in.Payload)
	case in.PPID == enrp.PPID && enrpEndpoint:
		m.receivedENRP(a, in.Payload)
	case in.PPID == asap.PPID || in.PPID == enrp.PPID:
		m.end(a, WrongProtocol)
	default:
		m.counters.Ignored[ForeignPPID]++
	}
}

// receivedASAP is the table of contents of the ASAP half.
func (m *Machine) receivedASAP(a *association, payload []byte) {
	msg, reports, err := m.decoder.Parse(payload)
	if err != nil {
		m.unreadable(a, payload, err)
		return
	}
	m.counters.Received[msg.Type()]++
	switch msg := msg.(type) {
	case *asap.Registration:
		m.registration(a, msg)
	case *asap.Deregistration:
		m.deregistration(a, msg)
	case *asap.HandleResolution:
		m.resolution(a, msg)
	case *asap.KeepAliveAck:
		m.keepAliveAck(a, msg)
	case *asap.Unreachable:
		m.unreachable(a, msg)
	case *asap.Error:
		m.counters.Ignored[PeerError]++
		some := rserpool.OperationError{Causes: msg.Causes[:min(len(msg.Causes), 4)]}
		m.observe(Observed{Event: PeerComplained, Association: a.id, Detail: some.Error()})
		return // whatever is wrong with it
	default:
		m.counters.Ignored[Unexpected]++
	}
	if len(reports) > 0 {
		m.complain(a, &rserpool.OperationError{Causes: reports})
	}
}

// unreadable answers what could not be parsed with the error that the RFC names
// for it (RFC 5354, Sections 3 and 4). An error is never answered with another.
func (m *Machine) unreadable(a *association, payload []byte, err error) {
	why, detail := Malformed, err.Error()
	if len(payload) > 0 {
		if t := asap.Type(payload[0]); t == 0 || t > asap.TypeError {
			why = Unrecognized
			m.counters.Received[0]++
		} else {
			m.counters.Received[t]++
		}
	}
	m.counters.Ignored[why]++
	m.observe(Observed{Event: MessageRefused, Association: a.id, Detail: detail})
	var fault *wire.Error
	if len(payload) > 0 && asap.Type(payload[0]) == asap.TypeError || !errors.As(err, &fault) {
		return
	}
	if report := fault.Report(); report != nil {
		m.complain(a, report)
	}
}

// complain sends an error that answers no particular request.
func (m *Machine) complain(a *association, why *rserpool.OperationError) {
	m.countCauses(why)
	m.send(a, &asap.Error{Causes: why.Causes})
}

func (m *Machine) countCauses(why *rserpool.OperationError) {
	for _, c := range why.Causes {
		m.counters.Errors[c.Code]++
	}
}

// invalid is the error for a value that the dialects name differently: deployed
// registrars have a code for each, the RFC has the offending parameter.
func (m *Machine) invalid(deployed rserpool.CauseCode, parameter []byte) *rserpool.OperationError {
	if m.cfg.Dialect == rserpool.Deployed {
		return rserpool.Fail(deployed)
	}
	if len(parameter) > maxCauseInfo {
		parameter = nil
	}
	return rserpool.Fail(rserpool.InvalidValues, parameter...)
}

// maxCauseInfo bounds the parameter that goes back to who sent it.
const maxCauseInfo = 1024
