package status

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Configuration is what became of a process's configuration files.
type Configuration struct {
	Files []string `json:"files,omitempty"`
	// Reloads are "changed", "unchanged" and "refused".
	Reloads    Counts    `json:"reloads"`
	LastReload time.Time `json:"last_reload,omitzero"`
	// Failure is why the last reload was refused; empty if it was not.
	Failure string `json:"failure,omitempty"`
}

// Plugin is a plugin that the configuration names.
type Plugin struct {
	Name string `json:"name"`
	// State is "running", "starting", "restarting", "failed" or "stopped".
	State   string `json:"state"`
	Version string `json:"version,omitempty"`
	Hash    string `json:"hash,omitempty"`
	PID     int    `json:"pid,omitempty"`
	Pools   int    `json:"pools"`
	// Starts counts them all, Restarts those after an end, FailedStarts those that
	// led to nothing.
	Starts       uint64 `json:"starts"`
	Restarts     uint64 `json:"restarts"`
	FailedStarts uint64 `json:"failed_starts"`
	// Ranks counts those used, Dropped by reason those that were not, Faults what
	// was told to the pools.
	Ranks   uint64 `json:"ranks"`
	Dropped Counts `json:"dropped,omitempty"`
	Faults  uint64 `json:"faults"`
}

// Names of plugins come from the configuration, so that they are few.
var (
	descReloads       = metric("reloads_total", "Times that the configuration was read again: changed, unchanged and refused.", "outcome")
	descReloadOK      = metric("reload_successful", "1 if the last reload was taken over, or there was none.")
	descReloadTime    = metric("reload_timestamp_seconds", "When the configuration was read again last, in seconds since 1970.")
	descPluginInfo    = metric("plugin_info", "Always 1; the labels tell which version of a plugin runs.", "plugin", "version", "hash")
	descPluginUp      = metric("plugin_up", "Whether the plugin runs.", "plugin")
	descPluginStarts  = metric("plugin_starts_total", "Starts of the plugin: all, restarts (after an end) and failed ones.", "plugin", "kind")
	descPluginRanks   = metric("plugin_ranks_total", "Ranks from the plugin that were used.", "plugin")
	descPluginDropped = metric("plugin_ranks_dropped_total", "Ranks from the plugin that were not used, by reason.", "plugin", "reason")
	descPluginFaults  = metric("plugin_faults_total", "Faults of the plugin that pools were told of.", "plugin")
)

func (c *Configuration) collect(ch chan<- prometheus.Metric) {
	g, n := gauges(ch), counters(ch)
	n.each(descReloads, c.Reloads)
	successful := 1.0
	if c.Failure != "" {
		successful = 0
	}
	g(descReloadOK, successful)
	if !c.LastReload.IsZero() {
		g(descReloadTime, float64(c.LastReload.UnixMilli())/1000)
	}
}

func (p *Plugin) collect(ch chan<- prometheus.Metric) {
	g, n := gauges(ch), counters(ch)
	up := 0.0
	if p.State == "running" {
		up = 1
	}
	g(descPluginUp, up, p.Name)
	if p.Version != "" || p.Hash != "" {
		g(descPluginInfo, 1, p.Name, p.Version, p.Hash)
	}
	n.one(descPluginStarts, p.Starts, p.Name, "all")
	n.one(descPluginStarts, p.Restarts, p.Name, "restarts")
	n.one(descPluginStarts, p.FailedStarts, p.Name, "failed")
	n.one(descPluginRanks, p.Ranks, p.Name)
	for reason, count := range p.Dropped {
		n.one(descPluginDropped, count, p.Name, reason)
	}
	n.one(descPluginFaults, p.Faults, p.Name)
}
