package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/rspool/rspool/internal/status"
)

const (
	defaultTelemetry = "127.0.0.1:9100"
	snapshotTimeout  = 5 * time.Second
	maxSnapshot      = 64 << 20 // bytes of one answer
)

// telemetryFlagUsage says the same wherever a snapshot is read.
const telemetryFlagUsage = "`ADDRESS` where the process serves telemetry, as HOST:PORT (default that of the configuration, else " + defaultTelemetry + ")"

// telemetryAddress is the flag's, else the configuration's, else the usual one.
func (a *app) telemetryAddress(flag string) (string, error) {
	if flag == "" {
		c, err := a.settings()
		if err != nil {
			return "", err
		}
		flag = c.Telemetry.Listen
	}
	if flag == "" {
		flag = defaultTelemetry
	}
	host, port, err := net.SplitHostPort(flag)
	if err != nil {
		return "", misusef("telemetry address %q: want HOST:PORT, as in %s", flag, defaultTelemetry)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // it listens on all; one of them is near
	}
	return net.JoinHostPort(host, port), nil
}

// readSnapshot asks a process for its state: a *status.Registrar or a
// *status.Host.
func readSnapshot(ctx context.Context, address string, q status.Query) (status.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, snapshotTimeout)
	defer cancel()
	u := url.URL{Scheme: "http", Host: address, Path: "/status", RawQuery: q.Values().Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, misusef("telemetry address %q: want HOST:PORT, as in %s", address, defaultTelemetry)
	}
	resp, err := http.DefaultClient.Do(req)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, timedOut(fmt.Errorf("no answer from %s within %s", address, snapshotTimeout))
	case err != nil:
		return nil, fmt.Errorf("%w; does the process run with --telemetry %s?", err, address)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxSnapshot+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the status of %s: %w", address, err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answers %s: %s", address, resp.Status, printable(firstLine(body)))
	case len(body) > maxSnapshot:
		return nil, fmt.Errorf("the status of %s exceeds %d bytes; ask for less with --pool or --limit", address, maxSnapshot)
	}
	return parseSnapshot(address, body)
}

func parseSnapshot(address string, body []byte) (status.Snapshot, error) {
	var role struct {
		Role string `json:"role"`
	}
	var s status.Snapshot
	err := json.Unmarshal(body, &role)
	if err == nil {
		switch role.Role {
		case "registrar":
			s = new(status.Registrar)
		case "host":
			s = new(status.Host)
		default:
			return nil, fmt.Errorf("%s is no process of rspool that this version knows", address)
		}
		err = json.Unmarshal(body, s)
	}
	if err != nil {
		return nil, fmt.Errorf("%s answers something else than a status: %w", address, err)
	}
	return s, nil
}

func firstLine(b []byte) string {
	s, _, _ := strings.Cut(string(b[:min(len(b), 200)]), "\n")
	return s
}

// printable replaces what could move the cursor or change colours: the text
// comes from another process.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, s)
}
