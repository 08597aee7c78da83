package main

import (
	"strings"

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
	tls        pool.TLSConfig
}

func (f *hostFlags) add(flags *pflag.FlagSet) {
	flags.Var(&registrarsFlag{&f.registrars}, "registrar", "`ADDRESS` of a registrar, as HOST:PORT or HOST:PORT@UDPPORT, or tcp://HOST:PORT or tls://HOST:PORT; may be repeated (default: those that announce themselves)")
	flags.Var(&choice{&f.mode, sctp.Modes}, "transport", "whose SCTP: auto, kernel, udp or both (default auto)")
	flags.StringVar(&f.listen, "listen", "", "`IP` address of the own end, or several with commas between them for the kernel's SCTP (default: all)")
	flags.Var(&portFlag{&f.udpPort, 0}, "udp-port", "UDP port that encapsulates SCTP, or any for a free one (default any)")
	addCertificateFlags(flags, &f.tls.CertFile, &f.tls.KeyFile, &f.tls.CAFile)
}

// registrarsFlag is a flag that takes a registrar's address each time.
type registrarsFlag struct{ list *[]string }

func (f *registrarsFlag) String() string {
	if f.list == nil {
		return ""
	}
	return strings.Join(*f.list, ",")
}
func (f *registrarsFlag) Type() string { return "stringArray" }
func (f *registrarsFlag) Set(s string) error {
	if err := pool.CheckRegistrar(s); err != nil {
		return err
	}
	*f.list = append(*f.list, s)
	return nil
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
	replace(&h.TLS.CertFile, f.tls.CertFile)
	replace(&h.TLS.KeyFile, f.tls.KeyFile)
	replace(&h.TLS.CAFile, f.tls.CAFile)
}

// addCertificateFlags adds the files of one side of TLS.
func addCertificateFlags(flags *pflag.FlagSet, cert, key, ca *string) {
	flags.StringVar(cert, "tls-cert", "", "PEM `FILE` with the own certificate, for TLS")
	flags.StringVar(key, "tls-key", "", "PEM `FILE` with its private key")
	flags.StringVar(ca, "tls-ca", "", "PEM `FILE` with the authorities that sign the certificates of the other side")
}

// replace lets a flag win that was given.
func replace(p *string, flag string) {
	if flag != "" {
		*p = flag
	}
}
