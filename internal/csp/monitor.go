package csp

import (
	"fmt"
	"net"
	"sync"
	"time"
)

// Monitor listens to reports. Its methods may be called at once.
type Monitor struct {
	conn *net.UDPConn
	done chan struct{}

	mu    sync.Mutex
	table *table
}

// Listen opens a UDP port at address, in the form HOST:PORT, and listens until Close.
func Listen(address string) (*Monitor, error) {
	at, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for component status at %s: %w; write it as HOST:PORT, as in :%d", address, err, Port)
	}
	conn, err := net.ListenUDP("udp", at)
	if err != nil {
		return nil, fmt.Errorf("listen for component status at %s: %w; is another monitor running?", address, err)
	}
	m := &Monitor{conn: conn, done: make(chan struct{}), table: newTable()}
	go m.listen()
	return m, nil
}

func (m *Monitor) listen() {
	defer close(m.done)
	b := make([]byte, 1<<16)
	for {
		n, from, err := m.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return // it is closed: a UDP socket that is not connected has no other errors
		}
		m.mu.Lock()
		m.table.receive(time.Now(), from.Addr().Unmap(), b[:n])
		m.mu.Unlock()
	}
}

// Addr returns where the monitor listens, as HOST:PORT.
func (m *Monitor) Addr() string { return m.conn.LocalAddr().String() }

// Components returns those that have reported lately, in order of their identifiers, and
// the counters so far.
func (m *Monitor) Components() ([]Component, Counters) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.table.list(time.Now()), m.table.counters
}

// Close ends the listening.
func (m *Monitor) Close() error {
	err := m.conn.Close()
	<-m.done
	return err
}
