package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/control/server"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// records are run.Records on the real journal.
func records(t *testing.T) run.Records {
	t.Helper()
	store, err := run.OpenStore(t.TempDir(), run.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func (d *daemon) start(t *testing.T, key, body string) (int, api.Run, string) {
	t.Helper()
	resp, raw := d.do(t, exchange{method: "POST", path: "/v1/runs", body: body, header: http.Header{"Idempotency-Key": {key}}})
	var r api.Run
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == 202 && resp.Header.Get("Location") != "/v1/runs/"+r.ID {
		t.Errorf("Location: %s", resp.Header.Get("Location"))
	}
	return resp.StatusCode, r, string(raw)
}

const restoreDev = `{"recipe":"restore","cluster":"dev"}`

func TestAKeyStartsOneRun(t *testing.T) {
	m := newMemory()
	m.declare("dev")
	kept := records(t)
	withKeys := func(o *server.Options) { o.Keys = kept }
	d := serve(t, m, withKeys)
	var wait sync.WaitGroup
	ids := make(chan string, 20)
	for range 20 {
		wait.Go(func() {
			_, r, _ := d.start(t, "k1", restoreDev)
			ids <- r.ID
		})
	}
	wait.Wait()
	close(ids)
	first := <-ids
	for id := range ids {
		if id != first || id == "" {
			t.Errorf("runs %s and %s", first, id)
		}
	}
	if m.started != 1 {
		t.Errorf("%d runs were started", m.started)
	}
	if status, _, raw := d.start(t, "k1", `{"recipe":"drift","cluster":"dev"}`); status != 422 {
		t.Errorf("another request: %d %s", status, raw)
	}
	if _, r, _ := d.start(t, "k2", restoreDev); r.ID == first {
		t.Error("another key gave the same run")
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d = serve(t, m, withKeys)
	if _, r, raw := d.start(t, "k1", restoreDev); r.ID != first || m.started != 2 {
		t.Errorf("after a restart: %s", raw)
	}
	if status, _, raw := d.start(t, "k1", `{"recipe":"drift","cluster":"dev"}`); status != 422 {
		t.Errorf("another request after a restart: %d %s", status, raw)
	}
}

func TestAKeyOfAFailureIsFree(t *testing.T) {
	m := newMemory()
	m.declare("dev")
	fail := true
	m.before = func(_ context.Context, method string) error {
		if method == "Start" && fail {
			return errors.New("no room")
		}
		return nil
	}
	d := serve(t, m, func(o *server.Options) { o.Keys = records(t) })
	if status, _, raw := d.start(t, "k", restoreDev); status != 500 {
		t.Fatalf("%d %s", status, raw)
	}
	fail = false
	if status, _, raw := d.start(t, "k", restoreDev); status != 202 {
		t.Errorf("%d %s", status, raw)
	}
}

// A daemon that died between noting the key and starting the run says so.
func TestAKeyOfACrashIsUnsure(t *testing.T) {
	m := newMemory()
	m.declare("dev")
	kept := records(t)
	m.before = func(_ context.Context, method string) error {
		if method == "Start" {
			panic("the process dies here")
		}
		return nil
	}
	d := serve(t, m, func(o *server.Options) { o.Keys = kept })
	if status, _, raw := d.start(t, "k", restoreDev); status != 500 {
		t.Fatalf("%d %s", status, raw)
	}
	m.before = nil
	d = serve(t, m, func(o *server.Options) { o.Keys = kept })
	status, _, raw := d.start(t, "k", restoreDev)
	if status != 409 || !strings.Contains(raw, "problem/unsure") || m.started != 0 {
		t.Errorf("%d %s", status, raw)
	}
}

// A run of which the daemon does not hear in time may have begun: its key does not
// begin another.
func TestAKeyIsNotFreeWhenTheTimeRanOut(t *testing.T) {
	m := newMemory()
	m.declare("dev")
	m.before = func(ctx context.Context, method string) error {
		if method == "Start" {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	d := serve(t, m, func(o *server.Options) { o.Keys, o.RequestTimeout = records(t), 200*time.Millisecond })
	for range 2 {
		if status, _, raw := d.start(t, "k", restoreDev); status != 409 || !strings.Contains(raw, "problem/unsure") {
			t.Errorf("%d %s", status, raw)
		}
		m.before = nil
	}
	if m.started != 0 {
		t.Error("a run was started")
	}
}

func TestOldKeysAreForgotten(t *testing.T) {
	m := newMemory()
	m.declare("dev")
	kept := records(t)
	now := time.Now()
	withClock := func(o *server.Options) { o.Keys, o.Now = kept, func() time.Time { return now } }
	d := serve(t, m, withClock)
	_, first, _ := d.start(t, "k", restoreDev)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(25 * time.Hour)
	d = serve(t, m, withClock)
	within(t, "the record is gone", func() bool {
		left, err := kept.RecordKeys(t.Context(), "api.start")
		return err == nil && len(left) == 0
	})
	if _, r, _ := d.start(t, "k", restoreDev); r.ID == first.ID {
		t.Error("a day later the key still gives the old run")
	}
}
