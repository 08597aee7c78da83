package config

import (
	"fmt"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/pool"
)

// hostFields and hostBlocks are what element and user blocks have in common: how
// the process finds registrars and speaks to them.
func hostFields(h *pool.HostConfig) []field {
	request := `"3s"`
	if h.Dialect == rserpool.RFC {
		request = `"15s"`
	}
	return []field{
		{name: "registrars", example: `["127.0.0.1:3863"]`, doc: "Registrars, tried in this order, as IP:PORT or IP:PORT@UDPPORT, or tcp://IP:PORT or tls://IP:PORT. If absent, announcements are listened for.",
			value: list("list of addresses", 100, &h.Registrars, parseRegistrar)},
		dialectField(&h.Dialect),
		{name: "max_handle_length", def: "32", doc: "Longest pool handle, in bytes. Deployed peers abort on more than 32.", value: size(&h.MaxHandleLength, 1, rserpool.MaxHandleLen)},
		{name: "request_timeout", def: request, doc: "T1-ENRPrequest: how long a registrar may take to answer a resolution; 15s in the RFC dialect.", value: duration(&h.RequestTimeout, shortest, longest)},
		{name: "max_request_retransmit", def: "2", doc: "MAX-REQUEST-RETRANSMIT: how often a request is repeated.", value: integer(&h.MaxRequestRetransmit, 1, 1000)},
	}
}

func hostBlocks(h *pool.HostConfig) []block {
	return []block{
		{
			name: "tls",
			doc:  "What is shown to registrars that are given as tls://HOST:PORT. The files are in PEM, and are read again when they change.",
			fields: append(certificateFields(&h.TLS.CertFile, &h.TLS.KeyFile, &h.TLS.CAFile),
				field{name: "server_name", example: `"registrar.example.org"`, doc: "What the registrar's certificate must be issued for. If absent, the name or IP address by which it is given.", value: name(&h.TLS.ServerName)}),
			check: func() (string, string) {
				if h.TLS != (pool.TLSConfig{}) {
					return certificateMissing(h.TLS.CertFile, h.TLS.KeyFile, h.TLS.CAFile)
				}
				return "", ""
			},
		},
		{
			name: "transport",
			doc:  "The process's own end of associations.",
			fields: []field{
				modeField(&h.Mode),
				{name: "listen", example: `"192.0.2.7"`, doc: "The IP address to bind, and that elements register, or several with commas between them for the kernel's SCTP. If absent, all.", value: ipAddresses(&h.Listen)},
				{name: "udp_port", def: `"any"`, doc: "The UDP port that encapsulates SCTP, or \"any\" for a free one.", value: port(&h.UDPPort, 0)},
				{name: "heartbeat_interval", def: `"5s"`, doc: "How long a peer may be silent before it is asked whether it lives.", value: duration(&h.HeartbeatInterval, shortest, longest)},
				{name: "heartbeat_retries", def: "3", doc: "How often it is asked again before it is given up.", value: integer(&h.HeartbeatRetries, 1, 1000)},
			},
		},
		{
			name: "announcements",
			doc:  "Registrars that make themselves known by multicast.",
			fields: []field{
				{name: "enabled", def: "false", doc: "Listens for them even where registrars are given.", value: boolean(&h.Announcements)},
				{name: "group", def: `"239.0.0.50:3863"`, doc: "Multicast group and UDP port.", value: group(&h.AnnounceGroup)},
				{name: "interface", example: `"eth0"`, doc: "The network interface. If absent, the system's choice.", value: name(&h.AnnounceInterface)},
				{name: "timeout", def: `"5s"`, doc: "T7-ENRPoutdate: how long an announced registrar is remembered.", value: duration(&h.AnnounceTimeout, shortest, longest)},
			},
		},
		{
			name: "hunt",
			doc:  "The search for a registrar.",
			fields: []field{
				{name: "timeout", def: `"10s"`, doc: "T5-Serverhunt: time for one round over at most three registrars, doubled after each.", value: duration(&h.HuntTimeout, shortest, longest)},
				{name: "max_timeout", def: `"1m"`, doc: "RETRAN-MAX: what it is doubled up to.", value: duration(&h.HuntMaxTimeout, shortest, longest)},
			},
			check: func() (string, string) {
				first, last := or(h.HuntTimeout, 10*time.Second), or(h.HuntMaxTimeout, time.Minute)
				if first > last {
					return either("timeout", h.HuntTimeout, "max_timeout"), fmt.Sprintf("The first round, %s, is longer than the longest one, %s.", formatDuration(first), formatDuration(last))
				}
				return "", ""
			},
		},
	}
}

func parseRegistrar(s string) (string, error) {
	a, err := transport.ParseAddress(s)
	if err != nil {
		return "", err
	}
	if a.Port == 0 {
		return "", fmt.Errorf("address %s: the port is 0; registrars usually have 3863", quote(s))
	}
	if a.Via == transport.Stream {
		return "", fmt.Errorf("address %s: registrars do not speak in byte streams; write tcp:// instead", quote(s))
	}
	return a.String(), nil
}

// certificateFields are the files of one side of TLS.
func certificateFields(cert, key, ca *string) []field {
	return []field{
		{name: "cert", example: `"/etc/rspool/own.pem"`, doc: "The own certificate, with those between it and the authority's behind it. If absent, there is no TLS.", value: name(cert)},
		{name: "key", example: `"/etc/rspool/own.key"`, doc: "Its private key. If absent, there is no TLS.", value: name(key)},
		{name: "ca", example: `"/etc/rspool/ca.pem"`, doc: "The certificates of the authorities that sign those of the other side. If absent, there is no TLS.", value: name(ca)},
	}
}

// certificateMissing complains of a file that is not named.
func certificateMissing(cert, key, ca string) (name, problem string) {
	for _, f := range []struct{ name, file string }{{"cert", cert}, {"key", key}, {"ca", ca}} {
		if f.file == "" {
			return f.name, "TLS needs the files cert, key and ca. Set " + f.name + "."
		}
	}
	return "", ""
}
