package server_test

import (
	"context"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/control/client"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/show"
	"github.com/rekindle-io/rekindle/tui"
)

var _ tui.Daemon = (*client.Client)(nil)

var (
	aCommit = source.Commit{SHA: "abababababababababababababababababababab", Time: time.Date(2026, 11, 22, 19, 0, 0, 0, time.UTC),
		Author: "Ada", Subject: "More \x1b[2J replicas", Revision: "main", Ref: "refs/heads/main"}
	web = object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
)

func (m *memory) Log(ctx context.Context, q api.LogQuery) (api.Log, error) {
	m.asked(q)
	ref := api.RunRef{ID: "20261122-070000-bbbb", Recipe: "restore", Outcome: "done", Created: aCommit.Time}
	return api.Log{
		Commits: []api.LogEntry{{Commit: aCommit, Body: "why", Tags: []string{"v1"}, Branches: []string{"main"}, Restored: &ref, Verified: &ref}},
		Next:    "n", Branches: []string{"main"}, Tags: []string{"v1"},
	}, m.enter(ctx, "Log")
}

func (m *memory) Compare(ctx context.Context, q api.CompareQuery) (api.Comparison, error) {
	m.asked(q)
	c := plan.Change{ID: web, From: object.Provenance{File: "web.yaml", Line: 7}, Fields: []plan.Field{{Path: "spec.replicas", Old: "1", New: "2"}}}
	return api.Comparison{From: aCommit, To: aCommit, Difference: plan.Difference{From: "a", To: "b",
		Added: []plan.Change{c}, Removed: []plan.Change{c}, Changed: []plan.Change{c}}}, m.enter(ctx, "Compare")
}

func (m *memory) Providers(ctx context.Context) ([]api.Provider, error) {
	cost := 0.5
	return []api.Provider{{Name: "local", Summary: "here", Usable: true, TookMS: 7, Hourly: &cost, Currency: "EUR"},
		{Name: "kind", Reason: "no Docker", Hint: "get one"}}, m.enter(ctx, "Providers")
}

func (m *memory) Plan(ctx context.Context, t api.Target) (api.Planned, error) {
	m.asked(t)
	return api.Planned{Plan: &plan.Plan{Commit: aCommit.SHA, Nodes: []plan.Node{{ID: web, Wave: 1,
		Edges: []plan.Edge{{To: object.ID{Kind: "Namespace", Name: "shop"}, Strength: plan.Hard, Until: plan.Exists, Why: "its namespace"}}}}},
		Commit: aCommit, For: "an empty cluster", Notes: []render.Note{{Code: "skipped", File: "x", Text: "y"}}, Exists: true,
		Warnings: []api.Warning{{Kind: api.FloatingImage, Object: web.String(), From: "web.yaml:7", Text: "latest", Hint: "pin it"}},
		Command:  "rekindle restore dev"}, m.enter(ctx, "Plan")
}

func (m *memory) Drift(ctx context.Context, q api.DriftQuery) (api.DriftReport, error) {
	m.asked(q)
	return api.DriftReport{Report: &show.Report{Schema: show.Schema, Cluster: q.Cluster, Counts: show.Counts{Changed: 1},
			Objects: []show.Object{{Drift: show.Changed, ID: web, Fields: []show.Field{{Path: "spec.replicas", Want: int64(1), Have: int64(2)}}}}}},
		m.enter(ctx, "Drift")
}

func (m *memory) Look(ctx context.Context, cluster, name string) (api.ObjectLook, error) {
	m.asked([2]string{cluster, name})
	return api.ObjectLook{Object: name, State: "failed", Reason: "image", Hint: "push it", YAML: "kind: x\n", Events: []string{"e"}, Log: []string{"l"}}, m.enter(ctx, "Look")
}

func (m *memory) Report(ctx context.Context, id string) (api.RunReport, error) {
	r, err := m.Run(ctx, id)
	if err != nil {
		return api.RunReport{}, err
	}
	return api.RunReport{Run: r, Headline: "done", Commit: &aCommit, Verified: true, Fingerprint: "f",
		Kinds:    []api.KindCount{{Kind: "Deployment", Objects: 1, Created: 1, Changed: 1, Unchanged: 1, Failed: 1}},
		Findings: []api.Finding{{What: "changed", Object: web.String(), From: "web.yaml:7", Text: "t", Hint: "h"}},
		Notes:    []string{"n"}, Next: []api.NextStep{{Text: "look", Command: "rekindle runs"}}, Text: "text"}, nil
}

func (m *memory) Ignore(ctx context.Context, cluster string, rule api.Ignore, by string) (api.Ignoring, error) {
	m.asked([3]any{cluster, rule, by})
	return api.Ignoring{File: "/etc/rekindle.yaml", Rule: "- reason: x\n"}, m.enter(ctx, "Ignore")
}

func (m *memory) Resume(ctx context.Context, id, _ string) (api.Run, error) {
	if err := m.enter(ctx, "Resume"); err != nil {
		return api.Run{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.runs[id]
	if r.Outcome == run.Done {
		return *r, &run.EndedError{ID: id, Outcome: r.Outcome}
	}
	r.Attempts++
	return *r, nil
}

func (m *memory) Order(ctx context.Context, id string, o api.Order, _ string) error {
	m.asked(o)
	if m.runs[id].Outcome == run.Done {
		return &run.EndedError{ID: id, Outcome: run.Done}
	}
	return m.enter(ctx, "Order")
}

// asked remembers the last question.
func (m *memory) asked(q any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.question = q
}
