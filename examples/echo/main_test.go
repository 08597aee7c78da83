package main

import (
	"bytes"
	"context"
	"testing"

	"github.com/rspool/rspool/examples/internal/try"
)

func TestUserHearsItsWords(t *testing.T) {
	host := try.Registrar(t)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 2)
	for range 2 {
		go func() { served <- element(ctx, host) }()
	}
	try.Elements(t, host, handle, 2)
	var out bytes.Buffer
	if err := user(ctx, host, []string{"hello", "world"}, &out); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "hello\nworld\n"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
	stop()
	for range 2 {
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}
