package run_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/run/journaltest"
)

func openStore(t testing.TB, dir string, opts run.StoreOptions) *run.Store {
	t.Helper()
	s, err := run.OpenStore(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStoreConforms(t *testing.T) {
	journaltest.Conform(t, func(t testing.TB, l journaltest.Limits) run.Journal {
		dir, err := os.MkdirTemp(t.TempDir(), "state")
		if err != nil {
			t.Fatal(err)
		}
		return openStore(t, dir, run.StoreOptions{KeepRuns: l.KeepRuns, KeepFor: l.KeepFor, EventCap: l.EventCap})
	})
}

func TestReadsMakeNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there")
	s := openStore(t, dir, run.StoreOptions{})
	if all, err := s.Runs(t.Context(), run.Filter{}); err != nil || len(all) != 0 {
		t.Fatalf("%v, %v", all, err)
	}
	if err := s.DeleteRecord(t.Context(), "cluster", "dev"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Leases().Holder(t.Context(), "cluster/dev"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("reading made %s", dir)
	}
}

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "rekindle")
	s := openStore(t, dir, run.StoreOptions{})
	if err := s.PutRecord(t.Context(), "cluster", "dev", json.RawMessage(`1`)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, s.Path(): 0o600} {
		fi, err := os.Stat(path)
		if err != nil || fi.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, fi.Mode(), err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.new-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// someRun is a run that only has to be there.
func someRun(n int) run.Run {
	at := time.Date(2026, 11, 22, 18, 0, n, 0, time.UTC)
	return run.Run{ID: at.Format("20060102-150405-") + fmt.Sprintf("%04d", n), Recipe: "restore", Created: at}
}

func someEvents(n int) []run.Event {
	out := make([]run.Event, n)
	for i := range out {
		out[i] = run.Event{
			Time: time.Date(2026, 11, 22, 18, 0, 0, i, time.UTC), Step: "apply", Type: "object.applied",
			Object: fmt.Sprintf("Deployment.apps shop-%d/web", i), Message: "created",
		}
	}
	return out
}

func BenchmarkAppend5000(b *testing.B) {
	for _, size := range []int{5000, 500, 50} {
		b.Run(fmt.Sprintf("batches of %d", size), func(b *testing.B) {
			s := openStore(b, b.TempDir(), run.StoreOptions{EventCap: 1 << 40})
			if err := s.Begin(b.Context(), someRun(1)); err != nil {
				b.Fatal(err)
			}
			events := someEvents(size)
			for b.Loop() {
				for range 5000 / size {
					if _, err := s.Append(b.Context(), someRun(1).ID, events...); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkTransaction(b *testing.B) {
	s := openStore(b, b.TempDir(), run.StoreOptions{})
	id := someRun(1).ID
	if err := s.Begin(b.Context(), someRun(1)); err != nil {
		b.Fatal(err)
	}
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Run(b.Context(), id); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Update(b.Context(), id, func(r *run.Run) error { r.Attempts++; return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// What is kept may change while a store is in use: a daemon reads its file again.
func TestStoreAsksHowMuchToKeepWhenARunBegins(t *testing.T) {
	keep := 2
	s := openStore(t, t.TempDir(), run.StoreOptions{KeepRuns: 1, Keep: func() (int, time.Duration) { return keep, 0 }})
	ctx := t.Context()
	begin := func(n int) int {
		t.Helper()
		at := time.Date(2026, 11, 22, 20, n, 0, 0, time.UTC)
		id := fmt.Sprintf("20261122-20%02d00-aaaa", n)
		if err := s.Begin(ctx, run.Run{ID: id, Recipe: "restore", Cluster: "dev", Created: at}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Update(ctx, id, func(r *run.Run) error { r.Outcome, r.Ended = run.Failed, at; return nil }); err != nil {
			t.Fatal(err)
		}
		list, err := s.Runs(ctx, run.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	for n := range 5 {
		begin(n)
	}
	if n := begin(5); n != 3 { // two that were there, and the new one
		t.Errorf("%d runs are kept, want 3", n)
	}
	keep = 4
	begin(6)
	if n := begin(7); n != 5 {
		t.Errorf("%d runs are kept after the change, want 5", n)
	}
}
