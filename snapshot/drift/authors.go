package drift

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/rekindle-io/rekindle/snapshot/capture"
)

// attribute says of each field who set what the cluster holds, as far as
// managedFields tell: whoever owns the field, or the map or list that it is
// owned with, or anything below it.
func attribute(fields []Field, form map[string]any, u *unstructured.Unstructured) {
	for _, entry := range u.GetManagedFields() {
		set, ok := setOf(entry)
		if !ok || entry.Manager == "" {
			continue
		}
		owned := paths(set, form)
		for i := range fields {
			if fields[i].Have != nil && owned.reach(fields[i].Path) {
				fields[i].By = append(fields[i].By, authorOf(entry))
			}
		}
	}
	for i := range fields {
		slices.SortStableFunc(fields[i].By, lastFirst)
		fields[i].By = slices.CompactFunc(fields[i].By, sameAuthor)
	}
}

// setOf reads which fields an entry is about; not ok when it does not say.
func setOf(entry metav1.ManagedFieldsEntry) (*fieldpath.Set, bool) {
	var set fieldpath.Set
	if entry.FieldsV1 == nil || set.FromJSON(bytes.NewReader(entry.FieldsV1.GetRawBytes())) != nil {
		return nil, false
	}
	return &set, true
}

// printed is a set of printed paths.
type printed map[string]bool

// paths prints the leaves of set that form has.
func paths(set *fieldpath.Set, form map[string]any) printed {
	list := printed{}
	set.Leaves().Iterate(func(p fieldpath.Path) {
		path, v := "", any(form)
		for _, element := range p {
			below, label, ok := descend(element, v)
			if !ok {
				return
			}
			path, v = label(path), below
		}
		list[path] = true
	})
	return list
}

// reach tells whether path, something below it, or what it lies in is in the
// set.
func (owned printed) reach(path string) bool {
	for p := range owned {
		if below(p, path) || below(path, p) {
			return true
		}
	}
	return false
}

// below tells whether path is of, or lies in it.
func below(path, of string) bool {
	rest, ok := strings.CutPrefix(path, of)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func authorOf(entry metav1.ManagedFieldsEntry) Author {
	a := Author{Manager: entry.Manager, Subresource: entry.Subresource}
	if entry.Time != nil && !entry.Time.IsZero() {
		t := entry.Time.UTC()
		a.Time = &t
	}
	return a
}

func lastFirst(a, b Author) int {
	return cmp.Or(-moment(a).Compare(moment(b)), cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Subresource, b.Subresource))
}

func moment(a Author) time.Time {
	if a.Time == nil {
		return time.Time{}
	}
	return *a.Time
}

func sameAuthor(a, b Author) bool {
	return a.Manager == b.Manager && a.Subresource == b.Subresource
}

// lastOf is who wrote last to an object and is no machine; nil when nobody is.
func lastOf(u *unstructured.Unstructured) (by *Author) {
	for _, entry := range u.GetManagedFields() {
		if entry.Subresource == statusSubresource || capture.HandOf(entry.Manager) != capture.Somebody {
			continue
		}
		if a := authorOf(entry); by == nil || moment(a).After(moment(*by)) {
			by = &a
		}
	}
	return by
}

// creation tells when an object was made and who is likely to have: the manager
// whose account begins first.
func creation(u *unstructured.Unstructured) (created *time.Time, by *Author) {
	if t := u.GetCreationTimestamp(); !t.IsZero() {
		utc := t.UTC()
		created = &utc
	}
	for _, entry := range u.GetManagedFields() {
		if entry.Subresource != "" || entry.Manager == "" {
			continue
		}
		if a := authorOf(entry); by == nil || moment(a).Before(moment(*by)) {
			by = &a
		}
	}
	return created, by
}
