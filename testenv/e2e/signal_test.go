package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestInterrupted sends one and the same restore SIGINT and SIGTERM in turn, in
// each of its steps: it stops with 130, says how to go on, and goes on.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	v := &victim{machine: newMachine(t), cluster: "victim", repo: gitRepo(t, estate())}
	signals := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}
	stopped := 0
	for i, step := range steps {
		reached := v.reaches(step)
		j := v.start(v.command()...)
		reached(j)
		if i == 0 {
			// The first milliseconds are before the run is journaled.
			eventually(t, "a run", func() bool { _, ok := v.newest(v.cluster); return ok })
		}
		j.signal(signals[i%2])
		r := j.wait()
		if r.code == 0 {
			continue // it was faster
		}
		stopped++
		now, _ := v.newest(v.cluster)
		r.want(t, 130).says(t, "rekindle runs resume "+now.ID)
		if now.Outcome != "interrupted" {
			t.Errorf("%s in %s: the journal says %q", signals[i%2], step, now.Outcome)
		}
		v.look()
	}
	if stopped < len(steps)/2 {
		t.Errorf("only %d of %d signals came in time", stopped, len(steps))
	}
	v.finish()
	v.remove()
}

// TestSecondSignal: whoever is not willing to wait for an orderly end gets one
// at once, and can still resume.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	v := &victim{machine: newMachine(t), cluster: "victim", repo: gitRepo(t, estate())}
	reached := v.reaches("provision")
	j := v.start(v.command()...)
	reached(j)
	// As long as the journal is held, no orderly end is possible.
	gate, err := os.Open(filepath.Join(v.state, "journal.gate"))
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	if err := syscall.Flock(int(gate.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	j.signal(syscall.SIGINT)
	eventually(t, "the answer to the first signal", func() bool { return strings.Contains(j.err.String(), "once more") })
	if j.over() {
		t.Fatal("it ended, although its end cannot be journaled")
	}
	again := time.Now()
	j.signal(syscall.SIGINT)
	j.wait().want(t, 130)
	if took := time.Since(again); took > 5*time.Second {
		t.Errorf("the second signal took %s", took)
	}
	gate.Close()
	v.finish()
	v.remove()
}
