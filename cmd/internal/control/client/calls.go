package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// Clusters lists clusters and how they stand, by name.
func (c *Client) Clusters(ctx context.Context) (api.ClusterList, error) {
	return get[api.ClusterList](ctx, c, "/v1/clusters", nil)
}

// Cluster tells how one cluster stands.
func (c *Client) Cluster(ctx context.Context, name string) (api.Cluster, error) {
	return get[api.Cluster](ctx, c, "/v1/clusters/"+url.PathEscape(name), nil)
}

// Schedule tells what a cluster's calendar brings. A zero from is now, a zero to a
// week later.
func (c *Client) Schedule(ctx context.Context, name string, from, to time.Time) (api.Schedule, error) {
	q := url.Values{}
	for key, t := range map[string]time.Time{"from": from, "to": to} {
		if !t.IsZero() {
			q.Set(key, t.Format(time.RFC3339Nano))
		}
	}
	return get[api.Schedule](ctx, c, "/v1/clusters/"+url.PathEscape(name)+"/schedule", q)
}

// Say records a person's word about a cluster.
func (c *Client) Say(ctx context.Context, name string, word api.WordRequest) (api.Said, error) {
	return post[api.Said](ctx, c, request{path: "/v1/clusters/" + url.PathEscape(name) + "/words", body: word})
}

// Unsay takes the words of a kind back.
func (c *Client) Unsay(ctx context.Context, name string, kind api.WordKind) (api.Decision, error) {
	var out api.Decision
	path := "/v1/clusters/" + url.PathEscape(name) + "/words/" + url.PathEscape(string(kind))
	return out, c.call(ctx, request{method: http.MethodDelete, path: path}, &out)
}

// Runs lists runs, newest first; a limit of 0 is the server's own, api.MaxList the
// most.
func (c *Client) Runs(ctx context.Context, f run.Filter) (api.RunList, error) {
	q := url.Values{}
	if f.Cluster != "" {
		q.Set("cluster", f.Cluster)
	}
	if f.Recipe != "" {
		q.Set("recipe", f.Recipe)
	}
	if f.Unfinished {
		q.Set("unfinished", "true")
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return get[api.RunList](ctx, c, "/v1/runs", q)
}

// Run tells all of the run that a person means: its ID, the beginning of it, or
// its last part.
func (c *Client) Run(ctx context.Context, typed string) (api.Run, error) {
	return get[api.Run](ctx, c, "/v1/runs/"+url.PathEscape(typed), nil)
}

// Start starts a run. It is sent again with the same key when the daemon did not
// answer, so that one run is started and no more.
func (c *Client) Start(ctx context.Context, req api.StartRequest) (api.Run, error) {
	if req.Key == "" {
		key, err := c.newKey()
		if err != nil {
			return api.Run{}, err
		}
		req.Key = key
	}
	q := request{path: "/v1/runs", body: req, key: req.Key}
	begun, err := post[api.Run](ctx, c, q)
	var silent *SilentError
	if errors.As(err, &silent) && ctx.Err() == nil {
		return post[api.Run](ctx, c, q)
	}
	return begun, err
}

// Abort asks a run to end for good. A live one has AbortAsked until it has ended.
func (c *Client) Abort(ctx context.Context, typed string) (api.Run, error) {
	return post[api.Run](ctx, c, request{path: "/v1/runs/" + url.PathEscape(typed) + "/abort"})
}

// Reload has rekindle.yaml read again.
func (c *Client) Reload(ctx context.Context) (api.Reloaded, error) {
	return post[api.Reloaded](ctx, c, request{path: "/v1/reload"})
}

// Version tells who answers, and who we are to them.
func (c *Client) Version(ctx context.Context) (api.Version, error) {
	return get[api.Version](ctx, c, "/v1/version", nil)
}

// Ready tells why the daemon cannot do its work; nil when it can.
func (c *Client) Ready(ctx context.Context) error {
	return c.call(ctx, request{method: http.MethodGet, path: "/readyz"}, nil)
}

func get[T any](ctx context.Context, c *Client, path string, q url.Values) (T, error) {
	var out T
	err := c.call(ctx, request{method: http.MethodGet, path: path, query: q}, &out)
	return out, err
}

func post[T any](ctx context.Context, c *Client, q request) (T, error) {
	var out T
	q.method = http.MethodPost
	err := c.call(ctx, q, &out)
	return out, err
}
