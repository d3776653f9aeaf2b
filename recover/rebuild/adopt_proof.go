package rebuild

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/snapshot/adopt"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/ignore"
)

// prove compares the cluster with what the changed manifests render to, as far as
// they were changed, and refuses what still differs: what the server makes of a
// value only it knows. Where just the order of a list is another one it returns
// what the list is to become.
func (a *adopting) prove(ctx context.Context, r *adopt.Result, w *wanted) ([]adopt.Refusal, map[object.ID][]drift.Field, error) {
	if len(r.Adopted) == 0 {
		return nil, nil, nil
	}
	p, err := plan.Make(r.Rendered, plan.Options{
		Commit: a.commit.SHA, Catalogue: a.catalogue, Exists: func(object.ID) bool { return true }, Convert: a.req.Convert,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("plan what the changed manifests say: %w", err)
	}
	paths := map[object.ID][]string{}
	for _, x := range r.Adopted {
		paths[a.liveID(x.ID)] = append(paths[a.liveID(x.ID)], x.Path)
	}
	var concerned []drift.Expected
	for _, e := range expected(p, a.catalogue) {
		if paths[e.Object.ID()] != nil {
			concerned = append(concerned, e)
		}
	}
	rules, err := ignore.Compile(a.req.Ignore, a.e.Now())
	if err != nil {
		return nil, nil, err
	}
	report, err := drift.Compare(ctx, live{a.cluster}, concerned, drift.Options{Restored: a.ours, Ignore: rules})
	if err != nil {
		return nil, nil, err
	}
	orders, err := a.orders(ctx, report, concerned, r.Rendered, w)
	return remaining(report, paths, orders), orders, err
}

// liveID is the identity of an adopted object in the cluster: git may leave out
// its namespace.
func (a *adopting) liveID(id object.ID) object.ID {
	if id.Namespace != "" {
		return id
	}
	raw := a.result.raw
	is := func(live object.ID) bool {
		live.Namespace = ""
		return live == id
	}
	if i := slices.IndexFunc(raw.Changed, func(c drift.Change) bool { return is(c.ID) }); i >= 0 {
		return raw.Changed[i].ID
	}
	if i := slices.IndexFunc(raw.Missing, func(m drift.Missing) bool { return is(m.ID) }); i >= 0 {
		return raw.Missing[i].ID
	}
	return id
}

// remaining are the adopted paths in which the cluster differs all the same, but
// for lists that only have to be put in order.
func remaining(report *drift.Report, paths map[object.ID][]string, orders map[object.ID][]drift.Field) []adopt.Refusal {
	var list []adopt.Refusal
	for _, m := range report.Missing {
		list = append(list, adopt.Refusal{ID: m.ID, Reason: "it has gone meanwhile", Remedy: "run this again"})
	}
	for _, c := range report.Changed {
		for _, path := range paths[c.ID] {
			for _, f := range c.Fields {
				ordered := slices.ContainsFunc(orders[c.ID], func(o drift.Field) bool { return o.Path == f.Path })
				if !ordered && (path == "" || overlap(path, f.Path)) {
					list = append(list, stillDiffers(c.ID, path, f))
					break
				}
			}
		}
	}
	return list
}

// stillDiffers says why a path is not adopted: with it the cluster would differ in
// the field f.
func stillDiffers(id object.ID, path string, f drift.Field) adopt.Refusal {
	by := ""
	if len(f.By) > 0 {
		by = ", set by " + f.By[0].Manager
	}
	switch {
	case path == "":
		return adopt.Refusal{ID: id, Reason: "the cluster would differ from its new manifest, at " + f.Path + by,
			Remedy: "run this again if it has changed just now, or write the manifest by hand"}
	case f.Path != path:
		return adopt.Refusal{ID: id, Path: path, Reason: "more differs there than what was adopted, at " + f.Path + by,
			Remedy: "adopt all of the object at once, or undo the rest; run this again if it has changed just now"}
	}
	return adopt.Refusal{ID: id, Path: path, Reason: "it has changed just now, or a webhook, a policy or a controller makes another value of what git says" + by,
		Remedy: "run this again; if it is refused again, change what sets it"}
}

// overlap tells whether one path is the other, or lies below it.
func overlap(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	rest, ok := strings.CutPrefix(b, a)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
