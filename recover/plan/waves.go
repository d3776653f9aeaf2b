package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/rekindle-io/rekindle/recover/object/field"
)

// scope is what waves and hooks are ordered within: what one tool made (a chart
// release, a kustomization), or all plain files together.
type scope struct {
	name string
	argo bool // somebody uses Argo CD's waves or hooks
	used bool // somebody says a stage
}

// stages finds the scope and stage of every vertex and moves those that another
// stage needs. It returns the scopes in order of their names.
func (b *builder) stages() []scope {
	var names []string
	seen := map[string]bool{}
	for i := range b.vertices {
		if made := b.vertices[i].From.Made; b.vertices[i].Object != nil && !seen[made] {
			seen[made] = true
			names = append(names, made)
		}
	}
	slices.Sort(names)
	scopes := make([]scope, len(names))
	number := make(map[string]int, len(names))
	for i, name := range names {
		scopes[i].name, number[name] = name, i
	}
	for i := range b.vertices {
		v := &b.vertices[i]
		if v.Object == nil {
			continue
		}
		at := number[v.From.Made]
		s, staged, malformed := stageOf(v.Object, v.Hook)
		if malformed != "" {
			b.note(Malformed, i, fmt.Sprintf("%s %q is no number: taken for 0", argoWave, malformed))
		}
		v.scope, v.stage = at, s
		scopes[at].used = scopes[at].used || staged
		notes := field.Texts(v.Object.Object, "metadata", "annotations")
		scopes[at].argo = scopes[at].argo || notes[argoWave] != "" || notes[argoHook] != ""
	}
	return scopes
}

// waves makes every object of a stage wait for the stage before it in its scope.
func (b *builder) waveEdges() {
	scopes := b.stages()
	if !slices.ContainsFunc(scopes, func(s scope) bool { return s.used }) {
		return
	}
	b.lift()
	b.postpone()
	members := make([]map[stage][]int, len(scopes))
	for i := range b.vertices {
		if v := &b.vertices[i]; v.scope >= 0 && scopes[v.scope].used {
			if members[v.scope] == nil {
				members[v.scope] = map[stage][]int{}
			}
			members[v.scope][v.stage] = append(members[v.scope][v.stage], i)
		}
	}
	for at, byStage := range members {
		if len(byStage) < 2 {
			continue
		}
		b.chain(scopes[at], byStage)
	}
}

// chain links the stages of one scope: a barrier after each but the last.
func (b *builder) chain(s scope, byStage map[stage][]int) {
	order := slices.SortedFunc(maps.Keys(byStage), stage.compare)
	before := -1
	for n, st := range order {
		title := st.title(s.argo)
		if before >= 0 {
			for _, i := range byStage[st] {
				b.need(i, before, Explicit, Exists, b.vertices[before].ID.Name+" comes first")
			}
		}
		if n == len(order)-1 {
			return
		}
		name := title
		if s.name != "" {
			name += " of " + s.name
		}
		barrier := b.barrier(name)
		why := fmt.Sprintf("%s comes before %s", title, order[n+1].title(s.argo))
		for _, i := range byStage[st] {
			b.need(barrier, i, Explicit, b.ends(i, s.argo), why)
		}
		if before >= 0 {
			b.need(barrier, before, Explicit, Exists, "stages follow each other")
		}
		before = barrier
	}
}

// ends says how far a member of a stage has to be before the next stage. Helm
// waits for hooks that run to an end and for nothing else.
func (b *builder) ends(i int, argo bool) Until {
	v := &b.vertices[i]
	runs := v.ID.Kind == "Job" && v.ID.Group == "batch" || v.ID.Kind == "Pod" && v.ID.Group == "" && v.Hook != nil
	switch {
	case runs && (v.Hook != nil || argo):
		return Completed
	case argo:
		return Settled
	}
	return Exists
}

// lift moves what an object needs into that object's stage when it would come
// later: a namespace of an early hook, a ConfigMap of an early wave.
func (b *builder) lift() {
	order := make([]int, 0, len(b.vertices))
	for i := range b.vertices {
		if b.vertices[i].scope >= 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(x, y int) int {
		v, w := &b.vertices[x], &b.vertices[y]
		return cmp.Or(cmp.Compare(v.scope, w.scope), v.stage.compare(w.stage))
	})
	seen := make([]int, len(b.vertices)) // scope + 1
	for _, root := range order {
		b.liftBelow(root, seen)
	}
}

// liftBelow moves what root needs; seen are the vertices that an earlier stage
// of the same scope came by.
func (b *builder) liftBelow(root int, seen []int) {
	first := &b.vertices[root]
	stack := []int{root}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[i] == first.scope+1 {
			continue
		}
		seen[i] = first.scope + 1
		v := &b.vertices[i]
		if v.scope == first.scope && v.stage.compare(first.stage) > 0 {
			b.note(Moved, i, fmt.Sprintf("comes with %s instead of %s, since %s needs it",
				first.stage.title(true), v.stage.title(true), first.ID))
			v.stage = first.stage
		}
		for _, e := range v.edges {
			if e.strength != Late && seen[e.to] != first.scope+1 {
				stack = append(stack, e.to)
			}
		}
	}
}

// postpone moves what waits for a backend to the backend's stage when it would
// come earlier: a webhook configuration before the Deployment behind it.
func (b *builder) postpone() {
	for i := range b.vertices {
		v := &b.vertices[i]
		if v.scope < 0 {
			continue
		}
		latest, behind := v.stage, -1
		for _, e := range v.edges {
			to := &b.vertices[e.to]
			if e.strength == Late && to.scope == v.scope && to.stage.compare(latest) > 0 {
				latest, behind = to.stage, e.to
			}
		}
		if behind >= 0 {
			b.note(Moved, i, fmt.Sprintf("comes with %s instead of %s, since it waits for %s",
				latest.title(true), v.stage.title(true), b.vertices[behind].ID))
			v.stage = latest
		}
	}
}
