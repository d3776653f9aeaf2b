// Package server serves the daemon's HTTP/JSON API: it turns requests into calls
// of a Backend and answers in the types of package api. In go listeners of package
// socket; what every request has in common happens here: who asks, limits,
// deadlines, strict decoding, problems instead of errors, streams that resume, and
// the OpenAPI description of all of it.
package server

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/control/socket"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// Backend is what the API shows and does. Every method may be called from many
// goroutines, returns when ctx ends, and gives values that are the caller's.
//
// Errors: an *api.Problem goes to the client as it is; those of package run are
// told as what they are (not found, held, ended, ambiguous, storage); an error with
// Outcome() run.Outcome of Refused is a guard's. Everything else is a failure of
// the daemon: its text goes to the client too, so that it must hold no secrets.
type Backend interface {
	// Clusters are all that are declared or known, by name. It answers from memory
	// or the journal, never from a provider: dashboards ask often.
	Clusters(ctx context.Context) ([]api.Cluster, error)
	// Cluster gives api.UnknownCluster for a name that is neither declared nor known.
	Cluster(ctx context.Context, name string) (api.Cluster, error)
	// Schedule tells what the calendar brings from <= at < to.
	Schedule(ctx context.Context, name string, from, to time.Time) (api.Schedule, error)
	// Say records a word; by is who says it. It is durable when Say returns. A word
	// that makes no sense of this cluster is an api.Invalid problem.
	Say(ctx context.Context, name string, word api.WordRequest, by string) (api.Said, error)
	// Unsay ends the words of that kind, or gives api.UnknownWord.
	Unsay(ctx context.Context, name string, kind api.WordKind, by string) (api.Decision, error)

	// Runs are those of the journal that match, newest first.
	Runs(ctx context.Context, f run.Filter) ([]api.Run, error)
	// Run finds a run by what a person types, as run.Resolve does. It is asked for
	// whole IDs often, so that it tries run.Journal's Run first.
	Run(ctx context.Context, typed string) (api.Run, error)
	// Events is run.Journal's.
	Events(ctx context.Context, id string, since uint64, limit int) ([]run.Event, error)
	// Start begins a run and returns it once it is in the journal; it goes on
	// afterwards, whatever becomes of ctx. After an error nothing was begun.
	Start(ctx context.Context, req api.StartRequest) (api.Run, error)
	// Resume goes on with a run that was interrupted or failed, and returns it once
	// it is under way; afterwards as Start.
	Resume(ctx context.Context, id, by string) (api.Run, error)
	// Order tells a live run of this process what a person wants of it. It returns
	// when the run has the order.
	Order(ctx context.Context, id string, order api.Order, by string) error
	// Abort ends a run for good. It may return before a live run has stopped.
	Abort(ctx context.Context, id, by string) (api.Run, error)

	// Reload reads rekindle.yaml again. When it is wrong the old one stays, and
	// the error is an api.BadConfig problem.
	Reload(ctx context.Context, by string) (api.Reloaded, error)
	// Ready tells why the daemon cannot do its work yet, or any more.
	Ready(ctx context.Context) error

	Questions
}

// Questions are those whose answer has to be fetched, rendered, compared, or asked
// of a cluster. They may take minutes and end with ctx; nothing but Ignore changes
// anything. Errors are as those of Backend.
type Questions interface {
	Log(ctx context.Context, q api.LogQuery) (api.Log, error)
	Compare(ctx context.Context, q api.CompareQuery) (api.Comparison, error)
	Providers(ctx context.Context) ([]api.Provider, error)
	Plan(ctx context.Context, t api.Target) (api.Planned, error)
	Drift(ctx context.Context, q api.DriftQuery) (api.DriftReport, error)
	Look(ctx context.Context, cluster, object string) (api.ObjectLook, error)
	Report(ctx context.Context, id string) (api.RunReport, error)
	// Ignore writes a rule into rekindle.yaml and puts it in force; by is who
	// wants it.
	Ignore(ctx context.Context, cluster string, rule api.Ignore, by string) (api.Ignoring, error)
}

// Options of a Server; what is zero takes the default that is named.
type Options struct {
	// Version is the daemon's.
	Version string
	// Now is the clock by which answers are dated and words judged. Required.
	Now func() time.Time
	// Chance is where the feed's identity comes from. Required.
	Chance io.Reader
	// Log gets one line for each request, and troubles. Nil: none.
	Log *slog.Logger
	// Metrics is served as /metrics. Nil: not found.
	Metrics http.Handler
	// ExitCode, if set, gives the exit code of the command line for an error of the
	// Backend, so that its table is the only one.
	ExitCode func(error) int
	// Keys, if set, keeps idempotency keys of started runs beyond the process's life.
	Keys run.Records

	// The times are of the machine's clock, not of Now.
	Heartbeat      time.Duration // of streams in which nothing happens; 15 s
	PollEvery      time.Duration // of the journal, for followed runs of other processes; 250 ms
	RequestTimeout time.Duration // of a request that is neither stream nor question; 30 s
	AnswerTimeout  time.Duration // of a question: what fetches, renders or compares; 15 min
	WriteTimeout   time.Duration // for a reader to take what was written; 30 s
	Grace          time.Duration // for requests under way when the daemon stops; 10 s

	MaxRequests  int // at once, streams and questions aside; 64
	MaxQuestions int // at once; 8
	MaxStreams   int // at once; 128
	MaxConns     int // at once on each listener; 512
	FeedSize     int // changes that a reader of the feed may be behind; 4096
}

func (o Options) filled() Options {
	o.Heartbeat = cmp.Or(o.Heartbeat, 15*time.Second)
	o.PollEvery = cmp.Or(o.PollEvery, 250*time.Millisecond)
	o.RequestTimeout = cmp.Or(o.RequestTimeout, 30*time.Second)
	o.AnswerTimeout = cmp.Or(o.AnswerTimeout, 15*time.Minute)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 30*time.Second)
	o.Grace = cmp.Or(o.Grace, 10*time.Second)
	o.MaxRequests = cmp.Or(o.MaxRequests, 64)
	o.MaxQuestions = cmp.Or(o.MaxQuestions, 8)
	o.MaxStreams = cmp.Or(o.MaxStreams, 128)
	o.MaxConns = cmp.Or(o.MaxConns, 512)
	o.FeedSize = cmp.Or(o.FeedSize, 4096)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Server serves a Backend. Make it with New.
type Server struct {
	backend   Backend
	opts      Options
	feed      *feed
	tails     *tails
	keys      *keys
	handler   http.Handler
	openapi   []byte
	started   time.Time
	requests  chan struct{}
	questions chan struct{}
	streams   chan struct{}

	// closing is closed when the server stops: streams end.
	closing  chan struct{}
	stopOnce sync.Once
}

// New makes a server. It does nothing until Serve.
func New(b Backend, opts Options) (*Server, error) {
	if b == nil || opts.Now == nil || opts.Chance == nil {
		return nil, errors.New("the API server needs a backend, a clock and a source of chance")
	}
	var id [6]byte
	if _, err := io.ReadFull(opts.Chance, id[:]); err != nil {
		return nil, fmt.Errorf("name the daemon's life: %w", err)
	}
	s := &Server{backend: b, opts: opts.filled(), started: opts.Now(), closing: make(chan struct{})}
	s.feed = newFeed(hex.EncodeToString(id[:]), s.opts.FeedSize, s.opts.Now)
	s.tails = newTails(s)
	s.keys = newKeys(s.opts.Keys, s.opts.Now)
	s.requests = make(chan struct{}, s.opts.MaxRequests)
	s.questions = make(chan struct{}, s.opts.MaxQuestions)
	s.streams = make(chan struct{}, s.opts.MaxStreams)
	s.handler = s.wrap(s.mux())
	s.openapi = OpenAPI()
	return s, nil
}

// Serve answers on the listeners until ctx ends, then lets requests finish for the
// time of Options.Grace, ends streams with a last line, and returns nil. A
// listener that fails stops all, and its error is returned. The listeners are
// closed in any case. A Server serves once.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	h := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       s.opts.RequestTimeout,
		WriteTimeout:      s.opts.RequestTimeout + s.opts.WriteTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext:       withConn,
	}
	conns := newConns()
	h.ConnState = conns.changed
	if err := s.keys.prune(base); err != nil {
		s.opts.Log.Warn("old idempotency keys could not be removed", "error", err)
	}
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- h.Serve(conns.limit(l, s.opts.MaxConns)) }()
	}
	var err error
	left := len(listeners)
	if left > 0 {
		select {
		case <-ctx.Done():
		case err = <-failed:
			left--
		}
	}
	err = errors.Join(ended(err), s.stop(base, h, conns))
	cut()
	for range left {
		err = errors.Join(err, ended(<-failed))
	}
	s.tails.wait()
	return err
}

// stop ends streams and waits for what is under way.
func (s *Server) stop(ctx context.Context, h *http.Server, conns *conns) error {
	s.stopOnce.Do(func() { close(s.closing) })
	conns.stop()
	ctx, cancel := context.WithTimeout(ctx, s.opts.Grace)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		s.opts.Log.Warn("requests were cut off when the daemon stopped", "after", s.opts.Grace)
		return h.Close()
	}
	return nil
}

// ended leaves out the error that says that the server was stopped.
func ended(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Publish tells a change to those who read /v1/events. It never waits for them.
// Feed, Seq and Time are filled in; values that the change points to must not be
// changed afterwards.
func (s *Server) Publish(c api.Change) {
	s.feed.publish(c)
	if c.Kind == api.RunChanged || c.Kind == api.RunEvent {
		s.tails.wake(c.Name)
	}
}

// Observe publishes an event of a run; fit for run.Executor.Observe.
func (s *Server) Observe(ev run.Event) {
	s.Publish(api.Change{Kind: api.RunEvent, Name: ev.Run, Event: &ev})
}

func (s *Server) version(peer socket.Peer) api.Version {
	return api.Version{
		Version: s.opts.Version, API: api.V1, Feed: s.feed.id, PID: os.Getpid(), Started: s.started, You: peer.Name,
	}
}
