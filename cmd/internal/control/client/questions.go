package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/rekindle-io/rekindle/recover/api"
)

// targetValues are a target as parameters.
func targetValues(t api.Target) url.Values {
	q := url.Values{}
	setUnlessEmpty(q, "cluster", t.Cluster)
	setUnlessEmpty(q, "repo", t.Repo)
	setUnlessEmpty(q, "path", t.Path)
	setUnlessEmpty(q, "revision", t.Revision)
	setUnlessEmpty(q, "provider", t.Provider)
	return q
}

func setUnlessEmpty(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

// Log tells a page of the history behind a target's revision.
func (c *Client) Log(ctx context.Context, l api.LogQuery) (api.Log, error) {
	q := targetValues(l.Target)
	setUnlessEmpty(q, "search", l.Search)
	setUnlessEmpty(q, "after", l.After)
	if l.OnlyPath {
		q.Set("onlyPath", "true")
	}
	if l.Limit > 0 {
		q.Set("limit", strconv.Itoa(l.Limit))
	}
	return ask[api.Log](ctx, c, "/v1/log", q)
}

// Compare tells what a target's revision makes differently from another.
func (c *Client) Compare(ctx context.Context, cq api.CompareQuery) (api.Comparison, error) {
	q := targetValues(cq.Target)
	setUnlessEmpty(q, "from", cq.From)
	return ask[api.Comparison](ctx, c, "/v1/compare", q)
}

// Providers lists who makes clusters, and who of them can do so here and now.
func (c *Client) Providers(ctx context.Context) ([]api.Provider, error) {
	list, err := ask[api.ProviderList](ctx, c, "/v1/providers", nil)
	return list.Providers, err
}

// Plan tells what a restore of the target would make.
func (c *Client) Plan(ctx context.Context, t api.Target) (api.Planned, error) {
	return post[api.Planned](ctx, c, request{path: "/v1/plan", body: t, slow: true})
}

// Drift compares a live cluster with a commit, now.
func (c *Client) Drift(ctx context.Context, d api.DriftQuery) (api.DriftReport, error) {
	q := url.Values{}
	setUnlessEmpty(q, "against", d.Against)
	return ask[api.DriftReport](ctx, c, "/v1/clusters/"+url.PathEscape(d.Cluster)+"/drift", q)
}

// Look looks at one live object.
func (c *Client) Look(ctx context.Context, cluster, object string) (api.ObjectLook, error) {
	return ask[api.ObjectLook](ctx, c, "/v1/clusters/"+url.PathEscape(cluster)+"/objects", url.Values{"object": {object}})
}

// Ignore writes a rule into rekindle.yaml by which a difference does not count.
func (c *Client) Ignore(ctx context.Context, cluster string, rule api.Ignore) (api.Ignoring, error) {
	return post[api.Ignoring](ctx, c, request{path: "/v1/clusters/" + url.PathEscape(cluster) + "/ignores", body: rule, slow: true})
}

// Report tells what came of a run, for people.
func (c *Client) Report(ctx context.Context, typed string) (api.RunReport, error) {
	return ask[api.RunReport](ctx, c, "/v1/runs/"+url.PathEscape(typed)+"/report", nil)
}

// Resume goes on with a run where it stopped.
func (c *Client) Resume(ctx context.Context, typed string) (api.Run, error) {
	return post[api.Run](ctx, c, request{path: "/v1/runs/" + url.PathEscape(typed) + "/resume"})
}

// Order tells a live run what is wanted of it.
func (c *Client) Order(ctx context.Context, typed string, order api.Order) error {
	return c.call(ctx, request{method: http.MethodPost, path: "/v1/runs/" + url.PathEscape(typed) + "/orders", body: order}, nil)
}

// Changes is Watch of everything.
func (c *Client) Changes(ctx context.Context, each func(api.Change) error) error {
	return c.Watch(ctx, Watching{}, each)
}

// ask is get with the patience that a question needs.
func ask[T any](ctx context.Context, c *Client, path string, q url.Values) (T, error) {
	var out T
	err := c.call(ctx, request{method: http.MethodGet, path: path, query: q, slow: true}, &out)
	return out, err
}
