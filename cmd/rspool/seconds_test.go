package main

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestResultsHaveTheirDurationsInSeconds(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a duration", `{"took_ns":1500000000}`, `{"took_seconds":1.5}`},
		{"a short one", `{"took_ns":12345}`, `{"took_seconds":0.000012345}`},
		{"none", `{"took_ns":0,"n":7}`, `{"took_seconds":0,"n":7}`},
		{"a negative one", `{"took_ns":-2000000000}`, `{"took_seconds":-2}`},
		{"within", `{"a":[{"b_ns":1000000000,"c":[1000000000]},{"b_ns":2000000000}],"d":{"e_ns":1}}`, `{"a":[{"b_seconds":1,"c":[1000000000]},{"b_seconds":2}],"d":{"e_seconds":0.000000001}}`},
		{"words stay", `{"a":"b_ns","c_ns":"text","d":["x_ns",1]}`, `{"a":"b_ns","c_seconds":"text","d":["x_ns",1]}`},
		{"after a list", `{"a":[],"b":{},"c_ns":1000000000,"d":null,"e_ns":true,"f":false,"g_ns":3000000000}`, `{"a":[],"b":{},"c_seconds":1,"d":null,"e_seconds":true,"f":false,"g_seconds":3}`},
		{"large numbers stay exact", `{"a":18446744073709551615}`, `{"a":18446744073709551615}`},
		{"a list", `[1,"a_ns",{"a_ns":1000000000}]`, `[1,"a_ns",{"a_seconds":1}]`},
		{"a number", `17`, `17`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(inSeconds([]byte(tt.text + "\n"))); got != tt.want+"\n" {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestPrintedDurationsAreSeconds(t *testing.T) {
	var out bytes.Buffer
	a := &app{stdout: &out, output: jsonOutput}
	if err := a.print(struct {
		Elapsed time.Duration `json:"elapsed_ns"`
		Names   []string      `json:"names"`
	}{90 * time.Millisecond, []string{"<b>"}}, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), `{"elapsed_seconds":0.09,"names":["<b>"]}`+"\n"; got != want {
		t.Errorf("%s want %s", got, want)
	}
}

func FuzzInSeconds(f *testing.F) {
	f.Add(`{"a_ns":1,"b":[{"c":{}},"d_ns"]}`)
	f.Add(`[[],{},"",null,1.5e3]`)
	f.Fuzz(func(t *testing.T, text string) {
		var before any
		if json.Unmarshal([]byte(text), &before) != nil || strings.Contains(text, "_ns") || strings.Contains(text, `\u`) {
			return
		}
		var after any
		if err := json.Unmarshal(inSeconds([]byte(text)), &after); err != nil || !reflect.DeepEqual(before, after) {
			t.Errorf("%q became %q (%v)", text, inSeconds([]byte(text)), err)
		}
	})
}
