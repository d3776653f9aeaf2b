package adopt

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
)

// settle tries the tasks until each is proven or given up. All of them are tried
// together first, because one rendering then proves them all; those whose field
// came out wrong go on to their next site. When something else changed, or the
// tree no longer renders, who did it shows only one by one.
func (a *adoption) settle(ctx context.Context) error {
	for {
		open := a.open()
		if len(open) == 0 {
			return nil
		}
		overlay := maps.Clone(a.overlay)
		if overlay == nil {
			overlay = Overlay{}
		}
		applied := a.apply(open, overlay)
		if len(applied) < len(open) {
			continue // some went on to their next site
		}
		strange, err := a.prove(ctx, overlay, applied)
		if err != nil {
			return err
		}
		if strange == nil {
			a.accept(overlay, applied)
			return nil
		}
		if len(applied) == 1 {
			applied[0].giveUpSite(strange.String())
			continue
		}
		if wrong := strange.only(applied); len(wrong) > 0 {
			for _, t := range wrong {
				t.giveUpSite(strange.String())
			}
			continue
		}
		return a.oneByOne(ctx)
	}
}

// oneByOne proves the tasks one after the other.
func (a *adoption) oneByOne(ctx context.Context) error {
	for _, t := range a.tasks {
		for !t.done && t.refused == nil {
			overlay := Overlay{}
			maps.Copy(overlay, a.overlay)
			if len(a.apply([]*task{t}, overlay)) == 0 {
				continue
			}
			strange, err := a.prove(ctx, overlay, []*task{t})
			if err != nil {
				return err
			}
			if strange != nil {
				t.giveUpSite(strange.String())
				continue
			}
			a.accept(overlay, []*task{t})
		}
	}
	return nil
}

func (a *adoption) open() []*task {
	var open []*task
	for _, t := range a.tasks {
		if !t.done && t.refused == nil {
			if t.next >= len(t.sites) {
				t.giveUp()
				continue
			}
			open = append(open, t)
		}
	}
	return open
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
		trial := maps.Clone(overlay) // an edit of several files may fail at the second
		if err := s.edit(trial.On(a.req.Tree), trial); err != nil {
			t.giveUpSite(err.Error())
			continue
		}
		maps.Copy(overlay, trial)
		applied = append(applied, t)
	}
	return applied
}

func (a *adoption) accept(overlay Overlay, tasks []*task) {
	a.overlay = overlay
	for _, t := range tasks {
		t.done = true
	}
}

// giveUpSite goes on to the next site.
func (t *task) giveUpSite(why string) {
	if t.next < len(t.sites) {
		t.tried = append(t.tried, t.sites[t.next].where+": "+why)
	}
	t.next++
	if t.next >= len(t.sites) {
		t.giveUp()
	}
}

func (t *task) giveUp() {
	reason := "no file could be found that makes it"
	if len(t.tried) > 0 {
		reason = strings.Join(t.tried, "; ")
	}
	t.refused = &Refusal{ID: t.id, Path: t.path, Reason: reason, Remedy: "change it by hand"}
}

// strangeness is how a rendering differs from what is wanted.
type strangeness struct {
	failed  error // the tree does not render
	objects []object.ID
	first   string
	got     map[object.ID]map[string]any
}

func (s *strangeness) String() string {
	if s.failed != nil {
		return "the result does not render: " + s.failed.Error()
	}
	text := fmt.Sprintf("%s came out differently (%s)", s.objects[0], s.first)
	if n := len(s.objects) - 1; n > 0 {
		text += fmt.Sprintf(", and %d more objects", n)
	}
	return text
}

// only returns the tasks whose own change did not come out, when that is all
// that is strange.
func (s *strangeness) only(tasks []*task) []*task {
	if s.failed != nil {
		return nil
	}
	var wrong []*task
	for _, id := range s.objects {
		before := len(wrong)
		for _, t := range tasks {
			if t.id == id && !t.met(s.got[id]) {
				wrong = append(wrong, t)
			}
		}
		if len(wrong) == before {
			return nil
		}
	}
	return wrong
}

// prove renders the tree with overlay and compares what comes out with what the
// proven tasks and the applied ones want. Nil: it is exactly that.
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
	s := &strangeness{got: contents(after.Objects)}
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
	if len(s.objects) == 0 {
		return nil, nil
	}
	return s, nil
}

// expected returns what is to be rendered.
func (a *adoption) expected(applied []*task) (map[object.ID]map[string]any, error) {
	want := maps.Clone(a.before)
	var proven []*task
	for _, t := range a.tasks {
		if t.done {
			proven = append(proven, t)
		}
	}
	for _, t := range slices.Concat(proven, applied) {
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
