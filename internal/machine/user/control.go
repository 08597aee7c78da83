package user

import (
	"errors"
	"slices"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/wire"
)

// maxCard bounds the elements of a business card that are kept.
const maxCard = 64

// control is what a session has learnt on its control channels. It outlives the
// elements that said it.
type control struct {
	cookie []byte // the newest, nil before the first
	card   []rserpool.Element
}

// receive handles a message of the control channel. Whatever does not belong
// there has no effect.
func (s *Session) receive(in *machine.Received) {
	if !s.Control() {
		return
	}
	m, unrecognized, err := asap.Parse(in.Payload)
	if err != nil {
		var e *wire.Error
		if errors.As(err, &e) && !isError(in.Payload) {
			s.refuse(e.Report())
		}
		return
	}
	if len(unrecognized) > 0 {
		s.refuse(&rserpool.OperationError{Causes: unrecognized})
	}
	switch m := m.(type) {
	case *asap.Cookie:
		s.control.cookie = slices.Clone(m.Cookie)
	case *asap.BusinessCard:
		if m.Handle == s.cfg.Handle {
			s.control.card = slices.Clone(m.Elements[:min(len(m.Elements), maxCard)])
		}
	}
}

// echo puts a cookie echo before everything that waits, if there is a cookie and
// the element has a control channel (RFC 5352, Section 3.8).
func (s *Session) echo() bool {
	if !s.Control() || s.control.cookie == nil {
		return false
	}
	s.send(&asap.CookieEcho{Cookie: s.control.cookie})
	return true
}

// refuse answers a message that could not be understood, unless nothing is to be
// said. One such answer waits at most: a peer that sends nonsense faster than it
// reads is not worth more memory.
func (s *Session) refuse(e *rserpool.OperationError) {
	if e != nil && len(s.out.control) == 0 {
		s.send(&asap.Error{Causes: e.Causes})
	}
}

func (s *Session) send(m asap.Message) {
	s.out.control = append(s.out.control, transport.Message{PPID: asap.PPID, Payload: asap.Append(nil, m)})
}

// isError reports whether a message is an ASAP_ERROR, which is never answered.
func isError(payload []byte) bool {
	return len(payload) > 0 && asap.Type(payload[0]) == asap.TypeError
}
