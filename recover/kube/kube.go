// Package kube is the only package that talks to a Kubernetes API server. In
// goes a kubeconfig; out come the verbs that a rebuild needs: wait until the
// server is ready, discover what it serves, apply by server-side apply, list
// without ever returning a short list, delete with a precondition, wait for a
// condition by watch, and settle a set of objects with the reasons for what
// does not settle.
//
// Every request goes through one limiter per cluster that adapts to what the
// API server bears, so callers may start as many goroutines as they like. What
// may succeed later (429, a server that restarts, a conflict) is tried again
// within the deadline of the context; what cannot succeed is returned at once.
package kube

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"k8s.io/client-go/rest"

	"github.com/rekindle-io/rekindle/recover/object"
)

// ErrNotFound is returned, wrapped, for an object that does not exist.
var ErrNotFound = errors.New("not found")

// Options are what a connection needs besides the kubeconfig. The zero value
// is usable.
type Options struct {
	// FieldManager owns the fields that Apply sets; "rekindle" when empty.
	FieldManager string
	// UserAgent is sent with each request; "rekindle" when empty.
	UserAgent string
	// Log receives what is worth knowing afterwards; discarded when nil.
	Log *slog.Logger
	// Now is the clock, required.
	Now func() time.Time
	// Warning receives the text of each warning that the server sends, from
	// any goroutine. Apply returns its warnings in Applied as well.
	Warning func(string)
	// Patience is how long an API server may be away altogether (connection
	// refused, reset, timed out) before requests give up although their
	// contexts have not ended; 60 s when 0.
	Patience time.Duration
	// Wrap, when set, wraps the transport below authentication.
	Wrap func(http.RoundTripper) http.RoundTripper
	// Token, when set, returns what the server takes for who we are, in place of the
	// credentials of the kubeconfig: its exec plugin is not run. It is asked when a
	// token expires or is refused, by one request at a time; when it fails it is asked
	// again for some seconds.
	Token func(ctx context.Context) (Credential, error)
}

// Cluster is a connection to one API server. It is safe for use by any number
// of goroutines.
type Cluster struct {
	host    *url.URL
	client  *http.Client
	config  *rest.Config
	opts    Options
	limiter *limiter
	outage  outage
}

// Host is the address of the API server as in the kubeconfig.
func (c *Cluster) Host() string { return c.host.String() }

func (o Options) withDefaults() Options {
	if o.FieldManager == "" {
		o.FieldManager = object.FieldManager
	}
	if o.UserAgent == "" {
		o.UserAgent = "rekindle"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Warning == nil {
		o.Warning = func(string) {}
	}
	if o.Patience == 0 {
		o.Patience = 60 * time.Second
	}
	return o
}

// pause waits for d or until ctx ends, and returns ctx's error in that case.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
