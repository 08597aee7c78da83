//go:build interop

package interop

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
)

// A door is the kind of SCTP that our side speaks; the reference always uses the
// kernel's.
type door string

const (
	kernelDoor door = "kernel" // the kernel's SCTP
	udpDoor    door = "udp"    // our own, over UDP: the reference's kernel encapsulates it
)

// theDoor is the door that the lab was asked to test.
func theDoor() door {
	if d := os.Getenv("RSPOOL_LAB_DOOR"); d != "" {
		return door(d)
	}
	return udpDoor
}

// registrarConfig says how either implementation is to run a registrar.
type registrarConfig struct {
	id                          rserpool.RegistrarID
	keepAlive, keepAliveTimeout time.Duration
	announce, peers             bool
	heartbeat                   time.Duration
	lastHeard, noResponse       time.Duration
	mentor, takeover            time.Duration
}

// quiet is a registrar on its own whose keep-alives never come.
func quiet(id rserpool.RegistrarID) registrarConfig {
	return registrarConfig{
		id: id, keepAlive: 10 * time.Minute, keepAliveTimeout: 5 * time.Second,
		heartbeat: time.Second, lastHeard: 3 * time.Second, noResponse: 2 * time.Second, mentor: 200 * time.Millisecond, takeover: 3 * time.Second,
	}
}

// elementConfig says how either implementation is to run an element.
type elementConfig struct {
	registrar  labHost
	service    string
	pool       rserpool.Handle
	id         rserpool.ElementID
	policy     rserpool.Policy // round robin if zero
	reregister time.Duration   // 30 s if zero
	local      string          // address of the service, as ADDRESS:PORT; the reference's only
}

// life is the time between two registrations; registrations live three times as long.
func (c elementConfig) life() time.Duration {
	if c.reregister == 0 {
		return 30 * time.Second
	}
	return c.reregister
}

// userConfig says where a user runs and what it wants.
type userConfig struct {
	host, registrar labHost
	pool            rserpool.Handle
}

// implementation is what both sides of the table can do.
type implementation interface {
	name() string
	registrar(t *testing.T, h labHost, c registrarConfig) *process
	element(t *testing.T, h labHost, c elementConfig) *process
	// use has a user of the implementation use an element's service.
	use(t *testing.T, c userConfig, service string, element rserpool.ElementID)
}

// implementations are those of the table's rows.
func implementations() []implementation {
	d := theDoor()
	return []implementation{own{d}, reference{d}}
}

// other is the implementation that i is not.
func other(i implementation) implementation {
	for _, o := range implementations() {
		if o.name() != i.name() {
			return o
		}
	}
	return nil
}

// cell is one field of the printed table.
type cell struct {
	Table  string  `json:"table"` // "service", "topic" or "enrp"
	Row    string  `json:"row"`   // "rspool rsplib rspool": registrar, element, user
	Column string  `json:"column"`
	Result string  `json:"result"` // "ok", "FAIL" or a reason
	Took   float64 `json:"seconds"`
}

var cells sync.Mutex

// record notes what became of a test as a cell, when the test ends. Where it is
// skipped, the reason is the cell's.
func record(t *testing.T, table, row, column string) (skip func(reason string)) {
	began := time.Now()
	c := cell{Table: table, Row: row, Column: column, Result: "ok"}
	t.Cleanup(func() {
		if t.Failed() {
			c.Result = "FAIL"
		}
		c.Took = time.Since(began).Seconds()
		dir := os.Getenv("RSPOOL_LAB_OUT")
		if dir == "" {
			return
		}
		cells.Lock()
		defer cells.Unlock()
		f, err := os.OpenFile(filepath.Join(dir, "cells.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		if err := json.NewEncoder(f).Encode(c); err != nil {
			t.Error(err)
		}
	})
	return func(reason string) {
		c.Result = reason
		t.Skip(reason)
	}
}
