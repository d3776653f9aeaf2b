package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers/local"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/testenv"
)

// machine is the computer of one person: state and cache of their own.
type machine struct {
	t           *testing.T
	dir         string
	state       string // the state directory itself
	env         []string
	journal     *run.Store
	ignoreFiles bool // of clusters, at the end: the test put them there
}

// newMachine returns a machine with nothing on it. At the end of the test every
// cluster is deleted, and whatever is left then fails the test.
func newMachine(t *testing.T) *machine {
	t.Helper()
	dir := t.TempDir()
	return newMachineAt(t, dir, filepath.Join(dir, "state"))
}

// newMachineAt is newMachine with the state on a disk of its own.
func newMachineAt(t *testing.T, dir, xdgState string) *machine {
	t.Helper()
	m := &machine{t: t, dir: dir, state: filepath.Join(xdgState, "rekindle")}
	m.env = append(os.Environ(),
		"HOME="+dir, "XDG_STATE_HOME="+xdgState, "XDG_CACHE_HOME="+filepath.Join(dir, "cache"),
		"XDG_CONFIG_HOME="+filepath.Join(dir, "config"), "GIT_CONFIG_NOSYSTEM=1",
		"REKINDLE_CONTROLPLANE="+testenv.Binary(t))
	var err error
	if m.journal, err = run.OpenStore(m.state, run.StoreOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.leaveNothing)
	return m
}

// root is where the local provider keeps its clusters.
func (m *machine) root() string { return filepath.Join(m.state, "clusters", local.ProviderName) }

// result is what a command said and how it ended.
type result struct {
	args     []string
	code     int // -1 when a signal ended it
	out, err string
	took     time.Duration
	// peakKB is the most memory it had at once.
	peakKB int64
}

// job is a command that runs.
type job struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err safeBuffer
	began    time.Time
	ended    chan struct{}
}

// start starts a command; the test may kill it.
func (m *machine) start(args ...string) *job {
	m.t.Helper()
	cmd := exec.Command(rekindle, args...)
	cmd.Dir, cmd.Env = m.dir, m.env
	return startCommand(m.t, cmd)
}

func startCommand(t *testing.T, cmd *exec.Cmd) *job {
	t.Helper()
	j := &job{t: t, cmd: cmd, began: time.Now(), ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &j.out, &j.err
	// What it started and left behind must not hold the test.
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // the state says it
		close(j.ended)
	}()
	t.Cleanup(func() {
		j.signal(syscall.SIGKILL)
		<-j.ended
	})
	return j
}

// signal sends a signal; a process that has gone gets none.
func (j *job) signal(s os.Signal) { _ = j.cmd.Process.Signal(s) }

// over tells whether it has ended.
func (j *job) over() bool {
	select {
	case <-j.ended:
		return true
	default:
		return false
	}
}

// wait waits for its end.
func (j *job) wait() result {
	j.t.Helper()
	select {
	case <-j.ended:
	case <-time.After(limit):
		j.signal(syscall.SIGQUIT) // its goroutines tell why
		<-j.ended
		j.t.Fatalf("%v does not end; it said:\n%s", j.cmd.Args[1:], j.err.String())
	}
	r := result{args: j.cmd.Args[1:], code: j.cmd.ProcessState.ExitCode(), out: j.out.String(), err: j.err.String(), took: time.Since(j.began)}
	if usage, ok := j.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.peakKB = usage.Maxrss
	}
	return r
}

// run runs a command to its end.
func (m *machine) run(args ...string) result {
	m.t.Helper()
	return m.start(args...).wait()
}

// must runs a command that has to end with code.
func (m *machine) must(code int, args ...string) result {
	m.t.Helper()
	return m.run(args...).want(m.t, code)
}

// want fails the test when the exit code is another.
func (r result) want(t *testing.T, code int) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("rekindle %s: exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", strings.Join(r.args, " "), r.code, code, r.out, r.err)
	}
	return r
}

// says fails the test when stderr lacks one of the texts.
func (r result) says(t *testing.T, texts ...string) result {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.err, text) {
			t.Errorf("rekindle %s does not say %q; stderr:\n%s", strings.Join(r.args, " "), text, r.err)
		}
	}
	return r
}

// report reads the report that --json printed.
func (r result) report(t *testing.T) *rebuild.Report {
	t.Helper()
	var report rebuild.Report
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		t.Fatalf("rekindle %s: no report: %v\nstdout:\n%s\nstderr:\n%s", strings.Join(r.args, " "), err, r.out, r.err)
	}
	return &report
}

// unfinished is the newest run on a cluster.
func (m *machine) newest(cluster string) (run.Run, bool) {
	m.t.Helper()
	list, err := m.journal.Runs(m.t.Context(), run.Filter{Cluster: cluster, Limit: 1})
	if err != nil {
		m.t.Fatal(err)
	}
	if len(list) == 0 {
		return run.Run{}, false
	}
	return list[0], true
}

// running is the step that a run is in, "" when in none.
func running(r run.Run) string {
	for _, s := range r.Steps {
		if s.State == run.Running {
			return s.Name
		}
	}
	return ""
}

// clusters are the names that the provider's directory holds, remains included.
func (m *machine) clusters() []string {
	m.t.Helper()
	entries, err := os.ReadDir(m.root())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// leaveNothing deletes all clusters and looks for what is left.
func (m *machine) leaveNothing() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, err := local.New(local.Options{Root: m.root(), Now: time.Now})
	if err != nil {
		m.t.Error(err)
		return
	}
	list, err := p.List(ctx)
	if err != nil {
		m.t.Error(err)
	}
	for _, c := range list {
		if m.t.Failed() {
			m.t.Logf("left at the end: %+v", c)
		}
		if err := p.Delete(ctx, c.Name, c.ID, nil); err != nil {
			m.t.Error(err)
		}
	}
	if left := m.processes(); len(left) > 0 {
		m.t.Errorf("processes left behind: %+v", left)
	}
	if entries, _ := os.ReadDir(m.root()); len(entries) > 0 && !m.ignoreFiles && !m.t.Failed() {
		m.t.Errorf("left behind in %s: %v", m.root(), entries)
	}
}

// proc is one process of a cluster.
type proc struct {
	pid     int
	command string
	cluster string // the directory's name
}

// processes are those that bear the mark of a cluster of this machine.
func (m *machine) processes() []proc {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var found []proc
	for _, dir := range dirs {
		environ, err := os.ReadFile(filepath.Join(dir, "environ"))
		if err != nil {
			continue // it is gone, or somebody else's
		}
		_, rest, ok := strings.Cut(string(environ), "REKINDLE_CLUSTER_DIR="+m.root()+"/")
		if !ok {
			continue
		}
		cluster, _, _ := strings.Cut(rest, "\x00")
		cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		p := proc{pid: pid, cluster: cluster}
		if args := bytes.Split(cmdline, []byte{0}); len(args) > 1 {
			p.command = string(args[1])
		}
		found = append(found, p)
	}
	return found
}

// component is the process of a component of a cluster, not the one with the
// given pid.
func (m *machine) component(cluster, command string, not int) (proc, bool) {
	for _, p := range m.processes() {
		if p.cluster == cluster && p.command == command && p.pid != not {
			return p, true
		}
	}
	return proc{}, false
}

// kill ends a process.
func kill(t *testing.T, p proc) {
	t.Helper()
	if err := syscall.Kill(p.pid, syscall.SIGKILL); err != nil {
		t.Fatalf("kill %s: %v", p.command, err)
	}
}

// safeBuffer is a buffer for a process's output that is read while it grows.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
