package server

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// portion is how many events are read at once.
const portion = 500

// lines writes NDJSON to a reader that may be slow or gone. Nothing is gathered
// for it: who does not take what was written within the limit is cut off.
type lines struct {
	w     http.ResponseWriter
	ctl   *http.ResponseController
	limit time.Duration
}

// newLines begins the answer.
func (s *Server) newLines(w http.ResponseWriter) (*lines, error) {
	l := &lines{w: w, ctl: http.NewResponseController(w), limit: s.opts.WriteTimeout}
	// The server's deadlines are for requests that end soon.
	if err := l.ctl.SetReadDeadline(time.Time{}); err != nil {
		return nil, err
	}
	if err := l.ctl.SetWriteDeadline(time.Time{}); err != nil {
		return nil, err
	}
	w.Header().Set("Content-Type", mediaLines)
	w.WriteHeader(http.StatusOK)
	if l.raw() != nil { // so that the reader knows that it is heard
		return nil, errCut
	}
	return l, nil
}

// watched calls write, and makes it fail when it takes longer than the limit.
func (l *lines) watched(write func() error) error {
	t := time.AfterFunc(l.limit, func() {
		_ = l.ctl.SetWriteDeadline(time.Unix(1, 0)) // long ago: what is being written fails at once
	})
	defer t.Stop()
	if write() != nil {
		return errCut
	}
	return nil
}

// raw writes lines that are ready, and sends them off.
func (l *lines) raw(ready ...[]byte) error {
	return l.watched(func() error {
		for _, line := range ready {
			if _, err := l.w.Write(line); err != nil {
				return err
			}
		}
		return l.ctl.Flush()
	})
}

// values writes values, each as a line.
func values[T any](l *lines, list ...T) error {
	ready := make([][]byte, 0, len(list))
	for _, v := range list {
		line, err := json.Marshal(v)
		if err != nil {
			return errCut
		}
		ready = append(ready, append(line, '\n'))
	}
	return l.raw(ready...)
}

// followRun sends a run's events. It reads the journal at the reader's pace, so
// that a slow one costs nothing but its place.
func (s *Server) followRun(w http.ResponseWriter, r *asked) error {
	found, err := s.run(r.Context(), r)
	if err != nil {
		return err
	}
	f := &follower{s: s, id: found.ID, since: r.number("since", 0)}
	if err := f.check(r.Context()); err != nil {
		return err
	}
	if f.out, err = s.newLines(w); err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		return nil
	}
	if err := f.drain(r.Context()); err != nil {
		return err
	}
	if r.query["follow"] != "true" {
		return f.end(s.reason(api.EndReached))
	}
	t := s.tails.join(r.Context(), f.id, f.since)
	defer t.leave()
	return f.follow(r.Context(), t)
}

// follower is one reader of one run's events.
type follower struct {
	s     *Server
	id    string
	since uint64
	out   *lines
}

// check refuses a number that no event has: its reader means another run.
func (f *follower) check(ctx context.Context) error {
	if f.since == 0 {
		return nil
	}
	at, err := f.s.backend.Events(ctx, f.id, f.since-1, 1)
	if err == nil && len(at) == 0 {
		return invalid("since", "run %s has no event %d yet", f.id, f.since)
	}
	return err
}

func (f *follower) send(events []run.Event) error {
	if len(events) == 0 {
		return nil
	}
	if err := values(f.out, events...); err != nil {
		return err
	}
	f.since = events[len(events)-1].Seq
	return nil
}

// drain sends all that is there. What goes wrong cuts the stream off: the reader
// comes back, and is told the problem then.
func (f *follower) drain(ctx context.Context) error {
	for {
		events, err := f.s.backend.Events(ctx, f.id, f.since, portion)
		if err != nil {
			return errCut
		}
		if err := f.send(events); err != nil || len(events) < portion {
			return err
		}
		select {
		case <-f.s.closing:
			return nil // the reader reads on when the daemon is back
		default:
		}
	}
}

func (f *follower) end(reason string) error {
	return values(f.out, f.sign(api.StreamEnd, reason))
}

// sign is a line that is no event.
func (f *follower) sign(kind, message string) run.Event {
	return run.Event{Run: f.id, Time: f.s.opts.Now(), Level: run.LevelDebug, Type: kind, Message: message}
}

// reason is why a stream ends: the one that is given, unless the daemon stops.
func (s *Server) reason(otherwise string) string {
	select {
	case <-s.closing:
		return api.EndShutdown
	default:
		return otherwise
	}
}

// follow sends events as they come, until nothing more can come.
func (f *follower) follow(ctx context.Context, t *tailer) error {
	beat := time.NewTicker(f.s.opts.Heartbeat)
	defer beat.Stop()
	for {
		// Whether it is over is asked before the events are: none is missed.
		over := t.over()
		before := f.since
		if err := f.drain(ctx); err != nil {
			return err
		}
		if over {
			return f.end(f.s.reason(api.EndEnded))
		}
		if f.since != before {
			beat.Reset(f.s.opts.Heartbeat)
		}
		select {
		case <-t.news:
		case <-beat.C:
			if err := values(f.out, f.sign(api.StreamHeartbeat, "")); err != nil {
				return err
			}
		case <-f.s.closing:
			return f.end(api.EndShutdown)
		case <-ctx.Done():
			return errCut
		}
	}
}

// followAll sends the feed's changes.
func (s *Server) followAll(w http.ResponseWriter, r *asked) error {
	at, lost := s.feed.position(), false
	if _, ok := r.query["since"]; ok {
		if r.query["feed"] == "" {
			return invalid("feed", "is missing: since counts in a feed")
		}
		at, lost = r.number("since", 0), r.query["feed"] != s.feed.id
	}
	out, err := s.newLines(w)
	if err != nil || r.Method == http.MethodHead {
		return err
	}
	rd := s.feed.join(at, r.query["events"] != "false")
	defer rd.leave()
	if lost {
		rd.at = s.feed.position()
	}
	if err := values(out, s.feed.sign(api.FeedBegin, rd.at, "")); err != nil {
		return err
	}
	if lost {
		if err := values(out, s.feed.sign(api.FeedReset, rd.at, "the daemon was started anew")); err != nil {
			return err
		}
	}
	return s.relay(r.Context(), out, rd, r.query["follow"] == "true")
}

// relay sends changes until the reader, the daemon or the feed's present ends it.
func (s *Server) relay(ctx context.Context, out *lines, rd *reader, follow bool) error {
	beat := time.NewTicker(s.opts.Heartbeat)
	defer beat.Stop()
	end := func(reason string) error { return values(out, s.feed.sign(api.FeedEnd, 0, reason)) }
	for {
		ready, more, missed := rd.next(portion)
		if missed {
			if err := values(out, s.feed.sign(api.FeedReset, rd.at, "changes were missed")); err != nil {
				return err
			}
			continue
		}
		if len(ready) > 0 {
			if err := out.raw(ready...); err != nil {
				return err
			}
			beat.Reset(s.opts.Heartbeat)
		}
		select {
		case <-s.closing:
			return end(api.EndShutdown)
		default:
		}
		if more {
			continue
		}
		if !follow {
			return end(api.EndReached)
		}
		select {
		case <-rd.news:
		case <-beat.C:
			if err := values(out, s.feed.sign(api.FeedHeartbeat, 0, "")); err != nil {
				return err
			}
		case <-s.closing:
			return end(api.EndShutdown)
		case <-ctx.Done():
			return errCut
		}
	}
}
