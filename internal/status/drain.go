package status

import (
	"net"
	"net/http"
)

// DrainHeader must be set in a request for /drain: pages in a browser cannot do
// that for another host.
const DrainHeader = "X-Rspool-Drain"

// handler is Handler with what changes the process.
func (c *Config) handler() http.Handler {
	if c.Drain == nil {
		return Handler(c.Source)
	}
	mux := http.NewServeMux()
	mux.Handle("/", Handler(c.Source))
	mux.HandleFunc("POST /drain", func(w http.ResponseWriter, r *http.Request) {
		if !local(r.RemoteAddr) || r.Header.Get(DrainHeader) == "" {
			text(w, http.StatusForbidden, "only a command of this machine may end the process: use rspool registrar drain")
			return
		}
		text(w, http.StatusAccepted, "leaving")
		c.Drain()
	})
	return mux
}

// local reports whether a peer is a process of this machine.
func local(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
