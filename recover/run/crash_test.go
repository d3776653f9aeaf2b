package run_test

import (
	"bufio"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
)

// TestKilledAtAnyInstant kills the process that executes a recipe again and
// again, at random instants, and lets the next one resume, until it is done:
// every step made its one thing, and the events have no holes.
func TestKilledAtAnyInstant(t *testing.T) {
	rounds, kills, resumed := 8, 0, 0
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		dir := t.TempDir()
		state, file := filepath.Join(dir, "state"), filepath.Join(dir, "lines")
		s := openStore(t, state, run.StoreOptions{})
		budget := 3 * time.Millisecond
		for killed(t, state, file, budget) {
			kills++
			shownAsCutOff(t, s)
			if _, err := os.Stat(s.Path()); err == nil {
				ordered(t, s)
			}
			budget += budget / 3 // so that it ends
		}
		all, err := s.Runs(t.Context(), run.Filter{})
		if err != nil || len(all) != 1 || all[0].Outcome != run.Done {
			t.Fatalf("round %d: %+v, %v", round, all, err)
		}
		checkLines(t, file, all[0])
		ordered(t, s)
		b := &bench{store: s}
		b.events(t, all[0].ID)
		resumed += all[0].Attempts - 1
	}
	t.Logf("killed %d times in %d rounds, %d times in the middle of the run", kills, rounds, resumed)
	if resumed < rounds/2 {
		t.Errorf("only %d resumes: the test proves little", resumed)
	}
}

// killed runs the recipe in a child and kills it after up to budget; false when
// it was done before.
func killed(t *testing.T, state, file string, budget time.Duration) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = childEnv("recipe", state, file)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(rand.N(budget), func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Wait()
	if err != nil && out.Len() > 0 {
		t.Fatalf("%v: %s", err, out.String())
	}
	return err != nil
}

// shownAsCutOff: what a killed process leaves is a run without an outcome that
// nobody executes.
func shownAsCutOff(t *testing.T, s *run.Store) {
	t.Helper()
	all, err := s.Runs(t.Context(), run.Filter{})
	if err != nil || len(all) > 1 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, r := range all {
		if h, live, err := run.Alive(t.Context(), s.Leases(), r); live || err != nil {
			t.Fatalf("a dead process holds the lease: %+v, %v", h, err)
		}
		got, err := run.Status(t.Context(), s.Leases(), r)
		if want := "interrupted (process died)"; err != nil || (r.Outcome == "" && r.Attempts > 0 && got != want) {
			t.Errorf("shown as %q, %v", got, err)
		}
	}
}

func checkLines(t *testing.T, file string, r run.Run) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	if len(lines) != recipeSteps {
		t.Fatalf("%d things made in %d steps:\n%s", len(lines), recipeSteps, raw)
	}
	for i, line := range lines {
		name, id, _ := strings.Cut(line, " ")
		st := r.Steps[i+1] // the first is the plan
		if st.Name != name || string(st.Made) != `"`+id+`"` || st.State != run.StepDone {
			t.Errorf("line %q, step %+v", line, st)
		}
	}
}

// TestManyProcesses: two processes write one run's events while a third reads.
func TestManyProcesses(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, run.StoreOptions{})
	if err := s.Begin(t.Context(), someRun(1)); err != nil {
		t.Fatal(err)
	}
	const children, rounds = 2, 150
	id := someRun(1).ID
	var cmds []*exec.Cmd
	for range children {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = childEnv("append", dir, id, "150")
		cmd.Stdout = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds = append(cmds, cmd)
	}
	var slowest time.Duration
	var reads int
	for since := uint64(0); since < children*rounds*3; reads++ {
		began := time.Now()
		events, err := s.Events(t.Context(), id, since, 0)
		if err != nil {
			t.Fatal(err)
		}
		slowest = max(slowest, time.Since(began))
		for _, ev := range events {
			if since++; ev.Seq != since {
				t.Fatalf("read number %d after %d", ev.Seq, since-1)
			}
		}
	}
	for _, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := s.Run(t.Context(), id); err != nil || r.Attempts != children*rounds {
		t.Errorf("%d updates, %v", r.Attempts, err)
	}
	t.Logf("%d reads beside %d busy writers, the slowest took %v", reads, children, slowest)
	if slowest > 5*time.Second {
		t.Errorf("a reader waited %v", slowest)
	}
}

func TestLeaseOfAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, run.StoreOptions{})
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = childEnv("hold", dir, "dev", "run-1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("%q, %v", line, err)
	}
	_, err = run.AcquireLease(t.Context(), s.Leases(), "dev", run.Holder{Run: "run-2"})
	held, ok := err.(*run.HeldError)
	if !ok || held.Holder.Run != "run-1" || held.Holder.PID != cmd.Process.Pid {
		t.Fatalf("want to know who holds it, got %v", err)
	}
	if _, live, err := run.Alive(t.Context(), s.Leases(), run.Run{ID: "run-1", Cluster: "dev"}); !live || err != nil {
		t.Errorf("run-1 is alive: %v, %v", live, err)
	}
	if _, live, err := run.Alive(t.Context(), s.Leases(), run.Run{ID: "run-2", Cluster: "dev"}); live || err != nil {
		t.Errorf("run-2 is not alive: %v, %v", live, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	lease, err := run.AcquireLease(t.Context(), s.Leases(), "dev", run.Holder{Run: "run-2"})
	if err != nil {
		t.Fatalf("after its holder died: %v", err)
	}
	if err := lease.Release(); err != nil {
		t.Error(err)
	}
	if h, held, err := s.Leases().Holder(t.Context(), "cluster/dev"); held || err != nil {
		t.Errorf("after release: %+v, %v", h, err)
	}
}

// TestLookingNeverTakesALease: many that look at who holds a lease, and one that
// takes and returns it.
func TestLookingNeverTakesALease(t *testing.T) {
	s := openStore(t, t.TempDir(), run.StoreOptions{})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				h, held, err := s.Leases().Holder(t.Context(), "cluster/dev")
				if err != nil || (held && h.Run != "" && h.Run != "me") {
					t.Errorf("%+v, %v", h, err)
				}
			}
		})
	}
	for range 200 {
		lease, err := run.AcquireLease(t.Context(), s.Leases(), "dev", run.Holder{Run: "me"})
		if err != nil {
			t.Error(err)
			break
		}
		if err := lease.Release(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
}

// TestOneOfManyGetsTheLease: of all that want it at once exactly one has it.
func TestOneOfManyGetsTheLease(t *testing.T) {
	s := openStore(t, t.TempDir(), run.StoreOptions{})
	got := make(chan run.Lease, 16)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			lease, err := run.AcquireLease(t.Context(), s.Leases(), "dev", run.Holder{Run: "me"})
			var held *run.HeldError
			switch {
			case err == nil:
				got <- lease
			case !errors.As(err, &held) || held.Holder.Run != "me":
				t.Errorf("a refused one is told %v", err)
			}
		})
	}
	wg.Wait()
	close(got)
	if n := len(got); n != 1 {
		t.Errorf("%d have the lease", n)
	}
	for lease := range got {
		if err := lease.Release(); err != nil {
			t.Error(err)
		}
	}
}
