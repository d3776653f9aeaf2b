package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// answer makes an answer that no API server gave.
func answerWith(r *http.Request, code int, header http.Header, body string) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/json")
	return &http.Response{StatusCode: code, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r, ProtoMajor: 1, ProtoMinor: 1}
}

func status(code int, reason, message string) string {
	return fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":%q,"code":%d}`, reason, message, code)
}

// faulty puts fault in front of the real API server: what it answers is
// answered; nil lets the request through.
func faulty(fault func(*http.Request) (*http.Response, error)) Options {
	return Options{Wrap: func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if res, err := fault(r); res != nil || err != nil {
				return res, err
			}
			return next.RoundTrip(r)
		})
	}}
}

func TestApplyThroughATooManyRequestsStorm(t *testing.T) {
	ns := namespace(t, dial(t, Options{}))
	var refused, inFlight, most atomic.Int64
	storm := atomic.Int64{}
	storm.Store(60)
	c := dial(t, faulty(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodPatch || storm.Add(-1) < 0 {
			return nil, nil
		}
		n := inFlight.Add(1)
		defer inFlight.Add(-1)
		most.Store(max(most.Load(), n))
		refused.Add(1)
		return answerWith(r, 429, http.Header{"X-Kubernetes-PF-FlowSchema-UID": {"x"}}, status(429, "TooManyRequests", "too many requests, please try again later")), nil
	}))
	g, ctx := errgroup.WithContext(within(t, 60*time.Second))
	for i := range 100 {
		g.Go(func() error {
			_, err := c.Apply(ctx, configMaps(), configMap(ns, fmt.Sprint("c", i)), ApplyOptions{})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if refused.Load() != 60 {
		t.Errorf("%d requests were refused", refused.Load())
	}
	if c.limiter.epoch == 0 {
		t.Error("the limiter took no notice")
	}
}

func TestApplyRetryAfterIsHonoured(t *testing.T) {
	ns := namespace(t, dial(t, Options{}))
	var first atomic.Bool
	var mu sync.Mutex
	var times []time.Time
	c := dial(t, faulty(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		times = append(times, time.Now())
		mu.Unlock()
		if first.CompareAndSwap(false, true) {
			return answerWith(r, 429, http.Header{"Retry-After": {"1"}}, status(429, "TooManyRequests", "later")), nil
		}
		return nil, nil
	}))
	if _, err := c.Apply(within(t, 20*time.Second), configMaps(), configMap(ns, "a"), ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	if len(times) != 2 || times[1].Sub(times[0]) < 950*time.Millisecond {
		t.Errorf("requests at %v", times)
	}
}

func TestApplyThroughFaults(t *testing.T) {
	ns := namespace(t, dial(t, Options{}))
	refused := dialError
	tests := map[string]struct {
		fault  func(r *http.Request) (*http.Response, error)
		times  int64
		reason Reason // "" for success in the end
		within time.Duration
	}{
		"refused for a while": {func(*http.Request) (*http.Response, error) { return nil, refused(syscall.ECONNREFUSED) }, 5, "", 20 * time.Second},
		"reset once":          {func(*http.Request) (*http.Response, error) { return nil, refused(syscall.ECONNRESET) }, 1, "", 20 * time.Second},
		"503 twice": {func(r *http.Request) (*http.Response, error) {
			return answerWith(r, 503, nil, "<html>starting</html>"), nil
		}, 2, "", 20 * time.Second},
		"a conflict": {func(r *http.Request) (*http.Response, error) {
			return answerWith(r, 409, nil, status(409, "Conflict", "the object has been modified")), nil
		}, 2, "", 20 * time.Second},
		"etcd has no leader": {func(r *http.Request) (*http.Response, error) {
			return answerWith(r, 500, nil, status(500, "InternalError", "etcdserver: leader changed")), nil
		}, 2, "", 20 * time.Second},
		"refused for good": {func(*http.Request) (*http.Response, error) { return nil, refused(syscall.ECONNREFUSED) }, 1 << 40, ReasonUnavailable, time.Second},
		"a hang":           {func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }, 1 << 40, ReasonTimeout, 300 * time.Millisecond},
		"429 for good": {func(r *http.Request) (*http.Response, error) {
			return answerWith(r, 429, nil, status(429, "TooManyRequests", "later")), nil
		}, 1 << 40, ReasonUnavailable, time.Second},
		"forbidden": {func(r *http.Request) (*http.Response, error) {
			return answerWith(r, 403, nil, status(403, "Forbidden", `User "x" cannot patch resource`)), nil
		}, 1, ReasonForbidden, 5 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			c := dial(t, faulty(func(r *http.Request) (*http.Response, error) {
				if n.Add(1) > test.times {
					return nil, nil
				}
				return test.fault(r)
			}))
			_, err := c.Apply(within(t, test.within), configMaps(), configMap(ns, "x-"+strings.ReplaceAll(name, " ", "-")), ApplyOptions{})
			if test.reason == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var e *ApplyError
			if !errors.As(err, &e) || e.Reason != test.reason {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestApplyGivesUpOnAServerThatStaysAway(t *testing.T) {
	opts := faulty(func(*http.Request) (*http.Response, error) { return nil, dialError(syscall.ECONNREFUSED) })
	opts.Patience = 400 * time.Millisecond
	c := dial(t, opts)
	began := time.Now()
	g, ctx := errgroup.WithContext(t.Context())
	for i := range 200 {
		g.Go(func() error {
			_, err := c.Apply(ctx, configMaps(), configMap("x", fmt.Sprint("c", i)), ApplyOptions{})
			var e *ApplyError
			if !errors.As(err, &e) || e.Reason != ReasonUnavailable {
				return fmt.Errorf("got %w", err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if spent := time.Since(began); spent > 5*time.Second {
		t.Errorf("200 objects took %s to give up", spent)
	}
}

// cut breaks a body off after some bytes.
type cut struct {
	io.ReadCloser
	left int
}

func (c *cut) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, syscall.ECONNRESET
	}
	n, err := c.ReadCloser.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

func TestListIsNeverShort(t *testing.T) {
	plain := dial(t, Options{})
	ns := namespace(t, plain)
	fill(t, plain, ns, 80)
	tests := map[string]struct {
		cuts  int64
		after int
		whole bool
	}{
		"cut once in the middle": {1, 9000, true},
		"cut three times":        {3, 20000, true},
		"cut always":             {1 << 40, 9000, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			c := dial(t, Options{Wrap: func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					res, err := next.RoundTrip(r)
					if err == nil && n.Add(1) <= test.cuts {
						res.Body = &cut{res.Body, test.after}
					}
					return res, err
				})
			}})
			names := map[string]int{}
			err := c.List(within(t, 20*time.Second), configMaps(), ListOptions{Namespace: ns, LabelSelector: "fill=yes"}, func(u *unstructured.Unstructured) error {
				names[u.GetName()]++
				return nil
			})
			if (err == nil) != test.whole || test.whole && len(names) != 80 {
				t.Errorf("%d names, %v", len(names), err)
			}
			for name, times := range names {
				if times != 1 {
					t.Errorf("%s came %d times", name, times)
				}
			}
		})
	}
}

// TestListWhoseStateChanges: a page that is asked for again comes from a newer
// state, in which objects are gone and new.
func TestListWhoseStateChanges(t *testing.T) {
	items := func(names string) string {
		var list []string
		for _, name := range strings.Fields(names) {
			list = append(list, fmt.Sprintf(`{"metadata":{"namespace":"shop","name":%q}}`, name))
		}
		return strings.Join(list, ",")
	}
	page := func(version, next, names string) string {
		return fmt.Sprintf(`{"kind":"ConfigMapList","metadata":{"resourceVersion":%q,"continue":%q},"items":[%s]}`, version, next, items(names))
	}
	broken := func(version, next, names string) string {
		return strings.TrimSuffix(page(version, next, names), "]}") + ","
	}
	expired := `{"kind":"Status","apiVersion":"v1","metadata":{"continue":"newer"},"status":"Failure","reason":"Expired","code":410}`
	tests := map[string]struct {
		answers []string
		want    string
	}{
		"one is gone":             {[]string{broken("1", "", "a b"), page("2", "", "b c d")}, "a b c d"},
		"one is new":              {[]string{broken("1", "", "b c"), page("2", "", "a b c d")}, "b c a d"},
		"many are new":            {[]string{broken("1", "next", "b c"), page("2", "next", "a b"), page("2", "", "c d")}, "b c a d"},
		"forgotten in the middle": {[]string{page("1", "next", "a"), broken("1", "", "b c"), expired, page("2", "", "b c d")}, "a b c d"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := 0
			c := dialServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				answer := test.answers[n]
				n++
				w.Header().Set("Content-Type", "application/json")
				if answer == expired {
					w.WriteHeader(http.StatusGone)
				}
				fmt.Fprint(w, answer)
			}))
			var names []string
			version, err := c.list(within(t, 10*time.Second), configMaps(), ListOptions{}, func(u *unstructured.Unstructured) error {
				names = append(names, u.GetName())
				return nil
			})
			if have := strings.Join(names, " "); err != nil || have != test.want || version != "1" || n != len(test.answers) {
				t.Errorf("%s at version %s after %d answers, %v", have, version, n, err)
			}
		})
	}
}

func TestListGoesOnWhenItsStateIsForgotten(t *testing.T) {
	plain := dial(t, Options{})
	ns := namespace(t, plain)
	fill(t, plain, ns, pageSize+20)
	var expired atomic.Bool
	c := dial(t, faulty(func(r *http.Request) (*http.Response, error) {
		token := r.URL.Query().Get("continue")
		if token == "" || !expired.CompareAndSwap(false, true) {
			return nil, nil
		}
		// What etcd answers after a compaction, with the token that a real
		// server offers: here the old one, marked.
		body := fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","metadata":{"continue":%q},"status":"Failure","reason":"Expired","message":"too old","code":410}`, token+" ")
		return answerWith(r, 410, nil, body), nil
	}))
	// The mark is taken off again on its way.
	base := c.client.Transport
	c.client.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		q := r.URL.Query()
		if token := q.Get("continue"); expired.Load() && strings.HasSuffix(token, " ") {
			q.Set("continue", strings.TrimSpace(token))
			r = r.Clone(r.Context())
			r.URL.RawQuery = q.Encode()
		}
		return base.RoundTrip(r)
	})
	n := 0
	err := c.List(within(t, 20*time.Second), configMaps(), ListOptions{Namespace: ns, LabelSelector: "fill=yes"}, func(*unstructured.Unstructured) error { n++; return nil })
	if err != nil || n != pageSize+20 || !expired.Load() {
		t.Errorf("%d objects, %v", n, err)
	}
}

func TestReadySaysWhatIsNot(t *testing.T) {
	c := dial(t, faulty(func(r *http.Request) (*http.Response, error) {
		return answerWith(r, 500, nil, "[+]ping ok\n[-]etcd failed: reason withheld\n[-]poststarthook/rbac failed: not finished\nreadyz check failed"), nil
	}))
	err := c.Ready(within(t, 300*time.Millisecond))
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "etcd, poststarthook/rbac") {
		t.Errorf("got %v", err)
	}
}

// dialError is what a dial returns.
func dialError(errno syscall.Errno) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
}
