package adopt

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/adopt/edit"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// planHelm refuses to edit what a chart made, and says what to change instead.
func (a *adoption) planHelm(ctx context.Context, o *object.Object, w Wanted) {
	id := o.ID()
	by := fmt.Sprintf("Helm makes it (%s) from the template %s", o.From.Made, o.From.File)
	if w.Delete {
		a.refuse(id, "", "turn it off in the values, or change the template", "%s", by)
		return
	}
	for _, f := range w.Fields {
		if drift.Hides(id) {
			a.refuse(id, f.Path, encryptInstead, "%s, and "+plainValues, by)
			continue
		}
		remedy := "change the template " + o.From.File
		if v, ok := a.valueFor(ctx, o, f); ok {
			remedy = fmt.Sprintf("set %s to %v at %s", v.path, v.value, v.where)
		}
		a.refuse(id, f.Path, remedy, "%s", by)
	}
}

// maxMarkers bounds the renderings that look for one value.
const maxMarkers = 12

// valueFor looks for the value of a chart that makes the field: one that is, or
// is a part of, what the field is, and that gives what is wanted when it is
// changed. It comes back with what it has to become.
func (a *adoption) valueFor(ctx context.Context, o *object.Object, f drift.Field) (leafValue, bool) {
	at, err := edit.Find(o.Object, f.Path, f.Want)
	if err != nil || f.Have == nil {
		return leafValue{}, false
	}
	was, _ := edit.Get(o.Object, at)
	tried := 0
	for _, v := range a.helmValues(o) {
		value, ok := replaced(v.value, was, f.Have)
		if !ok {
			continue
		}
		if tried++; tried > maxMarkers || ctx.Err() != nil {
			break
		}
		if a.gives(ctx, o.ID(), at, v.path, value, f.Have) {
			v.value = value
			return v, true
		}
	}
	return leafValue{}, false
}

// leafValue is one scalar of a values file.
type leafValue struct {
	path  edit.Path
	value any
	where string
}

// helmValues lists the scalars of the values files, those that win first.
func (a *adoption) helmValues(o *object.Object) []leafValue {
	dir, _, _ := strings.Cut(strings.TrimPrefix(o.From.Made, "chart "), ",")
	files := []string{path.Join(dir, "values.yaml")}
	files = append(files, a.req.Options.Helm.ValuesFiles...)
	var list []leafValue
	seen := map[string]bool{}
	for i := len(files) - 1; i >= 0; i-- {
		file := path.Clean(files[i])
		data, err := fs.ReadFile(a.req.Tree, file)
		var values map[string]any
		if err != nil || yaml.Unmarshal(data, &values) != nil {
			continue
		}
		parsed, _ := edit.Parse(data) // without it there is no line to name
		each(values, nil, func(at edit.Path, v any) {
			if key := at.String(); !seen[key] {
				seen[key] = true
				where := file
				if parsed != nil {
					where = fmt.Sprintf("%s:%d", file, parsed.Line(edit.Address{Path: at}))
				}
				list = append(list, leafValue{path: at, value: v, where: where})
			}
		})
	}
	return list
}

// each calls f for every scalar below mappings of v.
func each(v any, at edit.Path, f func(edit.Path, any)) {
	m, ok := v.(map[string]any)
	if !ok {
		if _, list := v.([]any); !list && v != nil {
			f(at, v)
		}
		return
	}
	for _, key := range sortedKeys(m) {
		each(m[key], append(at[:len(at):len(at)], edit.Key(key)), f)
	}
}

// replaced returns what value has to become so that the field, which is was,
// becomes have; false when value is no part of it.
func replaced(value, was, have any) (any, bool) {
	if edit.Equal(value, was) {
		return have, true
	}
	oldText, newText := fmt.Sprint(was), fmt.Sprint(have)
	part := fmt.Sprint(value)
	if oldText == part {
		return newText, true
	}
	before, after, ok := strings.Cut(oldText, part)
	if !ok || len(part) < 2 || before == "" && after == "" {
		return nil, false
	}
	inner, ok := strings.CutPrefix(newText, before)
	if !ok {
		return nil, false
	}
	inner, ok = strings.CutSuffix(inner, after)
	return inner, ok
}

// gives tells whether the chart renders the field to have with another value.
func (a *adoption) gives(ctx context.Context, id object.ID, at, key edit.Path, value, have any) bool {
	opts := a.req.Options
	v, err := edit.With(opts.Helm.Values, key, value)
	values, ok := v.(map[string]any)
	if err != nil || !ok {
		return false
	}
	opts.Helm.Values = values
	result, err := a.req.Renderer.Render(ctx, a.req.Tree, opts)
	if err != nil {
		return false
	}
	o := result.Objects.Get(id)
	if o == nil {
		return false
	}
	got, ok := edit.Get(o.Object, at)
	return ok && edit.Equal(got, have)
}
