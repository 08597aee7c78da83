package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rspool/rspool/internal/explain"
)

// decodeFlags is what the flags of decode say.
type decodeFlags struct {
	protocol string
	brief    bool
}

func newDecodeCommand(a *app) *cobra.Command {
	var flags decodeFlags
	cmd := &cobra.Command{
		Use:   "decode HEX|FILE|-",
		Short: "Explain a message of ASAP or ENRP, or those in a packet capture",
		Long: `decode explains a message field by field: offset, bytes, name and meaning. The
message is given as hexadecimal digits (spaces, colons and 0x do no harm), in a
file of them, or on the standard input.

A capture (pcap or pcapng, also compressed by gzip) is searched for messages: in
SCTP, in SCTP over UDP behind any port, and in multicast announcements. The SCTP
payload protocol identifier tells ASAP and ENRP apart there.

A message that receivers reject is explained as far as it goes; the exit code is
then 1.`,
		Example: `  rspool decode --protocol asap 0500000d000900094e6f506f31000000
  rspool decode -o json 07000014777777770009000946616b6550000000
  tcpdump -i any -w - udp port 9899 | rspool decode --brief -`,
		Args: arguments("HEX|FILE|-"),
		RunE: func(_ *cobra.Command, args []string) error { return a.decode(args[0], flags) },
	}
	cmd.Flags().StringVar(&flags.protocol, "protocol", "", "`PROTOCOL` of a message: asap or enrp (default: the one in which it makes sense)")
	cmd.Flags().BoolVar(&flags.brief, "brief", false, "print one line for each message")
	return cmd
}

// decode explains what the argument is or names.
func (a *app) decode(argument string, flags decodeFlags) error {
	switch explain.Protocol(flags.protocol) {
	case "", explain.ASAP, explain.ENRP:
	default:
		return misusef("decode: --protocol %q: want asap or enrp", flags.protocol)
	}
	if argument == "-" {
		return a.decodeFrom(a.stdin, "standard input", flags)
	}
	f, err := os.Open(argument)
	if err == nil {
		defer f.Close()
		return a.decodeFrom(f, argument, flags)
	}
	b, ok := parseHex(argument)
	if !ok {
		return misusef("decode: %q is neither hexadecimal nor a file that can be read (%v)", argument, errors.Unwrap(err))
	}
	return a.decodeMessage(b, flags)
}

// decodeFrom explains the capture or the hexadecimal text that r holds.
func (a *app) decodeFrom(r io.Reader, name string, flags decodeFlags) error {
	b := bufio.NewReader(r)
	if head, _ := b.Peek(4); explain.IsCapture(head) {
		return a.decodeCapture(b, name, flags)
	}
	const limit = 1 << 20 // far beyond the digits of the longest message
	digits, err := io.ReadAll(io.LimitReader(b, limit))
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	message, ok := parseHex(string(digits))
	if !ok {
		return misusef("decode: %s is neither hexadecimal nor a capture in pcap or pcapng format", name)
	}
	return a.decodeMessage(message, flags)
}

// decodeMessage explains one message.
func (a *app) decodeMessage(b []byte, flags decodeFlags) error {
	m, err := explainAs(explain.Protocol(flags.protocol), b)
	if err != nil {
		return err
	}
	err = a.print(m, func(w io.Writer) error {
		if flags.brief {
			_, err := fmt.Fprintln(w, m.Summary)
			return err
		}
		return m.WriteText(w)
	})
	if err != nil {
		return err
	}
	if m.Err != nil {
		return fmt.Errorf("decode: %w", m.Err)
	}
	return nil
}

// explainAs explains b as a message of p. Without p, it is ASAP's if b makes
// sense as such: parameters begin it, which hardly happens by chance in ENRP.
func explainAs(p explain.Protocol, b []byte) (*explain.Message, error) {
	if p != "" {
		return explain.Explain(p, b), nil
	}
	for _, p := range []explain.Protocol{explain.ASAP, explain.ENRP} {
		if m := explain.Explain(p, b); m.Err == nil {
			return m, nil
		}
	}
	return nil, misusef("decode: the message makes no sense in either protocol; say --protocol asap or --protocol enrp to see how far it goes")
}

// decodeCapture explains the messages in a capture.
func (a *app) decodeCapture(r io.Reader, name string, flags decodeFlags) error {
	wanted := "ASAP or ENRP"
	if flags.protocol != "" {
		wanted = strings.ToUpper(flags.protocol)
	}
	messages, rejected := 0, 0
	counts, err := explain.ReadCapture(r, func(c explain.Captured) error {
		if flags.protocol != "" && c.Message.Protocol != explain.Protocol(flags.protocol) {
			return nil
		}
		messages++
		if c.Message.Err != nil {
			rejected++
		}
		return a.printCaptured(c, flags.brief)
	})
	if counts.Malformed > 0 {
		a.remark("%d SCTP packets were cut short or malformed; capture with a snap length of 65535 (tcpdump -s 0)", counts.Malformed)
	}
	if counts.Fragments > 0 {
		a.remark("%d IP fragments were not looked into", counts.Fragments)
	}
	switch {
	case err != nil:
		return fmt.Errorf("decode %s: %w", name, err)
	case messages == 0:
		return notFound(fmt.Errorf("decode %s: no message of %s in %d packets", name, wanted, counts.Packets))
	case rejected > 0:
		return fmt.Errorf("decode %s: %d of %d messages are rejected by receivers", name, rejected, messages)
	}
	return nil
}

// capturedJSON is a message of a capture in JSON, one a line.
type capturedJSON struct {
	Time     string           `json:"time"`
	From     netip.AddrPort   `json:"from"`
	To       netip.AddrPort   `json:"to"`
	Via      string           `json:"via"`
	Protocol explain.Protocol `json:"protocol"`
	Summary  string           `json:"summary"`
	Message  json.Marshaler   `json:"message"`
}

// printCaptured prints a message of a capture: a line, and unless brief its fields.
func (a *app) printCaptured(c explain.Captured, brief bool) error {
	at := c.Time.UTC()
	v := capturedJSON{at.Format(time.RFC3339Nano), c.From, c.To, c.Via, c.Message.Protocol, c.Message.Summary, c.Message}
	return a.print(v, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s  %s > %s  %s  %s\n", at.Format("15:04:05.000000"), c.From, c.To, c.Via, c.Message.Summary)
		if err != nil || brief {
			return err
		}
		var b bytes.Buffer
		if err := c.Message.WriteFields(&b); err != nil {
			return err
		}
		b.WriteByte('\n')
		_, err = w.Write(b.Bytes())
		return err
	})
}

// parseHex reads hexadecimal digits as people write them.
func parseHex(s string) ([]byte, bool) {
	s = strings.NewReplacer("0x", "", "0X", "", ":", "", ",", "").Replace(s)
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	return b, err == nil && len(b) > 0
}
