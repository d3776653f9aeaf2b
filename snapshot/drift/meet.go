package drift

import (
	"cmp"
	"reflect"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/snapshot/capture"
)

// part is what the list of one kind brings. It is the comparison's own only once
// the list was whole.
type part struct {
	c    *comparison
	kind object.Kind
	// showWhole and showBodies are what Options.Whole and Bodies say of the kind.
	showWhole, showBodies bool

	seen       []object.ID
	digests    []object.Digest
	namespaces []string
	suspects   []suspect
	tally      *capture.Tally

	unexpected         []Unexpected
	adopted, unstamped []object.ID
	left               []Left
	replicas           map[object.ID]int64
}

func (c *comparison) newPart(kind object.Kind) *part {
	p := &part{c: c, kind: kind, replicas: map[object.ID]int64{}}
	if c.opts.Observer != nil {
		p.showWhole = c.opts.Whole != nil && c.opts.Whole(kind.GroupKind())
		p.showBodies = c.opts.Bodies == nil || c.opts.Bodies(kind.GroupKind())
	}
	if c.opts.Tally != nil {
		p.tally = c.opts.Tally.Fork()
	}
	return p
}

// take makes a whole list the comparison's own. The caller holds the lock.
func (c *comparison) take(p *part) {
	for i, id := range p.seen {
		c.seen[id] = true
		if !Hides(id) { // who knows the rest of a fingerprint could try values against it
			c.digests[id] = p.digests[i]
		}
	}
	for _, name := range p.namespaces {
		c.namespaces[name] = true
	}
	c.suspects = append(c.suspects, p.suspects...)
	r := c.report
	r.Unexpected = append(r.Unexpected, p.unexpected...)
	r.Adopted = append(r.Adopted, p.adopted...)
	r.Unstamped = append(r.Unstamped, p.unstamped...)
	r.Left = append(r.Left, p.left...)
	for id, n := range p.replicas {
		if r.Replicas == nil {
			r.Replicas = map[object.ID]int64{}
		}
		r.Replicas[id] = n
	}
	if p.tally != nil {
		c.opts.Tally.Add(p.tally)
	}
}

func (p *part) idOf(u *unstructured.Unstructured) object.ID {
	return object.ID{Group: p.kind.Group, Kind: p.kind.Kind, Namespace: u.GetNamespace(), Name: u.GetName()}
}

// met notes that an object exists.
func (p *part) met(id object.ID) {
	if id.Group == "" && id.Kind == "Namespace" {
		p.namespaces = append(p.namespaces, id.Name)
	}
}

// meet takes one live object.
func (p *part) meet(u *unstructured.Unstructured) error {
	id := p.idOf(u)
	p.met(id)
	s := Sighting{ID: id, Kind: p.kind, Live: u}
	e, wanted := p.c.wanted[id]
	switch {
	case wanted && e.Kind.GroupVersionKind != p.kind.GroupVersionKind:
		return nil // its turn comes in the other version
	case wanted:
		s.Expected = e.Object
		s.Canonical = p.compare(id, e, u)
	default:
		if v := p.c.primary[p.kind.GroupKind()]; v != "" && v != p.kind.Version {
			return nil
		}
		s.Verdict = p.stranger(id, u)
	}
	return p.show(s)
}

// show counts an object and shows it to who observes.
func (p *part) show(s Sighting) error {
	if p.tally != nil {
		p.tally.Count(s.ID, s.Verdict)
	}
	if p.c.opts.Observer == nil {
		return nil
	}
	if err := p.c.opts.Observer.See(s); err != nil {
		return stop{err}
	}
	return nil
}

// compare compares a live object with the commit's, and returns its canonical
// form.
func (p *part) compare(id object.ID, e Expected, u *unstructured.Unstructured) map[string]any {
	whole, live := object.Form(e.Object.Unstructured), object.Form(u)
	want := p.c.mind(id, whole)
	s := suspect{expected: e, live: u, form: live, fields: Set(want, live)}
	current := object.DigestOf(whole)
	s.touches = p.c.touched(id, whole, live, u)
	s.terminating = u.GetDeletionTimestamp() != nil
	p.leave(id, whole, live, s.fields)
	p.leaveAdded(id, s.touches)
	p.leaveScaled(id, whole, live, u)
	p.keepReplicas(id, live)
	stamp := stampOf(u)
	p.note(id, u, current, digestOf(current, whole, want, live, s.fields), stamp)
	s.fields = eyeFor(id.GroupKind()).differ(s.fields)
	if len(s.fields)+len(s.touches.added) > 0 || s.touches.contested || s.terminating || stamp != "" && stamp != current.Short() {
		p.suspects = append(p.suspects, s)
	}
	return live
}

// note takes down an expected object that is there: the digests of what the commit
// says and of what the cluster holds of it, and what was applied last.
func (p *part) note(id object.ID, u *unstructured.Unstructured, current, held object.Digest, stamp string) {
	p.seen = append(p.seen, id)
	p.digests = append(p.digests, held)
	restored := p.c.opts.Restored != nil && p.c.opts.Restored(u)
	if stamp != current.Short() || !restored {
		p.unstamped = append(p.unstamped, id)
	}
	if !restored {
		p.adopted = append(p.adopted, id)
	}
}

// digestOf returns the digest of live reduced to what want sets. Where nothing
// differs that is what want is.
func digestOf(current object.Digest, whole, want, live map[string]any, differ []Field) object.Digest {
	switch {
	case len(differ) > 0:
		projected, _ := project(live, want).(map[string]any)
		return object.DigestOf(projected)
	case len(whole) > 0 && sameMap(whole, want):
		return current
	}
	return object.DigestOf(want)
}

// sameMap tells whether a and b are one and the same map.
func sameMap(a, b map[string]any) bool {
	return reflect.ValueOf(a).UnsafePointer() == reflect.ValueOf(b).UnsafePointer()
}

// stampOf is the digest of what was applied last; empty when nobody did.
func stampOf(u *unstructured.Unstructured) string {
	annotations := field.Map(u.Object, "metadata", "annotations")
	stamp, _ := annotations[object.AppliedAnnotation].(string)
	return stamp
}

// stranger judges a live object that the commit does not have.
func (p *part) stranger(id object.ID, u *unstructured.Unstructured) capture.Verdict {
	restored := p.c.opts.Restored != nil && p.c.opts.Restored(u)
	judge := p.c.opts.Capture.Judge
	if restored {
		judge = p.c.opts.Capture.JudgeRestored
	}
	v := judge(id, u)
	if v.Taken() {
		x := Unexpected{ID: id, UID: u.GetUID(), Restored: restored, Why: v.Why}
		x.Created, x.By = creation(u)
		if v.Why != "" {
			x.By = cmp.Or(lastOf(u), x.By)
		}
		p.unexpected = append(p.unexpected, x)
	}
	return v
}
