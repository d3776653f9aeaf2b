package adopt_test

import (
	"os"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/snapshot/adopt/edit"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// TestReportsAreUnderstood: what a comparison says of two objects leads, field by
// field, from the one to the other.
func TestReportsAreUnderstood(t *testing.T) {
	result, err := render.Render(t.Context(), os.DirFS("../../testenv/workload/deploy"), render.Options{})
	if err != nil {
		t.Fatal(err)
	}
	objects := result.Objects.Sorted()
	rapid.Check(t, func(t *rapid.T) {
		git := rapid.SampledFrom(objects).Draw(t, "object").Object
		var live any = runtime.DeepCopyJSON(git)
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			live = altered(t, live)
		}
		have, ok := live.(map[string]any)
		if !ok {
			return
		}
		var got any = git
		for _, f := range drift.Both(git, have) {
			at, err := edit.Find(got, f.Path, f.Want)
			if err != nil {
				t.Fatalf("%s: %v", f.Path, err)
			}
			if f.Have == nil {
				got, err = edit.Without(got, at)
			} else {
				got, err = edit.With(got, at, f.Have)
			}
			if err != nil {
				t.Fatalf("%s: %v", f.Path, err)
			}
		}
		reached, _ := got.(map[string]any)
		for _, f := range drift.Both(have, reached) {
			// A mapping whose keys all went may stay, empty.
			if m, ok := f.Have.(map[string]any); !ok || len(m) > 0 || f.Want != nil {
				t.Fatalf("%s: %v is not %v, after %v", f.Path, f.Have, f.Want, drift.Both(git, have))
			}
		}
	})
}

// altered changes, adds or removes one field below v.
func altered(t *rapid.T, v any) any {
	var leaves []edit.Path
	fields(v, nil, &leaves)
	at := rapid.SampledFrom(leaves).Draw(t, "field")
	at = at[:rapid.IntRange(1, len(at)).Draw(t, "depth")]
	var out any
	var err error
	switch parent := at[:len(at)-1]; rapid.SampledFrom([]string{"change", "remove", "add"}).Draw(t, "what") {
	case "change":
		if p := at[len(at)-1]; p.Item || p.Key == "name" {
			return v
		}
		out, err = edit.With(v, at, "changed")
	case "remove":
		if at[len(at)-1].Key == "name" {
			return v
		}
		out, err = edit.Without(v, at)
	default:
		if at[len(at)-1].Item {
			out, err = edit.With(v, append(parent[:len(parent):len(parent)], edit.Index(99)), map[string]any{"name": "x]y.z"})
		} else {
			out, err = edit.With(v, append(parent[:len(parent):len(parent)], edit.Key(`a.b/c "d"]`)), "new")
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}
