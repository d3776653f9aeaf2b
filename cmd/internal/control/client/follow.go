package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

const (
	// maxLine is the longest line of a stream, in bytes.
	maxLine = 8 << 20
	// The pauses between attempts grow from firstPause to lastPause.
	firstPause = 10 * time.Millisecond
	lastPause  = 5 * time.Second
)

// errAgain: the stream ended before its time; go on behind the last line.
var errAgain = errors.New("the stream was cut off")

// stopError carries an error of the caller's function through the loop.
type stopError struct{ err error }

func (e *stopError) Error() string { return e.err.Error() }

// Follow calls each for every event of a run behind the number since, in order,
// each once, across reconnections and restarts of the daemon. It returns nil when
// the run has ended or its process is gone and every event was seen (its outcome
// tells which), the error of each, ctx's error, or why the daemon refuses.
func (c *Client) Follow(ctx context.Context, typed string, since uint64, each func(run.Event) error) error {
	path := "/v1/runs/" + url.PathEscape(typed) + "/events"
	return c.keep(ctx, func() (progress, error) {
		q := url.Values{"since": {strconv.FormatUint(since, 10)}, "follow": {"true"}}
		return c.stream(ctx, path, q, func(line []byte) (bool, error) {
			var ev run.Event
			if err := json.Unmarshal(line, &ev); err != nil {
				return false, fmt.Errorf("%w: a line is no event: %w", errAgain, err)
			}
			switch {
			case ev.Type == api.StreamEnd:
				return endOf(ev.Message)
			case ev.Seq == 0, ev.Seq <= since:
				return false, nil
			case ev.Seq != since+1:
				return false, fmt.Errorf("%w: event %d came after %d", errAgain, ev.Seq, since)
			}
			if err := each(ev); err != nil {
				return false, &stopError{err}
			}
			since = ev.Seq
			return false, nil
		})
	})
}

// Events calls each for every event of a run that is there behind the number
// since, and does not wait for more.
func (c *Client) Events(ctx context.Context, typed string, since uint64, each func(run.Event) error) error {
	path := "/v1/runs/" + url.PathEscape(typed) + "/events"
	q := url.Values{"since": {strconv.FormatUint(since, 10)}}
	p, err := c.stream(ctx, path, q, func(line []byte) (bool, error) {
		var ev run.Event
		if err := json.Unmarshal(line, &ev); err != nil {
			return false, fmt.Errorf("a line is no event: %w", err)
		}
		if ev.Type == api.StreamEnd {
			return endOf(ev.Message)
		}
		if err := each(ev); err != nil {
			return false, &stopError{err}
		}
		return false, nil
	})
	var stop *stopError
	switch {
	case errors.As(err, &stop):
		return stop.err
	case err == nil && !p.ended:
		err = errAgain
	}
	return c.givenUp(err)
}

// Watching says of what Watch tells.
type Watching struct {
	// NoEvents leaves out the events of runs, of which there are many.
	NoEvents bool
}

// Watch calls each for every change of any cluster or run, until ctx ends or each
// returns an error. The first call has a change of kind FeedBegin: what is read
// with the lists after it misses nothing. FeedReset tells that changes were missed
// and the lists are to be read anew, as does every FeedBegin of another Feed.
func (c *Client) Watch(ctx context.Context, w Watching, each func(api.Change) error) error {
	var feed string
	var since uint64
	return c.keep(ctx, func() (progress, error) {
		q := url.Values{"follow": {"true"}, "events": {strconv.FormatBool(!w.NoEvents)}}
		if feed != "" {
			q.Set("feed", feed)
			q.Set("since", strconv.FormatUint(since, 10))
		}
		begun := feed != ""
		return c.stream(ctx, "/v1/events", q, func(line []byte) (bool, error) {
			var ch api.Change
			if err := json.Unmarshal(line, &ch); err != nil {
				return false, fmt.Errorf("%w: a line is no change: %w", errAgain, err)
			}
			switch ch.Kind {
			case api.FeedEnd:
				return endOf(ch.Message)
			case api.FeedHeartbeat:
				return false, nil
			case api.FeedBegin:
				if begun { // a reset follows if need be
					return false, nil
				}
			case api.FeedReset:
			default:
				if ch.Feed == feed && ch.Seq <= since {
					return false, nil
				}
			}
			if err := each(ch); err != nil {
				return false, &stopError{err}
			}
			feed, since = ch.Feed, ch.Seq
			return false, nil
		})
	})
}

// endOf reads the last line of a stream.
func endOf(reason string) (bool, error) {
	if reason == api.EndShutdown {
		return false, errAgain
	}
	return true, nil
}

// progress is what one attempt at a stream came to.
type progress struct {
	// lines were read, and whether the last one said that it is the last.
	lines int
	ended bool
}

// keep calls attempt until it ends, with pauses that grow as long as no line comes.
func (c *Client) keep(ctx context.Context, attempt func() (progress, error)) error {
	pause := firstPause
	var patience <-chan time.Time
	for {
		p, err := attempt()
		var stop *stopError
		switch {
		case errors.As(err, &stop):
			return stop.err
		case ctx.Err() != nil:
			return ctx.Err()
		case p.ended:
			return nil
		case err != nil && !passes(err):
			return err
		}
		if p.lines > 0 {
			pause, patience = firstPause, nil
		}
		if patience == nil && c.opts.GiveUp > 0 {
			t := time.NewTimer(c.opts.GiveUp)
			defer t.Stop()
			patience = t.C
		}
		t := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-t.C:
		case <-patience:
			t.Stop()
			return c.givenUp(err)
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
		pause = min(pause*2, lastPause)
	}
}

// givenUp is the error after the last attempt.
func (c *Client) givenUp(err error) error {
	if errors.Is(err, errAgain) {
		return &SilentError{c.address, err}
	}
	return err
}

// passes tells whether trying again may help.
func passes(err error) bool {
	var silent *SilentError
	return errors.Is(err, errAgain) || errors.Is(err, ErrNoDaemon) || errors.As(err, &silent) ||
		api.IsKind(err, api.Busy) || api.IsKind(err, api.Unavailable) || api.IsKind(err, api.Storage) ||
		api.IsKind(err, api.TimedOut)
}

// stream reads the lines of an answer until take says that it has ended. It gives
// up when the peer is silent for too long.
func (c *Client) stream(ctx context.Context, path string, q url.Values, take func([]byte) (bool, error)) (p progress, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(c.opts.Silence, func() { cancel(errAgain) })
	defer silence.Stop()
	resp, err := c.send(ctx, request{method: http.MethodGet, path: path, query: q})
	if err != nil {
		return p, silentCause(ctx, err)
	}
	defer resp.Body.Close()
	if err := wantMedia(resp, "application/x-ndjson"); err != nil {
		return p, err
	}
	in := bufio.NewScanner(resp.Body)
	in.Buffer(make([]byte, 0, 64<<10), maxLine)
	for in.Scan() {
		silence.Stop() // the caller may take its time
		p.lines++
		p.ended, err = take(in.Bytes())
		if p.ended {
			_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<10)) // so that the connection can be used again
		}
		if p.ended || err != nil {
			return p, err
		}
		silence.Reset(c.opts.Silence)
	}
	return p, silentCause(ctx, fmt.Errorf("%w: %w", errAgain, errOrEOF(in.Err())))
}

func errOrEOF(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// silentCause tells a caller who gave up from a peer that was silent.
func silentCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errAgain) {
		return fmt.Errorf("%w: nothing came for too long", errAgain)
	}
	return err
}
