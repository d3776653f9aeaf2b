package adopt

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
)

// settle tries tasks until each is proven or given up. All of them are tried
// together first, because one rendering then proves them all; those whose field
// came out wrong go on to their next site. When something else changed, or the
// tree no longer renders, each half is tried by itself.
func (a *adoption) settle(ctx context.Context, tasks []*task) error {
	for {
		tasks = open(tasks)
		if len(tasks) == 0 {
			return nil
		}
		overlay := maps.Clone(a.overlay)
		applied := a.apply(tasks, overlay)
		if len(applied) < len(tasks) {
			continue // some went on to their next site
		}
		s, err := a.prove(ctx, overlay, tasks)
		if err != nil {
			return err
		}
		if s == nil {
			return nil
		}
		wrong := s.only(tasks)
		if len(tasks) == 1 {
			wrong = tasks
		}
		if len(wrong) == 0 {
			if err := a.settle(ctx, tasks[:len(tasks)/2]); err != nil {
				return err
			}
			tasks = tasks[len(tasks)/2:]
		}
		for _, t := range wrong {
			t.skip(s.String())
		}
	}
}

// open returns the tasks that are neither proven nor given up.
func open(tasks []*task) []*task {
	return slices.DeleteFunc(slices.Clone(tasks), func(t *task) bool { return t.done || t.refused != nil })
}

// apply makes the edits of tasks upon overlay and returns those that could be
// made; the others have gone on to their next site.
func (a *adoption) apply(tasks []*task, overlay Overlay) []*task {
	var applied []*task
	for _, t := range tasks {
		if t.next >= len(t.sites) {
			t.giveUp()
			continue
		}
		s := t.sites[t.next]
		trial := overlay
		if s.several { // it may fail at the second
			trial = maps.Clone(overlay)
		}
		if err := s.edit(trial.On(a.req.Tree), trial); err != nil {
			t.skip(err.Error())
			continue
		}
		if s.several {
			maps.Copy(overlay, trial)
		}
		applied = append(applied, t)
	}
	return a.list(applied, overlay)
}

// list lists what the edits of tasks left to be listed, and returns the tasks
// without those for which that failed.
func (a *adoption) list(tasks []*task, overlay Overlay) []*task {
	type place struct{ file, key string }
	by := map[place][]*task{}
	for _, t := range tasks {
		if l := t.sites[t.next].lists; l != nil {
			at := place{l.k.file, l.key}
			by[at] = append(by[at], t)
		}
	}
	for _, list := range by {
		var items []any
		for _, t := range list {
			items = append(items, t.sites[t.next].lists.item)
		}
		l := list[0].sites[list[0].next].lists
		if err := l.k.list(l.key, items...)(overlay.On(a.req.Tree), overlay); err != nil {
			for _, t := range list {
				t.skip(err.Error())
			}
			tasks = slices.DeleteFunc(tasks, func(t *task) bool { return slices.Contains(list, t) })
		}
	}
	return tasks
}

func (a *adoption) accept(overlay Overlay, rendered *object.Set, tasks []*task) {
	a.overlay, a.rendered = overlay, rendered
	for _, t := range tasks {
		t.done = true
	}
}

// skip goes on to the next site.
func (t *task) skip(why string) {
	where := t.sites[t.next].where
	t.tried = append(t.tried, where+": "+strings.TrimPrefix(why, where+": "))
	if t.next++; t.next >= len(t.sites) {
		t.giveUp()
	}
}

func (t *task) giveUp() {
	t.refused = &Refusal{ID: t.id, Path: t.path, Reason: "no file could be found that makes it", Tried: t.tried, Remedy: "change it by hand"}
	if len(t.tried) > 0 {
		t.refused.Reason = t.tried[0]
	}
}

// strangeness is how a rendering differs from what is wanted.
type strangeness struct {
	failed  error // the tree does not render
	objects []object.ID
	first   string
	got     map[object.ID]map[string]any
	// gone is an object that did not come out, and as what seems to have come in its
	// place; as is empty when nothing has.
	gone object.ID
	as   string
}

func (s *strangeness) String() string {
	if s.failed != nil {
		return "the result does not render: " + s.failed.Error()
	}
	text := fmt.Sprintf("%s would come out differently (%s)", s.objects[0], s.first)
	if s.as != "" {
		text = fmt.Sprintf("%s would come out as %s", s.gone, s.as)
	}
	switch n := len(s.objects) - s.told(); {
	case n == 1:
		text += ", and another object would change"
	case n > 1:
		text += fmt.Sprintf(", and %d other objects would change", n)
	}
	return text
}

// name finds out whether an object has just got another name.
func (s *strangeness) name(want map[object.ID]map[string]any) {
	var gone, come []object.ID
	for _, id := range s.objects {
		switch {
		case s.got[id] == nil:
			gone = append(gone, id)
		case want[id] == nil:
			come = append(come, id)
		}
	}
	if len(gone) == 1 && len(come) == 1 && gone[0].GroupKind() == come[0].GroupKind() {
		s.gone, s.as = gone[0], come[0].String()
	}
}

func (s *strangeness) told() int {
	if s.as != "" {
		return 2
	}
	return 1
}

// only returns the tasks whose own change did not come out, or not alone, when
// that is all that is strange.
func (s *strangeness) only(tasks []*task) []*task {
	if s.failed != nil {
		return nil
	}
	var wrong []*task
	for _, id := range s.objects {
		before := len(wrong)
		var concerned []*task
		for _, t := range tasks {
			if t.id != id {
				continue
			}
			concerned = append(concerned, t)
			if !t.met(s.got[id]) {
				wrong = append(wrong, t)
			}
		}
		switch {
		case len(wrong) > before:
		case len(concerned) == 1: // it has come, and something else of the object with it
			wrong = append(wrong, concerned...)
		default:
			return nil
		}
	}
	return wrong
}

// prove renders the tree with overlay and compares what comes out with what the
// proven tasks and the applied ones want. Nil: it is exactly that, and accepted.
func (a *adoption) prove(ctx context.Context, overlay Overlay, applied []*task) (*strangeness, error) {
	want, err := a.expected(applied)
	if err != nil {
		return &strangeness{failed: err}, nil
	}
	after, err := a.req.Renderer.Render(ctx, overlay.On(a.req.Tree), a.req.Options)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return &strangeness{failed: err}, nil
	}
	same, renamed := a.underOldNames(after.Objects, slices.Concat(a.proven(), applied))
	s := &strangeness{got: contents(same)}
	ids := map[object.ID]bool{}
	for id := range want {
		ids[id] = true
	}
	for id := range s.got {
		ids[id] = true
	}
	for _, id := range sortedIDs(ids) {
		if why := differs(normal(want[id]), normal(s.got[id])); why != "" {
			if s.first == "" {
				s.first = why
			}
			s.objects = append(s.objects, id)
		}
	}
	s.name(want)
	if len(s.objects) == 0 {
		a.renamed = renamed
		a.accept(overlay, same, applied)
		return nil, nil
	}
	return s, nil
}

func (a *adoption) proven() (list []*task) {
	for _, t := range a.tasks {
		if t.done {
			list = append(list, t)
		}
	}
	return list
}

// expected returns what is to be rendered.
func (a *adoption) expected(applied []*task) (map[object.ID]map[string]any, error) {
	want := maps.Clone(a.before)
	for _, t := range slices.Concat(a.proven(), applied) {
		content, err := t.expect(want[t.id])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.id, err)
		}
		if content == nil {
			delete(want, t.id)
			continue
		}
		want[t.id] = content
	}
	return want, nil
}
