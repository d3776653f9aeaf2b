package kind

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/providertest"
)

// middleman stands between the docker command and the daemon, and can fall
// silent: connections are accepted, and nothing comes back any more.
type middleman struct {
	listener net.Listener
	daemon   string

	mu     sync.Mutex
	silent chan struct{} // closed when it answers again; nil while it answers
}

// newMiddleman makes one and leads DOCKER_HOST to it until the test ends. Without
// a daemon it is silent for ever.
func newMiddleman(t *testing.T, daemon string) *middleman {
	t.Helper()
	dir, err := os.MkdirTemp("", "rk") // paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "docker.sock"))
	if err != nil {
		t.Fatal(err)
	}
	m := &middleman{listener: l, daemon: daemon}
	t.Cleanup(func() { l.Close(); m.speak() })
	if daemon == "" {
		m.fallSilent()
	}
	t.Setenv("DOCKER_HOST", "unix://"+l.Addr().String())
	go m.serve()
	return m
}

func (m *middleman) serve() {
	for {
		conn, err := m.listener.Accept()
		if err != nil {
			return
		}
		go m.relay(conn)
	}
}

func (m *middleman) relay(conn net.Conn) {
	defer conn.Close()
	m.hold()
	daemon, err := net.Dial("unix", m.daemon)
	if err != nil {
		return
	}
	defer daemon.Close()
	go func() { _, _ = io.Copy(daemon, conn); _ = daemon.(*net.UnixConn).CloseWrite() }()
	_, _ = io.Copy(held{m, conn}, daemon)
}

// held writes while the middleman speaks.
type held struct {
	m *middleman
	w io.Writer
}

func (h held) Write(p []byte) (int, error) {
	h.m.hold()
	return h.w.Write(p)
}

func (m *middleman) hold() {
	m.mu.Lock()
	silent := m.silent
	m.mu.Unlock()
	if silent != nil {
		<-silent
	}
}

func (m *middleman) fallSilent() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.silent = make(chan struct{})
}

func (m *middleman) speak() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.silent != nil {
		close(m.silent)
		m.silent = nil
	}
}

// daemonSocket is where the daemon of the test listens.
func daemonSocket() string {
	if path, ok := strings.CutPrefix(os.Getenv("DOCKER_HOST"), "unix://"); ok {
		return path
	}
	return "/var/run/docker.sock"
}

// hasty is a provider that waits a second for whatever it waits for.
func (w world) hasty(t *testing.T) *Provider {
	t.Helper()
	p, err := New(Options{Root: w.root, Realm: w.realm, Now: time.Now, Timeout: time.Second, DeleteTimeout: time.Second, LoadTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// silence is a Docker that accepts everything and answers nothing.
func (w world) silence(t *testing.T) providertest.Silent {
	t.Helper()
	before, set := os.LookupEnv("DOCKER_HOST")
	newMiddleman(t, "")
	return providertest.Silent{
		Provider: w.hasty(t),
		Spec:     providers.Spec{Name: "silent", ID: "id-of-silent", Settings: testSettings()},
		Within:   5 * time.Second,
		Answer: func(t *testing.T) {
			t.Helper()
			if set {
				t.Setenv("DOCKER_HOST", before)
			} else if err := os.Unsetenv("DOCKER_HOST"); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// Every call comes back from a Docker that never answers, and says which
// deadline it was. No Docker is needed for that.
func TestSilentDocker(t *testing.T) {
	newMiddleman(t, "")
	w := world{root: filepath.Join(t.TempDir(), "clusters"), realm: "silent"}
	p := w.hasty(t)
	spec := providers.Spec{Name: "silent", ID: "1", Settings: testSettings()}
	begun := time.Now()
	_, create := p.Create(t.Context(), spec, nil)
	_, find := p.Find(t.Context(), "silent")
	_, list := p.List(t.Context())
	_, load := p.LoadImages(t.Context(), spec, nil, nil)
	for name, err := range map[string]error{"create": create, "find": find, "list": list, "load": load, "delete": p.Delete(t.Context(), "silent", "1", nil)} {
		var slow *slowError
		if !errors.As(err, &slow) || slow.Hint() == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if f := p.Diagnose(t.Context()); len(f) != 1 || f[0].OK || f[0].Remedy == "" {
		t.Errorf("doctor: %+v", f)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.Find(ctx, "silent"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a deadline of the caller's: %v", err)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("all that took %s", took)
	}
	if entries, err := os.ReadDir(w.root); err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

// A Docker that falls silent while kind works: Create comes back soon after it is
// cancelled, and what is left is found and can be removed once Docker answers.
func TestDockerFallsSilent(t *testing.T) {
	w := newWorld(t)
	man := newMiddleman(t, daemonSocket())
	spec := providers.Spec{Name: "falls-silent", ID: "1", Settings: testSettings()}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var cancelled time.Time
	p := w.provider(t)
	_, err := p.Create(ctx, spec, func(m string) {
		if strings.Contains(m, "control plane") {
			man.fallSilent()
			cancelled = time.Now()
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || cancelled.IsZero() {
		t.Fatalf("create: %v", err)
	}
	if took := time.Since(cancelled); took > 2*grace+5*time.Second {
		t.Errorf("it came back after %s", took)
	}
	man.speak()
	if c, err := p.Find(t.Context(), spec.Name); err != nil || c.State != providers.StateCreating || c.ID != spec.ID {
		t.Errorf("found %+v, %v", c, err)
	}
	if err := p.Delete(t.Context(), spec.Name, spec.ID, nil); err != nil {
		t.Fatal(err)
	}
	w.wantEmpty(t)
}
