package main

import (
	"bytes"
	"testing"
)

func TestCountGoesOnInTheNextElement(t *testing.T) {
	var out bytes.Buffer
	if err := show(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	want := `message 1
message 2
message 3
the element is gone, another one continues
message 4
message 5
message 6
`
	if out.String() != want {
		t.Errorf("wrote\n%swant\n%s", out.String(), want)
	}
}
