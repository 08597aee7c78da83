package config

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompare(t *testing.T) {
	const secret = `
variable "secret" {
  sensitive = true
}
`
	for _, tt := range []struct {
		name          string
		before, after string
		want          []string
	}{
		{"nothing", "log {}\n", "", nil},
		{"a_default_that_is_written_out", "", "registrar {\n  enrp {\n    port = 9901\n  }\n}\n", nil},
		{"a_value", "log {\n  level = \"debug\"\n}\n", "log {\n  level = \"warn\"\n}\n", []string{`log.level: "debug" -> "warn", reloaded`}},
		{"a_value_that_is_new", "", "telemetry {\n  listen = \"127.0.0.1:1\"\n}\n", []string{`telemetry.listen = "127.0.0.1:1", needs a restart`}},
		{"a_value_that_is_gone", "registrar {\n  asap {\n    port = 5\n  }\n}\n", "", []string{`registrar.asap.port = 5 is gone, needs a restart`}},
		{"a_pool", "pool \"a\" {\n  max_items = 3\n}\n", "pool \"b\" {\n  max_items = 3\n}\n", []string{
			`pool "b" = { }, reloaded`, `pool "b".max_items = 3, reloaded`, `pool "a" = { } is gone, reloaded`, `pool "a".max_items = 3 is gone, reloaded`,
		}},
		{"a_setting_of_a_policy", "policy \"lua\" \"e\" {\n  source = \"/e.lua\"\n  config {\n    x = [1]\n  }\n}\n", "policy \"lua\" \"e\" {\n  source = \"/e.lua\"\n  config {\n    x = [1, 2]\n  }\n}\n", []string{
			`policy "lua" "e".config.x: [1] -> [1, 2], reloaded`,
		}},
		{"a_secret", secret + "telemetry {\n  listen = \"10.0.0.1:1\"\n}\n", secret + "telemetry {\n  listen = var.secret\n}\n", []string{
			`telemetry.listen: "10.0.0.1:1" -> "(sensitive)", needs a restart`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opt := Options{}
			if tt.name == "a_secret" {
				opt.Variables = map[string]string{"secret": "10.0.0.2:1"}
			}
			var got []string
			for _, c := range Compare(mustParse(t, "x.hcl", tt.before, opt), mustParse(t, "x.hcl", tt.after, opt)) {
				got = append(got, c.String()+", "+c.Effect())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("everything_with_itself", func(t *testing.T) {
		src, err := os.ReadFile("testdata/full.hcl")
		if err != nil {
			t.Fatal(err)
		}
		if got := Compare(mustParse(t, "x.hcl", string(src), Options{}), mustParse(t, "x.hcl", string(src), Options{})); len(got) > 0 {
			t.Errorf("changes: %v", got)
		}
	})
}

func TestSchemaIsFound(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		want       string // the names found
		err        string
	}{
		{"a_block", "telemetry", "telemetry(listen)", ""},
		{"a_block_in_a_block", "registrar.enrp", "registrar(enrp(enabledportpeersheartbeatmax_time_last_heardmax_time_no_responsementor_timeouttakeover_timeouthandover_timeoutsuggestiondistance_stepmax_peersannounce(enabledgroupinterfacettl)))", ""},
		{"an_attribute", "registrar.asap.max_items", "registrar(asap(max_items))", ""},
		{"several_blocks", "policy.config", "policy lua NAME(config()) policy plugin NAME(config())", ""},
		{"a_word_that_is_nearly_one", "telemetri", "", `there is no block or attribute "telemetri"; did you mean "telemetry"?`},
		{"an_attribute_that_is_nearly_one", "log.levle", "", `there is no block or attribute "log.levle"; did you mean "log.level"?`},
		{"an_attribute_that_is_none", "log.iridescence", "", `there is no block or attribute "log.iridescence"; the blocks are admin, csp, element, log, plugin, policy, pool, registrar, telemetry, user`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found, err := Find(Schema(), tt.path)
			var text string
			if err != nil {
				text = err.Error()
			}
			if got := names(found); got != tt.want || text != tt.err {
				t.Errorf("found %s, error %q; want %s, %q", got, text, tt.want, tt.err)
			}
		})
	}
}

func names(blocks []BlockSchema) string {
	var s string
	for i, b := range blocks {
		if i > 0 {
			s += " "
		}
		s += b.Name
		for _, l := range b.Labels {
			s += " " + l
		}
		s += "("
		for _, a := range b.Attributes {
			s += a.Name
		}
		s += names(b.Blocks) + ")"
	}
	return s
}
