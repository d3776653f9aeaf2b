package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/control/client"
	"github.com/rekindle-io/rekindle/cmd/internal/control/server"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/run"
)

// TestQuestionsArriveAsTheyWereAsked: what the client is given reaches the backend.
func TestQuestionsArriveAsTheyWereAsked(t *testing.T) {
	m := newMemory()
	m.declare("dev")
	m.begin("20261122-000000-aaaa", "dev", "restore")
	c := serve(t, m).dial(t)
	target := api.Target{Cluster: "dev", Repo: "/srv/a&b=c", Path: "deploy/ü", Revision: "main@{2026-11-20T18:00Z}", Provider: "local"}
	for name, q := range map[string]struct {
		ask  func(ctx context.Context) error
		want any
	}{
		"log": {func(ctx context.Context) error {
			l, err := c.Log(ctx, api.LogQuery{Target: target, Search: "50% off", OnlyPath: true, After: "x y", Limit: 7})
			if len(l.Commits) != 1 || l.Commits[0].Commit != aCommit || l.Next != "n" {
				t.Errorf("%+v", l)
			}
			return err
		}, api.LogQuery{Target: target, Search: "50% off", OnlyPath: true, After: "x y", Limit: 7}},
		"log, short": {func(ctx context.Context) error {
			_, err := c.Log(ctx, api.LogQuery{Target: api.Target{Cluster: "dev"}})
			return err
		}, api.LogQuery{Target: api.Target{Cluster: "dev"}, Limit: 50}},
		"compare": {func(ctx context.Context) error {
			d, err := c.Compare(ctx, api.CompareQuery{Target: target, From: "v1"})
			if len(d.Changed) != 1 || d.Changed[0].ID != web || d.To != aCommit || d.Difference.To != "b" {
				t.Errorf("%+v", d)
			}
			return err
		}, api.CompareQuery{Target: target, From: "v1"}},
		"plan": {func(ctx context.Context) error {
			p, err := c.Plan(ctx, target)
			if p.Plan == nil || len(p.Plan.Nodes) != 1 || p.Plan.Nodes[0].Edges[0].Why != "its namespace" {
				t.Errorf("%+v", p)
			}
			return err
		}, target},
		"drift": {func(ctx context.Context) error {
			d, err := c.Drift(ctx, api.DriftQuery{Cluster: "dev", Against: "v1"})
			if d.Report == nil || len(d.Objects) != 1 || d.Objects[0].Fields[0].Want != 1.0 {
				t.Errorf("%+v", d.Report)
			}
			return err
		}, api.DriftQuery{Cluster: "dev", Against: "v1"}},
		"look": {func(ctx context.Context) error {
			_, err := c.Look(ctx, "dev", web.String())
			return err
		}, [2]string{"dev", web.String()}},
		"order": {func(ctx context.Context) error {
			return c.Order(ctx, "aaaa", api.Order{Kind: run.SkipObject, Object: web.String(), Why: "later"})
		}, api.Order{Kind: run.SkipObject, Object: web.String(), Why: "later"}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := q.ask(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(m.question, q.want) {
				t.Errorf("asked %+v, want %+v", m.question, q.want)
			}
		})
	}
	rule := api.Ignore{Object: web.String(), Pointer: "/spec/replicas", Reason: "an autoscaler", Expires: time.Now().Add(time.Hour).UTC().Truncate(time.Second)}
	if _, err := c.Ignore(t.Context(), "dev", rule); err != nil {
		t.Fatal(err)
	}
	got := m.question.([3]any)
	if got[0] != "dev" || got[1] != rule || got[2] == "" {
		t.Errorf("ignored %+v", got)
	}
	list, err := c.Providers(t.Context())
	if err != nil || len(list) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	if r, err := c.Resume(t.Context(), "aaaa"); err != nil || r.Attempts != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	m.end("20261122-000000-aaaa", run.Done)
	if _, err := c.Resume(t.Context(), "aaaa"); !errors.As(err, new(*run.EndedError)) {
		t.Errorf("resume of an ended run: %v", err)
	}
	if err := c.Order(t.Context(), "aaaa", api.Order{Kind: run.PauseRun}); !errors.As(err, new(*run.EndedError)) {
		t.Errorf("order to an ended run: %v", err)
	}
	if r, err := c.Report(t.Context(), "aaaa"); err != nil || r.Run.ID != "20261122-000000-aaaa" || r.Text == "" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestBadQuestionsAreRefused(t *testing.T) {
	m := newMemory()
	m.declare("dev")
	m.begin("20261122-000000-aaaa", "dev", "restore")
	d := serve(t, m)
	orders, ignores := "/v1/runs/aaaa/orders", "/v1/clusters/dev/ignores"
	for name, c := range map[string]struct {
		exchange
		status int
		want   string
	}{
		"log of nothing":        {exchange{"GET", "/v1/log", "", nil}, 400, "cluster: is missing"},
		"log, too many":         {exchange{"GET", "/v1/log?cluster=dev&limit=501", "", nil}, 400, "from 1 to 500"},
		"log, escape":           {exchange{"GET", "/v1/log?cluster=dev&revision=%1b%5b2J", "", nil}, 400, "control characters"},
		"log, no UTF-8":         {exchange{"GET", "/v1/log?cluster=dev&search=%ff", "", nil}, 400, "not UTF-8"},
		"log, empty":            {exchange{"GET", "/v1/log?cluster=dev&search=", "", nil}, 400, "is empty"},
		"log, long":             {exchange{"GET", "/v1/log?cluster=dev&search=" + strings.Repeat("a", 201), "", nil}, 400, "longer than 200"},
		"log of a bad name":     {exchange{"GET", "/v1/log?cluster=../x", "", nil}, 400, "does not have the form"},
		"compare of nothing":    {exchange{"GET", "/v1/compare?from=v1", "", nil}, 400, "cluster: is missing"},
		"plan of nothing":       {exchange{"POST", "/v1/plan", "{}", nil}, 400, "cluster: is missing"},
		"plan of a bad name":    {exchange{"POST", "/v1/plan", `{"cluster":"A"}`, nil}, 400, "does not have the form"},
		"plan, unknown field":   {exchange{"POST", "/v1/plan", `{"cluster":"dev","fresh":true}`, nil}, 400, "no such field"},
		"drift of nobody":       {exchange{"GET", "/v1/clusters/A/drift", "", nil}, 404, "no cluster"},
		"look at nothing":       {exchange{"GET", "/v1/clusters/dev/objects", "", nil}, 400, "object: is missing"},
		"ignore without reason": {exchange{"POST", ignores, `{"object":"ConfigMap a/b"}`, nil}, 400, "reason: is missing"},
		"ignore in the past":    {exchange{"POST", ignores, `{"object":"ConfigMap a/b","reason":"x","expires":"2020-01-01T00:00:00Z"}`, nil}, 400, "is over"},
		"order of none":         {exchange{"POST", orders, `{}`, nil}, 400, "kind: is missing"},
		"order unknown":         {exchange{"POST", orders, `{"kind":"explode"}`, nil}, 400, "none of"},
		"skip of nothing":       {exchange{"POST", orders, `{"kind":"skip","why":"x"}`, nil}, 400, "object: is missing"},
		"skip without why":      {exchange{"POST", orders, `{"kind":"skip","object":"ConfigMap a/b"}`, nil}, 400, "why: is missing"},
		"pause of an object":    {exchange{"POST", orders, `{"kind":"pause","object":"ConfigMap a/b"}`, nil}, 400, "is not for pause"},
		"report of nobody":      {exchange{"GET", "/v1/runs/zzzz/report", "", nil}, 404, "no run"},
		"resume with a body":    {exchange{"POST", "/v1/runs/aaaa/resume", `{"agree":true}`, nil}, 400, "no such field"},
		"restore of a repo":     {exchange{"POST", "/v1/runs", `{"recipe":"restore","cluster":"x","repo":"/srv/x"}`, nil}, 400, "provider: is missing"},
		"restore of a path":     {exchange{"POST", "/v1/runs", `{"recipe":"restore","cluster":"dev","path":"x"}`, nil}, 400, "not for a declared cluster"},
		"restore elsewhere":     {exchange{"POST", "/v1/runs", `{"recipe":"restore","cluster":"dev","provider":"kind"}`, nil}, 400, "not for a declared cluster"},
		"teardown of a repo":    {exchange{"POST", "/v1/runs", `{"recipe":"teardown","cluster":"dev","repo":"/x","provider":"x"}`, nil}, 400, "is not for teardown"},
		"restore of some":       {exchange{"POST", "/v1/runs", `{"recipe":"restore","cluster":"dev","only":["ConfigMap"]}`, nil}, 400, "is not for restore"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, raw := d.do(t, c.exchange)
			if resp.StatusCode != c.status || !strings.Contains(string(raw), c.want) {
				t.Errorf("%d %s, want %d and %q", resp.StatusCode, raw, c.status, c.want)
			}
		})
	}
	if m.question != nil {
		t.Errorf("%+v was asked all the same", m.question)
	}
}

// TestQuestionsHaveTheirOwnTime: they outlast the time of other requests, end with
// their own, and with the asker.
func TestQuestionsHaveTheirOwnTime(t *testing.T) {
	m := newMemory()
	m.declare("dev")
	begun, ended := make(chan bool, 1), make(chan error, 1)
	release := make(chan struct{})
	m.before = func(ctx context.Context, method string) error {
		if method != "Plan" {
			return nil
		}
		deadline, ok := ctx.Deadline()
		begun <- ok && time.Until(deadline) > time.Minute
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			ended <- ctx.Err()
			return ctx.Err()
		}
	}
	d := serve(t, m, func(o *server.Options) {
		o.RequestTimeout, o.MaxQuestions, o.AnswerTimeout = 50*time.Millisecond, 1, time.Hour
	})
	c := d.dial(t)
	target := api.Target{Cluster: "dev"}

	asked := make(chan error, 1)
	go func() { _, err := c.Plan(t.Context(), target); asked <- err }()
	if !<-begun {
		t.Error("the question has not the time of questions")
	}
	if _, err := c.Providers(t.Context()); !api.IsKind(err, api.Busy) {
		t.Errorf("one too many: %v", err)
	}
	if _, err := c.Clusters(t.Context()); err != nil {
		t.Errorf("another request meanwhile: %v", err)
	}
	timer := time.NewTimer(300 * time.Millisecond) // the server's read deadline would have cut it off by then
	select {
	case err := <-asked:
		t.Fatalf("ended early: %v", err)
	case err := <-ended:
		t.Fatalf("given up early: %v", err)
	case <-timer.C:
	}
	release <- struct{}{}
	if err := <-asked; err != nil {
		t.Errorf("a slow answer: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	go func() { _, err := c.Plan(ctx, target); asked <- err }()
	<-begun
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the asker went away: %v", err)
	}
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("the asker: %v", err)
	}

	go func() { _, err := c.Plan(t.Context(), target); asked <- err }()
	<-begun
	if err := d.stop(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the daemon stopped: %v", err)
	}
	if err := <-asked; err == nil {
		t.Error("an answer of a daemon that stopped")
	}
}

// TestAnswersOfManyObjects: 30,000 of them arrive whole, and who takes nothing is
// cut off.
func TestAnswersOfManyObjects(t *testing.T) {
	m := &large{memory: newMemory()}
	m.declare("dev")
	d := serve(t, m, func(o *server.Options) { o.WriteTimeout = 200 * time.Millisecond })
	p, err := d.dial(t).Plan(t.Context(), api.Target{Cluster: "dev"})
	if err != nil || len(p.Plan.Nodes) != manyObjects {
		t.Fatalf("%v", err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", d.path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := `{"cluster":"dev"}`
	fmt.Fprintf(conn, "POST /v1/plan HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if err := d.stop(); err != nil { // it does not wait for who never reads
		t.Error(err)
	}
}

const manyObjects = 30_000

// large has large plans.
type large struct{ *memory }

func (l *large) Plan(context.Context, api.Target) (api.Planned, error) {
	p := &plan.Plan{}
	for i := range manyObjects {
		id := object.ID{Group: "apps", Kind: "Deployment", Namespace: "a-namespace-of-some-length", Name: fmt.Sprint("a-deployment-of-some-length-", i)}
		p.Nodes = append(p.Nodes, plan.Node{ID: id, From: object.Provenance{Commit: aCommit.SHA, File: "deploy/prod/a/file.yaml", Line: i, Made: "kustomization deploy/prod"},
			Edges: []plan.Edge{{To: object.ID{Kind: "Namespace", Name: "a-namespace-of-some-length"}, Strength: plan.Hard, Until: plan.Exists, Why: "it is in the namespace"}}})
	}
	return api.Planned{Plan: p, Commit: aCommit}, nil
}

func BenchmarkPlanOf30000(b *testing.B) {
	m := &large{memory: newMemory()}
	m.declare("dev")
	c := serve(b, m).dial(b, func(o *client.Options) { o.Patience = time.Minute })
	p, _ := m.Plan(b.Context(), api.Target{})
	raw, err := json.Marshal(p)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := c.Plan(b.Context(), api.Target{Cluster: "dev"}); err != nil {
			b.Fatal(err)
		}
	}
}
