package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/rspool/rspool/config"
)

const (
	headerTimeout   = 5 * time.Second
	shutdownTimeout = 2 * time.Second
	maxOrder        = 1 << 20 // bytes
)

// Server takes orders at a socket.
type Server struct {
	listener net.Listener
	http     *http.Server
	log      *slog.Logger
}

// Listen opens the socket. Its folder is made where it is missing.
func Listen(file string, o Orders, log *slog.Logger) (*Server, error) {
	l, err := listen(file)
	if err != nil {
		return nil, err
	}
	return &Server{
		listener: guard{l, log},
		log:      log,
		http: &http.Server{
			Handler:           handler(o),
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       headerTimeout,
			IdleTimeout:       headerTimeout,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
	}, nil
}

// File is the socket's file.
func (s *Server) File() string { return s.listener.Addr().String() }

// Serve takes orders until ctx ends, and removes the socket.
func (s *Server) Serve(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(s.listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("admin socket: %w", err)
	case <-ctx.Done():
	}
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := s.http.Shutdown(bound); err != nil {
		_ = s.http.Close() // what Shutdown left over
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin socket: %w", err)
	}
	return nil
}

// Close ends a server that is not served.
func (s *Server) Close() error { return s.listener.Close() }

// guard lets in whom checkPeer lets in.
type guard struct {
	net.Listener
	log *slog.Logger
}

// Accept implements net.Listener.
func (g guard) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		err = checkPeer(c)
		if err == nil {
			return c, nil
		}
		g.log.Warn("order is refused", "reason", err)
		_ = c.Close() // nothing was said
	}
}

// The addresses of the orders.
const (
	pathReload   = "/reload"
	pathRollback = "/rollback"
	pathPolicies = "/policies"
	pathPlugins  = "/plugins"
	pathExplain  = "/explain"
	pathConfig   = "/config"
)

func handler(o Orders) http.Handler {
	mux := http.NewServeMux()
	post(mux, pathReload, func(ctx context.Context, in struct {
		Dry bool `json:"dry"`
	}) (any, error) {
		return o.Reload(ctx, in.Dry)
	})
	post(mux, pathRollback, func(ctx context.Context, in struct {
		Policy string `json:"policy"`
	}) (any, error) {
		return o.Rollback(ctx, in.Policy)
	})
	post(mux, pathExplain, func(_ context.Context, in Question) (any, error) { return o.Explain(in) })
	get(mux, pathPolicies, func(*http.Request) (any, error) { return o.Policies(), nil })
	get(mux, pathPlugins, func(*http.Request) (any, error) { return o.Plugins(), nil })
	get(mux, pathPlugins+"/{name}/logs", func(r *http.Request) (any, error) { return o.PluginLogs(r.PathValue("name")) })
	post(mux, pathPlugins+"/reload", func(ctx context.Context, in struct {
		Name string `json:"name"`
	}) (any, error) {
		return struct{}{}, o.ReloadPlugin(ctx, in.Name)
	})
	get(mux, pathConfig, func(*http.Request) (any, error) {
		var b strings.Builder
		c := o.Config()
		if err := c.WriteHCL(&b); err != nil {
			return nil, err
		}
		return struct {
			HCL  string         `json:"hcl"`
			JSON *config.Config `json:"json"`
		}{b.String(), c}, nil
	})
	return mux
}

// post serves an order that is told something.
func post[In any](mux *http.ServeMux, path string, order func(context.Context, In) (any, error)) {
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		var in In
		d := json.NewDecoder(io.LimitReader(r.Body, maxOrder))
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			answer(w, nil, fmt.Errorf("the order is not understood: %w; are both sides of the same version?", err))
			return
		}
		out, err := order(r.Context(), in)
		answer(w, out, err)
	})
}

// get serves a question.
func get(mux *http.ServeMux, path string, question func(*http.Request) (any, error)) {
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		out, err := question(r)
		answer(w, out, err)
	})
}

func answer(w http.ResponseWriter, out any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		e := &Error{Message: err.Error()}
		var files *config.Error
		if errors.As(err, &files) {
			e.Diagnostics = files.Diagnostics()
			var text strings.Builder
			if files.WriteText(&text, 78, false) == nil {
				e.Text = text.String()
			}
		}
		w.WriteHeader(http.StatusUnprocessableEntity)
		if errors.As(err, new(ErrMissing)) {
			e.Missing = true
		}
		out = e
	}
	_ = json.NewEncoder(w).Encode(out) // the client is gone
}
