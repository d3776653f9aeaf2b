package cli

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/existing"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

func TestFieldText(t *testing.T) {
	image := "us-central1-docker.pkg.dev/google-samples/microservices-demo/cartservice:v0.10."
	for name, c := range map[string]struct {
		have, want any
		text       string
	}{
		"short":     {"red", "blue", "f: red → blue"},
		"absent":    {nil, "blue", "f: (none) → blue"},
		"empty":     {"", "blue", `f: "" → blue`},
		"types":     {"80", int64(80), `f: "80" → 80`},
		"structure": {map[string]any{"b": 1, "a": []any{"<x>"}}, nil, `f: {"a":["<x>"],"b":1} → (none)`},
		"image":     {image + "1", image + "2", "f: …o/cartservice:v0.10.1 → …o/cartservice:v0.10.2"},
		"cut": {"a" + strings.Repeat("x", 70), "b",
			"f: a" + strings.Repeat("x", 38) + "…" + strings.Repeat("x", 20) + " → b"},
	} {
		t.Run(name, func(t *testing.T) {
			if have := fieldText(drift.Field{Path: "f", Have: c.have, Want: c.want}); have != c.text {
				t.Errorf("have\n%s\nwant\n%s", have, c.text)
			}
		})
	}
}

func TestContrastShowsWhatDiffers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-d/]{0,90}`)
		head := text.Draw(t, "head")
		x, y := head+text.Draw(t, "x"), head+text.Draw(t, "y")
		a, b := contrast(x, y)
		if (x == y) != (a == b) {
			t.Errorf("%q and %q are shown as %q and %q", x, y, a, b)
		}
		if n := max(len([]rune(a)), len([]rune(b))); n > shownOfValue {
			t.Errorf("%d characters", n)
		}
	})
}

func TestRemedies(t *testing.T) {
	id := object.ID{Kind: "ConfigMap", Namespace: "shop", Name: "web"}
	var req rebuild.Request
	req.Source.Repo, req.Provider, req.Cluster = "/r", "local", "dev"
	pruned := req
	pruned.Prune = true
	secret := req
	secret.Source.Helm.Set = []string{"db.password=hunter2"}
	unexpected := func(restored bool) *drift.Report {
		return &drift.Report{Unexpected: []drift.Unexpected{{ID: id, Restored: restored}}}
	}
	stuck := &drift.Report{Changed: []drift.Change{{ID: id, Refused: "immutable"}}}
	lent, err := existing.New(existing.Options{Declared: func() (map[string]providers.Settings, error) { return nil, nil }, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	registry, err := providers.NewRegistry(lent)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		report rebuild.Report
		req    rebuild.Request
		want   string
	}{
		"stuck": {rebuild.Report{Provider: "local", Drift: stuck}, req,
			"what the server does not let change in place needs a cluster made anew: --fresh --confirm dev"},
		"stuck, somebody else's": {rebuild.Report{Provider: "existing", Drift: stuck}, req,
			"what the server does not let change in place: delete those objects by hand, then restore again"},
		"strangers": {rebuild.Report{Drift: unexpected(false)}, pruned,
			"what others made: delete it, or make the cluster anew with --fresh --confirm dev"},
		"leftovers": {rebuild.Report{Drift: unexpected(true)}, req,
			"--prune removes what an earlier restore made: rekindle restore --repo /r --provider local --name dev --prune"},
		"kept": {rebuild.Report{Drift: unexpected(true), Kept: []rebuild.NotApplied{{ID: id}}}, pruned,
			"see why under Kept what an earlier restore made is still there"},
		"invalid": {rebuild.Report{NotApplied: []rebuild.NotApplied{
			{ID: id, From: object.Provenance{File: "a.yaml", Line: 5}, Reason: "invalid: no such field"},
			{ID: id, Reason: "skipped: it needs ConfigMap shop/web"}}}, req,
			"correct a.yaml:5, and restore the new commit"},
		"unhealthy": {rebuild.Report{Unsettled: unhealthy(id)}, req,
			"see why under Not healthy; when that is mended: rekindle runs resume R"},
		"Helm values": {rebuild.Report{Unsettled: unhealthy(id)}, secret,
			"see why under Not healthy; when that is mended: rekindle restore --repo /r --set db.password=… --provider local --name dev"},
	} {
		t.Run(name, func(t *testing.T) {
			c.report.Run, c.report.Cluster = "R", "dev"
			if have := lines((&app{providers: registry}).remedies(&c.report, c.req)); have != c.want {
				t.Errorf("have\n%s\nwant\n%s", have, c.want)
			}
		})
	}
}

func TestVariantsOfTheSameObjectsAreToldFromAMistake(t *testing.T) {
	twice := &object.DuplicateError{ID: object.ID{Kind: "ConfigMap", Name: "web"}}
	if _, hint := splitHint(errors.Join(twice, twice)); hint != "" {
		t.Errorf("a hint for two: %s", hint)
	}
	if _, hint := splitHint(errors.Join(twice, twice, twice)); !strings.Contains(hint, "--path") {
		t.Errorf("for three the hint is %q", hint)
	}
}

func unhealthy(id object.ID) []kube.Status {
	return []kube.Status{{ID: id, State: kube.StateWaiting}}
}
