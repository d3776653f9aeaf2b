package drift

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/capture"
)

// confirm asks the server about each suspect.
func (c *comparison) confirm(ctx context.Context) error {
	c.report.Confirmed = len(c.suspects)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.workers)
	for _, s := range c.suspects {
		g.Go(func() error {
			change, err := c.ask(ctx, s)
			if err != nil || change == nil {
				return err
			}
			ignored := c.sift(change)
			change.Fields = hide(change.ID, change.Fields)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.report.Ignored = append(c.report.Ignored, ignored...)
			if len(change.Fields) > 0 || len(ignored) == 0 {
				c.report.Changed = append(c.report.Changed, *change)
			}
			return nil
		})
	}
	return g.Wait()
}

// ask applies a suspect in a dry run. What would change is the difference; when
// nothing would, there is none.
func (c *comparison) ask(ctx context.Context, s suspect) (*Change, error) {
	id := s.expected.Object.ID()
	change := &Change{ID: id, From: s.expected.Object.From}
	if s.terminating {
		change.Terminating, change.Refused = true, "it is being deleted"
		return change, nil
	}
	result, s, err := c.applied(ctx, s)
	if err == nil {
		result, err = c.rehearsed(ctx, s, result)
	}
	var refusal interface{ Refused() bool }
	switch {
	case err == nil:
		git := c.mind(id, object.Form(s.expected.Object.Unstructured))
		change.Fields = restored(id.GroupKind(), git, c.mind(id, object.Form(result)), c.mind(id, s.form), ownedIn(s))
	case errors.As(err, &refusal) && refusal.Refused():
		change.Refused = err.Error()
		change.Fields = s.alone()
	case !c.opts.Tolerant || ctx.Err() != nil:
		return nil, fmt.Errorf("compare %s: %w", id, err)
	default:
		change.Unconfirmed = err.Error()
		change.Fields = s.alone()
	}
	if len(change.Fields) == 0 && (err == nil || c.opts.Tolerant) {
		return nil, nil // it only might have differed, and nobody can say that it does
	}
	s.order(change.Fields)
	change.Added = s.added(change.Fields)
	change.ByHand = len(change.Added) > 0
	attribute(change.Fields, s.form, s.live)
	return change, nil
}

// rehearsed returns what a restore would make of a suspect: result is that, but for
// the fields that others added. Some of them are the server's own and would come
// back.
func (c *comparison) rehearsed(ctx context.Context, s suspect, result *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if len(s.touches.added) == 0 {
		return result, nil
	}
	without := result.DeepCopy()
	for _, at := range s.touches.paths() {
		without.Object, _ = remove(without.Object, at).(map[string]any)
	}
	r, can := c.cluster.(Rehearser)
	if !can {
		return without, nil
	}
	return r.Rehearse(ctx, s.expected.Kind, s.live, without)
}

// attempts is how often a dry run is tried on an object that is being changed.
const attempts = 3

// applied returns what applying a suspect would store, and the suspect as it was
// just then: it may have changed since it was listed, and what others changed
// meanwhile is no difference. One that is gone by now stays as it was listed.
func (c *comparison) applied(ctx context.Context, s suspect) (result *unstructured.Unstructured, now suspect, err error) {
	kind, want := s.expected.Kind, s.expected.Object.Unstructured
	for range attempts {
		result, err = c.cluster.DryRun(ctx, kind, want)
		if err != nil || result.GetResourceVersion() == "" || result.GetResourceVersion() == s.live.GetResourceVersion() {
			return result, s, err
		}
		live, err := c.cluster.Get(ctx, kind, want.GetNamespace(), want.GetName())
		if err != nil {
			return nil, s, err
		}
		s.live, s.form = live, object.Form(live)
		s.touches = c.touched(s.expected.Object.ID(), object.Form(want), s.form, s.live)
		if result.GetResourceVersion() == s.live.GetResourceVersion() {
			break
		}
	}
	return result, s, nil
}

// sift takes out of a change what rules are about; their values are hidden
// afterwards.
func (c *comparison) sift(change *Change) (ignored []Ignored) {
	if c.opts.Ignore == nil {
		return nil
	}
	note := func(rule string, f *Field) {
		if f != nil {
			f = &hide(change.ID, []Field{*f})[0]
		}
		ignored = append(ignored, Ignored{ID: change.ID, From: change.From, What: WhatChanged, Field: f, Rule: rule})
	}
	if len(change.Fields) == 0 {
		if rule, ok := c.opts.Ignore.Ignores(change.ID, "", ""); ok {
			note(rule, nil)
		}
		return ignored
	}
	change.Fields = slices.DeleteFunc(change.Fields, func(f Field) bool {
		rule, ok := c.ignores(change.ID, f)
		if ok {
			note(rule, &f)
		}
		return ok
	})
	return ignored
}

// Hides tells whether an object's values are shown to nobody: those of Secrets,
// and of what Helm keeps of a release, Secrets among it.
func Hides(id object.ID) bool {
	return id.Kind == "Secret" && id.Group == "" || capture.NamesRelease(id)
}

// hide replaces the values that nobody is shown.
func hide(id object.ID, fields []Field) []Field {
	if !Hides(id) {
		return fields
	}
	hidden := make([]Field, len(fields))
	for i, f := range fields {
		hidden[i] = f
		if strings.HasPrefix(f.Path, "metadata.labels") {
			continue
		}
		if f.Want != nil {
			hidden[i].Want = "(hidden)"
		}
		if f.Have != nil {
			hidden[i].Have = "(hidden)"
		}
	}
	return hidden
}
