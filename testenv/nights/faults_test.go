package nights

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/testenv"
)

// Without the remote nothing is torn down: it is tried until it is too late, and
// people are told. The next evening all is well.
func TestRemoteDown(t *testing.T) {
	e := newEvening(t, at(6, 19, 0), "")
	e.up()
	e.clock.set(at(6, 19, 50))
	if n := e.told("teardown", "goes down at 20:00"); !n.At.Equal(at(6, 20, 0)) {
		t.Errorf("warned of a teardown at %s", n.At)
	}
	remote := filepath.Join(e.dir, "live.git")
	if err := os.Rename(remote, remote+".gone"); err != nil {
		t.Fatal(err)
	}
	e.clock.set(at(6, 20, 0))
	tries := 0
	for ; e.clock.now().Before(at(6, 22, 0)); tries++ {
		e.retry()
	}
	e.told("failure", "could not be taken down, attempt 1")
	if n := e.told("missed", "not taken down"); !n.At.Equal(at(6, 20, 0)) {
		t.Errorf("missed what was due at %s", n.At)
	}
	e.await("awake")
	if list := e.runs("teardown"); strings.Contains(outcomes(list), "done") || tries < 5 {
		t.Errorf("%d tries, runs %s", tries, outcomes(list))
	}
	if err := os.Rename(remote+".gone", remote); err != nil {
		t.Fatal(err)
	}
	e.clock.set(at(7, 12, 0))
	e.await("awake")
	e.clock.set(at(7, 20, 0))
	e.await("asleep")
	e.gone()
	if list := e.runs("restore"); len(list) != 1 {
		t.Errorf("%d restores", len(list))
	}
}

// A keep said during the warning, during the teardown before anything is
// destroyed, and after that.
func TestKeepInTime(t *testing.T) {
	e := newEvening(t, at(6, 19, 0), "")
	e.up()
	e.clock.set(at(6, 19, 51))
	e.told("teardown", "goes down at 20:00")
	e.must("keep", "dev", "--until", "21:00")
	e.clock.set(at(6, 20, 30))
	e.await("awake")
	if list := e.runs("teardown"); len(list) > 0 {
		t.Fatalf("runs: %+v", list)
	}
	e.clock.set(at(6, 21, 0))
	e.step("teardown", "check", "warn", "source", "compare", "export", "push", "prove")
	e.must("keep", "dev", "--until", "22:00")
	e.await("awake")
	if list := e.runs("teardown"); outcomes(list) != "refused" {
		t.Errorf("teardowns: %s", outcomes(list))
	}
	e.clock.set(at(6, 22, 0))
	in := e.step("teardown", "drain", "delete", "leftovers")
	e.must("keep", "dev", "--until", "23:00")
	e.eventually("it is brought back", func() bool { return len(e.runs("restore")) == 2 })
	e.await("awake")
	if r := e.runs("teardown"); r[len(r)-1].ID != in.ID || r[len(r)-1].Outcome != run.Done {
		t.Errorf("teardowns: %s", outcomes(r))
	}
	e.clock.set(at(6, 23, 0))
	e.await("asleep")
	e.gone()
}

// A control plane that breaks twice, a second daemon, a broken file, and an
// orderly stop in the middle of a restore.
func TestMorning(t *testing.T) {
	e := newEvening(t, at(6, 3, 0), "")
	real := ""
	for i, v := range e.env {
		if value, ok := strings.CutPrefix(v, "REKINDLE_CONTROLPLANE="); ok {
			real = value
			e.env[i] = "REKINDLE_CONTROLPLANE=" + filepath.Join(e.dir, "controlplane")
		}
	}
	broken := filepath.Join(e.dir, "broken")
	e.write("broken", "")
	e.write("controlplane", "#!/bin/sh\n[ -e "+broken+" ] && { echo no capacity >&2; exit 1; }\nexec "+real+` "$@"`+"\n")
	if err := os.Chmod(filepath.Join(e.dir, "controlplane"), 0o700); err != nil {
		t.Fatal(err)
	}
	e.start()

	var out bytes.Buffer
	second := e.command("daemon")
	second.Stderr = &out
	if err := second.Run(); err == nil || second.ProcessState.ExitCode() != 5 ||
		!strings.Contains(out.String(), "process "+strconv.Itoa(e.daemon.Process.Pid)) {
		t.Errorf("a second daemon: %v\n%s", err, &out)
	}

	e.clock.set(at(6, 6, 50))
	e.retry()
	e.eventually("a second attempt", func() bool { return e.cluster("dev").Attempts == 2 })
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	e.retry()
	r := e.step("restore", "provision", "apply", "settle")
	if code := e.terminate(); code != 0 && code != 130 && code != 143 {
		t.Errorf("exit code %d", code)
	}
	if list := e.runs("restore"); list[len(list)-1].Outcome != run.Interrupted {
		t.Errorf("restores: %s", outcomes(list))
	}
	e.start()
	e.await("awake")
	list := e.runs("restore")
	if last := list[len(list)-1]; last.ID != r.ID || last.Outcome != run.Done {
		t.Errorf("run %s was stopped; then: %s", r.ID, outcomes(list))
	}
	e.told("recovery", "awake after ")

	// Broken, by change and by hand; then a word still counts.
	e.write("rekindle.yaml", "clusters: [")
	e.eventually("the change is seen", func() bool { return e.said("stays in force") == 1 })
	if err := e.daemon.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	e.eventually("SIGHUP is heard", func() bool { return e.said("stays in force") == 2 })
	e.await("awake")
	e.write("rekindle.yaml", e.dev("    protected: true\n"))
	e.eventually("the file is read", func() bool { return e.said("daemon: read rekindle.yaml") > 0 })
	e.clock.set(at(6, 20, 0))
	e.told("missed", "it is protected")
	e.await("awake")
}

func (e evening) said(text string) int {
	raw, err := os.ReadFile(e.log)
	if err != nil {
		e.t.Fatal(err)
	}
	return strings.Count(string(raw), text)
}

// An API server that hangs when the cluster is to be torn down keeps it; a
// supervisor that hangs when it is to be deleted does not, not even when the
// daemon is killed meanwhile.
func TestHanging(t *testing.T) {
	e := newEvening(t, at(6, 19, 0), "    teardown: {wait: 20s}\n")
	e.up()
	server := e.component("kube-apiserver")
	e.signal(syscall.SIGSTOP, server)
	e.clock.set(at(6, 20, 0))
	e.eventually("the teardown is given up", func() bool { return e.warning().IsZero() && e.said("API server does not answer") > 0 })
	e.told("failure", "its state cannot be exported")
	if list := e.runs("teardown"); outcomes(list) != "refused" {
		t.Errorf("teardowns: %s", outcomes(list))
	}
	e.signal(syscall.SIGCONT, server)
	e.must("sleep", "dev") // a person looked at it
	in := e.step("teardown", "delete")
	e.signal(syscall.SIGSTOP, e.processes("dev")...)
	e.kill()
	e.clock.pass(4 * time.Hour) // too late to begin, and not to come to the end
	e.start()
	e.eventually("the teardown has ended", func() bool { return strings.HasSuffix(outcomes(e.runs("teardown")), "done") })
	e.await("asleep")
	e.gone()
	list := e.runs("teardown")
	if last := list[len(list)-1]; last.ID != in.ID || last.Outcome != run.Done {
		t.Errorf("run %s was cut off; then: %s", in.ID, outcomes(list))
	}
}

// A keep that is said when the cluster is being deleted and the daemon is dead: the
// deletion comes to its end, and the cluster is brought back.
func TestKeepTooLate(t *testing.T) {
	e := newEvening(t, at(6, 19, 0), "")
	e.up()
	e.clock.set(at(6, 20, 0))
	in := e.step("teardown", "delete")
	e.signal(syscall.SIGSTOP, e.processes("dev")...)
	e.kill()
	e.must("keep", "dev", "--until", "23:00")
	e.start()
	e.eventually("it is brought back", func() bool { return len(e.runs("restore")) == 2 })
	e.await("awake")
	down, up := e.runs("teardown"), e.runs("restore")
	if len(down) != 1 || down[0].ID != in.ID || outcomes(down) != "done" || outcomes(up) != "done done" {
		t.Errorf("teardowns %s, restores %s", outcomes(down), outcomes(up))
	}
	e.clock.set(at(6, 23, 0))
	e.await("asleep")
	e.gone()
}

// component is the process of a component.
func (h *house) component(command string) string {
	h.t.Helper()
	for _, pid := range h.processes("") {
		if line, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline")); err == nil && strings.Contains(string(line), command) {
			return pid
		}
	}
	h.t.Fatalf("no process %s", command)
	return ""
}

func (h *house) signal(s syscall.Signal, pids ...string) {
	for _, pid := range pids {
		if n, err := strconv.Atoi(pid); err == nil {
			_ = syscall.Kill(n, s) // it may have gone
		}
	}
}

// The clock jumps by days, back and forth: each time the cluster becomes what it
// should be, and nothing is done that was done.
func TestClockJumps(t *testing.T) {
	e := newEvening(t, at(6, 12, 0), "")
	e.up()
	for _, now := range []time.Time{at(5, 12, 0), at(8, 12, 0), at(6, 12, 0)} { // up all the time
		e.clock.set(now)
		e.pass()
		e.await("awake")
	}
	e.clock.set(at(8, 20, 1))
	e.await("asleep")
	for _, now := range []time.Time{at(8, 19, 50), at(8, 20, 30), at(9, 2, 0)} { // it was taken down for good
		e.clock.set(now)
		e.pass()
		e.await("asleep")
	}
	e.clock.set(at(9, 7, 0))
	e.await("awake")
	e.clock.set(at(12, 23, 0)) // suspended for days: too late
	e.told("missed", "")
	e.await("awake")
	if up, down := outcomes(e.runs("restore")), outcomes(e.runs("teardown")); up != "done done" || down != "done" {
		t.Errorf("restores %s, teardowns %s", up, down)
	}
}

// pass lets the daemon look at the clock some times.
func (e evening) pass() {
	e.t.Helper()
	before := e.clock.now()
	e.eventually("time passes", func() bool { return e.clock.now().Sub(before) > 300*time.Millisecond })
}

// The disk is full when the cluster is to be torn down: nothing is, until there
// is room.
func TestDiskFull(t *testing.T) {
	e := newEvening(t, at(6, 19, 0), "")
	if err := os.MkdirAll(filepath.Join(e.dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(e.dir, "state")
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=600m"); err != nil {
		t.Skipf("a disk that fills up needs the right to mount one: %v", err)
	}
	t.Cleanup(func() { // before the house is left
		e.empty()
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	e.up()
	filler := testenv.FillDisk(t, disk)
	e.clock.set(at(6, 20, 0))
	e.eventually("the daemon says so", func() bool { return e.said("no space left") > 0 || e.said("free") > 0 })
	if got := outcomes(e.runs("teardown")); strings.Contains(got, "done") {
		t.Errorf("teardowns: %s", got)
	}
	e.kill() // and a daemon that starts on a full disk
	if e.tryStart() {
		e.kill()
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	e.start()
	e.clock.set(at(6, 21, 0))
	e.await("asleep")
	e.gone()
}
