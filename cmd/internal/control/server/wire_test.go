package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/cmd/internal/control/server"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// exchange is one request on the wire.
type exchange struct {
	method, path, body string
	header             http.Header
}

// web is a plain HTTP client for a socket.
func (d *daemon) web(t testing.TB) *http.Client {
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", d.path)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// reply is the head of an answer.
type reply struct {
	StatusCode int
	Header     http.Header
}

// do sends a request as it is.
func (d *daemon) do(t testing.TB, x exchange) (reply, []byte) {
	t.Helper()
	var body io.Reader
	if x.body != "" {
		body = strings.NewReader(x.body)
	}
	r, err := http.NewRequestWithContext(t.Context(), x.method, "http://rekindle"+x.path, body)
	if err != nil {
		t.Fatal(err)
	}
	if x.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for k, v := range x.header {
		r.Header[k] = v
	}
	resp, err := d.web(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header}, raw
}

// TestEveryAnswerIsAsDescribed calls every operation of the description.
func TestEveryAnswerIsAsDescribed(t *testing.T) {
	m := newMemory()
	m.declare("dev")
	m.begin("20261122-000000-aaaa", "dev", "restore")
	m.add("20261122-000000-aaaa", 3)
	m.end("20261122-000000-aaaa", run.Done)
	m.begin("20261122-000000-bbbb", "dev", "restore")
	d := serve(t, m, func(o *server.Options) {
		o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			fmt.Fprintln(w, "rekindle_up 1")
		})
	})
	for _, ev := range m.events["20261122-000000-aaaa"] {
		d.Observe(ev)
	}
	c, _ := m.Cluster(t.Context(), "dev")
	one, _ := m.Run(t.Context(), "20261122-000000-aaaa")
	d.Publish(api.Change{Kind: api.ClusterChanged, Name: "dev", Cluster: &c})
	d.Publish(api.Change{Kind: api.RunChanged, Name: one.ID, Run: &one})
	d.Publish(api.Change{Kind: api.ConfigChanged, Message: "read"})
	feed := feedOf(t, d)
	calls := map[string]exchange{
		"listClusters":  {path: "/v1/clusters"},
		"getCluster":    {path: "/v1/clusters/dev"},
		"getSchedule":   {path: "/v1/clusters/dev/schedule?from=2026-11-22T00:00:00Z&to=2026-11-29T00:00:00%2B01:00"},
		"say":           {path: "/v1/clusters/dev/words", body: `{"kind":"pause","why":"müde"}`},
		"unsay":         {path: "/v1/clusters/dev/words/pause"},
		"listRuns":      {path: "/v1/runs?cluster=dev&recipe=restore&unfinished=false&limit=1000"},
		"startRun":      {path: "/v1/runs", body: `{"recipe":"teardown","cluster":"dev","confirm":"dev","acceptLoss":["shop/data-*"],"stuck":"proceed"}`},
		"getRun":        {path: "/v1/runs/20261122-000000-aaaa"},
		"followRun":     {path: "/v1/runs/aaaa/events?follow=true&since=1"},
		"resumeRun":     {path: "/v1/runs/bbbb/resume"},
		"orderRun":      {path: "/v1/runs/bbbb/orders", body: `{"kind":"skip","object":"Deployment.apps shop/web","why":"later"}`},
		"getReport":     {path: "/v1/runs/aaaa/report"},
		"getLog":        {path: "/v1/log?cluster=dev&revision=main&search=x&onlyPath=true&after=y&limit=500"},
		"compare":       {path: "/v1/compare?repo=/srv/deploy&from=v1"},
		"listProviders": {path: "/v1/providers"},
		"plan":          {path: "/v1/plan", body: `{"cluster":"dev","revision":"v1"}`},
		"getDrift":      {path: "/v1/clusters/dev/drift?against=v1"},
		"lookAt":        {path: "/v1/clusters/dev/objects?object=Deployment.apps%20shop/web"},
		"ignore":        {path: "/v1/clusters/dev/ignores", body: `{"object":"ConfigMap a/b","reason":"x"}`},
		"abortRun":      {path: "/v1/runs/bbbb/abort"},
		"followAll":     {path: "/v1/events?follow=false&since=0&feed=" + feed},
		"reload":        {path: "/v1/reload", body: "{}"},
		"getVersion":    {path: "/v1/version"},
		"healthz":       {path: "/healthz"},
		"readyz":        {path: "/readyz"},
		"metrics":       {path: "/metrics"},
		"openapi":       {path: "/openapi.json"},
	}
	desc := strictly(t)
	done := map[string]bool{}
	// In the order in which words and runs come and go.
	for _, id := range []string{"say", "unsay"} {
		call(t, d, desc, id, calls[id], done)
	}
	for id, x := range calls {
		if !done[id] {
			call(t, d, desc, id, x, done)
		}
	}
	for path, methods := range desc.doc["paths"].(map[string]any) {
		for method, op := range methods.(map[string]any) {
			if method == "parameters" {
				continue
			}
			if id := op.(map[string]any)["operationId"].(string); !done[id] {
				t.Errorf("%s (%s %s) was not called", id, method, path)
			}
		}
	}
}

func feedOf(t testing.TB, d *daemon) string {
	t.Helper()
	_, raw := d.do(t, exchange{method: "GET", path: "/v1/version"})
	var v api.Version
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v.Feed
}

// operation finds an operation by its ID.
func (d *describe) operation(t testing.TB, id string) (path, method string, op map[string]any) {
	t.Helper()
	for path, methods := range d.doc["paths"].(map[string]any) {
		for method, raw := range methods.(map[string]any) {
			if op, ok := raw.(map[string]any); ok && op["operationId"] == id {
				return path, strings.ToUpper(method), op
			}
		}
	}
	t.Fatalf("no operation %s", id)
	return "", "", nil
}

func call(t *testing.T, d *daemon, desc *describe, id string, x exchange, done map[string]bool) {
	t.Run(id, func(t *testing.T) {
		path, method, op := desc.operation(t, id)
		done[id] = true
		x.method = method
		resp, raw := d.do(t, x)
		media, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
		answer, ok := op["responses"].(map[string]any)[strconv.Itoa(resp.StatusCode)].(map[string]any)
		if !ok || resp.StatusCode >= 300 {
			t.Fatalf("status %d: %s", resp.StatusCode, raw)
		}
		if _, ok := answer["content"].(map[string]any)[media]; !ok {
			t.Fatalf("media type %s is not described", media)
		}
		s := desc.schema(t, answerOf(path, method, resp.StatusCode, media))
		switch media {
		case "application/json":
			fits(t, s, raw)
		case "application/x-ndjson":
			for line := range bytes.Lines(raw) {
				fits(t, s, line)
			}
		}
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("headers: %v", resp.Header)
		}
	})
}

// TestBadRequestsAreRefused sends what no client of ours would.
func TestBadRequestsAreRefused(t *testing.T) {
	m := newMemory()
	m.declare("dev")
	m.begin("20261122-000000-aaaa", "dev", "restore")
	m.begin("20261122-000000-bbbb", "dev", "restore")
	m.end("20261122-000000-bbbb", run.Done)
	d := serve(t, m)
	words, runs := "/v1/clusters/dev/words", "/v1/runs"
	const big = 70 << 10
	for name, c := range map[string]struct {
		exchange
		status int
		want   string
	}{
		"unknown path":         {exchange{"GET", "/v1/nothing", "", nil}, 404, "no path"},
		"root":                 {exchange{"GET", "/", "", nil}, 404, "no path"},
		"path with dots":       {exchange{"GET", "/v1/../v1/clusters", "", nil}, 404, "no path"},
		"path with //":         {exchange{"GET", "/v1//clusters", "", nil}, 404, "no path"},
		"path with / behind":   {exchange{"GET", "/v1/clusters/", "", nil}, 404, "no path"},
		"wrong method":         {exchange{"PUT", "/v1/clusters", "", nil}, 405, "use GET, HEAD"},
		"wrong method, id":     {exchange{"POST", "/v1/runs/x", "", nil}, 405, "use GET, HEAD"},
		"options":              {exchange{"OPTIONS", "/v1/runs", "", nil}, 405, "use GET, HEAD, POST"},
		"cluster not there":    {exchange{"GET", "/v1/clusters/nope", "", nil}, 404, "no cluster"},
		"cluster with slash":   {exchange{"GET", "/v1/clusters/a%2Fb", "", nil}, 404, "no cluster"},
		"cluster climbing":     {exchange{"GET", "/v1/clusters/..%2F..%2Fetc", "", nil}, 404, "no "},
		"cluster of letters":   {exchange{"GET", "/v1/clusters/DEV", "", nil}, 404, "no cluster"},
		"cluster too long":     {exchange{"GET", "/v1/clusters/" + strings.Repeat("a", 41), "", nil}, 404, "no cluster"},
		"run not there":        {exchange{"GET", "/v1/runs/zzzz", "", nil}, 404, "no run"},
		"run of nonsense":      {exchange{"GET", "/v1/runs/%00", "", nil}, 404, "no run"},
		"run ambiguous":        {exchange{"GET", "/v1/runs/2026", "", nil}, 409, "fits 2 runs"},
		"run ended":            {exchange{"POST", "/v1/runs/bbbb/abort", "", nil}, 409, "has ended"},
		"events not there":     {exchange{"GET", "/v1/runs/zzzz/events", "", nil}, 404, "no run"},
		"events not yet":       {exchange{"GET", "/v1/runs/aaaa/events?since=7", "", nil}, 400, "has no event 7"},
		"since of words":       {exchange{"GET", "/v1/runs/aaaa/events?since=x", "", nil}, 400, "not a number"},
		"since negative":       {exchange{"GET", "/v1/runs/aaaa/events?since=-1", "", nil}, 400, "not a number"},
		"since huge":           {exchange{"GET", "/v1/runs/aaaa/events?since=18446744073709551615", "", nil}, 400, "has no event"},
		"since too huge":       {exchange{"GET", "/v1/runs/aaaa/events?since=18446744073709551616", "", nil}, 400, "not a number"},
		"follow maybe":         {exchange{"GET", "/v1/runs/aaaa/events?follow=1", "", nil}, 400, "neither true nor false"},
		"unknown parameter":    {exchange{"GET", "/v1/runs?colour=red", "", nil}, 400, "no such parameter"},
		"parameter twice":      {exchange{"GET", "/v1/runs?limit=1&limit=2", "", nil}, 400, "there twice"},
		"limit of 0":           {exchange{"GET", "/v1/runs?limit=0", "", nil}, 400, "from 1 to 1000"},
		"limit of 1001":        {exchange{"GET", "/v1/runs?limit=1001", "", nil}, 400, "from 1 to 1000"},
		"broken query":         {exchange{"GET", "/v1/runs?limit=%zz", "", nil}, 400, "query cannot be read"},
		"parameter of none":    {exchange{"GET", "/v1/version?x", "", nil}, 400, "no such parameter"},
		"span backwards":       {exchange{"GET", "/v1/clusters/dev/schedule?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "", nil}, 400, "not within 366 days"},
		"span too long":        {exchange{"GET", "/v1/clusters/dev/schedule?from=2026-01-02T00:00:00Z&to=2027-01-04T00:00:00Z", "", nil}, 400, "not within 366 days"},
		"span for ever":        {exchange{"GET", "/v1/clusters/dev/schedule?from=0001-01-02T00:00:00Z&to=8999-01-04T00:00:00Z", "", nil}, 400, "not within 366 days"},
		"time of words":        {exchange{"GET", "/v1/clusters/dev/schedule?from=tomorrow", "", nil}, 400, "no time"},
		"feed without since":   {exchange{"GET", "/v1/events?since=1", "", nil}, 400, "feed: is missing"},
		"feed of nonsense":     {exchange{"GET", "/v1/events?since=1&feed=XY", "", nil}, 400, "feed:"},
		"no body":              {exchange{"POST", words, "", nil}, 400, "kind: is missing"},
		"no JSON":              {exchange{"POST", words, "kind=keep", nil}, 400, "not a JSON object"},
		"a list":               {exchange{"POST", words, "[]", nil}, 400, "not a JSON object"},
		"null":                 {exchange{"POST", words, "null", nil}, 400, "not a JSON object"},
		"cut off":              {exchange{"POST", words, `{"kind":"wake"`, nil}, 400, "not a JSON object"},
		"two objects":          {exchange{"POST", words, `{"kind":"wake"}{}`, nil}, 400, "something comes after"},
		"no UTF-8":             {exchange{"POST", words, "{\"kind\":\"wake\",\"why\":\"\xff\"}", nil}, 400, "not UTF-8"},
		"unknown field":        {exchange{"POST", words, `{"kind":"wake","who":"root"}`, nil}, 400, "fields are: kind, until, why"},
		"field in capitals":    {exchange{"POST", words, `{"Kind":"wake"}`, nil}, 400, "no such field"},
		"field twice":          {exchange{"POST", words, `{"kind":"wake","kind":"sleep"}`, nil}, 400, "there twice"},
		"field null":           {exchange{"POST", words, `{"kind":"wake","why":null}`, nil}, 400, "is null"},
		"field of other type":  {exchange{"POST", words, `{"kind":7}`, nil}, 400, "kind:"},
		"time of other type":   {exchange{"POST", words, `{"kind":"keep","until":"23:00"}`, nil}, 400, "cannot be read"},
		"unknown word":         {exchange{"POST", words, `{"kind":"nap"}`, nil}, 400, "none of keep, skip"},
		"why too long":         {exchange{"POST", words, `{"kind":"wake","why":"` + strings.Repeat("é", 501) + `"}`, nil}, 400, "longer than 500"},
		"keep without end":     {exchange{"POST", words, `{"kind":"keep"}`, nil}, 400, "keep needs an end"},
		"keep in the past":     {exchange{"POST", words, `{"kind":"keep","until":"2020-01-01T00:00:00Z"}`, nil}, 400, "is over"},
		"wake with an end":     {exchange{"POST", words, `{"kind":"wake","until":"2099-01-01T00:00:00Z"}`, nil}, 400, "ends by the calendar"},
		"unsaid nonsense":      {exchange{"DELETE", words + "/nap", "", nil}, 400, "none of"},
		"unsaid twice":         {exchange{"DELETE", words + "/skip", "", nil}, 404, "nobody said skip"},
		"body too large":       {exchange{"POST", words, `{"kind":"` + strings.Repeat("a", big) + `"}`, nil}, 413, "more than 65536 bytes"},
		"form":                 {exchange{"POST", words, `{"kind":"wake"}`, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}, 415, "application/json is wanted"},
		"no type":              {exchange{"POST", words, `{"kind":"wake"}`, http.Header{"Content-Type": nil}}, 415, "application/json is wanted"},
		"another site's page":  {exchange{"POST", words, `{"kind":"wake"}`, http.Header{"Sec-Fetch-Site": {"cross-site"}}}, 403, "other sites"},
		"unknown recipe":       {exchange{"POST", runs, `{"recipe":"erase","cluster":"dev"}`, nil}, 400, "none of restore"},
		"no cluster":           {exchange{"POST", runs, `{"recipe":"restore"}`, nil}, 400, "cluster: is missing"},
		"cluster of nonsense":  {exchange{"POST", runs, `{"recipe":"restore","cluster":"../x"}`, nil}, 400, "does not have the form"},
		"a repository":         {exchange{"POST", runs, `{"recipe":"restore","cluster":"dev","repo":"https://evil.example"}`, nil}, 400, "provider: is missing"},
		"somebody else's name": {exchange{"POST", runs, `{"recipe":"restore","cluster":"dev","By":"root"}`, nil}, 400, "no such field"},
		"undeclared":           {exchange{"POST", runs, `{"recipe":"restore","cluster":"prod"}`, nil}, 404, "no cluster"},
		"unconfirmed":          {exchange{"POST", runs, `{"recipe":"teardown","cluster":"dev"}`, nil}, 409, "nobody confirmed"},
		"confirmed otherwise":  {exchange{"POST", runs, `{"recipe":"teardown","cluster":"dev","confirm":"prod"}`, nil}, 409, "nobody confirmed"},
		"fresh, unconfirmed":   {exchange{"POST", runs, `{"recipe":"restore","cluster":"dev","fresh":true}`, nil}, 409, "nobody confirmed"},
		"flag of another":      {exchange{"POST", runs, `{"recipe":"drift","cluster":"dev","fresh":true}`, nil}, 400, "is not for drift"},
		"list of another":      {exchange{"POST", runs, `{"recipe":"drift","cluster":"dev","acceptLoss":["*/*"]}`, nil}, 400, "is not for drift"},
		"long list":            {exchange{"POST", runs, `{"recipe":"teardown","cluster":"dev","acceptLoss":["a"` + strings.Repeat(`,"a"`, 100) + `]}`, nil}, 400, "more than 100 items"},
		"negative wait":        {exchange{"POST", runs, `{"recipe":"restore","cluster":"dev","waitMs":-1}`, nil}, 400, "less than 0"},
		"key twice":            {exchange{"POST", runs, `{"recipe":"restore","cluster":"dev"}`, http.Header{"Idempotency-Key": {"a", "b"}}}, 400, "Idempotency-Key"},
		"key with a space":     {exchange{"POST", runs, `{"recipe":"restore","cluster":"dev"}`, http.Header{"Idempotency-Key": {"a b"}}}, 400, "printable ASCII"},
		"key too long":         {exchange{"POST", runs, `{"recipe":"restore","cluster":"dev"}`, http.Header{"Idempotency-Key": {strings.Repeat("k", 129)}}}, 400, "1 to 128"},
		"abort with a reason":  {exchange{"POST", "/v1/runs/aaaa/abort", `{"why":"x"}`, nil}, 400, "no such field"},
		"no metrics":           {exchange{"GET", "/metrics", "", nil}, 404, "no path"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, raw := d.do(t, c.exchange)
			checkProblem(t, resp, raw, c.status, c.want)
		})
	}
	if m.started != 0 {
		t.Errorf("%d runs were started", m.started)
	}
	if dev, _ := m.Cluster(t.Context(), "dev"); len(dev.Words) != 1 {
		t.Errorf("words were said: %+v", dev.Words)
	}
}

// checkProblem checks that an answer is a problem of ours.
func checkProblem(t *testing.T, resp reply, raw []byte, status int, want string) {
	t.Helper()
	if resp.StatusCode != status || resp.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("status %d, %s: %s", resp.StatusCode, resp.Header.Get("Content-Type"), raw)
	}
	fits(t, strictly(t).schema(t, "/components/schemas/Problem"), raw)
	var p api.Problem
	if err := json.Unmarshal(raw, &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != status || p.Kind() == "" || p.Exit == 0 || !strings.Contains(p.Detail+" "+p.Next, want) {
		t.Errorf("%q is not in %s", want, raw)
	}
}

func TestErrorsOfTheBackendBecomeProblems(t *testing.T) {
	m := newMemory()
	var give error
	m.before = func(context.Context, string) error { return give }
	d := serve(t, m, func(o *server.Options) {
		o.ExitCode = func(err error) int {
			if errors.Is(err, errDrifted) {
				return 3
			}
			return 1
		}
	})
	for name, c := range map[string]struct {
		err    error
		status int
		want   string
		exit   int
	}{
		"storage":  {&run.StorageError{Path: "/x", Trouble: run.NoSpace}, 507, "free some space", 1},
		"held":     {&run.HeldError{Key: "cluster/dev"}, 409, "in use", 1},
		"deadline": {fmt.Errorf("list: %w", context.DeadlineExceeded), 504, "deadline", 1},
		"own code": {errDrifted, 500, "drifted", 3},
		"hinted":   {hinted{errDrifted}, 500, "do something", 3},
		"a guard":  {refusal{}, 409, "protected", 1},
		"problem":  {api.NewProblem(api.BadConfig, "line %d", 7), 422, "line 7", 2},
		"unknown":  {api.NewProblem("never-heard-of", "x"), 500, "x", 1},
	} {
		t.Run(name, func(t *testing.T) {
			give = c.err
			resp, raw := d.do(t, exchange{method: "GET", path: "/v1/clusters"})
			checkProblem(t, resp, raw, c.status, c.want)
			var p api.Problem
			if err := json.Unmarshal(raw, &p); err != nil || p.Exit != c.exit {
				t.Errorf("exit code %d, want %d (%v)", p.Exit, c.exit, err)
			}
		})
	}
	give = errDrifted
	resp, raw := d.do(t, exchange{method: "GET", path: "/readyz"})
	checkProblem(t, resp, raw, 503, "drifted")
}

var errDrifted = errors.New("drifted")

type hinted struct{ error }

func (hinted) Hint() string    { return "do something" }
func (h hinted) Unwrap() error { return h.error }

type refusal struct{}

func (refusal) Error() string        { return "protected" }
func (refusal) Outcome() run.Outcome { return run.Refused }

func TestAPanicIsAProblemAndTheServerLives(t *testing.T) {
	m := newMemory()
	m.before = func(context.Context, string) error { panic("secret") }
	d := serve(t, m)
	resp, raw := d.do(t, exchange{method: "GET", path: "/v1/clusters"})
	checkProblem(t, resp, raw, 500, "a bug in rekindle")
	if bytes.Contains(raw, []byte("secret")) {
		t.Errorf("the panic's value is told: %s", raw)
	}
	resp, _ = d.do(t, exchange{method: "GET", path: "/healthz"})
	if resp.StatusCode != 200 {
		t.Errorf("afterwards: %d", resp.StatusCode)
	}
}

func TestHeadAnswersWithoutABody(t *testing.T) {
	m := newMemory()
	m.begin("aaaa", "dev", "restore")
	d := serve(t, m)
	for _, path := range []string{"/v1/clusters", "/v1/runs/aaaa/events?follow=true", "/v1/events?follow=true", "/healthz"} {
		resp, raw := d.do(t, exchange{method: "HEAD", path: path})
		if resp.StatusCode != 200 || len(raw) != 0 {
			t.Errorf("%s: %d, %q", path, resp.StatusCode, raw)
		}
	}
}
