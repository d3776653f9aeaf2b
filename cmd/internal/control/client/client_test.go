package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/control/client"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// impostor serves anything on a socket.
func impostor(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close() })
	return path
}

func dial(t testing.TB, path string, opts client.Options) *client.Client {
	t.Helper()
	c, err := client.Dial(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func reply(status int, media, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestWhatIsNoDaemonIsNotBelieved(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"a page":             reply(200, "text/html", "<html>"),
		"a page of an error": reply(500, "text/html", "<html>"),
		"no type":            reply(200, "", "{}"),
		"JSON that is none":  reply(200, "application/json", "{"),
		"another form":       reply(200, "application/json", `{"clusters":7}`),
		"an error in JSON":   reply(404, "application/json", `{"error":"x"}`),
		"an empty problem":   reply(404, "application/problem+json", `{}`),
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, impostor(t, h), client.Options{})
			if _, err := c.Clusters(t.Context()); !api.IsKind(err, api.Foreign) {
				t.Errorf("a list: %v", err)
			}
			err := c.Follow(t.Context(), "r", 0, func(run.Event) error { return nil })
			if !api.IsKind(err, api.Foreign) {
				t.Errorf("a stream: %v", err)
			}
		})
	}
}

func TestNobodyIsToldFromSomebodySilent(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "s"), filepath.Join(dir, "no", "s"), filepath.Join(dir, "file"), filepath.Join(dir, "file", "s")} {
		_, err := dial(t, path, client.Options{}).Version(t.Context())
		var nobody *client.NoDaemonError
		if !errors.Is(err, client.ErrNoDaemon) || !errors.As(err, &nobody) || nobody.Address != path {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := dial(t, "/"+strings.Repeat("a", 200), client.Options{}).Version(t.Context()); !errors.Is(err, client.ErrNoDaemon) {
		t.Errorf("a path that is too long: %v", err)
	}
	if _, err := client.Dial("s", client.Options{}); err == nil || errors.Is(err, client.ErrNoDaemon) {
		t.Errorf("a relative path: %v", err)
	}
	hang := make(chan struct{})
	path := impostor(t, func(http.ResponseWriter, *http.Request) { <-hang })
	defer close(hang)
	c := dial(t, path, client.Options{Timeout: 30 * time.Millisecond})
	_, err := c.Version(t.Context())
	var silent *client.SilentError
	if !errors.As(err, &silent) || errors.Is(err, client.ErrNoDaemon) || !strings.Contains(err.Error(), path+" does not answer") {
		t.Errorf("silent: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Version(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller's end: %v", err)
	}
}

// Start is sent again when the daemon hung up, with the same key, and not when it
// said no.
func TestStartIsSentAgainWithItsKey(t *testing.T) {
	var keys []string
	path := impostor(t, func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		if len(keys) == 1 {
			panic(http.ErrAbortHandler)
		}
		reply(202, "application/json", `{"id":"r1"}`)(w, r)
	})
	c := dial(t, path, client.Options{Chance: strings.NewReader(strings.Repeat("k", 64))})
	r, err := c.Start(t.Context(), api.StartRequest{Recipe: api.Restore, Cluster: "dev"})
	if err != nil || r.ID != "r1" || len(keys) != 2 || keys[0] != keys[1] || keys[0] == "" {
		t.Errorf("%+v, %v, keys %q", r, err, keys)
	}
	if _, err := dial(t, path, client.Options{}).Start(t.Context(), api.StartRequest{}); err == nil {
		t.Error("started without a key")
	}
	n := 0
	path = impostor(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		reply(409, "application/problem+json", `{"type":"tag:rekindle.io,2026:problem/refused","detail":"protected","exitCode":5}`)(w, r)
	})
	c = dial(t, path, client.Options{Chance: strings.NewReader(strings.Repeat("k", 64))})
	_, err = c.Start(t.Context(), api.StartRequest{Recipe: api.Teardown, Cluster: "dev"})
	if !api.IsKind(err, api.Refused) || n != 1 {
		t.Errorf("refused: %v after %d requests", err, n)
	}
}

// A stream that skips, repeats, babbles or hangs is read anew behind the last
// event that was good.
func TestABadStreamIsReadAnew(t *testing.T) {
	event := func(n int) string { return fmt.Sprintf(`{"seq":%d,"type":"x","time":"2026-11-22T19:00:00Z"}`+"\n", n) }
	end := `{"type":"stream.end","message":"ended","time":"2026-11-22T19:00:00Z"}` + "\n"
	for name, bad := range map[string]string{
		"a hole":           event(1) + event(3),
		"a repeat":         event(1) + event(1),
		"no JSON":          event(1) + "}{\n",
		"half a line":      event(1) + `{"seq":2,"type":`,
		"nothing":          "",
		"half an end":      event(1) + end[:20],
		"a shutdown":       event(1) + strings.Replace(end, "ended", "shutdown", 1),
		"an endless line":  event(1) + strings.Repeat("x", 9<<20),
		"empty lines":      event(1) + "\n",
		"a hanging stream": event(1) + "hang",
	} {
		t.Run(name, func(t *testing.T) {
			var since []string
			hang := make(chan struct{})
			path := impostor(t, func(w http.ResponseWriter, r *http.Request) {
				since = append(since, r.URL.Query().Get("since"))
				w.Header().Set("Content-Type", "application/x-ndjson")
				if len(since) == 1 {
					text, hangs := strings.CutSuffix(bad, "hang")
					_, _ = w.Write([]byte(text))
					_ = http.NewResponseController(w).Flush()
					if hangs {
						<-hang
					}
					return
				}
				from, _ := strconv.Atoi(r.URL.Query().Get("since"))
				for n := from + 1; n <= 5; n++ {
					_, _ = w.Write([]byte(event(n)))
				}
				_, _ = w.Write([]byte(end))
			})
			t.Cleanup(func() { close(hang) })
			var seen []uint64
			c := dial(t, path, client.Options{Silence: 300 * time.Millisecond})
			err := c.Follow(t.Context(), "r", 0, func(ev run.Event) error { seen = append(seen, ev.Seq); return nil })
			if err != nil || fmt.Sprint(seen) != "[1 2 3 4 5]" || len(since) != 2 {
				t.Errorf("%v, %v, since %q", seen, err, since)
			}
		})
	}
}

// FuzzStream: whatever a server sends, events come in order and without holes.
func FuzzStream(f *testing.F) {
	f.Add([]byte(`{"seq":1,"type":"x","time":"2026-11-22T19:00:00Z"}` + "\n" + `{"type":"stream.end","message":"reached","time":"2026-11-22T19:00:00Z"}` + "\n"))
	f.Add([]byte(`{"seq":2}` + "\n\n{}\n"))
	f.Add([]byte("{\"seq\":-1}\n{\"seq\":1e3}\n{\"type\":\"stream.heartbeat\"}\n{\"seq\":1}"))
	var body []byte
	path := impostor(f, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		_, _ = w.Write(body)
	})
	f.Fuzz(func(t *testing.T, raw []byte) {
		body = raw
		c := dial(t, path, client.Options{GiveUp: time.Nanosecond})
		last := uint64(0)
		_ = c.Follow(t.Context(), "r", 0, func(ev run.Event) error {
			if ev.Seq != last+1 {
				t.Errorf("event %d came after %d", ev.Seq, last)
			}
			last = ev.Seq
			return nil
		})
	})
}
