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
	change := &Change{ID: id, From: s.expected.Object.From, ByHand: len(s.byHand) > 0}
	if s.terminating {
		change.Terminating, change.Refused = true, "it is being deleted"
		return change, nil
	}
	result, s, err := c.applied(ctx, s)
	var refusal interface{ Refused() bool }
	switch {
	case err == nil:
		change.Fields = Both(c.mind(id, object.Form(result)), c.mind(id, s.form))
		change.Fields = append(change.Fields, s.byHand...)
		if len(change.Fields) == 0 {
			return nil, nil
		}
	case errors.As(err, &refusal) && refusal.Refused():
		change.Refused = err.Error()
		change.Fields = slices.Concat(s.fields, s.byHand)
	case !c.opts.Tolerant || ctx.Err() != nil:
		return nil, fmt.Errorf("compare %s: %w", id, err)
	default:
		change.Unconfirmed = err.Error()
		change.Fields = slices.Concat(s.fields, s.byHand)
	}
	if c.opts.Tolerant && len(change.Fields) == 0 {
		return nil, nil // it only might have differed, and nobody can say that it does
	}
	attribute(change.Fields, s.form, s.live)
	return change, nil
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
		s.byHand, _ = others(object.Form(want), s.form, s.live)
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
