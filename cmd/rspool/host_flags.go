package main

import (
	"github.com/spf13/pflag"

	"github.com/rspool/rspool/internal/transport/sctp"
	"github.com/rspool/rspool/pool"
)

// hostFlags are what every command that goes to a pool can say over its
// configuration: where the registrars are, and the process's own end.
type hostFlags struct {
	registrars []string
	mode       string
	listen     string
	udpPort    int
}

func (f *hostFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.registrars, "registrar", nil, "`ADDRESS` of a registrar, as HOST:PORT or HOST:PORT@UDPPORT; may be repeated (default: those that announce themselves)")
	flags.Var(&choice{&f.mode, sctp.Modes}, "transport", "whose SCTP: auto, kernel, udp or both (default auto)")
	flags.StringVar(&f.listen, "listen", "", "`IP` address of the own end, or several with commas between them for the kernel's SCTP (default: all)")
	flags.Var(&portFlag{&f.udpPort, 0}, "udp-port", "UDP port that encapsulates SCTP, or any for a free one (default any)")
}

// apply lets the flags that were given win over the configuration.
func (f *hostFlags) apply(flags *pflag.FlagSet, h *pool.HostConfig) {
	if len(f.registrars) > 0 {
		h.Registrars = f.registrars
	}
	if f.mode != "" {
		h.Mode = f.mode
	}
	if f.listen != "" {
		h.Listen = f.listen
	}
	if flags.Changed("udp-port") {
		h.UDPPort = f.udpPort
	}
}
