package explain

import (
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/enrp"
)

// flagBit is a flag of a message. Those without a key are not shown in JSON,
// where the flags stand as a number too.
type flagBit struct {
	bit       uint8
	name, key string
}

// flagsOf returns the flags that a message defines.
func flagsOf(p Protocol, messageType uint8) []flagBit {
	if p == ENRP {
		switch enrp.Type(messageType) {
		case enrp.TypePresence:
			return []flagBit{{0x01, "R: reply required", "reply_required"}}
		case enrp.TypeHandleTableRequest:
			return []flagBit{{0x01, "W: own children only", "own_children_only"}}
		case enrp.TypeHandleTableResponse:
			return []flagBit{{0x01, "R: reject", "reject"}, {0x02, "M: more to send", "more_to_send"}}
		case enrp.TypeHandleUpdate:
			return []flagBit{{0x01, "T: takeover suggested", "takeover_suggested"}}
		case enrp.TypeListResponse:
			return []flagBit{{0x01, "R: reject", "reject"}}
		}
		return nil
	}
	switch asap.Type(messageType) {
	case asap.TypeRegistrationResponse:
		return []flagBit{{0x01, "R: reject", "reject"}}
	case asap.TypeHandleResolution:
		return []flagBit{{0x01, "S: subscribe", ""}}
	case asap.TypeHandleResolutionResponse:
		return []flagBit{{0x01, "A: subscription accepted", ""}}
	case asap.TypeKeepAlive:
		return []flagBit{{0x01, "H: home", "home"}}
	}
	return nil
}

// flagFields returns a field without bytes for each flag.
func flagFields(bits []flagBit, flags uint8) []Field {
	var fields []Field
	for _, b := range bits {
		f := Field{Offset: 1, Name: b.name, Value: "no", key: b.key, data: flags&b.bit != 0}
		if flags&b.bit != 0 {
			f.Value = "yes"
		}
		fields = append(fields, f)
	}
	return fields
}

// body reads what follows a message's header.
func (r *reader) body(p Protocol, messageType uint8) {
	if p == ENRP {
		r.enrpBody(enrp.Type(messageType))
	} else {
		r.asapBody(asap.Type(messageType))
	}
}

func (r *reader) asapBody(t asap.Type) {
	switch t {
	case asap.TypeKeepAlive, asap.TypeServerAnnounce:
		r.uint(4, "Server Identifier", "server_identifier", identifier)
	case 0:
		r.stop("the message type is reserved")
	default:
		if t > asap.TypeError {
			r.stop("the message type is not known")
		}
	}
	r.parameters()
}

func (r *reader) enrpBody(t enrp.Type) {
	if t == 0 || t > enrp.TypeError {
		r.stop("the message type is not known")
		return
	}
	r.uint(4, "Sending Server's ID", "sender_server_id", identifier)
	r.uint(4, "Receiving Server's ID", "receiver_server_id", func(v uint32) shown {
		return remarkZero(v, "everybody")
	})
	switch t {
	case enrp.TypeHandleUpdate:
		r.uint(2, "Update Action", "update_action", func(v uint32) shown {
			s := decimal(v)
			s.meaning = enrp.Action(v).String()
			return s
		})
		r.reserved()
	case enrp.TypeInitTakeover, enrp.TypeInitTakeoverAck, enrp.TypeTakeoverServer:
		r.uint(4, "Targeted Server's ID", "target_server_id", identifier)
	}
	r.parameters()
}
