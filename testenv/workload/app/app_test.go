package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestServer(t *testing.T) {
	config := filepath.Join(t.TempDir(), "greeting")
	if err := os.WriteFile(config, []byte("good morning"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		server
		path, says string
		status     int
	}{
		"it answers":        {server{name: "web", config: config}, "/", "web\ngood morning", 200},
		"without its file":  {server{name: "web", config: config + ".gone"}, "/", "no such file", 200},
		"it is well":        {server{neverReady: true}, "/healthz", "ok", 200},
		"it is ready":       {server{}, "/readyz", "ok", 200},
		"it is never ready": {server{neverReady: true}, "/readyz", "the cache is cold", 503},
		"there is no more":  {server{}, "/more", "not found", 404},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			test.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, test.path, http.NoBody))
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.says) {
				t.Errorf("%d %q", w.Code, w.Body)
			}
		})
	}
}

func TestStart(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	tests := map[string]struct {
		args []string
		code int
		says string
	}{
		"a job":             {[]string{"job", "-write", out, "-last-words", "bye"}, 0, "wrote " + out},
		"a job that fails":  {[]string{"job", "-exit-code", "7"}, 7, "working"},
		"a job in vain":     {[]string{"job", "-write", out + ".d/no"}, 1, "no such file"},
		"a crash":           {[]string{"serve", "-listen", "127.0.0.1:0", "-crash-after", "1ms", "-exit-code", "3", "-last-words", "no database"}, 3, "no database"},
		"no certificate":    {[]string{"webhook", "-listen", "127.0.0.1:0", "-cert", out + ".crt"}, 1, "no such file"},
		"nothing":           {nil, 1, "say what to be"},
		"something else":    {[]string{"dance"}, 1, `"dance" is not known`},
		"an unknown flag":   {[]string{"job", "-fast"}, 1, "not defined"},
		"told what it does": {[]string{"job", "-h"}, 0, "-write"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			if code := exitCode(start(t.Context(), test.args, &log), &log); code != test.code || !strings.Contains(log.String(), test.says) {
				t.Errorf("exit code %d: %s", code, log.String())
			}
		})
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := start(stopped, []string{"job", "-takes", "1h"}, &strings.Builder{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a job that is told to stop ends with %v", err)
	}
}

const reviewOfBearer = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","name":"a","object":{"metadata":{"labels":{"forbidden":"yes"}}}}}`

func reviewed(body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	reviews("forbidden", &strings.Builder{}).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/validate", strings.NewReader(body)))
	return w
}

func TestReview(t *testing.T) {
	if said := reviewed(reviewOfBearer).Body.String(); !strings.Contains(said, `"uid":"u","allowed":false`) || !strings.Contains(said, "forbidden=yes is not welcome") {
		t.Errorf("a bearer of the label: %s", said)
	}
	if said := reviewed(strings.Replace(reviewOfBearer, "forbidden", "fine", 1)).Body.String(); !strings.Contains(said, `"uid":"u","allowed":true`) {
		t.Errorf("a bearer of another: %s", said)
	}
}

// FuzzReview: whatever comes in is judged, or called no review.
func FuzzReview(f *testing.F) {
	for _, seed := range []string{reviewOfBearer, `{"kind":"AdmissionReview","request":{"uid":"u","object":null}}`, `{"request":null}`, `[`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w := reviewed(body)
		said := w.Body.String()
		judged := w.Code == http.StatusOK && strings.Contains(said, `"allowed":`)
		if !judged && w.Code != http.StatusBadRequest {
			t.Errorf("%d %s", w.Code, said)
		}
	})
}
