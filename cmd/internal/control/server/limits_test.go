package server_test

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
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/control/client"
	"github.com/rekindle-io/rekindle/cmd/internal/control/server"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

func decodeChange(t testing.TB, line string) api.Change {
	t.Helper()
	var c api.Change
	if err := json.Unmarshal([]byte(line), &c); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return c
}

func TestMoreThanTheLimitAreTurnedAway(t *testing.T) {
	m := newMemory()
	m.begin("r", "dev", "restore")
	entered, leave := make(chan struct{}, 10), make(chan struct{})
	var hold atomic.Bool
	m.before = func(ctx context.Context, method string) error {
		if method == "Clusters" && hold.Load() {
			entered <- struct{}{}
			<-leave
		}
		return ctx.Err()
	}
	d := serve(t, m, func(o *server.Options) { o.MaxRequests, o.MaxStreams = 2, 1 })
	hold.Store(true)
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() { d.do(t, exchange{method: "GET", path: "/v1/clusters"}) })
	}
	<-entered
	<-entered
	resp, raw := d.do(t, exchange{method: "GET", path: "/v1/clusters"})
	checkProblem(t, resp, raw, 503, "2 requests already")
	if resp.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After: %q", resp.Header.Get("Retry-After"))
	}
	hold.Store(false)
	close(leave)
	wait.Wait()
	s, _ := d.follow(t, "/v1/runs/r/events?follow=true")
	resp, raw = d.do(t, exchange{method: "GET", path: "/v1/events"})
	checkProblem(t, resp, raw, 503, "1 event streams already")
	m.add("r", 1)
	next[run.Event](t, s)
	if resp, _ := d.do(t, exchange{method: "GET", path: "/v1/clusters"}); resp.StatusCode != 200 {
		t.Errorf("streams take the places of requests: %d", resp.StatusCode)
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	d := serve(t, newMemory(), func(o *server.Options) { o.MaxConns = 3 })
	var open []net.Conn
	for range 3 {
		c, err := net.Dial("unix", d.path)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	answered := make(chan error, 1)
	c := d.dial(t)
	go func() { _, err := c.Version(t.Context()); answered <- err }()
	select {
	case err := <-answered:
		t.Fatalf("a fourth was served: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	open[0].Close()
	if err := <-answered; err != nil {
		t.Errorf("a place was free: %v", err)
	}
}

func TestARequestThatTakesTooLongEnds(t *testing.T) {
	m := newMemory()
	m.before = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
	d := serve(t, m, func(o *server.Options) { o.RequestTimeout = 30 * time.Millisecond })
	resp, raw := d.do(t, exchange{method: "GET", path: "/v1/clusters"})
	checkProblem(t, resp, raw, 504, "deadline")
}

// The log tells who did what, and nothing that was sent.
func TestTheLogHoldsNothingThatWasSent(t *testing.T) {
	m := newMemory()
	m.declare("dev")
	var log safeBuffer
	d := serve(t, m, func(o *server.Options) { o.Log = newLogger(&log) })
	d.do(t, exchange{method: "POST", path: "/v1/clusters/dev/words", body: `{"kind":"wake","why":"s3cret"}`})
	d.do(t, exchange{method: "POST", path: "/v1/runs", body: `{"recipe":"restore","cluster":"dev","revision":"s3cret"}`, header: http.Header{"Idempotency-Key": {"s3cret"}}})
	d.do(t, exchange{method: "GET", path: "/v1/runs?cluster=s3cret"})
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	text := log.String()
	if strings.Contains(text, "s3cret") || !strings.Contains(text, "path=/v1/clusters/dev/words status=201 by=") {
		t.Errorf("log:\n%s", text)
	}
}

func TestAnotherUserIsToldToGo(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("another user can only be had as root")
		return
	}
	m := newMemory()
	d := serve(t, m)
	dir := d.path[:strings.LastIndex(d.path, "/")]
	// What is tested is the credentials, not the modes that keep others out before.
	for path, mode := range map[string]os.FileMode{dir: 0o755, d.path: 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/child", b, 0o755); err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), dir+"/child")
	child.Env, child.Dir = []string{"SERVER_TEST_SOCKET=" + d.path}, dir
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "forbidden 5 refused: the daemon belongs to root, and you are ") {
		t.Errorf("%v: %s", err, out)
	}
	if err := os.Chmod(d.path, 0o600); err != nil {
		t.Fatal(err)
	}
	child = exec.CommandContext(t.Context(), dir+"/child")
	child.Env, child.Dir = []string{"SERVER_TEST_SOCKET=" + d.path}, dir
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err = child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "not yours to use") {
		t.Errorf("%v: %s", err, out)
	}
}

// stranger is what the child of another user does.
func stranger(path string) {
	c, err := client.Dial(path, client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = c.Clusters(context.Background())
	if p, ok := err.(*api.Problem); ok {
		fmt.Println(p.Kind(), p.ExitCode(), p.Detail)
		return
	}
	fmt.Println(err)
}

func TestMain(m *testing.M) {
	if path := os.Getenv("SERVER_TEST_SOCKET"); path != "" {
		stranger(path)
		os.Exit(0)
	}
	code := m.Run()
	if left := leaked(); code == 0 && left != "" {
		fmt.Println("goroutines are left:\n" + left)
		code = 1
	}
	os.Exit(code)
}

// leaked waits for the goroutines of the tests to end, and returns the stacks of
// those that do not.
func leaked() string {
	for deadline := time.Now().Add(10 * time.Second); ; {
		var left []string
		for g := range strings.SplitSeq(stacks(), "\n\n") {
			if strings.Contains(g, "/control/") && !strings.Contains(g, "TestMain") {
				left = append(left, g)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
		runtime.Gosched()
		time.Sleep(5 * time.Millisecond)
	}
}

// safeBuffer is a buffer for many goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// BenchmarkListOf1000Clusters measures what the daemon does for a list, and the
// whole way into a client's values.
func BenchmarkListOf1000Clusters(b *testing.B) {
	m := newMemory()
	for i := range 1000 {
		m.declare(fmt.Sprintf("cluster-%04d", i))
	}
	d := serve(b, m, func(o *server.Options) { o.Log = nil })
	b.Run("server", func(b *testing.B) {
		web := d.web(b)
		for b.Loop() {
			resp, err := web.Get("http://rekindle/v1/clusters")
			if err != nil {
				b.Fatal(err)
			}
			n, err := io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if err != nil || n < 1000*500 {
				b.Fatal(n, err)
			}
			b.SetBytes(n)
		}
	})
	b.Run("client", func(b *testing.B) {
		c := d.dial(b)
		for b.Loop() {
			list, err := c.Clusters(b.Context())
			if err != nil || len(list.Clusters) != 1000 {
				b.Fatal(len(list.Clusters), err)
			}
		}
	})
}

func TestAListOf1000ClustersIsQuick(t *testing.T) {
	m := newMemory()
	for i := range 1000 {
		m.declare(fmt.Sprintf("cluster-%04d", i))
	}
	c := serve(t, m, func(o *server.Options) { o.Log = nil }).dial(t)
	// By the time that both sides work: the machine has other things to do, too.
	const rounds = 20
	began := worked(t)
	for range rounds {
		if list, err := c.Clusters(t.Context()); err != nil || len(list.Clusters) != 1000 {
			t.Fatal(len(list.Clusters), err)
		}
	}
	each := (worked(t) - began) / rounds
	t.Logf("%s of work for each list", each)
	if each > slower*50*time.Millisecond {
		t.Error("that is more than 50 ms")
	}
}

// worked is the processor's time that this process has used.
func worked(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
