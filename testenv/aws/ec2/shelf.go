package ec2

import (
	"maps"
	"slices"
	"time"
)

type thinger interface{ thing() *Thing }

// shelf holds things of one kind by their IDs.
type shelf[T thinger] map[string]T

// living returns those that have not been removed, oldest first.
func (s shelf[T]) living() []T {
	return s.which(func(t *Thing) bool { return t.lives() })
}

// seen returns those that a describe operation shows at a time, oldest first.
func (s shelf[T]) seen(now time.Time, lag time.Duration) []T {
	return s.which(func(t *Thing) bool {
		return !now.Before(t.Created.Add(lag)) && (t.lives() || now.Before(t.gone.Add(lag)))
	})
}

func (s shelf[T]) which(want func(*Thing) bool) []T {
	var found []T
	for _, t := range s {
		if want(t.thing()) {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b T) int { return int(a.thing().serial) - int(b.thing().serial) })
	return found
}

// forget drops what no describe operation shows any more.
func (s shelf[T]) forget(now time.Time, lag time.Duration) {
	maps.DeleteFunc(s, func(_ string, t T) bool { return !t.thing().lives() && !now.Before(t.thing().gone.Add(lag)) })
}

// shelved is what can be done with a shelf of things of any kind.
type shelved interface {
	find(k kind, id string) (*Thing, error)
	forget(now time.Time, lag time.Duration)
}

// shelves are all shelves of a place.
func (p *Place) shelves() map[kind]shelved {
	return map[kind]shelved{
		kindVPC: p.vpcs, kindSubnet: p.subnets, kindGateway: p.gateways, kindTable: p.tables, kindGroup: p.groups, kindInterface: p.interfaces,
		kindVolume: p.volumes, kindSnapshot: p.snapshots, kindInstance: p.instances,
	}
}

// find finds what a thing has in common with things of other kinds.
func (s shelf[T]) find(k kind, id string) (*Thing, error) {
	t, err := find(s, k, id)
	if err != nil {
		return nil, err
	}
	return t.thing(), nil
}

// find returns what has an ID and has not been removed.
func find[T thinger](s shelf[T], k kind, id string) (T, error) {
	var none T
	if err := k.check(id); err != nil {
		return none, err
	}
	t, there := s[id]
	if !there || !t.thing().lives() {
		return none, k.absent(id)
	}
	return t, nil
}

// get returns a copy of what has an ID.
func get[T thinger, C any](p *Place, s shelf[T], k kind, id string, copyOf func(T) C) (C, error) {
	p.lock()
	defer p.unlock()
	t, err := find(s, k, id)
	if err != nil {
		var none C
		return none, err
	}
	return copyOf(t), nil
}

// list returns copies of those that have not been removed and are wanted, oldest first.
func list[T thinger, C any](p *Place, s shelf[T], wanted func(T) bool, copyOf func(T) C) []C {
	p.lock()
	defer p.unlock()
	var found []C
	for _, t := range s.living() {
		if wanted(t) {
			found = append(found, copyOf(t))
		}
	}
	return found
}
