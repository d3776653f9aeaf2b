// Package convert writes objects of API versions that Kubernetes has removed in
// the versions that replaced them, where that is mechanical: where no person has
// to decide anything and the object goes on to mean what it meant. Defaults that
// differ between the two versions are written out with their old value.
//
// In goes an object and the catalogue of a server; out comes a copy of the
// object that this server serves, with what was changed in words, or the reason
// why a person has to look. It does no I/O.
package convert

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
)

// reshape changes content, whose apiVersion and kind are the new ones already,
// to the shape of the new version. It returns what it changed, in words, or a
// reason why that is not mechanical.
type reshape func(content map[string]any) (changes []string, err error)

// NotMechanicalError: an object cannot be written in a version that the server
// serves without a person's decision.
type NotMechanicalError struct {
	ID         object.ID
	APIVersion string
	From       object.Provenance
	Reason     string
}

func (e *NotMechanicalError) Error() string {
	return fmt.Sprintf("%s (%s) at %s cannot be converted: %s", e.ID, e.APIVersion, e.From, e.Reason)
}

// To returns o in a version that cat serves: o itself, without changes, when it
// is served as it is; else a converted copy with what was changed, in words. The
// identity's name and namespace never change, its group may. The error is a
// *NotMechanicalError.
func To(o *object.Object, cat *object.Catalogue) (converted *object.Object, changes []string, err error) {
	gvk := o.GroupVersionKind()
	if _, served := cat.Lookup(gvk); served {
		return o, nil, nil
	}
	fail := func(format string, args ...any) (*object.Object, []string, error) {
		return nil, nil, &NotMechanicalError{ID: o.ID(), APIVersion: o.GetAPIVersion(), From: o.From, Reason: fmt.Sprintf(format, args...)}
	}
	row, known := lookup(gvk)
	if !known {
		return fail("nothing is known about %s %s", o.GetAPIVersion(), o.GetKind())
	}
	if row.reshape == nil {
		return fail("%s", row.Removal)
	}
	next := row.Replacement
	if _, served := cat.Lookup(next); !served {
		return fail("the target serves neither %s nor its replacement %s", o.GetAPIVersion(), next.GroupVersion())
	}
	c := o.Copy()
	c.SetGroupVersionKind(next)
	delete(c.Object, "status") // the server's own, and of another shape
	changes, err = row.reshape(c.Object)
	if err != nil {
		return fail("%s", err)
	}
	return c, slices.Insert(changes, 0, renamed(gvk, next)), nil
}

func renamed(from, to schema.GroupVersionKind) string {
	if from.Kind != to.Kind {
		return fmt.Sprintf("%s %s is now %s %s", from.GroupVersion(), from.Kind, to.GroupVersion(), to.Kind)
	}
	return fmt.Sprintf("apiVersion %s is now %s", from.GroupVersion(), to.GroupVersion())
}

// sameShape is for versions that differ in nothing but their name.
func sameShape(map[string]any) ([]string, error) { return nil, nil }
