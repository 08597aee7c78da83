package tcp

import (
	"testing"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
)

// echo answers each message, and tells of each answer.
type echo struct {
	*transporttest.Recorder
	answers chan struct{}
}

func (e echo) Event(transport.Association, transport.EventKind, error) { e.answers <- struct{}{} }

func (e echo) Message(a transport.Association, m transport.Message) {
	if e.Recorder != nil {
		_ = a.Send(m)
		return
	}
	e.answers <- struct{}{}
}

func BenchmarkPingPong(b *testing.B) {
	for _, via := range []string{"tcp", "tls"} {
		b.Run(via, func(b *testing.B) {
			cfg := quick(loopback)
			cfg.HeartbeatInterval = -1
			if via == "tls" {
				cfg.Credentials = credentials(b, transporttest.NewAuthority(b), "peer", "127.0.0.1")
			}
			d := open(b, cfg)
			defer d.Close()
			server, err := d.Open(transport.EndpointConfig{Listen: true, Handler: echo{transporttest.NewRecorder(), make(chan struct{}, 10)}})
			if err != nil {
				b.Fatal(err)
			}
			mine := echo{answers: make(chan struct{}, 10)}
			client, err := d.Open(transport.EndpointConfig{Handler: mine})
			if err != nil {
				b.Fatal(err)
			}
			a, err := client.Dial(server.Local())
			if err != nil {
				b.Fatal(err)
			}
			<-mine.answers
			m := transport.Message{PPID: 11, Payload: make([]byte, 100)}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if err := a.Send(m); err != nil {
					b.Fatal(err)
				}
				<-mine.answers
			}
		})
	}
}
