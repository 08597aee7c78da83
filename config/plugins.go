package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/rspool/rspool/plugins"
	"github.com/rspool/rspool/plugins/protocol"
)

// PluginConfig is a plugin block.
type PluginConfig struct {
	plugins.Config
	// Protocol is the version that the plugin must speak; there is one.
	Protocol int

	at     hcl.Range
	places map[string]hcl.Range
}

func (p *PluginConfig) path() string { return "plugin " + p.Name }

func (p *PluginConfig) block() block {
	const byDefault = "If absent, "
	return reloaded(block{
		name:   "plugin",
		labels: []string{"name"},
		sample: []string{"carbon"},
		doc:    "A program that computes selection policies; see docs/plugins.md. \"rspool plugin add FILE\" prints this block with the right checksum.",
		fields: []field{
			{name: "command", example: `"rspool-policy-carbon"`, doc: "The program's file. A relative name counts from plugin_dir, else from the folder of this file; PATH is not searched. It may not be absent, unless attach is there.", value: name(&p.Command)},
			{name: "args", example: `["--verbose"]`, doc: "Arguments. " + byDefault + "none.", value: list("list of strings", 100, &p.Args, anyText)},
			{name: "sha256", example: `"` + strings.Repeat("9d8a", 16) + `"`, doc: "The checksum that the file must have. It may be absent with allow_unpinned alone.", value: checksum(&p.SHA256)},
			{name: "allow_unpinned", def: "false", doc: "Starts whatever the file holds, with a warning each time.", value: boolean(&p.AllowUnpinned)},
			{name: "protocol", def: "1", doc: "The version of the protocol that the plugin speaks.", value: integer(&p.Protocol, protocol.Version, protocol.Version)},
			{name: "version", example: `">= 1.2, < 2"`, doc: "What the plugin's own version must be. " + byDefault + "any.", value: constraint(&p.Version)},
			{name: "user", example: `"rspool-plugin"`, doc: "As whom the program runs; root alone can choose. " + byDefault + "as this process does.", value: name(&p.User)},
			{name: "group", example: `"rspool-plugin"`, doc: "The group that it runs in. " + byDefault + "that of the user.", value: name(&p.Group)},
			{name: "env", example: `{ CARBON_ZONE = "DE" }`, doc: "Its whole environment: that of this process is not passed on. " + byDefault + "empty.", value: texts(100, &p.Env)},
			{name: "auto_mtls", def: "true", doc: "Protects the connection with certificates that are made at each start. Plugins in Python need false.", value: negated(&p.NoMTLS)},
			{name: "attach", example: `"unix:/tmp/plugin.sock"`, doc: "The socket of a plugin that somebody has started, for debugging: \"rspool plugin run --attach\" prints it. " + byDefault + "the program is started.", value: name(&p.Attach)},
			{name: "start_timeout", def: `"10s"`, doc: "How long it may take until it has said what it is.", value: duration(&p.StartTimeout, 100*time.Millisecond, longest)},
			{name: "stop_timeout", def: `"2s"`, doc: "How long it may take to end.", value: duration(&p.StopTimeout, shortest, longest)},
			{name: "tick_interval", def: `"500ms"`, doc: "How often it is asked for a sign of life.", value: duration(&p.TickInterval, 10*time.Millisecond, longest)},
			{name: "tick_timeout", def: `"2s"`, doc: "How long it may be silent before it is killed.", value: duration(&p.TickTimeout, 10*time.Millisecond, longest)},
			{name: "rank_ttl", def: `"10s"`, doc: "How long its ranks hold after its last word, unless it says so itself.", value: duration(&p.RankTTL, 10*time.Millisecond, longest)},
			{name: "rank_grace", def: `"1s"`, doc: "How long an element without a rank is taken for a middling one.", value: duration(&p.RankGrace, shortest, longest)},
			{name: "direct_deadline", def: `"1ms"`, doc: "How long an answer may take in DIRECT mode.", value: duration(&p.DirectDeadline, 10*time.Microsecond, time.Second)},
		},
		blocks: []block{
			{
				name: "restart",
				doc:  "How it is started again after it has ended.",
				fields: []field{
					{name: "backoff_min", def: `"100ms"`, doc: "The wait before the first restart; it doubles.", value: duration(&p.Restart.BackoffMin, shortest, longest)},
					{name: "backoff_max", def: `"30s"`, doc: "What it doubles up to.", value: duration(&p.Restart.BackoffMax, shortest, longest)},
					{name: "max_in_5m", def: "10", doc: "Restarts in five minutes; one more, and the plugin stays down until it is reloaded.", value: integer(&p.Restart.MaxIn5m, 1, 10_000)},
				},
			},
			{
				name: "limits",
				doc:  "What its process may take, on Linux.",
				fields: []field{
					{name: "address_space", def: "4294967296", doc: "Bytes, as a number or as in \"4GiB\".", value: size(&p.Limits.AddressSpace, 16<<20, 1<<40)},
					{name: "files", def: "256", doc: "Open files.", value: integer(&p.Limits.Files, 8, 1<<20)},
					{name: "processes", def: "256", doc: "Processes and threads of its user, where that is another one.", value: integer(&p.Limits.Processes, 1, 1<<20)},
				},
			},
		},
	})
}

// readPlugins decodes the plugin blocks.
func (r *reader) readPlugins(c *Config, blocks hcl.Blocks) {
	if len(blocks) > maxDefinitions {
		r.fail(blocks[maxDefinitions].DefRange, "Too many plugin blocks", fmt.Sprintf("A configuration may have %d of them.", maxDefinitions))
		return
	}
	first := map[string]hcl.Range{}
	for _, b := range blocks {
		p := PluginConfig{Config: plugins.Config{Name: b.Labels[0]}, at: b.DefRange}
		if at, ok := first[p.Name]; ok {
			r.fail(b.DefRange, "Duplicate plugin block", fmt.Sprintf("Plugin %s has a block at %s already. Rename one.", quote(p.Name), place(at)))
			continue
		}
		first[p.Name] = b.DefRange
		if err := checkName(p.Name); err != nil {
			r.fail(b.LabelRanges[0], "Unsuitable name", sentence(err))
			continue
		}
		table := p.block()
		r.read(&table, b.Body, p.path())
		p.places = places(b.Body, &table)
		switch {
		case p.Command != "":
			p.Command = r.locate(p.Command, c.Registrar.PluginDir, b)
		case p.Attach == "":
			r.missing(b, p.places, "command", `Name the program, as in command = "rspool-policy-carbon"`)
		}
		if p.SHA256 == "" && !p.AllowUnpinned && p.Attach == "" && p.Command != "" {
			r.missing(b, p.places, "sha256", "rspool plugin add FILE prints the block with it; allow_unpinned = true does without")
		}
		c.Plugins = append(c.Plugins, p)
	}
}

// constraint is what a plugin's version must satisfy.
func constraint(s *string) value {
	return parsed("version", s,
		func(text string) (string, error) {
			for c := range strings.SplitSeq(text, ",") {
				if err := plugins.CheckVersion(c, "0"); err != nil && strings.HasPrefix(err.Error(), "constraint") {
					return "", fmt.Errorf("%s is no demand on a version; write it as in \">= 1.2, < 2\"", quote(text))
				}
			}
			return text, nil
		},
		func(s string) string { return s })
}

func anyText(s string) (string, error) { return s, nil }
