package rebuild

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/ignore/glob"
)

// Selector names objects, and maybe fields of theirs:
//
//	ConfigMap                        all of a kind
//	Deployment/web                   in any namespace
//	Deployment.apps/shop/web         or "Deployment.apps shop/web", as it is printed
//	Deployment/web#spec.replicas     the field and all below it
//
// Each part may be a glob (*, ?, [a-z], {one,two}); case does not matter in kinds.
type Selector struct {
	text                         string
	kind, group, namespace, name glob.Glob
	field                        string
	fieldGlob                    glob.Glob
}

// SelectorError: a selector cannot be read.
type SelectorError struct{ Selector, Reason string }

func (e *SelectorError) Error() string { return fmt.Sprintf("--only %q %s", e.Selector, e.Reason) }

// Hint says how a selector is written.
func (*SelectorError) Hint() string {
	return "write KIND/NAME, KIND/NAMESPACE/NAME or KIND/NAME#FIELD, as in --only Deployment/web#spec.replicas"
}

// NoMatchError: a selector is about nothing that differs.
type NoMatchError struct {
	Selector string
	// Of is what was selected, and Differ the fields of it that do differ; without
	// it, Differ are objects.
	Of     string
	Differ []string
}

func (e *NoMatchError) Error() string {
	return fmt.Sprintf("--only %s: nothing of that differs", e.Selector)
}

// Hint names what does differ.
func (e *NoMatchError) Hint() string {
	if len(e.Differ) == 0 {
		return "the cluster is as the commit says"
	}
	const few = 5
	names := slices.Clone(e.Differ[:min(few, len(e.Differ))])
	if more := len(e.Differ) - few; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	what := "what differs: "
	if e.Of != "" {
		what = "what differs of " + e.Of + ": "
	}
	return what + strings.Join(names, ", ")
}

func parseSelectors(list []string) ([]Selector, error) {
	var selectors []Selector
	for _, text := range list {
		s, err := ParseSelector(text)
		if err != nil {
			return nil, err
		}
		selectors = append(selectors, s)
	}
	return selectors, nil
}

// ParseSelector reads a selector. Errors are *SelectorError.
func ParseSelector(text string) (Selector, error) {
	s := Selector{text: text}
	refuse := func(reason string) (Selector, error) { return s, &SelectorError{Selector: text, Reason: reason} }
	what, field, hasField := strings.Cut(text, "#")
	if hasField && field == "" {
		return refuse("names no field after #")
	}
	kind, rest, hasName := strings.Cut(strings.TrimSpace(what), " ")
	if !hasName {
		kind, rest, hasName = strings.Cut(kind, "/")
	}
	kind, group, hasGroup := strings.Cut(kind, ".")
	parts := strings.Split(strings.TrimSpace(rest), "/")
	switch {
	case kind == "":
		return refuse("names no kind")
	case hasName && parts[len(parts)-1] == "", len(parts) == 2 && parts[0] == "":
		return refuse("has an empty part")
	case len(parts) > 2:
		return refuse("has too many parts")
	}
	var err error
	set := func(to *glob.Glob, pattern string) {
		if err == nil && pattern != "" {
			*to, err = glob.Parse(pattern)
		}
	}
	set(&s.kind, strings.ToLower(kind))
	if hasGroup {
		set(&s.group, group)
	}
	set(&s.name, parts[len(parts)-1])
	if len(parts) == 2 {
		set(&s.namespace, parts[0])
	}
	if s.field = field; strings.ContainsAny(field, "*?") {
		set(&s.fieldGlob, escapeItems(field))
	}
	if err != nil {
		return refuse(err.Error())
	}
	return s, nil
}

// escapeItems keeps the brackets of list items, as in containers[web], from being
// read as alternatives.
func escapeItems(field string) string {
	return strings.NewReplacer("[", `\[`, "]", `\]`, "{", `\{`, "}", `\}`).Replace(field)
}

// String returns the selector as it was written.
func (s Selector) String() string { return s.text }

// Has tells whether the selector is about an object, maybe only about fields of
// it.
func (s Selector) Has(id object.ID) bool {
	return s.kind.Match(strings.ToLower(id.Kind)) && s.group.Match(id.Group) && s.namespace.Match(id.Namespace) && s.name.Match(id.Name)
}

// HasField tells whether the selector, which is about the object, is about a
// field of it too. An empty path is the object as a whole.
func (s Selector) HasField(path string) bool {
	switch {
	case s.field == "":
		return true
	case s.fieldGlob != nil:
		return s.fieldGlob.Match(path)
	}
	rest, below := strings.CutPrefix(path, s.field)
	return below && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
