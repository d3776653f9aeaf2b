package drift

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/rekindle-io/rekindle/recover/object/raw"
)

// Field is one field in which two objects differ.
type Field struct {
	// Path reads like spec.template.spec.containers[web].image.
	Path string `json:"path"`
	// Want is what the commit says, Have what the cluster holds; nil where one
	// side does not have the field. A Secret's values are never shown.
	Want any `json:"want"`
	Have any `json:"have"`
	// By is who set what the cluster holds, who was last first. Empty when nobody
	// is known: who takes a field away leaves no trace.
	By []Author `json:"by,omitempty"`
}

// Set compares have with the fields that want sets: what only have carries is
// not looked at, except for the length of lists. It may name a field that the
// server would call equal (a quantity in another notation, a list in another
// order, an empty map that it does not keep), and misses none of what want sets
// that differs.
func Set(want, have map[string]any) []Field {
	if covers(want, have) {
		return nil
	}
	c := comparer{onlySet: true}
	c.maps("", said{}, want, have)
	return c.fields
}

// covers tells that have has all that want sets. Nearly all objects are so, and
// to see it takes no names of fields and no sorting of them.
func covers(want, have any) bool {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return false
		}
		for key, below := range w {
			value, ok := h[key]
			if (ok || below != nil) && (!ok || !covers(below, value)) {
				return false
			}
		}
		return true
	case []any:
		h, ok := have.([]any)
		return ok && slices.EqualFunc(w, h, covers)
	}
	return raw.Equal(want, have)
}

// Both compares two objects field by field, in both directions.
func Both(want, have map[string]any) []Field {
	c := comparer{}
	c.maps("", said{}, want, have)
	return c.fields
}

// comparer compares two objects, and carries along what a third one says at the
// same place.
type comparer struct {
	onlySet bool
	fields  []Field
	said    []said // for each of fields
}

func (c *comparer) differ(path string, by said, want, have any) {
	c.fields = append(c.fields, Field{Path: path, Want: want, Have: have})
	c.said = append(c.said, by)
}

// lack is differ for a field that one side does not have. Labels and annotations
// differ one by one: that there was none before says nothing.
func (c *comparer) lack(path, key string, by said, want, have any) {
	w, one := want.(map[string]any)
	h, other := have.(map[string]any)
	if (key == "labels" || key == "annotations") && (one && len(w) > 0 || other && len(h) > 0) {
		c.maps(path, by, w, h)
		return
	}
	c.differ(path, by, want, have)
}

func (c *comparer) maps(path string, by said, want, have map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		below := join(path, key)
		value, ok := have[key]
		if !ok && want[key] == nil {
			continue // null says no more than nothing
		}
		if !ok {
			c.lack(below, key, by.key(key), want[key], nil)
			continue
		}
		c.values(below, by.key(key), want[key], value)
	}
	if c.onlySet {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[key]; !ok && have[key] != nil {
			c.lack(join(path, key), key, by.key(key), nil, have[key])
		}
	}
}

func (c *comparer) values(path string, by said, want, have any) {
	switch w := want.(type) {
	case map[string]any:
		if h, ok := have.(map[string]any); ok {
			c.maps(path, by, w, h)
			return
		}
	case []any:
		if h, ok := have.([]any); ok {
			c.lists(path, by, w, h)
			return
		}
	}
	if !raw.Equal(want, have) {
		c.differ(path, by, want, have)
	}
}

// lists compares item by item, and by name where every item has one and the
// two sides do not line up.
func (c *comparer) lists(path string, by said, want, have []any) {
	wantNamed, ok1 := byName(want)
	haveNamed, ok2 := byName(have)
	if ok1 && ok2 && !lineUp(want, have) {
		c.named(path, by, wantNamed, haveNamed)
		return
	}
	if len(want) != len(have) {
		c.differ(path, by, want, have)
		return
	}
	for i := range want {
		c.values(path+itemLabel(i, want[i]), by.item(i, want[i]), want[i], have[i])
	}
}

// named compares two lists of named items. An item that only have carries
// counts although the list is compared by what want sets: the list is want's.
func (c *comparer) named(path string, by said, want, have map[string]any) {
	before := len(c.fields)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		below := path + "[" + name + "]"
		if item, ok := have[name]; ok {
			c.values(below, by.named(name), want[name], item)
			continue
		}
		c.differ(below, by.named(name), want[name], nil)
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[name]; !ok {
			c.differ(path+"["+name+"]", by.named(name), nil, have[name])
		}
	}
	if len(c.fields) == before {
		c.differ(path, said{ordered: true}, "the order "+fmt.Sprint(slices.Sorted(maps.Keys(want))), "another order")
	}
}

// itemLabel is how a list's item is called in a path: [web], or [3].
func itemLabel(i int, item any) string {
	if name, ok := nameOf(item); ok {
		return "[" + name + "]"
	}
	return "[" + strconv.Itoa(i) + "]"
}

func nameOf(item any) (string, bool) {
	m, _ := item.(map[string]any)
	name, ok := m["name"].(string)
	return name, ok
}

func byName(list []any) (map[string]any, bool) {
	named := make(map[string]any, len(list))
	for _, item := range list {
		name, ok := nameOf(item)
		if _, dup := named[name]; !ok || dup {
			return nil, false
		}
		named[name] = item
	}
	return named, len(list) > 0
}

// lineUp tells whether the named items of both lists stand in the same order.
func lineUp(a, b []any) bool {
	return slices.EqualFunc(a, b, func(x, y any) bool {
		nx, _ := nameOf(x)
		ny, _ := nameOf(y)
		return nx == ny
	})
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func join(path, key string) string {
	if !plainKey.MatchString(key) {
		return path + "[" + strconv.Quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// project reduces have to the fields that want sets. Where lists do not line
// up, the whole list of have stays.
func project(have, want any) any {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return have
		}
		kept := make(map[string]any, len(w))
		for key, below := range w {
			if value, ok := h[key]; ok {
				kept[key] = project(value, below)
			}
		}
		return kept
	case []any:
		h, ok := have.([]any)
		if !ok || len(h) != len(w) {
			return have
		}
		kept := make([]any, len(h))
		for i := range h {
			kept[i] = project(h[i], w[i])
		}
		return kept
	}
	return have
}
