package plan

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
)

// One file for each release: the newest is what the local provider's server
// answers, the others are derived from the release itself by testenv/catalogue.
//
//go:embed catalogue/*.txt
var catalogues embed.FS

// Builtin returns what an empty cluster of a Kubernetes version serves, for
// planning without a cluster: "v1.36", "v1.36.3" and "1.36" are the same; "" is
// the newest that is known. The second result is false for an unknown version.
func Builtin(version string) (*object.Catalogue, bool) {
	name := BuiltinVersion
	if version != "" {
		parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
		if len(parts) < 2 {
			return nil, false
		}
		name = "v" + parts[0] + "." + parts[1]
	}
	if strings.ContainsAny(name, "/\\") {
		return nil, false
	}
	text, err := fs.ReadFile(catalogues, "catalogue/"+name+".txt")
	if err != nil {
		return nil, false
	}
	kinds, err := parseKinds(string(text))
	if err != nil {
		return nil, false
	}
	return object.NewCatalogue(name, kinds), true
}

// BuiltinVersion is the newest version that Builtin knows, OldestBuiltin the
// oldest; all in between are known.
const (
	BuiltinVersion = "v1.36"
	OldestBuiltin  = "v1.30"
)

// parseKinds reads one kind a line: group (- for the core), version, kind,
// plural, scope, verbs.
func parseKinds(text string) ([]object.Kind, error) {
	var kinds []object.Kind
	n := 0
	for line := range strings.Lines(text) {
		n++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 6 {
			return nil, fmt.Errorf("line %d: want 6 fields, have %d", n, len(fields))
		}
		kinds = append(kinds, object.Kind{
			GroupVersionKind: schema.GroupVersionKind{Group: strings.TrimPrefix(fields[0], "-"), Version: fields[1], Kind: fields[2]},
			Resource:         fields[3],
			Namespaced:       fields[4] == "Namespaced",
			Verbs:            strings.Split(fields[5], ","),
		})
	}
	return kinds, nil
}
