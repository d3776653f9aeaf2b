package rebuild

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// A borrowed cluster is somebody else's, and so is whatever was in it before we
// came. What a restore makes there bears our marks; what it takes over, because
// the commit has an object of that name, bears takenOverAnnotation besides, and
// is given back instead of removed. The marks lie on the cluster, so that the
// rule holds whoever restores next, and from which machine.

// takenOverAnnotation says that a restore did not make the object; its value
// says who owned its fields before.
const takenOverAnnotation = "rekindle.io/taken-over"

func takenOver(u *unstructured.Unstructured) bool {
	return u.GetAnnotations()[takenOverAnnotation] != ""
}

// ours tells whether a restore made u or took it over. On a borrowed cluster the
// marks do not suffice: its owner may have copied an object of ours, marks and
// all. We must own fields of it, and what nobody of us applied has none.
func (r *restore) ours(u *unstructured.Unstructured) bool {
	return restored(u) && (!r.borrowed() || slices.ContainsFunc(u.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool {
		return e.Manager == object.FieldManager && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == ""
	}))
}

// borrowed tells whether the cluster is somebody else's.
func (r *restore) borrowed() bool { return r.found != nil && r.found.Borrowed }

// admit refuses a borrowed cluster that cannot or should not be restored: nobody
// but its owner makes it anew or starts it, and it must be the one that it was.
func (r *restore) admit(ctx context.Context) error {
	switch {
	case r.found == nil || !r.found.Borrowed:
		return nil
	case r.req.Fresh:
		return &RefusedError{Reason: fmt.Sprintf("cluster %q is somebody else's (provider %s): --fresh would delete it", r.found.Name, r.found.Provider),
			Remedy: "restore it in place; --prune removes what an earlier restore made and this commit lacks"}
	case r.found.State != providers.StateRunning:
		return unreachable(*r.found)
	}
	return r.e.refuseOther(ctx, *r.found)
}

// unreachable is the error about a borrowed cluster that does not answer.
func unreachable(c providers.Cluster) error {
	return &providers.NotRunningError{Provider: c.Provider, Name: c.Name, State: c.State, Reason: c.Detail["reason"]}
}

// Recognize refuses a borrowed cluster that is not the one which is recorded
// under its name; nil for every other.
func (e *Engine) Recognize(ctx context.Context, found providers.Cluster) error {
	if !found.Borrowed {
		return nil
	}
	return e.refuseOther(ctx, found)
}

// refuseOther refuses a borrowed cluster that is not the one which is recorded
// under its name, or that is recorded under another one: there is one inventory
// in each cluster, and two names would prune each other's objects.
func (e *Engine) refuseOther(ctx context.Context, found providers.Cluster) error {
	records, err := e.ClusterRecords(ctx)
	if err != nil {
		return err
	}
	for _, rec := range records {
		same := rec.Provider == found.Provider && rec.Name == found.Name
		switch {
		case same && rec.ID != found.ID:
			return otherCluster(found, rec.ID)
		case !same && rec.Borrowed && rec.ID == found.ID:
			return &RefusedError{
				Reason: fmt.Sprintf("cluster %q is the one that was restored as %q (id %s): two names for one cluster would remove each other's objects", found.Name, rec.Name, rec.ID),
				Remedy: fmt.Sprintf("use the name %s, or let go of it with: rekindle clusters forget %s", rec.Name, rec.Name),
			}
		}
	}
	return nil
}

// otherCluster refuses a cluster that has come to be another one.
// refuseOthersSet refuses a borrowed cluster that was restored under another
// name, from here or from another machine: the set on it is that one's, and a
// prune would remove all of it.
func (r *restore) refuseOthersSet(ctx context.Context) error {
	if !r.borrowed() {
		return nil
	}
	set, err := r.inventory(ctx)
	if err != nil {
		return err
	}
	name := set.GetAnnotations()[clusterAnnotation]
	if name == "" || name == r.req.Cluster {
		return nil
	}
	return &RefusedError{
		Reason: fmt.Sprintf("cluster %q was restored as %q (commit %.12s), perhaps from another machine: two names for one cluster would remove each other's objects",
			r.found.Name, name, set.GetAnnotations()[commitAnnotation]),
		Remedy: fmt.Sprintf("restore it from there; to go on from here in its place, declare it under the name %s", name),
	}
}

func otherCluster(found providers.Cluster, recorded string) error {
	return &RefusedError{
		Reason: fmt.Sprintf("what is declared as %q points at another cluster than the one recorded: it has id %s, that one had %s; nothing was touched", found.Name, found.ID, recorded),
		Remedy: fmt.Sprintf("point it back (%s), declare the other cluster under a name of its own, or, when its owner made it anew: rekindle clusters forget %s", where(found), found.Name),
	}
}

// where says in a few words what a borrowed cluster is declared as.
func where(c providers.Cluster) string {
	return fmt.Sprintf("context %s of %s", c.Detail["context"], c.Detail["kubeconfig"])
}

// assure asks the connected cluster itself whether it is the one that was found:
// the kubeconfig may have changed since.
func (r *restore) assure(ctx context.Context) error {
	if !r.borrowed() {
		return nil
	}
	is, err := r.cluster.Identity(ctx)
	if err != nil {
		return err
	}
	if want := r.clusterID(); is.UID != want {
		r.cluster = nil
		now := *r.found
		now.ID = is.UID
		return otherCluster(now, want)
	}
	return nil
}

// TakenOver is an object that others made and that a restore makes its own.
type TakenOver struct {
	ID object.ID `json:"object"`
	// From says which field managers own its fields, for people.
	From string `json:"from"`
}

// sighting is a live cluster that takes down, while it is compared, whose the
// objects were.
type sighting struct {
	live
	ours    func(*unstructured.Unstructured) bool
	planned map[object.ID]bool

	mu sync.Mutex
	// others had the planned objects that no restore made, or that one had taken
	// over before; givenUp were taken over and are planned no more.
	others  map[object.ID]string
	givenUp map[object.ID]bool
	// rules name the Secrets that are carried over. secrets are there, carried are
	// those that came from an export, or that the rules are about.
	rules            []*capture.Filter
	secrets, carried map[object.ID]bool
}

var _ drift.Cluster = (*sighting)(nil)

func (r *restore) sight(p *plan.Plan) (*sighting, error) {
	rules, err := r.req.CarryOver.filters()
	if err != nil {
		return nil, err
	}
	s := &sighting{rules: rules, live: live{r.cluster}, ours: r.ours, planned: make(map[object.ID]bool, len(p.Nodes)), others: map[object.ID]string{}, givenUp: map[object.ID]bool{},
		secrets: map[object.ID]bool{}, carried: map[object.ID]bool{}}
	for i := range p.Nodes {
		s.planned[p.Nodes[i].ID] = true
	}
	return s, nil
}

// List lists, and takes down what it sees.
func (s *sighting) List(ctx context.Context, kind object.Kind, metadataOnly bool, each func(*unstructured.Unstructured) error) error {
	return s.live.List(ctx, kind, metadataOnly, func(u *unstructured.Unstructured) error {
		s.note(object.ID{Group: kind.Group, Kind: kind.Kind, Namespace: u.GetNamespace(), Name: u.GetName()}, u)
		return each(u)
	})
}

func (s *sighting) note(id object.ID, u *unstructured.Unstructured) {
	marked, planned := s.ours(u), s.planned[id]
	s.mu.Lock()
	defer s.mu.Unlock()
	if isSecret(id) {
		s.secrets[id], s.carried[id] = true, isCarried(s.rules, id, u)
	}
	switch {
	case planned && !marked:
		s.others[id] = owners(u)
	case planned && takenOver(u):
		s.others[id] = u.GetAnnotations()[takenOverAnnotation]
	case marked && takenOver(u):
		s.givenUp[id] = true
	}
}

// owners names the field managers of an object, for people.
func owners(u *unstructured.Unstructured) string {
	var names []string
	for _, e := range u.GetManagedFields() {
		if e.Subresource == "" && e.Manager != object.FieldManager && e.Manager != "" {
			names = append(names, e.Manager)
		}
	}
	if len(names) == 0 {
		return "somebody else"
	}
	slices.Sort(names)
	text := strings.Join(slices.Compact(names), ", ")
	if r := []rune(text); len(r) > 200 {
		text = string(r[:200]) + "…"
	}
	return text
}

// theirs leaves out of a difference what is none of our business on a borrowed
// cluster: what others made, then or since, is not unexpected, and what was taken
// over and is planned no more is given back.
func (r *restore) theirs(d *drift.Report, s *sighting) {
	r.others = s.others
	if !r.borrowed() {
		return
	}
	d.Unexpected = slices.DeleteFunc(d.Unexpected, func(u drift.Unexpected) bool { return !u.Restored || s.givenUp[u.ID] })
	r.givenUp = r.givenUp[:0]
	for id := range s.givenUp {
		r.givenUp = append(r.givenUp, id)
	}
	slices.SortFunc(r.givenUp, object.ID.Compare)
}

// marksOfOthers are what takenOverAnnotation says on each planned object that a
// restore of a borrowed cluster did not make.
func (r *restore) marksOfOthers() map[object.ID]string {
	if !r.borrowed() {
		return nil
	}
	return r.others
}

// takeOvers lists what a restore would newly make its own.
func (r *restore) takeOvers(d *drift.Report) []TakenOver {
	var list []TakenOver
	for _, id := range d.Adopted {
		list = append(list, TakenOver{ID: id, From: r.others[id]})
	}
	return list
}

// giveBack takes our marks off objects that are not ours, and changes nothing
// else about them.
func (r *restore) giveBack(ctx context.Context, s *run.Scope, list []leftover) {
	ctx, cancel := context.WithTimeout(ctx, r.req.Wait)
	defer cancel()
	for _, l := range list {
		err := r.cluster.Release(ctx, l.kind, l.id.Namespace, l.id.Name, l.uid,
			[]string{partOfLabel}, []string{object.AppliedAnnotation, takenOverAnnotation})
		if err != nil {
			r.kept(s, l, err.Error())
			continue
		}
		r.report.GivenBack = append(r.report.GivenBack, l.id)
		s.Event(run.Event{Type: "object.given-back", Object: l.id.String()})
	}
}
