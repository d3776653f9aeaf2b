package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/rekindle-io/rekindle/recover/object"
)

const (
	// watchSeconds is how long the server keeps one watch open.
	watchSeconds = 290
	// rewatchWait is the most between two tries to list and watch again.
	rewatchWait = 2 * time.Second
)

// follower is told what happens to the objects of a kind, by one goroutine. An
// error that it returns ends the following.
type follower struct {
	// begin announces a list of all that exists: the first one, and one after
	// each interruption.
	begin func()
	// seen reports an object, from the list or because it changed.
	seen func(*unstructured.Unstructured) error
	// gone reports the last state of an object that was deleted.
	gone func(*unstructured.Unstructured) error
	// listed reports that the list was whole: what was not seen since begin
	// does not exist.
	listed func() error
	// lost reports what broke; it is tried again.
	lost func(error)
}

// stopError carries a follower's error past what judges the server's.
type stopError struct{ cause error }

func (e *stopError) Error() string { return e.cause.Error() }

func stopped(err error) error {
	if err == nil {
		return nil
	}
	return &stopError{cause: err}
}

// follow lists and then watches until ctx ends or f returns an error. It
// outlives expired watches and restarts of the API server, however long they
// take; what cannot succeed (forbidden, kind not served) is returned.
func (c *Cluster) follow(ctx context.Context, kind object.Kind, opts ListOptions, f follower) error {
	for tries := 0; ; tries++ {
		f.begin()
		version, err := c.list(ctx, kind, opts, func(u *unstructured.Unstructured) error { return stopped(f.seen(u)) })
		listed := err == nil
		if listed {
			tries = 0
			if err := f.listed(); err != nil {
				return err
			}
			err = c.watchFrom(ctx, kind, opts, version, f)
		}
		if stop := (*stopError)(nil); errors.As(err, &stop) {
			return stop.cause
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// A refused token is replaced: whether the next one does, the list tells.
		replaced := listed && c.opts.Token != nil && apierrors.IsUnauthorized(err)
		if !replaced && !mayHeal(err) {
			return err
		}
		f.lost(err)
		c.opts.Log.Debug("watching again", "kind", nameOf(kind), "error", err)
		if err := pause(ctx, min(rewatchWait, 50*time.Millisecond<<min(tries, 6))); err != nil {
			return err
		}
	}
}

// mayHeal tells what another list and watch may cure.
func mayHeal(err error) bool {
	if hopeless(err) {
		return false
	}
	if s := statusOf(err); s != nil {
		return s.Code >= 500 || s.Code == http.StatusTooManyRequests || s.Code == http.StatusGone
	}
	return true
}

// watchFrom watches from version on, and again from where it was when the
// server ends a watch in good order. It returns only with an error.
func (c *Cluster) watchFrom(ctx context.Context, kind object.Kind, opts ListOptions, version string, f follower) error {
	for {
		began := c.opts.Now()
		next, err := c.watchOnce(ctx, kind, opts, version, f)
		if err != nil {
			return err
		}
		if next == version && c.opts.Now().Sub(began) < time.Second {
			return &brokenError{cause: errors.New("the server ended a watch at once")}
		}
		version = next
	}
}

// watchOnce watches until the server ends the watch, and returns the version
// it came to.
func (c *Cluster) watchOnce(ctx context.Context, kind object.Kind, opts ListOptions, version string, f follower) (string, error) {
	query := opts.query()
	query.Set("watch", "true")
	query.Set("allowWatchBookmarks", "true")
	query.Set("resourceVersion", version)
	query.Set("timeoutSeconds", strconv.Itoa(watchSeconds))
	res, err := c.open(ctx, call{method: http.MethodGet, path: pathOf(kind, opts.Namespace, ""), query: query})
	if err != nil {
		return version, fmt.Errorf("watching %s: %w", nameOf(kind), err)
	}
	defer res.Body.Close()
	d := json.NewDecoder(res.Body)
	for {
		var e struct {
			Type   watch.EventType `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		if err := d.Decode(&e); err != nil {
			return ended(version, err)
		}
		if e.Type == watch.Error {
			return version, watchError(kind, e.Object)
		}
		u, err := decode(e.Object, kind)
		if err != nil {
			return version, err
		}
		version = u.GetResourceVersion()
		if err := f.report(e.Type, u); err != nil {
			return version, &stopError{cause: err}
		}
	}
}

func (f follower) report(t watch.EventType, u *unstructured.Unstructured) error {
	switch t {
	case watch.Added, watch.Modified:
		return f.seen(u)
	case watch.Deleted:
		return f.gone(u)
	}
	return nil // a bookmark
}

// ended tells the ordinary end of a watch (nil) from a broken one.
func ended(version string, err error) (string, error) {
	if errors.Is(err, io.EOF) {
		return version, nil
	}
	return version, &brokenError{cause: err}
}

func watchError(kind object.Kind, raw []byte) error {
	var s metav1.Status
	if err := json.Unmarshal(raw, &s); err != nil {
		return &brokenError{cause: err}
	}
	return fmt.Errorf("watching %s: %w", nameOf(kind), &apierrors.StatusError{ErrStatus: s})
}
