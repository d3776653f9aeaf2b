package teardown_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
	"github.com/rekindle-io/rekindle/testenv"
)

// The test binary runs itself as a child process that tears a cluster down.
const childVar = "REKINDLE_TEARDOWN_CHILD"

func TestMain(m *testing.M) {
	args := strings.Split(os.Getenv(childVar), "\n")
	if args[0] == "" {
		_ = flag.Set("test.parallel", "4") // the tests wait more than they work
		os.Exit(m.Run())
	}
	if err := child(context.Background(), args); err != nil {
		fmt.Fprintln(os.Stdout, err)
		os.Exit(1)
	}
}

// child begins the teardown, or goes on with it. args are the state directory, the
// control plane's binary, the repository to restore from, the one to export to,
// and a file that gets a line for each warning.
func child(ctx context.Context, args []string) error {
	e, parts, err := newEngine(args[0], args[1], false, os.Getenv)
	if err != nil {
		return err
	}
	e.Until = func(context.Context, time.Time) error { return nil }
	e.Warn = func(context.Context, teardown.Warning) error {
		f, err := os.OpenFile(args[4], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteString("warned\n")
		return err
	}
	was, err := parts.store.Runs(ctx, run.Filter{Recipe: teardown.Recipe, Limit: 1})
	if err != nil {
		return err
	}
	if len(was) == 0 {
		_, err = e.Teardown(ctx, requestOf(sourceAt(args[2]), args[3], func(req *teardown.Request) { req.WarnBefore = 10 * time.Minute }), nil)
		return err
	}
	if was[0].Outcome == run.Done {
		return nil // killed between its end and its exit
	}
	_, err = e.Resume(ctx, was[0].ID, nil)
	return err
}

// moments are where the teardown is killed, one after the other, by the type and
// the step of an event.
func moments() []string {
	return strings.Fields(`step.begin/check step.end/check step.begin/warn teardown.warning/warn step.begin/open step.begin/compare step.begin/commit
		export.commit/commit step.begin/push step.begin/prove export.proved/prove step.begin/suspend teardown.suspend/suspend step.begin/drain
		teardown.remove/drain teardown.stop/drain step.end/drain step.begin/delete provider.progress/delete step.begin/leftovers run.end/`)
}

// However often and wherever it is killed, a teardown comes to its end: exported
// once, as the cluster was before anything was removed, and gone.
func TestKilled(t *testing.T) {
	w := newWorld(t, append(gitops(), db)...)
	w.restore()
	warnings := w.state + "/warnings"
	killed, next := 0, 0
	for next < len(moments()) {
		at := w.killedAt(next, warnings)
		if at < 0 {
			break
		}
		killed, next = killed+1, at+1
	}
	if over := w.killedAt(len(moments()), warnings) < 0; !over || killed < 12 {
		t.Errorf("killed %d times", killed)
	}
	runs, err := w.store.Runs(t.Context(), run.Filter{Recipe: teardown.Recipe})
	if err != nil || len(runs) != 1 || runs[0].Outcome != run.Done {
		t.Fatalf("%v: %s", err, words(t, runs))
	}
	report, err := teardown.ReportOf(runs[0])
	if err != nil || len(report.Removed) != 4 || len(report.Suspended) != 4 || report.Export == nil || report.Export.Commit != w.tip() {
		t.Errorf("%v: %s", err, words(t, report))
	}
	if n := w.to.Git("rev-list", "--count", "rekindle/dev"); n != "1" {
		t.Errorf("%s commits of one state", n)
	}
	if live := w.exported("live/shop/service/web.yaml"); !strings.Contains(live, "LoadBalancer") {
		t.Errorf("the export lacks what was removed: %q", live)
	}
	// It is killed twice around the warning, each time perhaps before it could take down that people were told.
	if said, err := os.ReadFile(warnings); err != nil || strings.Count(string(said), "warned") > 3 {
		t.Errorf("%v: %q", err, said)
	}
	w.gone()
	t.Logf("killed %d times, %d attempts", killed, runs[0].Attempts)
}

// killedAt runs the teardown in a process of its own and kills it at the moment of
// that index, or at the next one that comes, as what was done once is not done
// again. It returns which one it was, and -1 when the process came to its end.
func (w *world) killedAt(from int, warnings string) int {
	w.t.Helper()
	had := w.events(0)
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVar+"="+strings.Join([]string{w.state, testenv.Binary(w.t), w.repo.Dir, w.to.Dir, warnings}, "\n"))
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	over := make(chan error, 1)
	go func() { over <- cmd.Wait() }()
	deadline := time.After(time.Minute)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		select {
		case err := <-over:
			if err != nil {
				w.t.Fatalf("at moment %d: %v\n%s", from, err, &out)
			}
			return -1
		case <-deadline:
			_ = cmd.Process.Kill()
			w.t.Fatalf("no moment %d within a minute", from)
		case <-look.C:
		}
		for _, e := range w.events(uint64(len(had))) {
			if at := slices.Index(moments(), e.Type+"/"+e.Step); at >= from {
				_ = cmd.Process.Kill() // SIGKILL
				if err := <-over; err == nil {
					return -1 // it had ended before
				}
				return at
			}
		}
	}
}

// events are those of the teardown above since.
func (w *world) events(since uint64) []run.Event {
	w.t.Helper()
	runs, err := w.store.Runs(w.t.Context(), run.Filter{Recipe: teardown.Recipe})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(runs) == 0 {
		return nil
	}
	events, err := w.store.Events(w.t.Context(), runs[0].ID, since, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return events
}
