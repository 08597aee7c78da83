package registrar

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/handlespace"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/wire"
)

// options reads words of the form name=value; a bare name has the value "".
func options(words []string) map[string]string {
	o := map[string]string{}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		o[name] = value
	}
	return o
}

func parseConfig(words []string) (Config, error) {
	cfg := Config{AnnounceInterval: -1}
	for name, v := range options(words) {
		number, _ := strconv.Atoi(v)
		duration, _ := time.ParseDuration(v)
		switch name {
		case "dialect":
			d, err := rserpool.ParseDialect(v)
			if err != nil {
				return cfg, err
			}
			cfg.Dialect = d
		case "announce":
			cfg.AnnounceInterval = duration
		case "address":
			a, err := transport.ParseAddress(v)
			if err != nil {
				return cfg, err
			}
			cfg.ASAPAddress = a
		case "max-pools":
			cfg.MaxPools = number
		case "max-pool-elements":
			cfg.MaxPoolElements = number
		case "max-elements":
			cfg.MaxElements = number
		case "max-associations":
			cfg.MaxAssociations = number
		case "max-subscriptions":
			cfg.MaxSubscriptions = number
		case "max-peer-subscriptions":
			cfg.MaxPeerSubscriptions = number
		case "max-handle":
			cfg.MaxHandleLength = number
		case "min-life":
			cfg.MinLife = duration
		case "max-life":
			cfg.MaxLife = duration
		case "default-life":
			cfg.DefaultLife = duration
		case "keep-alive":
			cfg.KeepAliveInterval = duration
		case "idle":
			cfg.IdleTimeout = duration
		case "wire-policy":
			p, ok := rserpool.ParsePolicyType(v)
			if !ok {
				return cfg, fmt.Errorf("unknown policy %q", v)
			}
			cfg.Pool = func(rserpool.Handle) *handlespace.Options { return &handlespace.Options{WirePolicy: p} }
		case "policy":
			p, err := policies.Find(v)
			if err != nil {
				return cfg, err
			}
			cfg.Pool = func(rserpool.Handle) *handlespace.Options {
				return &handlespace.Options{Chain: engine.ChainConfig{Policies: []engine.Policy{p}}}
			}
		default:
			return cfg, fmt.Errorf("unknown option %q", name)
		}
	}
	return cfg, nil
}

func parseMessage(words []string) (payload []byte, ppid uint32, err error) {
	verb, words := words[0], words[1:]
	ppid = asap.PPID
	if verb == "hex" {
		payload, err = hex.DecodeString(words[0])
		if v, ok := options(words[1:])["ppid"]; ok {
			n, err := strconv.ParseUint(v, 10, 32)
			return payload, uint32(n), err
		}
		return payload, ppid, err
	}
	handle, id, err := parseElement(words[0])
	if err != nil {
		return nil, 0, err
	}
	opts := options(words[1:])
	var msg asap.Message
	switch verb {
	case "register":
		el, err := parseRegistration(id, opts)
		if err != nil {
			return nil, 0, err
		}
		msg = &asap.Registration{Handle: handle, Element: el}
	case "deregister":
		msg = &asap.Deregistration{Handle: handle, Element: id}
	case "resolve":
		r := &asap.HandleResolution{Handle: handle}
		_, r.Subscribe = opts["subscribe"]
		if v := opts["items"]; v == "all" {
			r.Items = wire.AllItems
		} else if v != "" {
			n, err := strconv.ParseUint(v, 10, 32)
			if err != nil {
				return nil, 0, err
			}
			r.Items = uint32(n)
		}
		msg = r
	case "ack":
		msg = &asap.KeepAliveAck{Handle: handle, Element: id}
	case "report":
		msg = &asap.Unreachable{Handle: handle, Element: id}
	default:
		return nil, 0, fmt.Errorf("unknown message %q", verb)
	}
	return asap.Append(nil, msg), ppid, nil
}

// parseElement reads HANDLE/ID, or HANDLE alone. The handle x*40 is forty x.
func parseElement(s string) (rserpool.Handle, rserpool.ElementID, error) {
	h, id, _ := strings.Cut(s, "/")
	if c, n, ok := strings.Cut(h, "*"); ok {
		count, err := strconv.Atoi(n)
		if err != nil {
			return "", 0, err
		}
		h = strings.Repeat(c, count)
	}
	if id == "" {
		return rserpool.Handle(h), 0, nil
	}
	n, err := strconv.ParseUint(id, 0, 32)
	return rserpool.Handle(h), rserpool.ElementID(n), err
}

func parseRegistration(id rserpool.ElementID, opts map[string]string) (rserpool.Element, error) {
	el := rserpool.Element{
		ID:   id,
		Life: 60_000,
		UserTransport: rserpool.Transport{
			Protocol: rserpool.SCTP, Use: rserpool.DataAndControl, Port: 9000,
			Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
		},
		Policy: rserpool.Policy{Type: rserpool.RoundRobin},
	}
	for name, v := range opts {
		number, _ := strconv.ParseUint(v, 0, 32)
		switch name {
		case "life":
			el.Life = uint32(number)
		case "policy":
			p, ok := rserpool.ParsePolicyType(v)
			if !ok {
				p = rserpool.PolicyType(number)
			}
			el.Policy.Type = p
		case "at":
			a, err := transport.ParseAddress(v)
			if err != nil {
				return el, err
			}
			t := &el.UserTransport
			t.Addresses, t.Port, t.UDPPort = a.IPs, a.Port, a.UDPPort
		case "protocol":
			el.UserTransport.Protocol = map[string]rserpool.Protocol{"tcp": rserpool.TCP, "udp": rserpool.UDP, "opaque": rserpool.Opaque}[v]
		case "opaque":
			el.UserTransport = rserpool.Transport{Protocol: rserpool.Opaque, Opaque: strings.Repeat("o", int(number))}
		case "use":
			el.UserTransport.Use = map[string]rserpool.TransportUse{"data": rserpool.DataOnly, "control": rserpool.DataAndControl}[v]
		case "weight":
			el.Policy.Weight = uint32(number)
		case "distance":
			el.Policy.Distance = uint32(number)
		case "load":
			f, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return el, err
			}
			el.Policy.Load = rserpool.LoadOf(f)
		default:
			return el, fmt.Errorf("unknown option %q", name)
		}
	}
	if el.UserTransport.Protocol != rserpool.SCTP {
		el.UserTransport.Use = rserpool.DataOnly
	}
	return el, nil
}

func parseAnnouncement(words []string) ([]byte, error) {
	if words[0] == "hex" {
		return hex.DecodeString(words[1])
	}
	id, err := rserpool.ParseID(words[0])
	return asap.Append(nil, &asap.ServerAnnounce{Sender: rserpool.RegistrarID(id)}), err
}
