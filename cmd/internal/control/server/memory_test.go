package server_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/control/client"
	"github.com/rekindle-io/rekindle/cmd/internal/control/server"
	"github.com/rekindle-io/rekindle/cmd/internal/control/socket"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// memory is a backend whose clusters and runs are in memory.
type memory struct {
	now func() time.Time

	mu       sync.Mutex
	clusters map[string]api.Cluster
	runs     map[string]*api.Run
	events   map[string][]run.Event
	started  int
	// question is the last one.
	question any
	// hooks of single tests
	before func(ctx context.Context, method string) error
}

func newMemory() *memory {
	return &memory{now: time.Now, clusters: map[string]api.Cluster{}, runs: map[string]*api.Run{}, events: map[string][]run.Event{}}
}

func (m *memory) enter(ctx context.Context, method string) error {
	if m.before != nil {
		return m.before(ctx, method)
	}
	return nil
}

func (m *memory) declare(names ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range names {
		m.clusters[name] = fullCluster(name)
	}
}

// fullCluster has every field filled in.
func fullCluster(name string) api.Cluster {
	at := time.Date(2026, 11, 22, 19, 0, 0, 0, time.UTC)
	part := 0.97
	word := api.Word{Kind: api.Keep, Said: at, By: "ada", Why: "demo", Until: at.Add(4 * time.Hour)}
	return api.Cluster{
		Name: name, Provider: "local", Declared: true,
		Source: &api.Source{Repo: "https://git.example.com/deploy.git", Path: "clusters/dev", Revision: "main"},
		State:  api.Awake, Wanted: &api.Decision{State: api.Awake, Since: at, Until: word.Until, Reason: "kept by ada until 23:00: demo", Word: &word},
		Next: &api.Event{At: at.Add(time.Hour), To: api.Asleep, Reason: "Mon-Fri 07:00-20:00 (Europe/Berlin)"}, Words: []api.Word{word}, Protected: true,
		Commit: strings.Repeat("ab", 20), Made: at, Run: &api.RunRef{ID: "20261122-190000-aaaa", Recipe: "drift", Created: at},
		LastRun:   &api.RunRef{ID: "20261122-070000-bbbb", Recipe: "restore", Outcome: "done", Created: at, Ended: at.Add(time.Minute)},
		LastError: "the registry was away", LeadTimeMS: 240000, RTOs: []api.RTO{{Run: "20261122-070000-bbbb", At: at, TookMS: 61234}},
		Drift: &api.Drift{Run: "20261122-120000-cccc", At: at, Commit: strings.Repeat("ab", 20), Changed: 2, Missing: 1, Unexpected: 3, Recoverable: &part},
	}
}

func (m *memory) Clusters(ctx context.Context) ([]api.Cluster, error) {
	if err := m.enter(ctx, "Clusters"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []api.Cluster
	for _, c := range m.clusters {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b api.Cluster) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func (m *memory) Cluster(ctx context.Context, name string) (api.Cluster, error) {
	if err := m.enter(ctx, "Cluster"); err != nil {
		return api.Cluster{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.clusters[name]
	if !ok {
		return c, api.UnknownCluster(name)
	}
	return c, nil
}

func (m *memory) Schedule(ctx context.Context, name string, from, to time.Time) (api.Schedule, error) {
	c, err := m.Cluster(ctx, name)
	if err != nil {
		return api.Schedule{}, err
	}
	return api.Schedule{Cluster: name, Zone: "Europe/Berlin", From: from, To: to, Decision: c.Wanted, Events: []api.Event{*c.Next}}, nil
}

func (m *memory) Say(ctx context.Context, name string, w api.WordRequest, by string) (api.Said, error) {
	c, err := m.Cluster(ctx, name)
	if err != nil {
		return api.Said{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	word := api.Word{Kind: w.Kind, Said: m.now(), By: by, Why: w.Why, Until: w.Until}
	c.Words = append([]api.Word{word}, c.Words...)
	c.Wanted = &api.Decision{State: api.Awake, Reason: "said", Word: &word}
	m.clusters[name] = c
	return api.Said{Word: word, Decision: *c.Wanted}, nil
}

func (m *memory) Unsay(ctx context.Context, name string, kind api.WordKind, _ string) (api.Decision, error) {
	c, err := m.Cluster(ctx, name)
	if err != nil {
		return api.Decision{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	left := slices.DeleteFunc(slices.Clone(c.Words), func(w api.Word) bool { return w.Kind == kind })
	if len(left) == len(c.Words) {
		return api.Decision{}, api.UnknownWord(name, kind)
	}
	c.Words, c.Wanted = left, &api.Decision{State: api.Asleep, Reason: "the calendar"}
	m.clusters[name] = c
	return *c.Wanted, nil
}

func (m *memory) Runs(ctx context.Context, f run.Filter) ([]api.Run, error) {
	if err := m.enter(ctx, "Runs"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []api.Run
	for _, r := range m.runs {
		if f.Match(r.Run) {
			out = append(out, *r)
		}
	}
	slices.SortFunc(out, func(a, b api.Run) int { return strings.Compare(b.ID, a.ID) })
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[:f.Limit]
	}
	return out, nil
}

func (m *memory) Run(ctx context.Context, typed string) (api.Run, error) {
	if err := m.enter(ctx, "Run"); err != nil {
		return api.Run{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var hits []string
	for id := range m.runs {
		if id == typed {
			return *m.runs[id], nil
		}
		if strings.HasPrefix(id, typed) || strings.HasSuffix(id, "-"+typed) {
			hits = append(hits, id)
		}
	}
	switch len(hits) {
	case 0:
		return api.Run{}, &run.NotFoundError{What: "run", Name: typed}
	case 1:
		return *m.runs[hits[0]], nil
	}
	slices.Sort(hits)
	return api.Run{}, &run.AmbiguousError{Typed: typed, Matches: hits}
}

func (m *memory) Events(ctx context.Context, id string, since uint64, limit int) ([]run.Event, error) {
	if err := m.enter(ctx, "Events"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.runs[id] == nil {
		return nil, &run.NotFoundError{What: "run", Name: id}
	}
	all := m.events[id]
	if since >= uint64(len(all)) {
		return nil, nil
	}
	all = all[since:]
	if limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	return slices.Clone(all), nil
}

// begin adds a live run.
func (m *memory) begin(id, cluster, recipe string) api.Run {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.now()
	r := &api.Run{Live: true, Run: run.Run{
		ID: id, Cluster: cluster, Recipe: recipe, Provider: "local", Created: at, Attempts: 1,
		Request: []byte(`{"cluster":"dev"}`), Process: run.Process{Host: "here", PID: 1, Since: at},
		Steps: []run.Step{{Name: "source", State: run.StepDone, Attempts: 1, Started: at, Ended: at, SpentMS: 5, Made: []byte(`{"commit":"ab"}`), Note: "n", Error: "e"}},
	}}
	m.runs[id] = r
	return *r
}

// add appends events to a run.
func (m *memory) add(id string, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range n {
		m.events[id] = append(m.events[id], run.Event{
			Run: id, Seq: uint64(len(m.events[id]) + 1), Time: m.now(), Step: "apply", Level: run.LevelInfo, Type: "object.applied",
			Object: "apps/Deployment/shop/web", Message: "applied", Data: []byte(`{"n":1}`),
		})
	}
}

// end ends a run, with its last event.
func (m *memory) end(id string, how run.Outcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events[id] = append(m.events[id], run.Event{Run: id, Seq: uint64(len(m.events[id]) + 1), Time: m.now(), Level: run.LevelInfo, Type: run.RunEnd, Message: string(how)})
	r := m.runs[id]
	r.Outcome, r.Ended, r.Live, r.Result = how, m.now(), false, []byte(`{"objects":3}`)
}

func (m *memory) Start(ctx context.Context, req api.StartRequest) (api.Run, error) {
	if err := m.enter(ctx, "Start"); err != nil {
		return api.Run{}, err
	}
	if _, err := m.Cluster(ctx, req.Cluster); err != nil {
		return api.Run{}, err
	}
	m.mu.Lock()
	m.started++
	id := fmt.Sprintf("20261122-190%03d-s%03d", m.started, m.started)
	m.mu.Unlock()
	return m.begin(id, req.Cluster, string(req.Recipe)), nil
}

func (m *memory) Abort(ctx context.Context, id, _ string) (api.Run, error) {
	if err := m.enter(ctx, "Abort"); err != nil {
		return api.Run{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.runs[id]
	if r.Outcome == run.Done {
		return *r, &run.EndedError{ID: id, Outcome: r.Outcome}
	}
	r.AbortAsked = m.now()
	return *r, nil
}

func (m *memory) Reload(ctx context.Context, _ string) (api.Reloaded, error) {
	return api.Reloaded{File: "/etc/rekindle/rekindle.yaml", Clusters: 2, Added: []string{"a"}, Changed: []string{"b"}, Removed: []string{"c"}}, m.enter(ctx, "Reload")
}

func (m *memory) Ready(ctx context.Context) error { return m.enter(ctx, "Ready") }

var _ server.Backend = (*memory)(nil)

// daemon is a server on a socket of its own.
type daemon struct {
	*server.Server
	path string
	stop func() error
}

// serve starts a server; opts may change its options.
func serve(t testing.TB, b server.Backend, opts ...func(*server.Options)) *daemon {
	t.Helper()
	return serveAt(t, b, filepath.Join(socketDir(t), "s"), opts...)
}

// socketDir is a short private folder: t.TempDir may be too long for a socket.
func socketDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func serveAt(t testing.TB, b server.Backend, path string, opts ...func(*server.Options)) *daemon {
	t.Helper()
	l, err := socket.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, b, path, l, opts...)
}

func serveOn(t testing.TB, b server.Backend, path string, l net.Listener, opts ...func(*server.Options)) *daemon {
	t.Helper()
	o := server.Options{Version: "v0", Now: time.Now, Chance: rand.Reader, PollEvery: 5 * time.Millisecond, Log: slog.New(slog.NewTextHandler(&logged{t: t}, nil))}
	for _, change := range opts {
		change(&o)
	}
	s, err := server.New(b, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	stop := sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(30 * time.Second):
			return fmt.Errorf("the server does not stop:\n%s", stacks())
		}
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return &daemon{s, path, stop}
}

// logged hands the log to the test as long as it runs.
type logged struct {
	t  testing.TB
	mu sync.Mutex
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.t.Context().Err() == nil {
		l.t.Log(strings.TrimSpace(string(b)))
	}
	return len(b), nil
}

func stacks() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}

// dial makes a client.
func (d *daemon) dial(t testing.TB, opts ...func(*client.Options)) *client.Client {
	t.Helper()
	o := client.Options{Chance: rand.Reader, Timeout: 20 * time.Second}
	for _, change := range opts {
		change(&o)
	}
	c, err := client.Dial(d.path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func newLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
