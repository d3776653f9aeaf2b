package object

import (
	"fmt"
	"iter"
	"slices"
)

// Set is a collection of objects with distinct identities, in the order in
// which they were added.
type Set struct {
	list []*Object
	byID map[ID]*Object
}

// NewSet returns an empty set.
func NewSet() *Set { return &Set{byID: map[ID]*Object{}} }

// SetOf returns a set of the given objects, or a *DuplicateError.
func SetOf(list ...*Object) (*Set, error) {
	s := NewSet()
	for _, o := range list {
		if err := s.Add(o); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Add adds o, or returns a *DuplicateError when its identity is taken.
func (s *Set) Add(o *Object) error {
	id := o.ID()
	if first, ok := s.byID[id]; ok {
		return &DuplicateError{ID: id, First: first.From, Second: o.From}
	}
	s.byID[id] = o
	s.list = append(s.list, o)
	return nil
}

// Len returns the number of objects.
func (s *Set) Len() int { return len(s.list) }

// Get returns the object of that identity, or nil.
func (s *Set) Get(id ID) *Object { return s.byID[id] }

// Has tells whether an object of that identity is in the set.
func (s *Set) Has(id ID) bool { return s.byID[id] != nil }

// All yields the objects in the order in which they were added.
func (s *Set) All() iter.Seq[*Object] { return slices.Values(s.list) }

// Sorted returns the objects ordered by identity.
func (s *Set) Sorted() []*Object {
	sorted := slices.Clone(s.list)
	slices.SortFunc(sorted, func(a, b *Object) int { return a.ID().Compare(b.ID()) })
	return sorted
}

// DuplicateError: two objects claim one identity.
type DuplicateError struct {
	ID            ID
	First, Second Provenance
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("%s is defined twice: at %s and at %s: remove one", e.ID, e.First, e.Second)
}
