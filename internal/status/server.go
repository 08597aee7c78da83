package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"
)

// Config describes a Server.
type Config struct {
	// Address is where to listen, as HOST:PORT. Required; port 0 takes a free one.
	Address string
	// Source is what to show. Required.
	Source Source
	// Drain lets the process end in order, for a POST of this machine to /drain.
	// If nil, there is no such path.
	Drain func()
	// Log receives what an operator should know. If nil, slog.Default().
	Log *slog.Logger
}

// Server answers /metrics, /healthz, /readyz and /status, and /drain where it is
// told how.
type Server struct {
	listener net.Listener
	http     *http.Server
	log      *slog.Logger
}

// Bounds that hold whoever asks: this server is often open to a whole network.
const (
	headerTimeout   = 5 * time.Second
	requestTimeout  = 10 * time.Second
	idleTimeout     = 60 * time.Second
	shutdownTimeout = 2 * time.Second
	maxHeaderBytes  = 16 << 10
	maxConnections  = 256
	maxScrapes      = 4
)

// Serve listens and answers until ctx ends. It fails at once where the address
// cannot be listened at.
func Serve(ctx context.Context, cfg Config) error {
	s, err := Listen(cfg)
	if err != nil {
		return err
	}
	return s.Serve(ctx)
}

// Listen opens the server's address, so that Addr is known before Serve.
func Listen(cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	l, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("telemetry: %w; choose another address or port", err)
	}
	return &Server{
		listener: netutil.LimitListener(l, maxConnections),
		log:      cfg.Log,
		http: &http.Server{
			Handler:           cfg.handler(),
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       requestTimeout,
			WriteTimeout:      requestTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
		},
	}, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers until ctx ends, lets running answers finish for a moment and
// returns nil.
func (s *Server) Serve(ctx context.Context) error {
	s.log.Info("telemetry is served", "address", s.Addr().String())
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(s.listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("telemetry: %w", err)
	case <-ctx.Done():
	}
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := s.http.Shutdown(bound); err != nil {
		s.log.Debug("telemetry is cut short", "error", err)
		_ = s.http.Close() // what Shutdown left over
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("telemetry: %w", err)
	}
	return nil
}

// Handler answers /metrics, /healthz, /readyz and /status for the source.
func Handler(src Source) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		text(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := src.Ready(); err != nil {
			text(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		text(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		q, err := ParseQuery(r.URL.Query())
		if err != nil {
			text(w, http.StatusBadRequest, err.Error())
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(src.Status(q)) // the client is gone
	})
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{src}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes,
		Timeout:             requestTimeout,
	}))
	return mux
}

// collector asks the source for a fresh snapshot at each scrape.
type collector struct{ src Source }

// Describe sends nothing, which makes the collector an unchecked one: which
// metrics there are depends on the role.
func (collector) Describe(chan<- *prometheus.Desc) {}

func (c collector) Collect(ch chan<- prometheus.Metric) { c.src.Status(Query{Limit: -1}).Collect(ch) }

func text(w http.ResponseWriter, code int, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, s+"\n") // the client is gone
}
