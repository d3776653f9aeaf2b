package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// issuer hands out numbered tokens that last for life, and a server takes the
// newest alone.
type issuer struct {
	now  func() time.Time
	life time.Duration

	mu     sync.Mutex
	issued int
	good   string
	seen   []string
}

func (i *issuer) token(context.Context) (Credential, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.issued++
	i.good = fmt.Sprint("token-", i.issued)
	return Credential{Value: i.good, Expires: i.now().Add(i.life)}, nil
}

// revoke makes the server refuse what was issued so far.
func (i *issuer) revoke() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.good = "revoked"
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	good := r.Header.Get("Authorization") == "Bearer "+i.good
	i.seen = append(i.seen, r.Header.Get("Authorization"))
	i.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if !good {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprint(w, status(401, "Unauthorized", "Unauthorized"))
		return
	}
	_, _ = fmt.Fprint(w, `{"gitVersion":"v1.36.3"}`)
}

// dialWithToken connects by a kubeconfig whose exec plugin leaves a trace when it
// is run.
func dialWithToken(t *testing.T, h http.Handler, now func() time.Time, take func(context.Context) (Credential, error)) *Cluster {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	trace := filepath.Join(t.TempDir(), "trace")
	t.Cleanup(func() {
		if _, err := os.Stat(trace); err == nil {
			t.Error("the exec plugin was run")
		}
	})
	kubeconfig := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: touch, args: [%q]}}}],
clusters: [{name: c, cluster: {server: %q, insecure-skip-tls-verify: true}}]}`, trace, server.URL)
	c, err := Connect([]byte(kubeconfig), "", Options{Now: now, Token: take})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestATokenIsTakenOnceAndAnewBeforeItExpires(t *testing.T) {
	clock := newFakeTime()
	i := &issuer{now: clock.now, life: 14 * time.Minute}
	c := dialWithToken(t, i, clock.now, i.token)
	ask := func() {
		g, ctx := errgroup.WithContext(within(t, 10*time.Second))
		for range 8 {
			g.Go(func() error { _, err := c.Version(ctx); return err })
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	if i.issued != 1 {
		t.Errorf("%d tokens were taken for requests at one time", i.issued)
	}
	clock.advance(13 * time.Minute)
	ask()
	if i.issued != 1 {
		t.Errorf("%d tokens were taken while the first was good", i.issued)
	}
	clock.advance(time.Minute)
	ask()
	if i.issued != 2 {
		t.Errorf("%d tokens were taken, want another one when the first expires", i.issued)
	}
}

func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	i := &issuer{now: time.Now, life: time.Hour}
	c := dialWithToken(t, i, time.Now, i.token)
	if _, err := c.Version(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	i.revoke()
	if _, err := c.Version(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	if i.issued != 2 {
		t.Errorf("%d tokens were taken", i.issued)
	}
	refuses := dialWithToken(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
	}), time.Now, i.token)
	before := i.issued
	if _, err := refuses.Version(within(t, 10*time.Second)); err == nil {
		t.Error("a server that refuses everybody let us in")
	}
	if got := i.issued - before; got != 2 {
		t.Errorf("%d tokens were taken for a server that refuses each", got)
	}
}

func TestWithoutATokenNothingIsSent(t *testing.T) {
	clock := newFakeTime()
	var sent, asked atomic.Int64
	expired := errors.New("the session has expired: aws sso login")
	c := dialWithToken(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { sent.Add(1) }), clock.now, func(context.Context) (Credential, error) {
		asked.Add(1)
		clock.advance(faultPatience)
		return Credential{}, expired
	})
	_, err := c.Version(within(t, 10*time.Second))
	if !errors.Is(err, expired) || strings.Contains(err.Error(), "does not answer") {
		t.Errorf("error %v", err)
	}
	if sent.Load() != 0 || asked.Load() != 2 {
		t.Errorf("%d requests were sent, the token was asked for %d times", sent.Load(), asked.Load())
	}
}

func TestWhoWaitsForATokenStopsWaiting(t *testing.T) {
	release := make(chan struct{})
	entered := make(chan struct{})
	var once sync.Once
	c := dialWithToken(t, http.NotFoundHandler(), time.Now, func(context.Context) (Credential, error) {
		once.Do(func() { close(entered) })
		<-release
		return Credential{}, errors.New("late")
	})
	var g errgroup.Group
	g.Go(func() error { _, _ = c.Version(within(t, 20*time.Second)); return nil })
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Version(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	close(release)
	_ = g.Wait() // its error is that of the token
}

func TestAWatchComesBackWithAnotherToken(t *testing.T) {
	i := &issuer{now: time.Now, life: time.Hour}
	var watches atomic.Int64
	const item = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"x","resourceVersion":"2"}}`
	c := dialWithToken(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		good := r.Header.Get("Authorization") == "Bearer "+i.good
		i.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		switch {
		case !good:
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprint(w, status(401, "Unauthorized", "Unauthorized"))
		case r.URL.Query().Get("watch") == "":
			if watches.Load() == 0 {
				defer i.revoke() // before the watch begins
				_, _ = fmt.Fprint(w, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[]}`)
				watches.Add(1)
				return
			}
			_, _ = fmt.Fprintf(w, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"2"},"items":[%s]}`, item)
		default:
			<-r.Context().Done()
		}
	}), time.Now, i.token)
	err := c.Await(within(t, 20*time.Second), configMaps(), "x", "a", func(u *unstructured.Unstructured) (bool, string) { return u != nil, "it is not there" })
	if err != nil {
		t.Fatal(err)
	}
	if i.issued != 2 {
		t.Errorf("%d tokens were taken", i.issued)
	}
}
