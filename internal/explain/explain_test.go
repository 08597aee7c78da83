package explain

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rspool/rspool/internal/wire/wiretest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// vectors returns the golden vectors of both protocols.
func vectors(t testing.TB) []wiretest.Vector {
	return append(wiretest.Load(t, "../asap/testdata/vectors"), wiretest.Load(t, "../enrp/testdata/vectors")...)
}

func TestJSONStatesTheFieldsOfTheVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			text, err := json.Marshal(Explain(Protocol(v.Protocol), v.Bytes(t)))
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(v.Fields, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJSONKeepsTheOrderOfTheVectors(t *testing.T) {
	for _, name := range []string{"asap/testdata/vectors/asap_endpoint_keep_alive", "enrp/testdata/vectors/enrp_handle_update_add_lud"} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			file, err := os.ReadFile("../" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var v struct {
				Protocol Protocol        `json:"protocol"`
				Hex      string          `json:"hex"`
				Fields   json.RawMessage `json:"fields"`
			}
			if err := json.Unmarshal(file, &v); err != nil {
				t.Fatal(err)
			}
			var want bytes.Buffer
			if err := json.Compact(&want, v.Fields); err != nil {
				t.Fatal(err)
			}
			b, err := hex.DecodeString(v.Hex)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(Explain(v.Protocol, b))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.String(), string(got)); diff != "" {
				t.Errorf("JSON (-want +got):\n%s", diff)
			}
		})
	}
}

// explained are messages whose explanation is kept in testdata, as text and as
// JSON.
var explained = []struct {
	name     string
	protocol Protocol
	hex      string
}{
	{"registration", ASAP, "010000400009000944506f6f6c000000000a0030000000d200000000000075300004001012670001000100080a0900050008001040000002800000001999999a"},
	{"registration-behind-udp-port", ASAP, "01000040" + "0009000944506f6f6c000000" + "000a0030000000d20000000000007530" + "0004001012670001000100087f000001" + "0008000800000001" + "989900089c410000"},
	{"registration-with-tags", ASAP, "0100006000090008506f6f6c000a00540000000a00000000000075300004001012670001000100087f000001000800080000000198a0002b0105000870726963653fd00000000000000004000573697465736d616c6c0204000173706f740100"},
	{"resolution-with-attributes", ASAP, "0500002400090008506f6f6c803f00080000000398a1001000060002726567696f6e6575"},
	{"keep-alive", ASAP, "0701001c112233440009000a506f6f6c2d310000000e0008a0000001"},
	{"two-causes", ASAP, "0e000020000c001c0001000cc0200006616200000001000cc021000861626364"},
	{"strict-length", ASAP, "0500000d000900094e6f506f31000000"},
	{"unknown-parameters", ASAP, "05000024" + "00090008506f6f6c" + "80200006abcd0000" + "c021000801020304" + "402200080a0b0c0d"},
	{"handle-update", ENRP, "040000500d0d0d0d000000000001000000090008466" + "16b65000a0038000000770d0d0d0d0000ea600004001012670001000100080a090005000800080000000100040010115c0000000100080a090005"},
	{"presence", ENRP, "0101002c1122334400000000000f00064eb40000000b0018112233440004001026ad0000000100080a090001"},
	{"cut-short", ASAP, "0700001c112233440009000a506f6f6c2d310000000e0008a000"},
	{"length-beyond-container", ASAP, "010000380009000944506f6f6c000000000a0028000000d200000000000075300004001012670001000100180a0900050008000800000003"},
	{"element-missing", ASAP, "0100000c00090008506f6f6c"},
	{"all-items", ASAP, "05010014" + "00090008506f6f6c" + "803f0008ffffffff"},
	{"odd-transports", ASAP, "0a0000580a000001" + "0003001412670000525350310001" + "0008c0000201" + "000600101267ffff00010008c0000201" +
		"0004001812670007000100" + "08c00002010009000841424344" + "0004000c1267000000010004" + "00100007616263" + "00"},
	{"policy-as-printed", ASAP, "01000040" + "00090008506f6f6c" + "000a0034000000010000000000000001" + "0004001012670001000100087f000001" + "000800144000001000000001" + "0000000200000003"},
	{"impossible-length", ASAP, "0a0000020a000001"},
	{"surplus", ASAP, "0a0000080a0000010102030405"},
	{"reserved-message", ASAP, "0000000800000000"},
	{"impossible-cause", ASAP, "0e000010000c000c0001000901020304"},
	{"unknown-message", ENRP, "4b00000801020304"},
	{"three-bytes", ASAP, "010000"},
}

func TestExplanations(t *testing.T) {
	for _, test := range explained {
		t.Run(test.name, func(t *testing.T) {
			b, err := hex.DecodeString(test.hex)
			if err != nil {
				t.Fatal(err)
			}
			m := Explain(test.protocol, b)
			var got bytes.Buffer
			if err := m.WriteText(&got); err != nil {
				t.Fatal(err)
			}
			got.WriteString("\n")
			enc := json.NewEncoder(&got)
			enc.SetIndent("", " ")
			if err := enc.Encode(m); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", test.name+".txt"), got.String())
		})
	}
}

// golden compares got with a file, or writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// checkCovered fails unless the fields cover b once, in order.
func checkCovered(t *testing.T, b []byte, m *Message) {
	t.Helper()
	at := 0
	var walk func(fields []Field)
	walk = func(fields []Field) {
		for _, f := range fields {
			if f.Length == 0 {
				continue
			}
			if f.Offset != at {
				t.Fatalf("%s is at %d, but the field before it ends at %d\n%x", f.Name, f.Offset, at, b)
			}
			if len(f.Fields) > 0 && f.Fields[0].Length > 0 {
				at = f.Fields[0].Offset
				walk(f.Fields)
			}
			at = f.Offset + f.Length
		}
	}
	walk(m.Fields)
	if at != len(b) {
		t.Fatalf("the fields end at %d of %d bytes\n%x", at, len(b), b)
	}
}

func TestEveryPrefixIsExplainedToItsEnd(t *testing.T) {
	for _, v := range vectors(t) {
		b := v.Bytes(t)
		if len(b) > 200 {
			continue // more of the same
		}
		for n := range b {
			checkCovered(t, b[:n], Explain(Protocol(v.Protocol), b[:n]))
		}
	}
}

func FuzzExplain(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.Protocol == "enrp", v.Bytes(f))
	}
	for _, e := range explained {
		b, err := hex.DecodeString(e.hex)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(e.protocol == ENRP, b)
	}
	f.Fuzz(func(t *testing.T, enrp bool, b []byte) {
		p := ASAP
		if enrp {
			p = ENRP
		}
		m := Explain(p, b)
		checkCovered(t, b, m)
		if err := m.WriteText(new(bytes.Buffer)); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(m)
		if err != nil || !json.Valid(text) {
			t.Fatalf("JSON %s: %v", text, err)
		}
	})
}
