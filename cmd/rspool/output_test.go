package main

import (
	"bytes"
	"errors"
	"testing"
)

func TestErrorsLeaveTheTerminalAlone(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"colours", "aborted: \x1b[31mred", `aborted: \x1b[31mred`},
		{"the cursor", "a\rb\bc", `a\rb\bc`},
		{"lines and columns stay", "a\n\tb", "a\n\tb"},
		{"what is no text", "a\xffb", `a\xffb`},
		{"control characters of two bytes", "a\u009bb", `a\u009bb`},
		{"other scripts stay", "é世", "é世"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			(&app{stderr: &out}).printError(errors.New(tt.text))
			if got := out.String(); got != "rspool: "+tt.want+"\n" {
				t.Errorf("%q; want %q", got, tt.want)
			}
		})
	}
}
