package run_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/rekindle-io/rekindle/recover/run"
)

// fillRuns writes count runs of some clusters in one transaction, as an earlier
// version did: without their order.
func fillRuns(t testing.TB, s *run.Store, count, clusters int, result json.RawMessage) {
	t.Helper()
	if err := s.PutRecord(t.Context(), "some", "record", json.RawMessage(`1`)); err != nil { // makes the file
		t.Fatal(err)
	}
	inBolt(t, s, func(tx *bbolt.Tx) error {
		for _, name := range []string{"newest", "clusters"} {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		for n := range count {
			r := someRun(n)
			r.Cluster, r.Result = fmt.Sprintf("team-%d", n%clusters), result
			if r.Outcome = run.Done; n%7 == 0 {
				r.Outcome = run.Interrupted
			}
			raw, err := json.Marshal(r)
			if err != nil {
				return err
			}
			if err := tx.Bucket([]byte("runs")).Put([]byte(r.ID), raw); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte("meta")).Put([]byte("schema"), []byte("1"))
	})
}

func inBolt(t testing.TB, s *run.Store, do func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(s.Path(), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(do); err != nil {
		t.Fatal(err)
	}
}

// ordered checks that the order has just the runs that there are, and returns the
// schema.
func ordered(t testing.TB, s *run.Store) (schema string) {
	t.Helper()
	var want, got, byCluster []string
	inBolt(t, s, func(tx *bbolt.Tx) error {
		if schema = string(tx.Bucket([]byte("meta")).Get([]byte("schema"))); schema == "1" {
			if tx.Bucket([]byte("newest")) != nil {
				t.Error("an order, and the schema without one")
			}
			return nil
		}
		note := func(into *[]string, id, cluster string, outcome any) {
			*into = append(*into, fmt.Sprintf("%s %s %v", id, cluster, outcome))
		}
		err := tx.Bucket([]byte("runs")).ForEach(func(k, raw []byte) error {
			var r run.Run
			if err := json.Unmarshal(raw, &r); err != nil {
				return err
			}
			note(&want, string(k), r.Cluster, r.Outcome)
			return nil
		})
		if err != nil {
			return err
		}
		head := func(into *[]string) func(k, raw []byte) error {
			return func(k, raw []byte) error {
				var h struct{ C, O string }
				if err := json.Unmarshal(raw, &h); err != nil {
					return err
				}
				note(into, string(k[12:]), h.C, h.O)
				return nil
			}
		}
		if err := tx.Bucket([]byte("newest")).ForEach(head(&got)); err != nil {
			return err
		}
		clusters := tx.Bucket([]byte("clusters"))
		return clusters.ForEachBucket(func(name []byte) error { return clusters.Bucket(name).ForEach(head(&byCluster)) })
	})
	for _, list := range [][]string{want, got, byCluster} {
		slices.Sort(list)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the order is not of these runs:\n%s", d)
	}
	want = slices.DeleteFunc(want, func(s string) bool { return strings.Contains(s, "  ") }) // of no cluster
	if d := cmp.Diff(want, byCluster); d != "" {
		t.Errorf("the clusters' order is not of these runs:\n%s", d)
	}
	return schema
}

// TestJournalOfAnEarlierVersion answers alike before and after its first write,
// which gives it its order.
func TestJournalOfAnEarlierVersion(t *testing.T) {
	s := openStore(t, t.TempDir(), run.StoreOptions{KeepRuns: 1000})
	fillRuns(t, s, 300, 7, nil)
	filters := []run.Filter{{}, {Limit: 3}, {Cluster: "team-3"}, {Cluster: "team-3", Limit: 2}, {Cluster: "team"}, {Unfinished: true, Limit: 5},
		{Cluster: "team-0", Unfinished: true}, {Typed: "0123"}, {Recipe: "drift"}}
	answers := func() (all [][]run.Run) {
		for _, f := range filters {
			list, err := s.Runs(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, list)
		}
		return all
	}
	before := answers()
	if ordered(t, s) != "1" || len(before[0]) != 300 || len(before[3]) != 2 || len(before[7]) != 1 {
		t.Fatalf("%d runs, %d of a cluster, %d typed", len(before[0]), len(before[3]), len(before[7]))
	}
	if err := s.PutRecord(t.Context(), "some", "record", json.RawMessage(`2`)); err != nil {
		t.Fatal(err)
	}
	if ordered(t, s) != "2" {
		t.Error("a write did not build the order")
	}
	if d := cmp.Diff(before, answers()); d != "" {
		t.Errorf("it answers otherwise since it has an order:\n%s", d)
	}
}

// TestOrderIsBuiltAtOnceOrNotAtAll kills the process that builds it.
func TestOrderIsBuiltAtOnceOrNotAtAll(t *testing.T) {
	built, not := 0, 0
	for budget := 8 * time.Millisecond; built == 0 || not == 0; budget += budget / 8 {
		s := openStore(t, t.TempDir(), run.StoreOptions{})
		fillRuns(t, s, 100, 5, nil)
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = childEnv("begin", s.Dir())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(rand.N(budget), func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // killed, mostly
		timer.Stop()
		if ordered(t, s) == "1" {
			not++
		} else {
			built++
		}
		if list, err := s.Runs(t.Context(), run.Filter{Cluster: "team-2", Limit: 1}); err != nil || len(list) != 1 || list[0].ID != someRun(97).ID {
			t.Fatalf("%v, %v", list, err)
		}
	}
}

// TestOrderWithoutItsRun is damage, and said to be.
func TestOrderWithoutItsRun(t *testing.T) {
	s := filledStore(t, t.TempDir())
	inBolt(t, s, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("runs")).Delete([]byte(someRun(3).ID)) })
	_, err := s.Runs(t.Context(), run.Filter{})
	wantTrouble(t, err, run.Corrupt, s.Path())
	if list, err := s.Runs(t.Context(), run.Filter{Limit: 2}); err != nil || len(list) != 2 {
		t.Errorf("what is whole can be read: %v", err)
	}
}

// TestEachStopsWhenEnoughWasSeen: runs come newest first, one by one.
func TestEachStopsWhenEnoughWasSeen(t *testing.T) {
	s := filledStore(t, t.TempDir())
	var seen []string
	err := s.Each(t.Context(), run.Filter{}, func(r run.Run) bool {
		seen = append(seen, r.ID)
		return len(seen) < 3
	})
	if want := []string{someRun(9).ID, someRun(8).ID, someRun(7).ID}; err != nil || !slices.Equal(seen, want) {
		t.Errorf("%v, %v", seen, err)
	}
}

// BenchmarkRuns asks a journal of 10,000 runs of 100 clusters what commands and
// dashboards ask.
func BenchmarkRuns(b *testing.B) {
	report, err := json.Marshal(strings.Repeat("x", 4<<10))
	if err != nil {
		b.Fatal(err)
	}
	for _, made := range []string{"unordered", "ordered"} {
		s := openStore(b, b.TempDir(), run.StoreOptions{KeepRuns: 20_000})
		fillRuns(b, s, 10_000, 100, report)
		if made == "ordered" {
			began := time.Now()
			if err := s.PutRecord(b.Context(), "some", "record", json.RawMessage(`2`)); err != nil {
				b.Fatal(err)
			}
			b.Logf("the order of 10,000 runs was built in %v", time.Since(began))
		}
		for name, f := range map[string]run.Filter{"last": {Limit: 1}, "page": {Limit: 20}, "cluster": {Cluster: "team-42"}, "cluster-last": {Cluster: "team-42", Limit: 1},
			"typed": {Typed: "4242"}, "unfinished-page": {Unfinished: true, Limit: 20}} {
			b.Run(made+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if list, err := s.Runs(b.Context(), f); err != nil || len(list) == 0 {
						b.Fatalf("%d runs, %v", len(list), err)
					}
				}
			})
		}
	}
}

// BenchmarkBegin is what a new run costs a journal that is full.
func BenchmarkBegin(b *testing.B) {
	s := openStore(b, b.TempDir(), run.StoreOptions{KeepRuns: 20_000})
	fillRuns(b, s, 10_000, 100, json.RawMessage(`"`+strings.Repeat("x", 4<<10)+`"`))
	n := 10_000
	for b.Loop() {
		if err := s.Begin(b.Context(), someRun(n)); err != nil {
			b.Fatal(err)
		}
		n++
	}
}
