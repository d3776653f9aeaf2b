package existing_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/existing"
	"github.com/rekindle-io/rekindle/providers/providertest"
	"github.com/rekindle-io/rekindle/recover/kube"
)

const token = "open-sesame"

// server answers what tells a cluster from others, as an API server does to who
// has the token.
type server struct {
	*httptest.Server
	uid string
	// down: it refuses every connection's request.
	down atomic.Bool
	// denied are the verbs that an access review does not allow.
	denied []string
}

func newServer(t *testing.T, uid string) *server {
	t.Helper()
	s := &server{uid: uid}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(s.answer))
	s.Config.ErrorLog = nil
	t.Cleanup(s.Close)
	return s
}

func (s *server) answer(w http.ResponseWriter, r *http.Request) {
	say := func(v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	switch {
	case s.down.Load():
		panic(http.ErrAbortHandler)
	case r.Header.Get("Authorization") != "Bearer "+token:
		w.WriteHeader(http.StatusUnauthorized)
		say(map[string]any{"kind": "Status", "status": "Failure", "reason": "Unauthorized", "message": "Unauthorized", "code": 401})
	case r.URL.Path == "/version":
		say(map[string]any{"gitVersion": "v1.36.3"})
	case r.URL.Path == "/api/v1/namespaces/kube-system":
		say(map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{
			"name": "kube-system", "uid": s.uid, "creationTimestamp": "2026-11-20T18:00:00Z"}})
	case r.URL.Path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
		s.review(r, say)
	default:
		http.NotFound(w, r)
	}
}

func (s *server) review(r *http.Request, say func(any)) {
	var asked struct {
		Spec struct {
			ResourceAttributes kube.Access `json:"resourceAttributes"`
		} `json:"spec"`
	}
	_ = json.NewDecoder(r.Body).Decode(&asked)
	allowed := true
	for _, verb := range s.denied {
		allowed = allowed && asked.Spec.ResourceAttributes.Verb != verb
	}
	say(map[string]any{"kind": "SelfSubjectAccessReview", "status": map[string]any{"allowed": allowed}})
}

// kubeconfig writes a file with one context, "prod", of that server.
func kubeconfig(t *testing.T, dir, address string, certificate []byte) string {
	t.Helper()
	cluster := map[string]any{"server": address}
	if certificate != nil {
		cluster["certificate-authority-data"] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	}
	raw, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config",
		"clusters": []any{map[string]any{"name": "c", "cluster": cluster}},
		"users":    []any{map[string]any{"name": "u", "user": map[string]any{"token": token}}},
		"contexts": []any{map[string]any{"name": "prod", "context": map[string]any{"cluster": "c", "user": "u"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// world is what is declared, and the servers behind it.
type world struct {
	mu       sync.Mutex
	declared map[string]providers.Settings
	servers  map[string]*server
}

func newWorld() *world {
	return &world{declared: map[string]providers.Settings{}, servers: map[string]*server{}}
}

func (w *world) declare(name string, s providers.Settings) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s == nil {
		delete(w.declared, name)
		return
	}
	w.declared[name] = s
}

func (w *world) provider(t *testing.T, timeout time.Duration) *existing.Provider {
	t.Helper()
	p, err := existing.New(existing.Options{
		Declared: func() (map[string]providers.Settings, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			declared := map[string]providers.Settings{}
			for name, s := range w.declared {
				declared[name] = s
			}
			return declared, nil
		},
		Now: time.Now, Timeout: timeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func settings(file string) providers.Settings {
	return providers.Settings{"kubeconfig": file, "context": "prod"}
}

// lend starts a server and declares it.
func (w *world) lend(t *testing.T, name string) providers.Spec {
	t.Helper()
	s := newServer(t, fmt.Sprintf("0448f086-e0d8-4abe-9eb8-%s", name))
	w.servers[name] = s
	sp := providers.Spec{Name: name, ID: s.uid, Settings: settings(kubeconfig(t, t.TempDir(), s.URL, s.Certificate().Raw))}
	w.declare(name, sp.Settings)
	return sp
}

func TestConformance(t *testing.T) {
	providertest.Run(t, func(*testing.T) providertest.World {
		w := newWorld()
		return providertest.World{
			New:         func(t *testing.T) providers.Provider { return w.provider(t, time.Second) },
			BadSettings: providers.Settings{"kubeconfig": "relative", "context": "prod"},
			Settings:    settings("/absolute/kubeconfig"),
			Lend:        w.lend,
			TakeBack:    func(_ *testing.T, name string) { w.declare(name, nil) },
			Mend:        func(_ *testing.T, name string) { w.servers[name].down.Store(false) },
			Break:       func(_ *testing.T, c providers.Cluster) { w.servers[c.Name].down.Store(true) },
			Reach:       reach,
			Silence:     func(t *testing.T) providertest.Silent { return w.silence(t) },
			Timeout:     10 * time.Second,
		}
	})
}

func reach(ctx context.Context, t *testing.T, config []byte) {
	t.Helper()
	c, err := kube.Connect(config, "", kube.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Identity(ctx); err != nil {
		t.Fatalf("the credentials do not reach the cluster: %v", err)
	}
}

// silence is a server that accepts connections and says nothing.
func (w *world) silence(t *testing.T) providertest.Silent {
	t.Helper()
	w.declare("silent", settings(kubeconfig(t, t.TempDir(), "https://"+listen(t), nil)))
	const patience = time.Second
	return providertest.Silent{
		Provider: w.provider(t, patience), Spec: providers.Spec{Name: "silent", ID: "1"}, Within: 2 * patience,
		Answer: func(*testing.T) { w.declare("silent", nil) },
	}
}

func listen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}
