package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/cmd/internal/control/client"
	"github.com/rekindle-io/rekindle/cmd/internal/control/server"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// severing is a proxy before a socket that cuts connections after so many bytes.
type severing struct {
	net.Listener
	cuts chan int
}

func sever(t testing.TB, target string, cuts []int) *severing {
	l, err := net.Listen("unix", filepath.Join(socketDir(t), "p"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &severing{l, make(chan int, len(cuts))}
	for _, n := range cuts {
		s.cuts <- n
	}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go s.pass(in, target)
		}
	}()
	return s
}

func (s *severing) pass(in net.Conn, target string) {
	defer in.Close()
	out, err := net.Dial("unix", target)
	if err != nil {
		return
	}
	defer out.Close()
	go func() { _, _ = io.Copy(out, in); out.Close() }()
	select {
	case n := <-s.cuts:
		_, _ = io.CopyN(in, out, int64(n))
	default:
		_, _ = io.Copy(in, out)
	}
}

// TestFollowSeesEveryEventOnce: whatever connections are cut wherever, and however
// events come while that happens, each comes once and in order.
func TestFollowSeesEveryEventOnce(t *testing.T) {
	m := newMemory()
	d := serve(t, m, func(o *server.Options) { o.PollEvery = time.Millisecond })
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		id := fmt.Sprintf("r%d", runs)
		cuts := rapid.SliceOfN(rapid.IntRange(0, 30000), 0, 4).Draw(rt, "cuts")
		bursts := rapid.SliceOfN(rapid.IntRange(0, 300), 1, 3).Draw(rt, "bursts")
		m.begin(id, "dev", "restore")
		proxy := sever(t, d.path, cuts)
		defer proxy.Close()
		c, err := client.Dial(proxy.Addr().String(), client.Options{})
		if err != nil {
			rt.Fatal(err)
		}
		defer c.Close()
		added := make(chan struct{})
		go func() {
			defer close(added)
			for _, n := range bursts {
				m.add(id, n)
			}
			m.end(id, run.Done)
		}()
		want := uint64(1)
		for _, n := range bursts {
			want += uint64(n)
		}
		seen := uint64(0)
		err = c.Follow(t.Context(), id, 0, func(ev run.Event) error {
			if seen++; ev.Seq != seen {
				return fmt.Errorf("event %d came when %d was due", ev.Seq, seen)
			}
			return nil
		})
		<-added
		if err != nil || seen != want {
			rt.Fatalf("%d of %d events, %v", seen, want, err)
		}
	})
}

func TestFollowOutlivesTheDaemon(t *testing.T) {
	m := newMemory()
	m.begin("r", "dev", "restore")
	m.add("r", 10)
	d := serve(t, m)
	c := d.dial(t)
	seen := uint64(0)
	ended := make(chan error, 1)
	got := make(chan uint64, 100)
	go func() {
		ended <- c.Follow(t.Context(), "r", 0, func(ev run.Event) error {
			if seen++; ev.Seq != seen {
				return fmt.Errorf("event %d came when %d was due", ev.Seq, seen)
			}
			got <- ev.Seq
			return nil
		})
	}()
	for range 10 {
		<-got
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	m.add("r", 5)
	serveAt(t, m, d.path)
	m.end("r", run.Done)
	if err := <-ended; err != nil || seen != 16 {
		t.Errorf("%d events, %v", seen, err)
	}
}

// A run that died with its daemon is taken up by the next one: who follows it waits
// for that, and not for ever.
func TestFollowWaitsForTheNextDaemonToGoOn(t *testing.T) {
	m := newMemory()
	m.begin("r", "dev", "restore")
	m.add("r", 1)
	m.mu.Lock()
	m.runs["r"].Live, m.runs["r"].Daemon = false, true
	m.mu.Unlock()
	var looks, now atomic.Int64
	m.before = func(_ context.Context, method string) error {
		if method == "Run" {
			looks.Add(1)
		}
		return nil
	}
	clock := func(o *server.Options) { o.Now = func() time.Time { return time.Unix(now.Load(), 0) } }
	d := serve(t, m, clock)
	s, _ := d.follow(t, "/v1/runs/r/events?follow=true")
	next[run.Event](t, s)
	within(t, "the journal was looked at", func() bool { return looks.Load() > 20 })
	m.mu.Lock()
	m.runs["r"].Live = true
	m.mu.Unlock()
	m.add("r", 1)
	if ev := next[run.Event](t, s); ev.Seq != 2 {
		t.Fatalf("got %+v", ev)
	}
	m.mu.Lock()
	m.runs["r"].Live = false
	m.mu.Unlock()
	now.Store(31)
	if ev := next[run.Event](t, s); ev.Type != api.StreamEnd {
		t.Fatalf("got %+v", ev)
	}
}

func TestFollowGivesUpAsTold(t *testing.T) {
	m := newMemory()
	m.begin("r", "dev", "restore")
	d := serve(t, m)
	patient := func(o *client.Options) { o.GiveUp = 200 * time.Millisecond }
	c := d.dial(t, patient)
	if err := c.Follow(t.Context(), "nope", 0, nil); !run.IsNotFound(err) {
		t.Errorf("an unknown run: %v", err)
	}
	stop := errors.New("enough")
	m.add("r", 1)
	if err := c.Follow(t.Context(), "r", 0, func(run.Event) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the caller's error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := c.Follow(ctx, "r", 0, func(run.Event) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller's end: %v", err)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if err := c.Follow(t.Context(), "r", 1, nil); !errors.Is(err, client.ErrNoDaemon) {
		t.Errorf("no daemon: %v", err)
	}
}
