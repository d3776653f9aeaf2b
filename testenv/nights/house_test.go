package nights

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers/local"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/testenv"
)

// limit bounds every wait in real time.
const limit = 3 * time.Minute

// house is one machine with a daemon: folders, a clock, repositories, a webhook.
type house struct {
	t       *testing.T
	dir     string
	state   string
	clock   *clock
	journal *run.Store
	hook    *hook
	env     []string
	api     *http.Client

	daemon *exec.Cmd
	ended  chan struct{}
	// log is the file that all daemons write to.
	log string
}

func newHouse(t *testing.T, now time.Time) *house {
	t.Helper()
	dir, err := os.MkdirTemp("", "nights") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, dir: dir, state: filepath.Join(dir, "state", "rekindle"), log: filepath.Join(dir, "daemon.log")}
	h.clock, h.hook = newClock(t, dir, now), newHook(t)
	h.env = append(os.Environ(),
		"HOME="+dir, "XDG_STATE_HOME="+filepath.Join(dir, "state"), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"),
		"REKINDLE_CONTROLPLANE="+testenv.Binary(t), "REKINDLE_CLOCK="+h.clock.file.Name(), "USER=ada",
		"DOCKER_HOST=unix://"+filepath.Join(dir, "docker.sock"), // nobody's
		"GIT_CONFIG_NOSYSTEM=1")
	if h.journal, err = run.OpenStore(h.state, run.StoreOptions{}); err != nil {
		t.Fatal(err)
	}
	h.api = &http.Client{Timeout: limit, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", h.socket())
	}}}
	t.Cleanup(h.leave)
	return h
}

func (h *house) socket() string { return filepath.Join(h.state, "daemon", "api.sock") }
func (h *house) root() string   { return filepath.Join(h.state, "clusters", local.ProviderName) }

// repo makes a repository with one commit; bare makes an empty one.
func (h *house) repo(name string, files map[string]string) string {
	h.t.Helper()
	dir := filepath.Join(h.dir, name)
	h.git("init", "--quiet", "--initial-branch=main", dir)
	for file, text := range files {
		h.write(filepath.Join(name, file), text)
	}
	h.git("-C", dir, "add", "-A")
	h.git("-C", dir, "commit", "--quiet", "-m", "Run the shop")
	return dir
}

func (h *house) bare(name string) { h.git("init", "--quiet", "--bare", filepath.Join(h.dir, name)) }

func (h *house) git(args ...string) string {
	h.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Env = append(slices.Clone(h.env), "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.org", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.org")
	out, err := cmd.CombinedOutput()
	if err != nil {
		h.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// write replaces a file as editors do.
func (h *house) write(name, text string) {
	h.t.Helper()
	file := filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		h.t.Fatal(err)
	}
}

// command is rekindle, with this house's clock.
func (h *house) command(args ...string) *exec.Cmd {
	cmd := exec.Command(simulated, append([]string{"--config", filepath.Join(h.dir, "rekindle.yaml")}, args...)...)
	cmd.Dir, cmd.Env = h.dir, h.env
	return cmd
}

// must runs rekindle, wants exit code 0 and returns what it printed.
func (h *house) must(args ...string) string {
	h.t.Helper()
	var stderr bytes.Buffer
	cmd := h.command(args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		h.t.Fatalf("rekindle %s: %v\n%s%s", strings.Join(args, " "), err, &stderr, out)
	}
	return string(out)
}

// start starts the daemon and waits until it serves.
func (h *house) start() {
	h.t.Helper()
	if !h.tryStart() {
		h.t.Fatalf("the daemon does not start:\n%s", tail(h.log))
	}
}

// tryStart tells whether the daemon came to serve.
func (h *house) tryStart() bool {
	h.t.Helper()
	out, err := os.OpenFile(h.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		h.t.Fatal(err)
	}
	defer out.Close()
	cmd := h.command("--log-level", "info", "daemon")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the state says it
		close(ended)
	}()
	h.daemon, h.ended = cmd, ended
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		var v struct{ PID int }
		if h.get("/v1/version", &v) == nil && v.PID == cmd.Process.Pid {
			return true
		}
		select {
		case <-ended:
			h.daemon = nil
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	h.t.Fatalf("the daemon neither serves nor ends:\n%s", tail(h.log))
	return false
}

// kill ends the daemon by SIGKILL; terminate asks it to end and returns its exit
// code.
func (h *house) kill() {
	if h.daemon == nil {
		return
	}
	_ = h.daemon.Process.Kill() // it may have ended
	<-h.ended
	h.daemon = nil
}

func (h *house) terminate() int {
	h.t.Helper()
	if err := h.daemon.Process.Signal(syscall.SIGTERM); err != nil {
		h.t.Fatal(err)
	}
	select {
	case <-h.ended:
	case <-time.After(limit):
		_ = h.daemon.Process.Signal(syscall.SIGQUIT) // its goroutines tell why
		<-h.ended
		h.t.Fatalf("the daemon does not stop:\n%s", tail(h.log))
	}
	code := h.daemon.ProcessState.ExitCode()
	h.daemon = nil
	return code
}

// get asks the daemon.
func (h *house) get(path string, into any) error { return h.ask(http.MethodGet, path, nil, into) }

func (h *house) ask(method, path string, body, into any) error {
	var raw io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		raw = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, "http://daemon"+path, raw)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := h.api.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	if into == nil || len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, into)
}

// view is a cluster as the API tells of it.
type view struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Wanted *struct {
		State  string    `json:"state"`
		Hold   bool      `json:"hold"`
		Since  time.Time `json:"since"`
		Until  time.Time `json:"until"`
		Reason string    `json:"reason"`
	} `json:"wanted"`
	Next *struct {
		At time.Time `json:"at"`
		To string    `json:"to"`
	} `json:"next"`
	Run *struct {
		ID     string `json:"id"`
		Recipe string `json:"recipe"`
	} `json:"run"`
	Doing      string    `json:"doing"`
	LastError  string    `json:"lastError"`
	Attempts   int       `json:"attempts"`
	RetryAt    time.Time `json:"retryAt"`
	LeadTimeMS int64     `json:"leadTimeMs"`
}

func (h *house) clusters() ([]view, error) {
	var list struct{ Clusters []view }
	err := h.get("/v1/clusters", &list)
	return list.Clusters, err
}

func (h *house) cluster(name string) view {
	h.t.Helper()
	var v view
	if err := h.get("/v1/clusters/"+name, &v); err != nil {
		h.t.Fatal(err)
	}
	return v
}

// eventually waits until done says true.
func (h *house) eventually(what string, done func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(limit); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("%s: not within %s; it is %s; the daemon says\n%s", what, limit, h.clock.now().Format(time.RFC3339), tail(h.log))
		}
	}
}

// leave ends everything; what a test that failed had on disk stays.
func (h *house) leave() {
	h.empty()
	if h.t.Failed() {
		h.t.Logf("kept: %s", h.dir)
		return
	}
	if err := os.RemoveAll(h.dir); err != nil {
		h.t.Error(err)
	}
}

// empty ends the daemon and removes all clusters.
func (h *house) empty() {
	h.kill()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	p, err := local.New(local.Options{Root: h.root(), Now: time.Now})
	if err != nil {
		h.t.Error(err)
		return
	}
	list, err := p.List(ctx)
	if err != nil {
		h.t.Error(err)
	}
	for _, c := range list {
		if err := p.Delete(ctx, c.Name, c.ID, nil); err != nil {
			h.t.Error(err)
		}
	}
}

// tail is the end of a file.
func tail(file string) string {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(raw[max(0, len(raw)-6000):])
}
