package desk

import (
	"context"
	"encoding/json"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/fake"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// history is a journal in memory, newest first.
type history []run.Run

func (h history) Run(_ context.Context, id string) (run.Run, error) {
	for _, r := range h {
		if r.ID == id {
			return r, nil
		}
	}
	return run.Run{}, &run.NotFoundError{What: "run", Name: id}
}

func (h history) Each(_ context.Context, f run.Filter, visit func(run.Run) bool) error {
	for _, r := range h {
		if f.Match(r) && !visit(r) {
			return nil
		}
	}
	return nil
}

var at = time.Date(2026, 11, 22, 19, 0, 0, 0, time.UTC)

func asJSON(t *testing.T, v any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func restoreOf(t *testing.T, id, cluster, provider string, took time.Duration, report rebuild.Report) run.Run {
	return run.Run{ID: id, Recipe: rebuild.Recipe, Cluster: cluster, Provider: provider, Created: at, Ended: at.Add(took), Outcome: report.Outcome, Error: report.Error,
		Attempts: 1, Result: asJSON(t, report), Request: asJSON(t, rebuild.Request{Cluster: cluster, Provider: provider, Source: rebuild.Source{Repo: "/srv/deploy"}}),
		Steps: []run.Step{{Name: "provision", State: run.StepDone, Made: []byte(`{"id":"x"}`)}}}
}

func newDesk(t *testing.T, file *config.Config, journal history) *Desk {
	t.Helper()
	world := fake.NewWorld(func() time.Time { return at })
	registry, err := providers.NewRegistry(fake.New(world))
	if err != nil {
		t.Fatal(err)
	}
	return New(&rebuild.Engine{Providers: registry, Now: func() time.Time { return at }, Log: slog.New(slog.DiscardHandler)},
		journal, func() *config.Config { return file }, nil)
}

var web = object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}

func TestAReportNamesWhatIsTheMatter(t *testing.T) {
	sha := strings.Repeat("ab", 20)
	r := restoreOf(t, "r1", "dev", "fake", time.Minute, rebuild.Report{
		Outcome: run.Unverified, Error: "1 object is not healthy", Commit: source.Commit{SHA: sha}, Live: "f1",
		Kinds:      []rebuild.KindCount{{Kind: "Deployment.apps", Total: 3, Created: 2, Failed: 1}},
		NotApplied: []rebuild.NotApplied{{ID: web, From: object.Provenance{File: "web.yaml", Line: 3}, Reason: "refused"}, {ID: object.ID{Kind: "ConfigMap", Name: "a"}, Reason: "skipped"}},
		Unsettled:  []kube.Status{{ID: web, State: kube.StateFailed, Reason: "ImagePull", Message: "no such image", Hint: "push it"}},
		Drift: &drift.Report{Missing: []drift.Missing{{ID: web}, {ID: object.ID{Kind: "Secret", Name: "s"}}},
			Changed:    []drift.Change{{ID: web, Fields: []drift.Field{{Path: "spec.replicas"}}}},
			Unexpected: []drift.Unexpected{{ID: object.ID{Kind: "Service", Name: "old"}, Restored: true}}},
		Notes: []plan.Note{{ID: web, Text: "converted"}}, Warnings: []string{"slow"},
	})
	r.Orders = []run.Order{{N: 1, Kind: run.SkipObject, Object: "ConfigMap a", Why: "later", By: "ada", Answered: at}}
	report, err := newDesk(t, &config.Config{}, history{r}).Report(t.Context(), "r1")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range report.Findings {
		got = append(got, f.What+" "+f.Object+": "+f.Text)
	}
	want := []string{
		"not applied Deployment.apps shop/web: refused", "skipped ConfigMap a: given up by ada: later",
		"not settled Deployment.apps shop/web: ImagePull: no such image", "missing Secret s: ",
		"changed Deployment.apps shop/web: differs in spec.replicas", "unexpected Service old: an earlier restore made it",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("findings:\n%s", strings.Join(got, "\n"))
	}
	if report.Headline != "dev is not abababababab: 1 object is not healthy" || report.Fingerprint != "f1" || report.Verified ||
		!reflect.DeepEqual(report.Notes, []string{"Deployment.apps shop/web: converted", "slow"}) {
		t.Errorf("%+v", report)
	}
	var next []string
	for _, n := range report.Next {
		next = append(next, n.Command)
	}
	restore := "rekindle restore --repo /srv/deploy --at abababababab --provider fake --name dev"
	if want := []string{"rekindle runs resume r1", restore + " --prune", restore + " --fresh --confirm dev"}; !reflect.DeepEqual(next, want) {
		t.Errorf("next: %q", next)
	}
}

func TestHeadlinesOfOtherEnds(t *testing.T) {
	for want, r := range map[string]run.Run{
		"dev: the restore is under way":         {ID: "a", Recipe: rebuild.Recipe, Cluster: "dev"},
		"dev: the restore was refused: no":      {ID: "a", Recipe: rebuild.Recipe, Cluster: "dev", Outcome: run.Refused, Error: "no"},
		"dev: the teardown failed: a Pod stays": {ID: "a", Recipe: "teardown", Cluster: "dev", Outcome: run.Failed, Error: "a Pod stays"},
		"dev: the restore was interrupted":      {ID: "a", Recipe: rebuild.Recipe, Cluster: "dev", Outcome: run.Interrupted},
		"dev is torn down":                      {ID: "a", Recipe: "teardown", Cluster: "dev", Outcome: run.Done},
		"dev: the drift is done":                {ID: "a", Recipe: "drift", Cluster: "dev", Outcome: run.Done},
		"dev is 123456789abc, verified":         restoreOf(t, "a", "dev", "fake", 0, rebuild.Report{Outcome: run.Done, Verified: true, Commit: source.Commit{SHA: "123456789abcdef"}}),
		"dev: 1 changed, 0 missing, 2 unexpected, of 9 compared": {ID: "a", Recipe: rebuild.DriftRecipe, Cluster: "dev", Outcome: run.Done,
			Result: []byte(`{"commit":{"sha":"ab"},"counts":{"compared":9,"changed":1,"unexpected":2}}`)},
	} {
		report, err := newDesk(t, &config.Config{}, history{r}).Report(t.Context(), "a")
		if err != nil || report.Headline != want {
			t.Errorf("%q, %v, want %q", report.Headline, err, want)
		}
	}
}

func TestProvidersAndTheirTimes(t *testing.T) {
	journal := history{
		restoreOf(t, "3", "a", "fake", 30*time.Second, rebuild.Report{Outcome: run.Done}),
		restoreOf(t, "2", "a", "fake", 10*time.Second, rebuild.Report{Outcome: run.Done}),
		restoreOf(t, "1", "a", "fake", time.Hour, rebuild.Report{Outcome: run.Failed}),
		restoreOf(t, "0", "a", "fake", 20*time.Second, rebuild.Report{Outcome: run.Done}),
	}
	list, err := newDesk(t, &config.Config{}, journal).Providers(t.Context())
	if err != nil || len(list) != 1 || !list[0].Usable || list[0].TookMS != 20_000 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestAnUndeclaredClusterIsKnownByItsLastRestore(t *testing.T) {
	d := newDesk(t, &config.Config{}, history{
		{ID: "2", Recipe: rebuild.Recipe, Cluster: "adhoc", Provider: "fake", Outcome: run.Refused},
		restoreOf(t, "1", "adhoc", "fake", 0, rebuild.Report{Outcome: run.Done, Commit: source.Commit{SHA: "abc"}}),
	})
	req, err := d.request(t.Context(), api.Target{Cluster: "adhoc", Revision: "v2"})
	if err != nil || req.Source.Repo != "/srv/deploy" || req.Source.Revision != "v2" || req.Provider != "fake" {
		t.Errorf("%+v, %v", req, err)
	}
	if sha, err := d.revision(t.Context(), "adhoc", ""); err != nil || sha != "abc" {
		t.Errorf("restored last: %q, %v", sha, err)
	}
	if _, err := d.request(t.Context(), api.Target{Cluster: "nobody"}); !api.IsKind(err, api.NotFound) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := d.Compare(t.Context(), api.CompareQuery{Target: api.Target{Cluster: "new", Repo: "/srv/x"}}); !api.IsKind(err, api.Invalid) {
		t.Errorf("nothing to compare with: %v", err)
	}
}

func TestWarningsOfAPlan(t *testing.T) {
	list := warnings(&rebuild.Planned{Plan: &plan.Plan{
		Unserved: []plan.Unserved{{ID: web, APIVersion: "apps/v1beta1", Reason: "removed in 1.16", Remedy: "--convert"}, {ID: web, APIVersion: "x/v1", Reason: "nobody serves it", Awaited: true}},
		Notes:    []plan.Note{{Kind: plan.Missing, ID: web, Text: "names StorageClass fast, " + plan.NobodyHas}, {Kind: plan.Implied, ID: web, Text: "is added"}},
	}})
	var got []api.WarningKind
	for _, w := range list {
		got = append(got, w.Kind)
	}
	if want := []api.WarningKind{api.RemovedAPI, api.Unserved, api.MissingClass, api.Other}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

func TestWhatASecretHoldsIsVeiled(t *testing.T) {
	content := map[string]any{"apiVersion": "v1", "kind": "Secret", "data": map[string]any{"k": "dg=="}, "metadata": map[string]any{
		"name": "s", "managedFields": []any{"x"}, "annotations": map[string]any{lastApplied: `{"data":{"k":"dg=="}}`, "team": "a"}}}
	text := string(object.YAML(veiled(content)))
	if strings.Contains(text, "dg==") || strings.Contains(text, "managedFields") || !strings.Contains(text, "team: a") || !strings.Contains(text, "k: (hidden)") {
		t.Error(text)
	}
}

func FuzzObjectNames(f *testing.F) {
	for _, s := range []string{"Deployment.apps shop/web", "Namespace shop", "ClusterRole.rbac.authorization.k8s.io system:node", "", " ", "A", "A /b", "A b/", "A ../b", "A b/c/d", "A.b.c d%2fe", "A\x00 b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := parseID(s)
		if err == nil && (id.String() != s || id.Name == "" || strings.ContainsAny(id.Name+id.Namespace, "/ ")) {
			t.Errorf("%q is %+v", s, id)
		}
	})
}

func FuzzPositions(f *testing.F) {
	f.Add(strings.Repeat("ab", 20) + ".50")
	f.Add("main.1")
	f.Add(strings.Repeat("ab", 20) + ".-1")
	f.Fuzz(func(t *testing.T, s string) {
		sha, read, err := position(s)
		if s != "" && err == nil && (len(sha) != 40 || read < 0) {
			t.Errorf("%q is %q, %d", s, sha, read)
		}
	})
}
