package teardown_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/export"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// unsaved is a claim whose data nothing saves.
const unsaved = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: diary, namespace: shop}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`

// Every guard in front of one cluster, which lives on until the last of them lets
// it go.
func TestGuards(t *testing.T) {
	w := newWorld(t, db)
	w.restore()
	w.hand().apply(shopPath+"/persistentvolumeclaims", unsaved)
	eventually(t, "the claim is bound", func() bool {
		return strings.Contains(string(w.hand().must("GET", shopPath+"/persistentvolumeclaims/diary", "", nil)), `"phase":"Bound"`)
	})
	t.Run("what the request lacks", w.lacking)
	t.Run("data that nothing saves", w.data)
	t.Run("a Secret that is in the cluster alone", w.secret)
	t.Run("a kind that cannot be read", w.unread)
	t.Run("another run works on it", w.held)
	t.Run("the last restore has not ended well", w.unproved)
	t.Run("the record is about another cluster", w.otherID)
	t.Run("nobody recorded it", w.unrecorded)
	t.Run("a branch of somebody else", w.foreignBranch)
	t.Run("the remote is down, or dies", w.remoteDown)
	t.Run("a rule of the remote", w.rejected)
	t.Run("somebody keeps it", w.kept)
	t.Run("let go", w.letGo)
}

// fine is a request that nothing but the guard in question refuses.
func fine(req *teardown.Request) { req.AcceptLoss = []string{"shop/diary"} }

// but is fine, changed.
func but(change func(*teardown.Request)) func(*teardown.Request) {
	return func(req *teardown.Request) { fine(req); change(req) }
}

// at is w for a subtest.
func (w *world) at(t *testing.T) *world {
	sub := *w
	sub.t = t
	return &sub
}

func (w *world) lacking(t *testing.T) {
	w = w.at(t)
	for word, change := range map[string]func(*teardown.Request){
		"--confirm dev": func(req *teardown.Request) { req.Confirm = "" },
		"protected":     func(req *teardown.Request) { req.Protected = true },
		"no branch":     func(req *teardown.Request) { req.Export = nil },
	} {
		err := w.refused(but(change))
		var hint interface{ Hint() string }
		if outcomeOf(err) != run.Refused || !errors.As(err, &hint) || !strings.Contains(err.Error()+hint.Hint(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
	for _, change := range []func(*teardown.Request){
		func(req *teardown.Request) { req.Stuck = "maybe" },
		func(req *teardown.Request) { req.Silent = "maybe" },
		func(req *teardown.Request) { req.AcceptLoss = []string{"diary"} },
		func(req *teardown.Request) { req.AcceptLoss = []string{"shop/["} },
		func(req *teardown.Request) { req.Export.Recipients = []string{"AGE-SECRET-KEY-1NOT"} },
	} {
		if err := w.refused(but(change)); outcomeOf(err) != "" {
			t.Errorf("a run was begun: %v", err)
		}
	}
}

func (w *world) data(t *testing.T) {
	w = w.at(t)
	for _, accept := range [][]string{nil, {"other/diary"}, {"shop/db-*"}} {
		err := w.refused(func(req *teardown.Request) { req.AcceptLoss = accept })
		if outcomeOf(err) != run.Refused || !strings.Contains(err.Error(), "shop/diary") || strings.Contains(err.Error(), "data-db") {
			t.Errorf("accepted %v: %v", accept, err)
		}
	}
	runs, err := w.store.Runs(t.Context(), run.Filter{Recipe: teardown.Recipe, Limit: 1})
	if err != nil || len(runs) != 1 {
		t.Fatal(runs, err)
	}
	var report teardown.Report
	if err := json.Unmarshal(runs[0].Result, &report); err != nil || len(report.Losses) != 1 || report.Losses[0].Object.Name != "diary" {
		t.Errorf("journaled is %v: %s", err, runs[0].Result)
	}
	// A rule that leaves claims out of the export saves no data.
	err = w.refused(func(req *teardown.Request) { req.Exclude = []capture.Rule{{Kind: "PersistentVolumeClaim"}} })
	if outcomeOf(err) != run.Refused || !strings.Contains(err.Error(), "shop/diary") {
		t.Errorf("%v", err)
	}
}

func (w *world) secret(t *testing.T) {
	w = w.at(t)
	h := w.hand()
	h.apply(shopPath+"/secrets", "apiVersion: v1\nkind: Secret\nmetadata: {name: by-hand}\nstringData: {a: hunter2-hunter2}\n")
	err := w.refused(fine)
	var hint interface{ Hint() string }
	if outcomeOf(err) != run.Refused || !strings.Contains(err.Error(), "shop/by-hand") || !errors.As(err, &hint) ||
		!strings.HasPrefix(hint.Hint(), "name whom to encrypt for") || !strings.Contains(hint.Hint(), "drift.export.recipients") {
		t.Errorf("%v", err)
	}
	runs, err := w.store.Runs(t.Context(), run.Filter{Recipe: teardown.Recipe, Limit: 1})
	if err != nil || len(runs) != 1 {
		t.Fatal(runs, err)
	}
	report, err := teardown.ReportOf(runs[0])
	if err != nil || len(report.Losses) != 2 || report.Losses[1].Object.Name != "by-hand" || report.Lost(report.Losses[1]) {
		t.Errorf("told is %v: %s", err, words(t, report))
	}
	h.must("DELETE", shopPath+"/secrets/by-hand", "", nil)
}

// unread: a conversion webhook that nobody answers hides every object of a kind.
func (w *world) unread(t *testing.T) {
	w = w.at(t)
	h := w.hand()
	const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	h.apply(definitions, definition("example.com", "v1", "Widget", "widgets"))
	eventually(t, "widgets are served", func() bool {
		code, _ := h.send("POST", "/apis/example.com/v1/namespaces/shop/widgets", "application/json",
			[]byte(`{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w"}}`))
		return code/100 == 2
	})
	h.merge(definitions+"/widgets.example.com", `{"spec":{
		"conversion":{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1"],"clientConfig":{"url":"https://127.0.0.1:1/"}}},
		"versions":[
			{"name":"v2","served":true,"storage":false,"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}},
			{"name":"v1","served":false,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}]}}`)
	eventually(t, "widgets cannot be read", func() bool {
		_, answer := h.send("GET", "/apis/example.com/v2/widgets", "", nil)
		return strings.Contains(string(answer), "conversion webhook")
	})
	if err := w.refused(fine); outcomeOf(err) != run.Refused || !strings.Contains(err.Error(), "Widget.example.com") {
		t.Errorf("%v", err)
	}
	h.merge(definitions+"/widgets.example.com", `{"spec":{"conversion":{"strategy":"None","webhook":null}}}`)
	h.must("DELETE", definitions+"/widgets.example.com", "", nil)
}

func (w *world) held(t *testing.T) {
	w = w.at(t)
	lease, err := run.AcquireLease(t.Context(), w.store.Leases(), "dev", run.Holder{Run: "somebody's"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.refused(fine); !errors.As(err, new(*run.HeldError)) {
		t.Errorf("%v", err)
	}
	if err := lease.Release(); err != nil {
		t.Fatal(err)
	}
}

func (w *world) unproved(t *testing.T) {
	w = w.at(t)
	begun := run.Run{ID: "29991231-235959-aaaa", Recipe: rebuild.Recipe, Cluster: "dev", Provider: "local", Outcome: run.Failed,
		Created: time.Now(), Steps: []run.Step{{Name: "provision", Made: json.RawMessage(`{"id":"x"}`)}}}
	if err := w.store.Begin(t.Context(), begun); err != nil {
		t.Fatal(err)
	}
	if err := w.refused(fine); outcomeOf(err) != run.Refused || !strings.Contains(err.Error(), begun.ID) {
		t.Errorf("%v", err)
	}
	_, err := w.store.Update(t.Context(), begun.ID, func(r *run.Run) error { r.Steps = nil; return nil })
	if err != nil {
		t.Fatal(err)
	}
}

// record replaces what the journal knows of the cluster, until put back.
func (w *world) record(change func(*rebuild.ClusterRecord)) (back func()) {
	w.t.Helper()
	rec, known, err := w.Rebuild.Recorded(w.t.Context(), "local", "dev")
	if err != nil || !known {
		w.t.Fatal(known, err)
	}
	put := func(rec rebuild.ClusterRecord) {
		raw, err := json.Marshal(rec)
		if err == nil {
			err = w.store.PutRecord(w.t.Context(), "cluster", "local/dev", raw)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	if change == nil {
		if err := w.store.DeleteRecord(w.t.Context(), "cluster", "local/dev"); err != nil {
			w.t.Fatal(err)
		}
	} else {
		other := rec
		change(&other)
		put(other)
	}
	return func() { put(rec) }
}

func (w *world) otherID(t *testing.T) {
	w = w.at(t)
	defer w.record(func(rec *rebuild.ClusterRecord) { rec.ID = "another" })()
	if err := w.refused(fine); outcomeOf(err) != run.Refused || !errors.As(err, new(*providers.TakenError)) {
		t.Errorf("%v", err)
	}
}

func (w *world) unrecorded(t *testing.T) {
	w = w.at(t)
	defer w.record(nil)()
	if err := w.refused(fine); outcomeOf(err) != run.Refused || !strings.Contains(err.Error(), "not restored from here") {
		t.Errorf("%v", err)
	}
}

func (w *world) foreignBranch(t *testing.T) {
	w = w.at(t)
	w.to.Git("branch", "theirs", w.to.Git("commit-tree", "-m", "mine alone", w.to.Git("hash-object", "-t", "tree", "-w", "/dev/null")))
	err := w.refused(but(func(req *teardown.Request) { req.Export.Branch = "theirs" }))
	if outcomeOf(err) != run.Refused || !errors.As(err, new(*export.ForeignBranchError)) {
		t.Errorf("%v", err)
	}
}

func (w *world) remoteDown(t *testing.T) {
	w = w.at(t)
	web := gitserver.ServeHTTP(t, filepath.Dir(w.to.Dir))
	w.to.Git("config", "http.receivepack", "true")
	wait := time.Second
	to := but(func(req *teardown.Request) { req.Export.Repo = web.URL + "/live.git"; req.Waits.Export = wait })
	w.hand().apply(shopPath+"/configmaps", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: precious}\n")
	before := w.tip()
	for _, fault := range []gitserver.Fault{gitserver.Error500, gitserver.Hang} {
		web.Set(fault)
		if err := w.refused(to); outcomeOf(err) != run.Failed || w.tip() != before {
			t.Errorf("fault %d: %v, the branch is at %q", fault, err, w.tip())
		}
	}
	// It dies in the middle of the push.
	web.Set(gitserver.None)
	wait = 8 * time.Second
	w.Rebuild.Source.Progress = func(line string) {
		if strings.HasPrefix(line, "pushing") {
			web.Set(gitserver.Hang)
		}
	}
	if err := w.refused(to); outcomeOf(err) != run.Failed || !errors.As(err, new(*export.PushError)) || w.tip() != before {
		t.Errorf("the remote died during the push: %v, the branch is at %q", err, w.tip())
	}
	w.Rebuild.Source.Progress = nil
	// It dies when the commit has arrived, so that whether it has is not known.
	web.Set(gitserver.None)
	wait = time.Minute
	_, err := w.Teardown(t.Context(), w.request(to), func(e run.Event) {
		if e.Type == "export.pushed" {
			web.Set(gitserver.Error500)
		}
	})
	if outcomeOf(err) != run.Failed || w.tip() == before {
		t.Errorf("the remote died after the push: %v, the branch is at %q", err, w.tip())
	}
	if _, err := w.local.Find(t.Context(), "dev"); err != nil {
		t.Fatal(err)
	}
}

func (w *world) rejected(t *testing.T) {
	w = w.at(t)
	w.hand().apply(shopPath+"/configmaps", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: new}\n")
	guard := filepath.Join(w.to.Git("rev-parse", "--absolute-git-dir"), "hooks", "pre-receive")
	if err := os.WriteFile(guard, []byte("#!/bin/sh\necho 'protected: ask Ada' >&2; exit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	web := gitserver.ServeHTTP(t, filepath.Dir(w.to.Dir))
	err := w.refused(but(func(req *teardown.Request) { req.Export.Repo = web.URL + "/live.git" }))
	if !errors.As(err, new(*export.PushError)) || !strings.Contains(err.Error(), "ask Ada") {
		t.Errorf("%v", err)
	}
	if err := os.Remove(guard); err != nil {
		t.Fatal(err)
	}
}

// kept: somebody says keep during the warning, and somebody at the last moment.
func (w *world) kept(t *testing.T) {
	w = w.at(t)
	var told []teardown.Warning
	engine := *w.Engine
	w.Engine = &engine
	stop := errors.New("ada: demo until 23:00")
	ctx, cancel := context.WithCancelCause(t.Context())
	engine.Warn = func(_ context.Context, warning teardown.Warning) error { told = append(told, warning); return nil }
	engine.Until = func(ctx context.Context, at time.Time) error {
		if d := time.Until(at); d < 9*time.Minute || d > 10*time.Minute {
			t.Errorf("waits for %s", d)
		}
		cancel(stop)
		<-ctx.Done()
		return context.Cause(ctx)
	}
	later := but(func(req *teardown.Request) { req.WarnBefore = 10 * time.Minute })
	report, err := w.Teardown(ctx, w.request(later), nil)
	if outcomeOf(err) != run.Interrupted || !errors.Is(err, stop) || len(told) != 1 || told[0].Cluster != "dev" || len(told[0].Losses) != 1 {
		t.Errorf("%v, told %v", err, told)
	}
	engine.Until = func(context.Context, time.Time) error { return nil }
	engine.Warn = func(context.Context, teardown.Warning) error {
		t.Error("warned twice")
		return nil
	}
	engine.Proceed = func(context.Context, teardown.Warning) error { return stop }
	report, err = w.Resume(t.Context(), report.Run, nil)
	if outcomeOf(err) != run.Refused || !errors.Is(err, stop) || report.Deleted || len(report.Suspended) > 0 {
		t.Errorf("%v: %s", err, words(t, report))
	}
	var ended *run.EndError
	if !errors.As(err, &ended) || ended.Step != "warn" {
		t.Errorf("it was not over with the warning: %v", err)
	}
	if _, err := w.Resume(t.Context(), report.Run, nil); !errors.As(err, new(*run.EndedError)) {
		t.Errorf("what was refused is resumed: %v", err)
	}
}

func (w *world) letGo(t *testing.T) {
	w = w.at(t)
	report := w.down(fine)
	if report.Export.Commit != w.tip() || len(report.Losses) != 1 {
		t.Errorf("%s", words(t, report))
	}
	if !strings.Contains(w.exported("live/shop/config-map/new.yaml"), "name: new") {
		t.Error("the last change is lost")
	}
}
