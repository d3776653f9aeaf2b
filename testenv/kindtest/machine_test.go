package kindtest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/testenv"
	"github.com/rekindle-io/rekindle/testenv/workload"
)

// machine is the computer of one person, who declared one kind cluster.
type machine struct {
	t        *testing.T
	dir      string
	env      []string
	cluster  string // its name, which no other test has
	hostPort int    // where the workload's NodePort is on this machine
}

// newMachine returns a machine without clusters, whose cluster is to have a
// control plane and so many workers. At the end of the test it is deleted, and
// whatever Docker has left of it fails the test.
func newMachine(t *testing.T, repo string, workers int) *machine {
	t.Helper()
	if rekindle == "" {
		t.Skip("needs Docker: make test-kind sets REKINDLE_TEST_KIND=1")
	}
	m := &machine{t: t, dir: t.TempDir(), cluster: "shop-" + strings.ToLower(rand.Text()[:8]), hostPort: freePort(t)}
	m.env = append(os.Environ(), "HOME="+m.dir, "XDG_STATE_HOME="+filepath.Join(m.dir, "state"), "XDG_CACHE_HOME="+filepath.Join(m.dir, "cache"),
		"XDG_CONFIG_HOME="+filepath.Join(m.dir, "config"), "GIT_CONFIG_NOSYSTEM=1", "REKINDLE_CONTROLPLANE="+testenv.Binary(t))
	source := map[string]any{"repo": repo, "path": "deploy"}
	config, err := json.Marshal(map[string]any{"clusters": map[string]any{
		m.cluster: map[string]any{"source": source, "provider": "kind", "settings": providers.Settings{
			"image": nodeImage(), "workers": workers, "preload": "auto", "portMappings": []any{map[string]any{"containerPort": workload.NodePort, "hostPort": m.hostPort}},
		}},
		"simulated": map[string]any{"source": source, "provider": "local"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(m.dir, "rekindle.yaml"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.leaveNothing)
	return m
}

// freePort is a port of this machine that nobody has.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// result is what a command said and how it ended.
type result struct {
	args     []string
	code     int // -1 when a signal ended it
	out, err string
	took     time.Duration
}

// command prepares one that the test may kill.
func (m *machine) command(args ...string) *exec.Cmd {
	cmd := exec.Command(rekindle, args...)
	cmd.Dir, cmd.Env = m.dir, m.env
	cmd.WaitDelay = 5 * time.Second // what it started must not hold the test
	return cmd
}

// run runs a command to its end.
func (m *machine) run(args ...string) result {
	m.t.Helper()
	cmd := m.command(args...)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	began := time.Now()
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	watchdog := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() }) // it may have ended just now
	_ = cmd.Wait()                                                       // the state says it
	watchdog.Stop()
	return result{args: args, code: cmd.ProcessState.ExitCode(), out: out.String(), err: err.String(), took: time.Since(began)}
}

// must runs a command that has to end with code.
func (m *machine) must(code int, args ...string) result {
	m.t.Helper()
	r := m.run(args...)
	if r.code != code {
		m.t.Fatalf("rekindle %s: exit code %d after %s, want %d\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), r.code, r.took, code, r.out, r.err)
	}
	return r
}

// restore restores a revision onto the cluster, which must end with code, and
// returns the report.
func (m *machine) restore(code int, at string, flags ...string) (*rebuild.Report, result) {
	m.t.Helper()
	r := m.must(code, slices.Concat([]string{"restore", m.cluster, "--at", at, "--yes", "--json"}, flags)...)
	return r.report(m.t), r
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

// connect connects with the kubeconfig that the binary hands out.
func (m *machine) connect() *kube.Cluster {
	m.t.Helper()
	kubeconfig := m.must(0, "clusters", "kubeconfig", m.cluster).out
	c, err := kube.Connect([]byte(kubeconfig), "", kube.Options{UserAgent: "kindtest", Now: time.Now})
	if err != nil {
		m.t.Fatal(err)
	}
	return c
}

// remains are the things in Docker that belong to the cluster.
func (m *machine) remains() []string {
	m.t.Helper()
	return slices.Concat(
		docker(m.t, "ps", "--all", "--quiet", "--filter", "label=rekindle.io/cluster="+m.cluster),
		docker(m.t, "ps", "--all", "--quiet", "--filter", "label=io.x-k8s.kind.cluster="+m.cluster),
		docker(m.t, "images", "--quiet", "--filter", "label=rekindle.io/cluster="+m.cluster),
		docker(m.t, "volume", "ls", "--quiet", "--filter", "name="+m.cluster))
}

// containers are the names of the cluster's containers.
func (m *machine) containers() []string {
	m.t.Helper()
	return docker(m.t, "ps", "--all", "--format", "{{.Names}}", "--filter", "label=rekindle.io/cluster="+m.cluster)
}

// leaveNothing deletes the cluster and looks for what is left.
func (m *machine) leaveNothing() {
	if m.t.Failed() {
		for _, c := range m.containers() {
			m.t.Logf("left at the end: %s", c)
		}
	}
	for _, name := range []string{m.cluster, "simulated"} {
		if _, err := m.command("clusters", "show", name).Output(); err != nil {
			continue
		}
		if out, err := m.command("clusters", "delete", name, "--confirm", name).CombinedOutput(); err != nil {
			m.t.Errorf("delete %s: %v\n%s", name, err, out)
		}
	}
	if left := m.remains(); len(left) > 0 {
		m.t.Errorf("Docker has left of %s: %v", m.cluster, left)
	}
}

// name is an object as package workload writes it.
func name(id object.ID) string {
	if id.Namespace == "" {
		return fmt.Sprintf("%s %s", id.GroupKind(), id.Name)
	}
	return fmt.Sprintf("%s %s/%s", id.GroupKind(), id.Namespace, id.Name)
}
