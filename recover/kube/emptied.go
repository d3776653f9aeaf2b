package kube

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object"
)

// AwaitNone watches a kind until there is no object of it that counts. When ctx
// ends before, it returns those that are left, sorted by namespace and name, with
// ctx's error. Any other error (forbidden, kind not served) comes at once, and
// says nothing about what there is.
func (c *Cluster) AwaitNone(ctx context.Context, kind object.Kind, opts ListOptions, counts func(*unstructured.Unstructured) bool) ([]*unstructured.Unstructured, error) {
	left := map[name]*unstructured.Unstructured{}
	whole := false
	judge := func() error {
		if whole && len(left) == 0 {
			return errDone
		}
		return nil
	}
	err := c.follow(ctx, kind, opts, follower{
		begin: func() { whole = false; clear(left) },
		seen: func(u *unstructured.Unstructured) error {
			delete(left, name{u.GetNamespace(), u.GetName()})
			if counts(u) {
				left[name{u.GetNamespace(), u.GetName()}] = u
			}
			return judge()
		},
		gone: func(u *unstructured.Unstructured) error {
			delete(left, name{u.GetNamespace(), u.GetName()})
			return judge()
		},
		listed: func() error { whole = true; return judge() },
		lost:   func(error) {},
	})
	if errors.Is(err, errDone) {
		return nil, nil
	}
	list := slices.SortedFunc(maps.Values(left), func(a, b *unstructured.Unstructured) int {
		return strings.Compare(a.GetNamespace()+"/"+a.GetName(), b.GetNamespace()+"/"+b.GetName())
	})
	return list, err
}

// WhyHeld says in words why an object is still there: that nobody deletes it, or
// the finalizers that hold it and what its conditions say.
func WhyHeld(u *unstructured.Unstructured) string { return whyHeld(u) }
