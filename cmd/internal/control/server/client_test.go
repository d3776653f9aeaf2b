package server_test

import (
	"context"
	"errors"
	"os/user"
	"slices"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/control/client"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

func TestAClientDoesWhatTheAPIOffers(t *testing.T) {
	m := newMemory()
	m.declare("dev", "stage")
	d := serve(t, m)
	c, ctx := d.dial(t), t.Context()
	list, err := c.Clusters(ctx)
	if err != nil || len(list.Clusters) != 2 || list.Clusters[0].Name != "dev" || list.Feed == "" {
		t.Fatalf("clusters: %+v, %v", list, err)
	}
	me, _ := user.Current()
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	said, err := c.Say(ctx, "dev", api.WordRequest{Kind: api.Keep, Until: until, Why: "demo"})
	if err != nil || said.Word.By != me.Username || !said.Word.Until.Equal(until) || said.Word.Why != "demo" {
		t.Fatalf("said: %+v, %v", said, err)
	}
	if dec, err := c.Unsay(ctx, "dev", api.Keep); err != nil || dec.State != api.Asleep {
		t.Fatalf("unsaid: %+v, %v", dec, err)
	}
	if _, err := c.Unsay(ctx, "dev", api.Keep); !api.IsKind(err, api.NotFound) {
		t.Fatalf("taking back twice: %v", err)
	}
	from := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	if s, err := c.Schedule(ctx, "dev", from, from.AddDate(0, 1, 0)); err != nil || !s.From.Equal(from) || len(s.Events) != 1 {
		t.Fatalf("schedule: %+v, %v", s, err)
	}
	r, err := c.Start(ctx, api.StartRequest{Recipe: api.Restore, Cluster: "dev", Revision: "v1"})
	if err != nil || !r.Live || r.Cluster != "dev" {
		t.Fatalf("start: %+v, %v", r, err)
	}
	m.add(r.ID, 3)
	var seen []uint64
	if err := c.Events(ctx, r.ID, 1, func(ev run.Event) error { seen = append(seen, ev.Seq); return nil }); err != nil || !slices.Equal(seen, []uint64{2, 3}) {
		t.Fatalf("events: %v, %v", seen, err)
	}
	if runs, err := c.Runs(ctx, run.Filter{Cluster: "dev", Unfinished: true}); err != nil || len(runs.Runs) != 1 || runs.Runs[0].Request != nil {
		t.Fatalf("runs: %+v, %v", runs, err)
	}
	if one, err := c.Run(ctx, r.ID[len(r.ID)-4:]); err != nil || one.ID != r.ID || string(one.Request) == "" {
		t.Fatalf("run: %+v, %v", one, err)
	}
	if a, err := c.Abort(ctx, r.ID); err != nil || a.AbortAsked.IsZero() {
		t.Fatalf("abort: %+v, %v", a, err)
	}
	if re, err := c.Reload(ctx); err != nil || re.Clusters != 2 {
		t.Fatalf("reload: %+v, %v", re, err)
	}
	if v, err := c.Version(ctx); err != nil || v.You != me.Username || v.Feed != list.Feed || v.API != "v1" {
		t.Fatalf("version: %+v, %v", v, err)
	}
	if err := c.Ready(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestFollowSeesEachEventOnceAndEndsWithTheRun(t *testing.T) {
	m := newMemory()
	m.begin("r1", "dev", "restore")
	m.add("r1", 3000)
	d := serve(t, m)
	c := d.dial(t)
	next := uint64(1)
	err := c.Follow(t.Context(), "r1", 0, func(ev run.Event) error {
		if ev.Seq != next {
			t.Fatalf("event %d came when %d was due", ev.Seq, next)
		}
		next++
		if ev.Seq == 3000 {
			m.add("r1", 2000)
			m.end("r1", run.Done)
		}
		return nil
	})
	if err != nil || next != 5002 {
		t.Fatalf("%v after event %d", err, next-1)
	}
}

func TestErrorsKeepTheirTypes(t *testing.T) {
	m := newMemory()
	m.declare("dev")
	m.begin("20261122-000000-aaaa", "dev", "restore")
	m.begin("20261122-000001-aaab", "dev", "restore")
	m.end("20261122-000001-aaab", run.Done)
	d := serve(t, m)
	c, ctx := d.dial(t), t.Context()
	var ambiguous *run.AmbiguousError
	var ended *run.EndedError
	var held *run.HeldError
	if _, err := c.Run(ctx, "nothing"); !run.IsNotFound(err) {
		t.Errorf("no run: %v", err)
	}
	if _, err := c.Run(ctx, "20261122"); !errors.As(err, &ambiguous) || len(ambiguous.Matches) != 2 {
		t.Errorf("ambiguous: %v", err)
	}
	if _, err := c.Abort(ctx, "aaab"); !errors.As(err, &ended) || ended.Outcome != run.Done {
		t.Errorf("ended: %v", err)
	}
	m.before = func(_ context.Context, method string) error {
		if method == "Start" {
			return &run.HeldError{Key: "cluster/dev", Holder: run.Holder{Run: "x", Process: run.Process{Host: "h", PID: 7}}}
		}
		return nil
	}
	_, err := c.Start(ctx, api.StartRequest{Recipe: api.Restore, Cluster: "dev"})
	var p *api.Problem
	if !errors.As(err, &held) || held.Holder.PID != 7 || !errors.As(err, &p) || p.ExitCode() != 5 {
		t.Errorf("held: %v", err)
	}
	if _, err := c.Cluster(ctx, "nope"); !api.IsKind(err, api.NotFound) {
		t.Errorf("no cluster: %v", err)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Version(ctx); !errors.Is(err, client.ErrNoDaemon) {
		t.Errorf("no daemon: %v", err)
	}
}
