package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/testenv"
)

// machine is one person's folders, and rekindle run in them.
type machine struct {
	t   *testing.T
	dir string
}

func newMachine(t *testing.T) *machine {
	m := &machine{t: t, dir: t.TempDir()}
	t.Cleanup(func() { removeClusters(t, filepath.Join(m.dir, "state", "rekindle", "clusters", "local")) })
	return m
}

func (m *machine) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Dir = m.dir
	cmd.Env = append(os.Environ(), "HOME="+m.dir, "XDG_STATE_HOME="+filepath.Join(m.dir, "state"),
		"XDG_CACHE_HOME="+filepath.Join(m.dir, "cache"), "REKINDLE_CONTROLPLANE="+testenv.Binary(m.t),
		"DOCKER_HOST=unix://"+filepath.Join(m.dir, "docker.sock")) // nobody's: what Docker holds is seen from everywhere
	return cmd
}

// must runs rekindle, wants exit code 0 and returns what it printed on stdout.
func (m *machine) must(args ...string) string {
	m.t.Helper()
	var stderr bytes.Buffer
	cmd := m.command(args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		m.t.Fatalf("rekindle %s: %v\n%s%s", strings.Join(args, " "), err, &stderr, out)
	}
	return string(out)
}

// killedAt runs rekindle and kills it once its run has so many events. It tells
// whether the run had ended before.
func (m *machine) killedAt(journal *run.Store, events uint64, args ...string) (ended bool) {
	m.t.Helper()
	cmd := m.command(args...)
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the journal says how it went
		close(over)
	}()
	deadline := time.After(time.Minute)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-over:
			return true
		case <-deadline:
			m.t.Fatalf("no event %d within a minute", events)
		case <-look.C:
		}
		runs, err := journal.Runs(m.t.Context(), run.Filter{})
		if err != nil {
			m.t.Fatal(err)
		}
		if len(runs) == 0 {
			continue
		}
		seen, err := journal.Events(m.t.Context(), runs[0].ID, events-1, 1)
		if err != nil {
			m.t.Fatal(err)
		}
		if len(seen) > 0 {
			_ = cmd.Process.Kill() // SIGKILL
			<-over
			return false
		}
	}
}

// TestKilledRunsAreResumed kills one and the same run with SIGKILL further and
// further on its way, and in the end has one cluster, made once, that is the
// commit.
func TestKilledRunsAreResumed(t *testing.T) {
	m := newMachine(t)
	repo := repository(t, colour+"red}\n")
	journal, err := run.OpenStore(filepath.Join(m.dir, "state", "rekindle"), run.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	kills, events := 0, uint64(1)
	args := []string{"restore", "--repo", repo, "--provider", "local", "--name", "dev", "--wait", "1m"}
	for !m.killedAt(journal, events, args...) {
		kills++
		all, err := journal.Runs(t.Context(), run.Filter{})
		if err != nil || len(all) != 1 {
			t.Fatalf("%d runs, %v", len(all), err)
		}
		had, err := journal.Events(t.Context(), all[0].ID, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		// A resumed run begins with its short steps anew; 6 events further than
		// the last kill is somewhere else.
		events = uint64(len(had)) + 6 + uint64(kills)*2
		args = []string{"runs", "resume"}
		if kills > 20 {
			break
		}
	}
	if kills < 3 {
		t.Fatalf("killed only %d times", kills)
	}
	t.Logf("killed %d times", kills)
	all, err := journal.Runs(t.Context(), run.Filter{})
	if err != nil || len(all) != 1 || all[0].Outcome != run.Done {
		t.Fatalf("runs: %+v, %v", all, err)
	}
	if out := m.must("verify", "--name", "dev", "--repo", repo); !strings.Contains(out, "verified") {
		t.Errorf("verify says\n%s", out)
	}
	if out := m.must("clusters", "list"); strings.Count(out, "\n") != 2 {
		t.Errorf("not one cluster:\n%s", out)
	}
	if out := m.must("doctor"); !strings.Contains(out, "leftovers             none") {
		t.Errorf("doctor says\n%s", out)
	}
	m.must("clusters", "delete", "dev", "--confirm", "dev")
}
