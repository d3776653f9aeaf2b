package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path"
	"runtime/debug"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/control/socket"
	"github.com/rekindle-io/rekindle/recover/api"
)

// connKey is where a connection's side of the story is kept in its context.
type connKey struct{}

// connected is what is known of a connection before its first request.
type connected struct {
	conn net.Conn
	// peer and err are of a unix socket's; a TLS handshake is still to come.
	peer socket.Peer
	err  error
}

func withConn(ctx context.Context, c net.Conn) context.Context {
	known := &connected{conn: c}
	if _, ok := c.(*net.UnixConn); ok {
		known.peer, known.err = socket.PeerOf(c)
	}
	return context.WithValue(ctx, connKey{}, known)
}

// peerOf tells who makes a request.
func peerOf(r *http.Request) (socket.Peer, error) {
	known, ok := r.Context().Value(connKey{}).(*connected)
	if !ok {
		return socket.Peer{}, socket.ErrStranger
	}
	if known.peer.Name != "" || known.err != nil {
		return known.peer, known.err
	}
	return socket.PeerOf(known.conn)
}

// asked is what a handler knows of a request beyond HTTP.
type asked struct {
	*http.Request
	peer socket.Peer
	// query has each parameter once.
	query map[string]string
}

// handler answers a request, or returns an error before it wrote anything.
type handler func(w http.ResponseWriter, r *asked) error

// errCut: something was written and cannot be finished. The connection is closed,
// so that the reader sees that its answer is not whole.
var errCut = errors.New("the answer was cut off")

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the real one.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// wrap is what happens around every request: panics become problems, each request
// is logged, strangers and browsers are refused, and so are crooked paths.
func (s *Server) wrap(next http.Handler) http.Handler {
	browsers := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(raw http.ResponseWriter, r *http.Request) {
		w := &recorder{ResponseWriter: raw}
		began := s.opts.Now()
		peer, err := peerOf(r)
		defer func() {
			s.rescue(w, r, recover())
			s.log(w, r, peer, s.opts.Now().Sub(began))
		}()
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case err != nil:
			s.problem(w, r, api.NewProblem(api.Forbidden, "%s", err.Error()).
				WithHint("use the daemon as its own user, or with a certificate that it trusts"))
		case browsers.Check(r) != nil:
			s.problem(w, r, api.NewProblem(api.Forbidden, "requests of other sites' pages are refused"))
		case r.URL.Path != path.Clean("/"+r.URL.Path):
			s.problem(w, r, unknownPath(r))
		default:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), peerKey{}, peer)))
		}
	})
}

type peerKey struct{}

// rescue answers after a panic, and cuts the connection when that is too late.
func (s *Server) rescue(w *recorder, r *http.Request, v any) {
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		s.log(w, r, socket.Peer{}, 0)
		panic(v)
	}
	s.opts.Log.Error("a request panicked", "method", r.Method, "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
	if w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	s.problem(w, r, api.NewProblem(api.Internal, "panic while answering (this is a bug in rekindle; the stack is in the daemon's log)"))
}

// log writes no query and no body: words and revisions are the clients' own.
func (s *Server) log(w *recorder, r *http.Request, peer socket.Peer, took time.Duration) {
	level := slog.LevelDebug
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		level = slog.LevelInfo
	}
	s.opts.Log.Log(r.Context(), level, "api request", "method", r.Method, "path", r.URL.Path,
		"status", w.status, "by", peer.Name, "via", peer.Via, "took", took)
}

// adapt makes an http.Handler of a route: limits, deadline, query, errors.
func (s *Server) adapt(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := s.call(w, r, rt)
		switch {
		case err == nil:
		case errors.Is(err, errCut):
			panic(http.ErrAbortHandler)
		default:
			s.problem(w, r, err)
		}
	})
}

func (s *Server) call(w http.ResponseWriter, r *http.Request, rt route) error {
	places, what := s.requests, "requests"
	switch {
	case rt.stream:
		places, what = s.streams, "event streams"
	case rt.slow:
		places, what = s.questions, "questions that take their time"
	}
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
	default:
		return busy(what, cap(places))
	}
	peer, _ := r.Context().Value(peerKey{}).(socket.Peer)
	q, err := readQuery(r.URL, rt.query)
	if err != nil {
		return err
	}
	if !rt.stream {
		limit := s.opts.RequestTimeout
		if rt.slow {
			limit = s.opts.AnswerTimeout
		}
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		r = r.WithContext(ctx)
		if rt.slow {
			defer s.whileOpen(cancel)()
			if w, err = s.patiently(w); err != nil {
				return err
			}
		}
	}
	return rt.serve(w, &asked{Request: r, peer: peer, query: q})
}

func busy(what string, most int) error {
	p := api.NewProblem(api.Busy, "the daemon serves %d %s already", most, what).WithHint("try again in a moment")
	p.RetryAfterMS = 1000
	return p
}
