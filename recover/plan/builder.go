package plan

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Make plans objects onto a target. It returns an *object.DuplicateError when two
// objects are one once each has the namespace that its kind wants, and a
// *CycleError when objects need each other in a circle. What the target cannot
// serve is no error: it is in Plan.Unserved. Objects is not changed.
func Make(objects *object.Set, opts Options) (*Plan, error) {
	if opts.Catalogue == nil {
		return nil, fmt.Errorf("planning needs the catalogue of the target")
	}
	if opts.Exists == nil {
		opts.Exists = EmptyCluster
	}
	if opts.Namespace == "" {
		opts.Namespace = "default"
	}
	n, err := normalise(objects, opts)
	if err != nil {
		return nil, err
	}
	b := newBuilder(n)
	b.connect()
	b.renumber(len(n.vertices))
	b.tidy()
	broken, err := b.breakCycles()
	if err != nil {
		return nil, err
	}
	b.notes = append(b.notes, broken...)
	b.waves()
	return b.assemble(opts), nil
}

// named finds vertices by what a reference says: kind, namespace and name.
type named struct{ kind, namespace, name string }

// builder finds the edges between vertices.
type builder struct {
	*graph
	notes       []Note
	unserved    []Unserved
	exists      func(object.ID) bool
	definitions map[schema.GroupKind]*definition
	byID        map[object.ID]int
	byName      map[named][]int
	workloads   map[string][]int // by namespace
	byLabel     map[string][]int // workloads by namespace, key and value of a label
	guards      map[string][]int // quotas, limits and network policies by namespace
	bindings    map[named][]int  // role bindings by their subject
	missing     map[named]*absence
	keys        []int            // Secrets that unseal sealed secrets; nil until asked for
	ordinary    []int            // see afterOrdinary; nil until asked for
	byService   map[string][]int // Services by label, as byLabel; nil until asked for
}

// absence collects who names a class that is nowhere.
type absence struct {
	count int
	first int
}

func newBuilder(n *normaliser) *builder {
	b := &builder{
		graph:       &graph{vertices: n.vertices, barriers: map[string]int{}},
		notes:       n.notes,
		unserved:    n.unserved,
		exists:      n.opts.Exists,
		definitions: n.definitions,
		byID:        make(map[object.ID]int, len(n.vertices)),
		byName:      make(map[named][]int, len(n.vertices)),
		workloads:   map[string][]int{},
		byLabel:     map[string][]int{},
		guards:      map[string][]int{},
		bindings:    map[named][]int{},
		missing:     map[named]*absence{},
	}
	for i := range b.vertices {
		b.index(i)
	}
	return b
}

// index enters vertex i where others look for it.
func (b *builder) index(i int) {
	v := &b.vertices[i]
	b.byID[v.ID] = i
	key := named{v.ID.Kind, v.ID.Namespace, v.ID.Name}
	b.byName[key] = append(b.byName[key], i)
	switch v.ID.GroupKind().String() {
	case "ResourceQuota", "LimitRange", "NetworkPolicy.networking.k8s.io", "NetworkPolicy.extensions":
		b.guards[v.ID.Namespace] = append(b.guards[v.ID.Namespace], i)
	case "RoleBinding.rbac.authorization.k8s.io", "ClusterRoleBinding.rbac.authorization.k8s.io":
		b.indexSubjects(i)
	}
	if labels, ok := podLabels(v.Object.Object); ok {
		b.workloads[v.ID.Namespace] = append(b.workloads[v.ID.Namespace], i)
		for k, value := range labels {
			at := labelKey(v.ID.Namespace, k, value)
			b.byLabel[at] = append(b.byLabel[at], i)
		}
	}
}

func labelKey(namespace, key, value string) string {
	return namespace + "\x00" + key + "\x00" + value
}

// connect finds all edges. The order matters where later rules read the edges of
// earlier ones: waves come last.
func (b *builder) connect() {
	own := len(b.vertices) // barriers come behind
	for i := range own {
		b.hardEdges(i)
		b.referenceEdges(i)
		b.kindEdges(i)
		b.explicitEdges(i)
	}
	for i := range own {
		b.lateEdges(i)
	}
	b.waveEdges()
	b.noteMissing()
}

// find returns the vertex that a reference names, in namespace or cluster-wide;
// of several groups the given one, or the first.
func (b *builder) find(kind, group, namespace, name string) (int, bool) {
	found := b.byName[named{kind, namespace, name}]
	if len(found) == 0 {
		found = b.byName[named{kind, "", name}]
	}
	if len(found) == 0 {
		return 0, false
	}
	for _, i := range found {
		if b.vertices[i].ID.Group == group {
			return i, true
		}
	}
	if group != "" && group != "extensions" {
		return 0, false
	}
	return found[0], true
}

func (b *builder) note(kind NoteKind, i int, text string) {
	v := &b.vertices[i]
	b.notes = append(b.notes, Note{Kind: kind, ID: v.ID, From: v.From, Text: text})
}

// assemble returns the plan: vertices sorted by wave, then identity.
func (b *builder) assemble(opts Options) *Plan {
	order := make([]int, len(b.vertices))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int {
		v, w := &b.vertices[x], &b.vertices[y]
		if v.Wave != w.Wave {
			return v.Wave - w.Wave
		}
		return v.ID.Compare(w.ID)
	})
	p := &Plan{Commit: opts.Commit, Server: opts.Catalogue.Server, Namespace: opts.Namespace, Nodes: make([]Node, 0, len(order))}
	digests := make(map[object.ID]object.Digest, len(order))
	for _, i := range order {
		v := &b.vertices[i]
		node := v.Node
		if len(v.edges) > 0 {
			node.Edges = make([]Edge, len(v.edges))
			for j, e := range v.edges {
				node.Edges[j] = Edge{To: b.vertices[e.to].ID, Strength: e.strength, Until: e.until, Why: e.why}
			}
			slices.SortFunc(node.Edges, func(a, c Edge) int { return a.To.Compare(c.To) })
		}
		p.Nodes = append(p.Nodes, node)
		if node.Object != nil {
			digests[node.ID] = object.DigestOf(object.Form(node.Object.Unstructured))
		}
	}
	p.Fingerprint = object.FingerprintOf(digests)
	p.Unserved, p.Notes = b.unserved, b.notes
	slices.SortStableFunc(p.Notes, compareNotes)
	return p
}
