package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/rspool/rspool/internal/status"
	"github.com/rspool/rspool/plugins"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// Client gives orders to a process.
type Client struct {
	file string
	http http.Client
}

// Dial returns a client of the socket. Nothing is sent.
func Dial(file string) *Client {
	return &Client{file: file, http: http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", file)
		},
	}}}
}

// Reload is Orders.Reload.
func (c *Client) Reload(ctx context.Context, dry bool) (*Report, error) {
	r := new(Report)
	return r, c.do(ctx, http.MethodPost, pathReload, map[string]bool{"dry": dry}, r)
}

// Rollback is Orders.Rollback.
func (c *Client) Rollback(ctx context.Context, reference string) (*Report, error) {
	r := new(Report)
	return r, c.do(ctx, http.MethodPost, pathRollback, map[string]string{"policy": reference}, r)
}

// Policies is Orders.Policies.
func (c *Client) Policies(ctx context.Context) ([]Policy, error) {
	var l []Policy
	err := c.do(ctx, http.MethodGet, pathPolicies, nil, &l)
	return l, err
}

// Plugins is Orders.Plugins.
func (c *Client) Plugins(ctx context.Context) ([]plugins.Status, error) {
	var l []plugins.Status
	err := c.do(ctx, http.MethodGet, pathPlugins, nil, &l)
	return l, err
}

// ReloadPlugin is Orders.ReloadPlugin.
func (c *Client) ReloadPlugin(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodPost, pathPlugins+"/reload", map[string]string{"name": name}, nil)
}

// PluginLogs is Orders.PluginLogs.
func (c *Client) PluginLogs(ctx context.Context, name string) ([]string, error) {
	var l []string
	err := c.do(ctx, http.MethodGet, pathPlugins+"/"+url.PathEscape(name)+"/logs", nil, &l)
	return l, err
}

// Explain is Orders.Explain.
func (c *Client) Explain(ctx context.Context, q Question) (*status.Explanation, error) {
	e := new(status.Explanation)
	return e, c.do(ctx, http.MethodPost, pathExplain, q, e)
}

// Config returns the configuration at work, as HCL and as JSON.
func (c *Client) Config(ctx context.Context) (hcl string, asJSON json.RawMessage, err error) {
	var out struct {
		HCL  string          `json:"hcl"`
		JSON json.RawMessage `json:"json"`
	}
	err = c.do(ctx, http.MethodGet, pathConfig, nil, &out)
	return out.HCL, out.JSON, err
}

func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://registrar"+path, body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return fmt.Errorf("registrar at %s: %w", c.file, err)
	}
	defer func() { _ = resp.Body.Close() }() // only read
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("registrar at %s: %w", c.file, err)
	}
	if resp.StatusCode != http.StatusOK {
		e := new(Error)
		if err := json.Unmarshal(b, e); err != nil || e.Message == "" {
			return fmt.Errorf("registrar at %s answers %s: is it of the same version?", c.file, resp.Status)
		}
		return e
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("registrar at %s answers something else: %w", c.file, err)
	}
	return nil
}
