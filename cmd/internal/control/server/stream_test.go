package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/control/client"
	"github.com/rekindle-io/rekindle/cmd/internal/control/server"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// within waits for a condition.
func within(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s\n%s", what, stacks())
		}
		time.Sleep(time.Millisecond)
	}
}

// follow opens a stream and returns its lines.
func (d *daemon) follow(t testing.TB, path string) (*bufio.Scanner, io.Closer) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://rekindle"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := d.web(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 {
		raw, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s: %d: %s", path, resp.StatusCode, raw)
	}
	s := bufio.NewScanner(resp.Body)
	s.Buffer(nil, 1<<20)
	return s, resp.Body
}

// next reads one line.
func next[T any](t testing.TB, s *bufio.Scanner) T {
	t.Helper()
	var v T
	if !s.Scan() {
		t.Fatalf("the stream ended: %v", s.Err())
	}
	if err := json.Unmarshal(s.Bytes(), &v); err != nil {
		t.Fatalf("%v: %s", err, s.Bytes())
	}
	return v
}

func TestAStreamTellsWhyItEnds(t *testing.T) {
	m := newMemory()
	for id, prepare := range map[string]func(id string){
		"done":    func(id string) { m.end(id, run.Done) },
		"died":    func(id string) { m.mu.Lock(); m.runs[id].Live = false; m.mu.Unlock() },
		"aborted": func(id string) { m.mu.Lock(); m.runs[id].Live, m.runs[id].Outcome = false, run.Aborted; m.mu.Unlock() },
		"nothing": func(id string) { m.mu.Lock(); m.runs[id].Live, m.events[id] = false, nil; m.mu.Unlock() },
	} {
		m.begin(id, "dev", "restore")
		m.add(id, 2)
		prepare(id)
	}
	m.begin("live", "dev", "restore")
	m.add("live", 2)
	d := serve(t, m)
	for path, want := range map[string]string{
		"done/events?follow=true": "ended", "died/events?follow=true": "ended", "aborted/events?follow=true": "ended",
		"nothing/events?follow=true": "ended", "done/events?follow=true&since=3": "ended",
		"done/events": "reached", "live/events": "reached", "live/events?since=2": "reached",
	} {
		_, raw := d.do(t, exchange{method: "GET", path: "/v1/runs/" + path})
		list := strings.Split(strings.TrimSpace(string(raw)), "\n")
		var last run.Event
		if err := json.Unmarshal([]byte(list[len(list)-1]), &last); err != nil || last.Type != api.StreamEnd || last.Message != want {
			t.Errorf("%s: %s (%v)", path, list[len(list)-1], err)
		}
	}
}

// The last event of a run that is marked aborted comes behind its outcome.
func TestTheLastEventOfAnAbortedRunIsNotMissed(t *testing.T) {
	m := newMemory()
	m.begin("r", "dev", "restore")
	m.add("r", 1)
	var looked atomic.Int32
	m.before = func(_ context.Context, method string) error {
		if method == "Run" && looked.Add(1) == 3 { // after somebody saw the outcome
			m.end("r", run.Aborted)
		}
		return nil
	}
	m.runs["r"].Live, m.runs["r"].Outcome = false, run.Aborted
	d := serve(t, m, func(o *server.Options) { o.PollEvery = 20 * time.Millisecond })
	last := ""
	if err := d.dial(t).Follow(t.Context(), "r", 0, func(ev run.Event) error { last = ev.Type; return nil }); err != nil || last != run.RunEnd {
		t.Errorf("last was %q, %v", last, err)
	}
}

func TestSilenceIsFilledWithHeartbeats(t *testing.T) {
	m := newMemory()
	m.begin("r", "dev", "restore")
	d := serve(t, m, func(o *server.Options) { o.Heartbeat = 10 * time.Millisecond })
	s, _ := d.follow(t, "/v1/runs/r/events?follow=true")
	for range 3 {
		if ev := next[run.Event](t, s); ev.Type != api.StreamHeartbeat || ev.Seq != 0 {
			t.Fatalf("got %+v", ev)
		}
	}
	m.add("r", 1)
	within(t, "the event comes", func() bool { return next[run.Event](t, s).Seq == 1 })
	s, _ = d.follow(t, "/v1/events?follow=true")
	for _, want := range []api.ChangeKind{api.FeedBegin, api.FeedHeartbeat, api.FeedHeartbeat} {
		if c := next[api.Change](t, s); c.Kind != want {
			t.Fatalf("got %+v, want %s", c, want)
		}
	}
}

// An event of this process is passed on at once, however seldom the journal is
// looked at.
func TestEventsOfThisProcessAreNotPolled(t *testing.T) {
	m := newMemory()
	m.begin("r", "dev", "restore")
	d := serve(t, m, func(o *server.Options) { o.PollEvery = time.Hour })
	s, _ := d.follow(t, "/v1/runs/r/events?follow=true")
	for i := range 20 {
		m.add("r", 1)
		d.Observe(m.events["r"][i])
		if ev := next[run.Event](t, s); ev.Seq != uint64(i+1) {
			t.Fatalf("got %+v", ev)
		}
	}
	m.end("r", run.Done)
	d.Observe(m.events["r"][20])
	if ev := next[run.Event](t, s); ev.Type != run.RunEnd {
		t.Fatalf("got %+v", ev)
	}
	if ev := next[run.Event](t, s); ev.Type != api.StreamEnd {
		t.Fatalf("got %+v", ev)
	}
}

// A reader that takes nothing is cut off, and nobody waits for it.
func TestASlowReaderHoldsUpNobody(t *testing.T) {
	m := newMemory()
	m.begin("r", "dev", "restore")
	m.add("r", 20000)
	d := serve(t, m, func(o *server.Options) {
		o.MaxStreams, o.WriteTimeout, o.PollEvery = 2, 300*time.Millisecond, time.Millisecond
	})
	slow, err := net.Dial("unix", d.path)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	fmt.Fprint(slow, "GET /v1/runs/r/events?follow=true HTTP/1.1\r\nHost: rekindle\r\n\r\n")
	c := d.dial(t)
	seen := 0
	err = c.Events(t.Context(), "r", 0, func(run.Event) error { seen++; return nil })
	if err != nil || seen != 20000 {
		t.Fatalf("the fast one saw %d, %v", seen, err)
	}
	// Two places: the slow one's is free again once it was cut off.
	within(t, "two new streams", func() bool {
		err := c.Events(t.Context(), "r", 19999, func(run.Event) error { return nil })
		s, closer := d.follow(t, "/v1/runs/r/events?follow=true&since=20000")
		defer closer.Close()
		resp, _ := d.do(t, exchange{method: "GET", path: "/v1/runs/r/events"})
		_ = s
		return err == nil && resp.StatusCode == 200
	})
	raw, _ := io.ReadAll(slow)
	if strings.Contains(string(raw), api.StreamEnd) || len(raw) == 0 {
		t.Errorf("the slow one was not cut off (%d bytes)", len(raw))
	}
}

func TestStreamsEndWhenTheDaemonStops(t *testing.T) {
	m := newMemory()
	m.begin("r", "dev", "restore")
	m.add("r", 2)
	d := serve(t, m, func(o *server.Options) { o.Grace = time.Minute })
	var streams []*bufio.Scanner
	for range 20 {
		s, _ := d.follow(t, "/v1/runs/r/events?follow=true")
		next[run.Event](t, s)
		next[run.Event](t, s)
		f, _ := d.follow(t, "/v1/events?follow=true")
		next[api.Change](t, f)
		streams = append(streams, s, f)
	}
	began := time.Now()
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the stop took %s", took)
	}
	for i, s := range streams {
		last := next[struct{ Type, Kind, Message string }](t, s)
		if last.Type != api.StreamEnd && last.Kind != string(api.FeedEnd) || last.Message != api.EndShutdown {
			t.Errorf("stream %d ended with %+v", i, last)
		}
		if s.Scan() || s.Err() != nil {
			t.Errorf("stream %d goes on: %s, %v", i, s.Bytes(), s.Err())
		}
	}
}

func TestRequestsUnderWayAreFinishedOrCutOff(t *testing.T) {
	m := newMemory()
	entered, leave := make(chan struct{}, 2), make(chan struct{})
	m.before = func(ctx context.Context, _ string) error {
		entered <- struct{}{}
		select {
		case <-leave:
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	d := serve(t, m, func(o *server.Options) { o.Grace = 10 * time.Second })
	answer := make(chan error, 1)
	ask := func(d *daemon) {
		c := d.dial(t)
		go func() { _, err := c.Clusters(t.Context()); answer <- err }()
		<-entered
	}
	ask(d)
	stopped := make(chan error, 1)
	go func() { stopped <- d.stop() }()
	within(t, "nobody new is let in", func() bool {
		_, err := net.Dial("unix", d.path)
		return err != nil
	})
	close(leave)
	if err := errors.Join(<-answer, <-stopped); err != nil {
		t.Fatalf("what was under way: %v", err)
	}
	leave = make(chan struct{}) // never
	d = serve(t, m, func(o *server.Options) { o.Grace = 50 * time.Millisecond })
	ask(d)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	var silent *client.SilentError
	if err := <-answer; !errors.As(err, &silent) {
		t.Errorf("what takes too long: %v", err)
	}
}
