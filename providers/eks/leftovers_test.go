package eks

import (
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/providers"
)

// What a living cluster has is no leftover, and what is somebody else's is none of
// ours. Kept volumes are listed with the claim that they were made for.
func leftovers(w *theatre) {
	s := w.declare("prod", testRegion, nil)
	w.create(s)
	kept := w.strewFor(s)
	if left, err := w.provider().Leftovers(w.Context()); err != nil || len(left) > 0 {
		w.Fatalf("of a living cluster: %v, %v", left, err)
	}
	w.no(w.provider().Delete(w.Context(), s.Name, s.ID, nil))
	w.foreign("prod")
	left, err := w.provider().Leftovers(w.Context())
	w.no(err)
	if len(left) != len(kept) {
		w.Fatalf("left are %v, want %v", left, kept)
	}
	for _, id := range kept {
		at := slices.IndexFunc(left, func(l providers.Leftover) bool { return strings.Contains(l.What, id) })
		if at < 0 {
			w.Fatalf("%s is not among %v", id, left)
		}
		l := left[at]
		if !l.Kept || l.Cluster != "prod" || l.ID != s.ID || !strings.Contains(l.Why, "may hold data") {
			w.Errorf("have %+v", l)
		}
		if strings.HasPrefix(id, "vol-") && !strings.Contains(l.What, "claim shop/data") {
			w.Errorf("%q does not say what it was for", l.What)
		}
	}
}

// Somebody removed the cluster by hand, with all that hung on it: this machine still
// knows whose that is, and a delete ends it.
func leftoversOfAClusterThatWasRemovedByHand(w *theatre) {
	_, mine := w.network(testRegion)
	s := w.declare("prod", testRegion, map[string]any{"network": map[string]any{"subnets": []any{mine[0], mine[1]}}, "nodeGroups": []any{}, "addons": []any{},
		"role": w.role("cluster", "eks.amazonaws.com"), "nodeRole": w.role("nodes", "ec2.amazonaws.com")})
	before := w.inventory()
	w.create(s)
	kept := w.strewFor(s)
	w.vanish("prod", testRegion)
	left, err := w.provider().Leftovers(w.Context())
	w.no(err)
	for _, want := range []kind{kindClassic, kindBalancer, kindTargets, kindInstance, kindGroup, kindInterface, kindLogs, kindIssuer, kindVolume} {
		if !slices.ContainsFunc(left, func(l providers.Leftover) bool { return strings.HasPrefix(l.What, string(want)+" ") && l.ID == s.ID }) {
			w.Errorf("no %s among %v", want, left)
		}
	}
	w.no(w.provider().Delete(w.Context(), s.Name, s.ID, nil))
	w.wantOnly(before, kept...)
}
