package udp

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/sctp"

	"github.com/rspool/rspool/internal/transport"
)

// core moves messages over an association that is established: DATA, SACK,
// congestion control, reassembly and the orderly shutdown. It is the only
// place that knows pion/sctp, which gets packets with tags checked and sends
// packets without checksum.
//
// pion's receiving goroutine reads its packets from a net.Conn, and comes back
// for the next packet when it is done with one. That is where messages are
// handed to the handler: no goroutine waits on a stream.
type core struct {
	host coreHost
	pion *sctp.Association

	mu      sync.Mutex // of the queue
	arrived sync.Cond
	queue   [][]byte
	head    int
	closed  bool

	orderly atomic.Bool // a SHUTDOWN COMPLETE was sent or received

	started bool     // Read was called; pion's receiving goroutine only
	dirty   []uint16 // streams that may have a message; the same goroutine only

	sending sync.Mutex
	streams []*stream // by identifier; the last takes what is for none; under sending
	blocked bool      // Send was refused and nobody told yet; under sending
	limit   int
	ending  bool // shutdown began; under sending
}

// coreHost is what a core needs of its association. All but output are called
// by one goroutine.
type coreHost interface {
	// output sends a packet that lacks ports and checksum.
	output(packet []byte)
	begin(c *core)
	deliver(c *core, m transport.Message)
	writable()
	// over is the last call: the core is at its end and has handed over
	// everything.
	over(c *core)
}

type stream struct {
	*sctp.Stream
	unordered bool
}

const (
	// pionPacket is the largest packet that pion reads.
	pionPacket = 8192
	// coreQueue is the number of packets that wait for pion at most.
	coreQueue = 512
	// coreEntries bounds the fragments that wait for the rest of a message.
	coreEntries = 4096
)

func newCore(host coreHost, cfg *Config, local, peer initiation) (*core, error) {
	c := &core{host: host, limit: cfg.SendBuffer, streams: make([]*stream, cfg.Streams+1)}
	c.arrived.L = &c.mu
	// pion lets the sender leave the checksum out where the peer's INIT allows
	// it; so it is computed once, when the packet is sent.
	zeroChecksum := []byte{0x80, 0x01, 0, 8, 0, 0, 0, 1}
	// pion's goroutine starts at once, but finds c whole.
	c.sending.Lock()
	defer c.sending.Unlock()
	var err error
	c.pion, err = sctp.ClientWithOptions(
		sctp.WithNetConn((*coreConn)(c)),
		sctp.WithLoggerFactory(silence{}),
		sctp.WithName("core"),
		sctp.WithSNAP(
			appendChunk(nil, chunkInit, 0, local.append(nil)),
			appendChunk(nil, chunkInit, 0, peer.append(nil), zeroChecksum)),
		sctp.WithEnableZeroChecksum(true),
		sctp.WithEnableInterleaving(false),
		sctp.WithMTU(uint32(cfg.packetSize())),
		sctp.WithMaxReceiveBufferSize(uint32(cfg.ReceiveWindow)),
		sctp.WithMaxReassemblyQueueEntries(coreEntries),
		sctp.WithMaxMessageSize(transport.MaxMessage),
		sctp.WithRTOMax(float64(cfg.RTOMax.Milliseconds())),
	)
	if err != nil {
		return nil, fmt.Errorf("start association: %w", err)
	}
	return c, nil
}

// input hands over a packet, which is the core's from now on. It reports
// whether there was room.
func (c *core) input(p []byte) bool {
	c.mu.Lock()
	if c.closed || len(c.queue)-c.head >= coreQueue {
		c.mu.Unlock()
		return false
	}
	if c.head == len(c.queue) {
		c.queue, c.head = c.queue[:0], 0
	}
	c.queue = append(c.queue, p)
	c.mu.Unlock()
	c.arrived.Signal()
	return true
}

// close ends the core: with what has arrived already, or without. It does not
// wait; the host hears over.
func (c *core) close(discard bool) {
	c.mu.Lock()
	c.closed = true
	if discard {
		clear(c.queue)
		c.queue, c.head = nil, 0
	}
	c.mu.Unlock()
	c.arrived.Signal()
}

// send queues a message.
func (c *core) send(m transport.Message) error {
	c.sending.Lock()
	defer c.sending.Unlock()
	if c.ending {
		return transport.ErrClosed
	}
	if int(m.Stream) >= len(c.streams)-1 {
		return fmt.Errorf("send on stream %d: the association has streams 0 to %d", m.Stream, len(c.streams)-2)
	}
	if c.pion.BufferedAmount()+len(m.Payload) > c.limit && c.pion.BufferedAmount() > 0 {
		c.blocked = true
		return transport.ErrBackpressure
	}
	s, err := c.stream(m.Stream)
	if err != nil {
		return err
	}
	if s.unordered != m.Unordered {
		s.unordered = m.Unordered
		s.SetReliabilityParams(m.Unordered, sctp.ReliabilityTypeReliable, 0)
	}
	if _, err := s.WriteSCTP(m.Payload, sctp.PayloadProtocolIdentifier(m.PPID)); err != nil {
		return transport.ErrClosed
	}
	return nil
}

// refused reports whether send was refused and there is no room yet.
func (c *core) refused() bool {
	c.sending.Lock()
	defer c.sending.Unlock()
	return c.blocked
}

// unblock reports whether there is room again after send was refused.
func (c *core) unblock() bool {
	c.sending.Lock()
	defer c.sending.Unlock()
	if !c.blocked || c.pion.BufferedAmount() > c.limit/2 {
		return false
	}
	c.blocked = false
	return true
}

// stream returns a stream, opened if need be, so that pion never drops what
// arrives on it. Caller holds sending.
func (c *core) stream(id uint16) (*stream, error) {
	if s := c.streams[id]; s != nil {
		return s, nil
	}
	ps, err := c.pion.OpenStream(id, 0)
	if err != nil {
		return nil, transport.ErrClosed
	}
	// A stream whose read deadline has passed yields what is there and never
	// waits. pion notes it in a goroutine of its own; wait for that once.
	if err := ps.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return nil, err
	}
	for {
		if _, _, err := ps.ReadSCTP(nil); !errors.Is(err, io.ErrShortBuffer) {
			break
		}
		runtime.Gosched() // a message has come already, and stays
	}
	c.streams[id] = &stream{Stream: ps}
	return c.streams[id], nil
}

// stop lets send fail from now on.
func (c *core) stop() {
	c.sending.Lock()
	defer c.sending.Unlock()
	c.ending = true
}

// shutdown begins an orderly end; the host hears over.
func (c *core) shutdown() {
	c.sending.Lock()
	defer c.sending.Unlock()
	for id := range c.streams[:len(c.streams)-1] {
		if _, err := c.stream(uint16(id)); err != nil { // no longer possible afterwards
			break
		}
	}
	// It fails where the peer has begun to shut down already.
	_ = c.pion.Shutdown(expired{})
}
