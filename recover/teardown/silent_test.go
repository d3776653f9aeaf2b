package teardown_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
)

// freeze stops the API server of the cluster as an outage does: it takes
// connections and never answers.
func (w *world) freeze(state string) {
	w.t.Helper()
	raw, err := os.ReadFile(filepath.Join(state, "clusters", "dev", "run", "status.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	var status struct {
		Components []struct {
			Name string
			PID  int
		}
	}
	if err := json.Unmarshal(raw, &status); err != nil {
		w.t.Fatal(err)
	}
	for _, c := range status.Components {
		if c.Name == "kube-apiserver" && c.PID > 1 {
			if err := syscall.Kill(c.PID, syscall.SIGSTOP); err != nil {
				w.t.Fatal(err)
			}
			w.remember()
			return
		}
	}
	w.t.Fatalf("no API server in %s", raw)
}

// remember asks the provider once: it is patient with an API server that does not
// answer, which takes seconds each time.
func (w *world) remember() {
	found, err := w.local.Find(w.t.Context(), "dev")
	if err != nil || found.State == providers.StateRunning {
		w.t.Fatalf("%+v, %v", found, err)
	}
	w.maker.find = func() (providers.Cluster, error) {
		_, err := os.Stat(filepath.Join(w.state, "clusters", "dev"))
		if errors.Is(err, os.ErrNotExist) {
			err = providers.ErrNotFound
		}
		return found, err
	}
}

// A cluster whose API server is dead cannot be exported or drained. It goes only
// when somebody decided so.
func TestSilent(t *testing.T) {
	w := newWorld(t, web)
	w.restore()
	exported := w.request(nil).DriftRequest
	exported.Export.Push = true
	if _, err := w.Rebuild.Drift(t.Context(), exported, nil); err != nil {
		t.Fatal(err)
	}
	w.freeze(w.state)
	soon := func(change func(*teardown.Request)) func(*teardown.Request) {
		return func(req *teardown.Request) {
			req.Waits.Answer = time.Second
			if change != nil {
				change(req)
			}
		}
	}
	lastExport := func(req *teardown.Request) { req.Silent, req.AllowDataLoss = teardown.SilentLastExport, true }
	for name, change := range map[string]func(*teardown.Request){
		"nobody decided":               nil,
		"data may be lost":             func(req *teardown.Request) { req.Silent = teardown.SilentLastExport },
		"there is no export":           func(req *teardown.Request) { lastExport(req); req.Export.Branch = "rekindle/other" },
		"it is protected all the same": func(req *teardown.Request) { lastExport(req); req.Protected = true },
	} {
		err := w.refused(soon(change))
		var passing interface{ Passing() bool }
		if outcomeOf(err) != run.Refused || errors.As(err, &passing) != (change == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	before := w.tip()
	report := w.down(soon(func(req *teardown.Request) { req.Silent, req.AcceptLoss = teardown.SilentLastExport, []string{"*/*"} }))
	if !report.Export.Earlier || report.Export.Commit != before || w.tip() != before || report.Silent == "" || len(report.Removed) > 0 {
		t.Errorf("%s", words(t, report))
	}
}

// The same without any export, when somebody abandons the cluster.
func TestAbandoned(t *testing.T) {
	w := newWorld(t)
	w.restore()
	answer := 20 * time.Second
	abandon := func(req *teardown.Request) {
		req.Waits.Answer = answer
		req.Silent, req.AllowDataLoss, req.Export = teardown.SilentAbandon, true, nil
	}
	if err := w.refused(abandon); outcomeOf(err) != run.Refused || !strings.Contains(err.Error(), "answers") {
		t.Errorf("a cluster that answers is abandoned: %v", err)
	}
	w.freeze(w.state)
	answer = time.Second
	if report := w.down(abandon); report.Export != nil {
		t.Errorf("%s", words(t, report))
	}
}
