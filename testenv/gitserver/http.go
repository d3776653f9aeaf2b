package gitserver

import (
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Fault is what an HTTP server does instead of serving.
type Fault int

// The faults. They hold until another one is set.
const (
	None Fault = iota
	// Hang accepts requests and never answers.
	Hang
	// HangInPack answers until half of a pack is sent, then waits.
	HangInPack
	// CutInPack drops the connection in the middle of a pack.
	CutInPack
	// Error500 answers "500 Internal Server Error" with a long text.
	Error500
	// NotGit answers every request with a web page.
	NotGit
)

// HTTP serves a folder of repositories over smart HTTP through git
// http-backend.
type HTTP struct {
	// URL is http://127.0.0.1:PORT; a repository is URL/NAME.
	URL string

	root           string
	backend        http.Handler
	mu             sync.Mutex
	fault          Fault
	user, password string
	requests       []string
	reached        chan struct{}
	done           chan struct{}
}

// ServeHTTP starts a server for the repositories below root.
func ServeHTTP(t testing.TB, root string) *HTTP {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is absent: install it to run this test")
	}
	s := &HTTP{root: root, reached: make(chan struct{}, 64), done: make(chan struct{})}
	s.backend = &cgi.Handler{
		Path: git, Args: []string{"http-backend"}, Dir: root,
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
			"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
			"GIT_CONFIG_KEY_1=uploadpack.allowReachableSHA1InWant", "GIT_CONFIG_VALUE_1=true", "PATH=" + os.Getenv("PATH")},
		Stderr: io.Discard,
	}
	server := httptest.NewServer(s)
	s.URL = server.URL
	t.Cleanup(func() {
		close(s.done)
		server.CloseClientConnections()
		server.Close()
	})
	return s
}

// RequireAuth makes the server ask for basic authentication.
func (s *HTTP) RequireAuth(user, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user, s.password = user, password
}

// Set switches the fault.
func (s *HTTP) Set(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Reached gets a value whenever a fault has taken hold of a request.
func (s *HTTP) Reached() <-chan struct{} { return s.reached }

// Requests lists method and path of every request so far.
func (s *HTTP) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

// ServeHTTP implements http.Handler.
func (s *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	fault, user, password := s.fault, s.user, s.password
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	if u, p, _ := r.BasicAuth(); user+password != "" && (u != user || p != password) {
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	pack := strings.HasSuffix(r.URL.Path, "/git-upload-pack")
	switch {
	case fault == Hang:
		s.wait(r)
	case fault == Error500:
		http.Error(w, strings.Repeat("the disk is full\n", 1<<16), http.StatusInternalServerError)
	case fault == NotGit:
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html><body>Welcome to our site</body></html>"))
	case fault == HangInPack && pack, fault == CutInPack && pack:
		s.half(w, r, fault == HangInPack)
	default:
		s.backend.ServeHTTP(w, r)
	}
}

func (s *HTTP) wait(r *http.Request) {
	s.reached <- struct{}{}
	select {
	case <-r.Context().Done():
	case <-s.done:
	}
}

// half sends the first half of the real answer.
func (s *HTTP) half(w http.ResponseWriter, r *http.Request, hang bool) {
	whole := httptest.NewRecorder()
	s.backend.ServeHTTP(whole, r)
	for k, v := range whole.Header() {
		w.Header()[k] = v
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(whole.Code)
	body := whole.Body.Bytes()
	_, _ = w.Write(body[:len(body)/2]) // the client may have gone
	http.NewResponseController(w).Flush()
	if hang {
		s.wait(r)
		return
	}
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		conn.Close()
	}
}

// Mirror makes a bare copy of r as root/name, which a server of root then
// serves.
func (r *Repository) Mirror(root, name string) *Repository {
	r.t.Helper()
	dir := filepath.Join(root, name)
	r.Git("clone", "--quiet", "--mirror", r.Dir, dir)
	return &Repository{t: r.t, Dir: dir, Now: r.Now}
}
