package config

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/transport/sctp"
)

func (r *Registrar) block() block {
	return block{
		name: "registrar",
		doc:  "The registrar: keeps the handlespace and answers elements and users.",
		fields: []field{
			{name: "id", example: `"0x2f1a93c4"`, doc: "Identifies the registrar in its operation scope. If absent, a random one is drawn at each start.", value: identifier(&r.ID)},
			dialectField(&r.Dialect),
			{name: "policy_dir", example: `"/etc/rspool/policies"`, doc: "The folder of Lua scripts whose names are relative. If absent, that of the file which names them.", live: true, value: name(&r.PolicyDir)},
			{name: "plugin_dir", example: `"/usr/lib/rspool/plugins"`, doc: "The folder of plugins whose names are relative. If absent, that of the file which names them.", live: true, value: name(&r.PluginDir)},
		},
		blocks: []block{
			{
				name: "transport",
				doc:  "How peers reach the registrar.",
				fields: []field{
					modeField(&r.Mode),
					{name: "listen", example: `"192.0.2.1"`, doc: "The IP address to bind, or several with commas between them for the kernel's SCTP. If absent, all.", value: ipAddresses(&r.Listen)},
					{name: "udp_port", def: "9899", doc: "The UDP port that encapsulates SCTP, or \"any\" for a free one.", value: port(&r.UDPPort, -1)},
					{name: "heartbeat_interval", def: `"5s"`, doc: "How long a peer may be silent before it is asked whether it lives.", value: duration(&r.HeartbeatInterval, shortest, longest)},
					{name: "heartbeat_retries", def: "3", doc: "How often it is asked again before it is given up.", value: integer(&r.HeartbeatRetries, 1, 1000)},
				},
			},
			{
				name: "tcp",
				doc:  "Elements and users behind firewalls that let TCP pass alone.",
				fields: []field{
					{name: "enabled", def: "false", doc: "Whether they are let in.", value: boolean(&r.TCP.Enabled)},
					{name: "port", def: "3863", doc: "The TCP port, or \"any\" for a free one.", value: port(&r.TCP.Port, -1)},
				},
			},
			{
				name: "tls",
				doc:  "The same over TLS 1.3, where both sides show a certificate. The files are in PEM, and are read again when they change.",
				fields: slices.Concat([]field{
					{name: "enabled", def: "false", doc: "Whether they are let in.", value: boolean(&r.TLS.Enabled)},
					{name: "port", def: "3864", doc: "The TCP port, or \"any\" for a free one.", value: port(&r.TLS.Port, -1)},
				}, certificateFields(&r.TLS.CertFile, &r.TLS.KeyFile, &r.TLS.CAFile)),
				check: func() (string, string) {
					if r.TLS.Enabled {
						return certificateMissing(r.TLS.CertFile, r.TLS.KeyFile, r.TLS.CAFile)
					}
					return "", ""
				},
			},
			r.asapBlock(),
			r.enrpBlock(),
			{
				name: "announce",
				doc:  "How the registrar makes itself known by multicast.",
				fields: []field{
					{name: "enabled", def: "true", doc: "Whether it does.", value: negated(&r.Announce.Disabled)},
					{name: "group", def: `"239.0.0.50:3863"`, doc: "Multicast group and UDP port.", value: group(&r.Announce.Group)},
					{name: "interface", example: `"eth0"`, doc: "The network interface. If absent, the system's choice.", value: name(&r.Announce.Interface)},
					{name: "interval", def: `"1s"`, doc: "T6-Serverannounce: time between announcements, times the number of announcing registrars.", value: duration(&r.Announce.Interval, 100*time.Millisecond, longest)},
					{name: "ttl", def: "30", doc: "Multicast time to live: routers that an announcement may pass.", value: integer(&r.Announce.TTL, 1, 255)},
				},
			},
			{
				name: "limits",
				doc:  "What the registrar takes on at most.",
				fields: []field{
					{name: "max_handle_length", def: "32", doc: "Longest pool handle, in bytes. Deployed peers abort on more than 32.", value: size(&r.MaxHandleLength, 1, rserpool.MaxHandleLen)},
					{name: "max_pools", def: "100000", doc: "Pools.", value: integer(&r.MaxPools, 1, 10_000_000)},
					{name: "max_pool_elements", def: "100000", doc: "Elements of one pool.", value: integer(&r.MaxPoolElements, 1, 10_000_000)},
					{name: "max_elements", def: "1000000", doc: "Elements of all pools.", value: integer(&r.MaxElements, 1, 100_000_000)},
					{name: "max_associations", def: "50000", doc: "Associations with elements, users and peers.", value: integer(&r.MaxAssociations, 1, 10_000_000)},
				},
				check: func() (string, string) {
					if r.MaxElements != 0 && r.MaxElements < r.MaxPoolElements {
						return "max_elements", "There may be fewer elements in all pools than in one. Make max_elements at least max_pool_elements."
					}
					return "", ""
				},
			},
		},
	}
}

func (r *Registrar) asapBlock() block {
	return block{
		name: "asap",
		doc:  "The protocol with elements and users.",
		fields: []field{
			{name: "port", def: "3863", doc: "The SCTP port, or \"any\" for a free one.", value: port(&r.ASAPPort, -1)},
			{name: "keepalive_interval", def: `"5s"`, doc: "Mean time between keep-alives to an element, spread by half to either side.", value: duration(&r.KeepAliveInterval, 10*time.Millisecond, longest)},
			{name: "keepalive_timeout", def: `"5s"`, doc: "How long an element may take to answer one.", value: duration(&r.KeepAliveTimeout, 10*time.Millisecond, longest)},
			{name: "max_bad_reports", def: "3", doc: "MAX-BAD-PE-REPORT: reports that remove an element although it answers keep-alives.", value: integer(&r.MaxBadReports, 1, 1_000_000)},
			{name: "report_interval", def: `"1s"`, doc: "Least time between two counted reports of one reporter on one element.", value: duration(&r.ReportInterval, shortest, longest)},
			{name: "max_items", def: "3", doc: "Elements in an answer where the user asks for no number.", value: integer(&r.MaxItems, 1, 1000)},
			{name: "max_increment", example: "1", doc: "Leading elements of an answer that count as selected. If absent, as the policy says.", value: integer(&r.MaxIncrement, 1, 1000)},
			{name: "min_life", def: `"1s"`, doc: "Shortest registration life granted.", value: duration(&r.MinLife, shortest, 365*day)},
			{name: "max_life", def: `"24h"`, doc: "Longest registration life granted.", value: duration(&r.MaxLife, shortest, 365*day)},
			{name: "default_life", def: `"15m"`, doc: "The life granted to who asks for none.", value: duration(&r.DefaultLife, shortest, 365*day)},
		},
		check: func() (string, string) {
			least, most, usual := or(r.MinLife, time.Second), or(r.MaxLife, day), or(r.DefaultLife, 15*time.Minute)
			switch {
			case least > most:
				return either("min_life", r.MinLife, "max_life"), fmt.Sprintf("The shortest life, %s, is longer than the longest, %s.", formatDuration(least), formatDuration(most))
			case usual < least || usual > most:
				return either("default_life", r.DefaultLife, either("min_life", r.MinLife, "max_life")),
					fmt.Sprintf("The default life, %s, is not between the shortest, %s, and the longest, %s.", formatDuration(usual), formatDuration(least), formatDuration(most))
			}
			return "", ""
		},
	}
}

// or returns d, or the default where it is not set.
func or(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}

// either returns name if its value was set, else the other one.
func either(name string, d time.Duration, other string) string {
	if d != 0 {
		return name
	}
	return other
}

func dialectField(d *rserpool.Dialect) field {
	return field{
		name: "dialect", def: `"deployed"`,
		doc: "Where RFCs and deployed peers differ: deployed or rfc.",
		value: parsed("dialect", d, func(s string) (rserpool.Dialect, error) {
			v, err := rserpool.ParseDialect(s)
			if err != nil {
				names := []string{"deployed", "rfc"}
				return 0, fmt.Errorf("%s is not one of %s%s", quote(s), quoteAll(names), didYouMean(s, names))
			}
			return v, nil
		}, rserpool.Dialect.String),
	}
}

func modeField(s *string) field {
	return field{
		name: "mode", def: `"auto"`,
		doc:   "Whose SCTP: kernel, udp for the one that is embedded in the program and goes over UDP, both at once, or auto: the kernel's where it has one and no UDP port is given, else the embedded one.",
		value: word(s, sctp.Modes...),
	}
}

// group is a multicast group with its UDP port.
func group(s *string) value {
	return parsed("group", s,
		func(text string) (string, error) {
			a, err := netip.ParseAddrPort(text)
			if err != nil || !a.Addr().IsMulticast() || a.Port() == 0 {
				return "", fmt.Errorf("%s is not a multicast group with a port; write one as in \"239.0.0.50:3863\"", quote(text))
			}
			return a.String(), nil
		},
		func(s string) string { return s })
}

// name is any short text.
func name(s *string) value {
	return parsed("name", s,
		func(text string) (string, error) {
			if text == "" || len(text) > 255 {
				return "", fmt.Errorf("%s has %d bytes; a name has 1 to 255", quote(text), len(text))
			}
			return text, nil
		},
		func(s string) string { return s })
}
