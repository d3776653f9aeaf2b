package render

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// kustGuard looks at every file before kustomize does. kustomize fetches what
// looks remote by itself, expands aliases without bound and would run helm, and
// its options stop none of that.
type kustGuard struct {
	limits      Limits
	allowRemote bool
	// remote collects what was allowed.
	remote map[string]bool
	// secrets collects what generators are given, which kustomize quotes.
	secrets secretTexts
}

// secretTexts are texts that must not be part of an error.
type secretTexts map[string]bool

// add adds a text and, of "key=value", the value.
func (s secretTexts) add(text string) {
	_, value, _ := strings.Cut(text, "=")
	for _, t := range []string{text, value} {
		if len(t) >= 3 {
			s[t] = true
		}
	}
}

func (s secretTexts) longestFirst() []string {
	return slices.SortedFunc(maps.Keys(s), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
}

func isKustomizationFile(name string) bool {
	return slices.Contains(kustomizationNames(), path.Base(name))
}

// check refuses the content of file, or returns nil.
func (g kustGuard) check(file string, data []byte) error {
	kustomization := isKustomizationFile(file)
	if !kustomization && !bytes.Contains(data, []byte("builtin")) && !mayAlias(data) {
		return nil
	}
	docs, err := parseDocuments(file, data)
	if err != nil {
		if kustomization {
			return err
		}
		return nil // it may be any file; kustomize reports what it cannot read
	}
	for _, doc := range docs {
		if err := newConverter(doc, g.limits).bound(); err != nil {
			return err
		}
		if kustomization || isBuiltin(doc.root) {
			if err := g.walk(doc, doc.root); err != nil {
				return err
			}
		}
	}
	return nil
}

func mayAlias(data []byte) bool {
	return bytes.IndexByte(data, '&') >= 0 && bytes.IndexByte(data, '*') >= 0
}

// isBuiltin tells whether a document configures one of kustomize's own plugins.
func isBuiltin(n *yaml.Node) bool {
	v := field(n, "apiVersion")
	return v != nil && v.Value == "builtin"
}

func field(n *yaml.Node, key string) *yaml.Node {
	n = follow(n)
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// folderFields name files or folders, which may be repositories; fileFields
// name files, which may be URLs.
func folderFields() []string {
	return []string{"resources", "bases", "components", "generators", "transformers", "validators"}
}

func fileFields() []string {
	return []string{"path", "paths", "files", "envs", "env", "crds", "configurations", "patchesStrategicMerge", "valuesFile", "additionalValuesFiles"}
}

// walk checks the fields of a mapping, at any depth, that name what to load.
func (g kustGuard) walk(doc *document, n *yaml.Node) error {
	n = follow(n)
	if n.Kind == yaml.ScalarNode && mayAlias([]byte(n.Value)) {
		return g.inline(doc, n) // a patch or a plugin's configuration
	}
	if n.Kind != yaml.MappingNode {
		for _, child := range n.Content {
			if err := g.walk(doc, child); err != nil {
				return err
			}
		}
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if err := g.field(doc, n.Content[i], n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (g kustGuard) field(doc *document, key, v *yaml.Node) error {
	switch key.Value {
	case "commonLabels", "commonAnnotations", "pairs", "annotations":
		return nil
	case "literals":
		for _, s := range scalars(v) {
			g.secrets.add(s.Value)
		}
		return nil
	case "helmCharts", "helmChartInflationGenerator":
		return doc.errorAt(key, "%s needs the helm binary and the network, which a restore must not depend on: render the chart into the repository, or name its folder with --path and kind helm", key.Value)
	}
	folders, files := slices.Contains(folderFields(), key.Value), slices.Contains(fileFields(), key.Value)
	if folders || files {
		for _, s := range scalars(v) {
			if err := g.reference(doc, s, folders); err != nil {
				return err
			}
		}
	}
	return g.walk(doc, v)
}

// reference checks one file, folder or inline document.
func (g kustGuard) reference(doc *document, n *yaml.Node, folder bool) error {
	if strings.Contains(n.Value, ": ") || strings.ContainsRune(n.Value, '\n') {
		return g.inline(doc, n)
	}
	ref := n.Value
	if _, after, ok := strings.Cut(ref, "="); ok && !strings.Contains(ref, "?") {
		ref = after // "key=file" of a generator
	}
	if !isURL(ref) && (!folder || !isRepository(ref)) {
		return nil
	}
	if !g.allowRemote {
		return doc.errorAt(n, "%q is remote: what it holds today is not what it held at this commit. Copy it into the repository, or allow remote bases", ref)
	}
	g.remote[ref] = true
	return nil
}

// inline checks a document that stands in the kustomization.
func (g kustGuard) inline(doc *document, n *yaml.Node) error {
	err := g.check(doc.file, []byte(n.Value))
	var fault *FileError
	if errors.As(err, &fault) {
		if strings.HasPrefix(fault.Message, "is not valid YAML") {
			return nil // kustomize reports it
		}
		return doc.errorAt(n, "%s", fault.Message)
	}
	return err
}

func scalars(n *yaml.Node) []*yaml.Node {
	n = follow(n)
	if n.Kind == yaml.ScalarNode {
		return []*yaml.Node{n}
	}
	var list []*yaml.Node
	if n.Kind == yaml.SequenceNode {
		for _, child := range n.Content {
			if child = follow(child); child.Kind == yaml.ScalarNode {
				list = append(list, child)
			}
		}
	}
	return list
}

var (
	urlStart = regexp.MustCompile(`(?i)^https?:`)
	// repositoryStart is what kustomize's api/internal/git takes for a
	// repository, and a little more.
	repositoryStart = regexp.MustCompile(`(?i)^(git::|(ssh|https?|file)://|(www\.)?github\.com[/:]|[a-z][a-z0-9-]*@[^/]*[:/])`)
)

func isURL(s string) bool { return urlStart.MatchString(s) }

func isRepository(s string) bool { return repositoryStart.MatchString(s) }

func asPathError(err error, target **fs.PathError) bool { return errors.As(err, target) }
