// Package plan decides in which order the objects of a commit are made on a
// target, and why.
//
// In goes a set of objects and what is known of the target; out comes a Plan:
// nodes in an order in which each comes after everything it needs, with the
// reason for every edge, what the target cannot serve, and what a person should
// know. A plan is pure data: the same objects give the same plan whatever order
// they come in, and making one does no I/O and asks no clock.
//
// There are no phases: an object waits for just what it needs (see Strength).
package plan

import (
	"fmt"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Options say what is known of the target and how to plan.
type Options struct {
	// Commit is the full SHA that the objects come from; it is only passed on.
	Commit string
	// Catalogue is what the target serves; never nil (see Builtin).
	Catalogue *object.Catalogue
	// Exists tells what the target is known to have already: namespaces and
	// classes are asked for. Nil means an empty cluster (see EmptyCluster).
	Exists func(object.ID) bool
	// Convert writes objects of removed API versions in the version that
	// replaced them, where that is mechanical.
	Convert bool
	// Namespace is for namespaced objects that name none; "" is "default".
	Namespace string
}

// Plan is what will be made, in which order, and why.
type Plan struct {
	Commit string `json:"commit,omitempty"`
	// Fingerprint is of all objects in Nodes, as they will be made.
	Fingerprint string `json:"fingerprint"`
	// Server is the version of the target, "v1.36.3".
	Server string `json:"server,omitempty"`
	// Namespace is where namespaced objects go that name none. An executor
	// needs it for awaited kinds, whose scope is not known yet.
	Namespace string `json:"namespace"`
	// Nodes are in topological order: every edge points to an earlier node.
	Nodes []Node `json:"nodes"`
	// Unserved are the nodes that the target cannot serve as it is now.
	Unserved []Unserved `json:"unserved,omitempty"`
	Notes    []Note     `json:"notes,omitempty"`
}

// Node is one object to be made, or a barrier.
type Node struct {
	ID object.ID `json:"id"`
	// Object is what to apply: namespace set or dropped as its kind wants it,
	// converted where that was asked for. Nil for a barrier.
	Object *object.Object `json:"-"`
	// Kind is as the target serves it, or as the CustomResourceDefinition in
	// the plan will. For awaited and removed kinds only group, version and kind
	// are known, and Namespaced is as the object was written.
	Kind object.Kind `json:"kind,omitzero"`
	// Wave is the length of the longest path below, for people.
	Wave int `json:"wave"`
	// Edges are what this node needs, each an earlier node.
	Edges []Edge `json:"edges,omitempty"`
	// Barrier marks a node that stands for many ("Argo CD wave 0"). Nothing is
	// applied for it: it exists as soon as its edges are satisfied.
	Barrier bool `json:"barrier,omitempty"`
	// Awaited: nothing serves this kind yet and no definition in the plan will;
	// something that is being restored may bring it. To be tried again as
	// discovery grows, until a deadline.
	Awaited bool `json:"awaited,omitempty"`
	// Removed: the target does not serve this API version and nothing that is
	// being restored can change that. Never to be applied.
	Removed bool `json:"removed,omitempty"`
	// Hook is set for Helm and Argo CD hooks.
	Hook *Hook             `json:"hook,omitempty"`
	From object.Provenance `json:"from,omitzero"`
}

// Hook is what Helm and Argo CD say about an object that they run at a moment of
// an installation.
type Hook struct {
	// Phase is "crd-install", "pre-install", "post-install", "PreSync", "Sync"
	// or "PostSync".
	Phase string `json:"phase"`
	// Weight is Helm's weight or Argo CD's wave.
	Weight int `json:"weight"`
	// Delete are the delete policies as written: "hook-succeeded",
	// "HookSucceeded", "before-hook-creation" …
	Delete []string `json:"delete,omitempty"`
}

// Edge is one thing that a node needs.
type Edge struct {
	To       object.ID `json:"to"`
	Strength Strength  `json:"strength"`
	Until    Until     `json:"until"`
	Why      string    `json:"why"`
}

// Strength says what happens to the node when the other end fails.
type Strength string

const (
	// Hard: without it the API server refuses the node; if it fails, the node
	// is skipped with that reason.
	Hard Strength = "hard"
	// Late: the node would block others as long as the other end is not ready.
	// Wait with a deadline.
	Late Strength = "late"
	// Explicit: the author asked for this order (waves, dependsOn, hooks). Wait
	// with a deadline.
	Explicit Strength = "explicit"
	// Soft: order only; if the other end fails, go on.
	Soft Strength = "soft"
)

// Until says how far the other end has to be.
type Until string

const (
	// Exists: applied. For a barrier: all its edges are satisfied.
	Exists Until = "exists"
	// Established: the definition is established and discovery shows the
	// node's kind in the node's version.
	Established Until = "established"
	// Endpoints: the Service has a ready endpoint.
	Endpoints Until = "endpoints"
	// Settled: the object is current as kstatus has it.
	Settled Until = "settled"
	// Completed: the Job or Pod ended with success.
	Completed Until = "completed"
)

// Unserved is an object that the target cannot serve as it is now.
type Unserved struct {
	ID         object.ID         `json:"id"`
	APIVersion string            `json:"apiVersion"`
	From       object.Provenance `json:"from,omitzero"`
	// Awaited is as in Node: the kind may come while restoring.
	Awaited bool   `json:"awaited,omitempty"`
	Reason  string `json:"reason"`
	// Remedy is what to do about it; may be empty.
	Remedy string `json:"remedy,omitempty"`
}

// NoteKind is the sort of a note.
type NoteKind string

const (
	// Implied: a namespace that objects need and nobody defines is added.
	Implied NoteKind = "implied"
	// Converted: an object is made in another API version than written.
	Converted NoteKind = "converted"
	// NamespaceDropped: a cluster-scoped object named a namespace.
	NamespaceDropped NoteKind = "namespace-dropped"
	// Skipped: an object that an installation does not make, a hook for
	// deletion for instance, is not in the plan.
	Skipped NoteKind = "skipped"
	// Moved: an object comes in another wave than written, because something
	// in that wave needs it, or because it needs something of that wave.
	Moved NoteKind = "moved"
	// CycleBroken: a wish for an order was dropped since the objects need each
	// other in a circle.
	CycleBroken NoteKind = "cycle-broken"
	// Missing: something is named that neither the commit nor the target has.
	Missing NoteKind = "missing"
	// Malformed: an annotation or field that says an order cannot be read.
	Malformed NoteKind = "malformed"
)

// Note is something a person should know.
type Note struct {
	Kind NoteKind          `json:"kind"`
	ID   object.ID         `json:"id"`
	Text string            `json:"text"`
	From object.Provenance `json:"from,omitzero"`
}

// CycleError: objects need each other in a circle that no order satisfies.
type CycleError struct {
	// Circle is the way round: each needs the next, the last needs the first.
	Circle []Link
}

// Link is one object of a circle and why it needs the next one.
type Link struct {
	ID   object.ID
	From object.Provenance
	Why  string
}

func (e *CycleError) Error() string {
	var b strings.Builder
	b.WriteString("objects need each other in a circle: ")
	for i, l := range e.Circle {
		next := e.Circle[(i+1)%len(e.Circle)].ID
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s (%s) needs %s: %s", l.ID, l.From, next, l.Why)
	}
	b.WriteString(": take one of these references away")
	return b.String()
}

// EmptyCluster tells what every new cluster has: its own namespaces and the
// system priority classes.
func EmptyCluster(id object.ID) bool {
	switch id.Kind {
	case "Namespace":
		switch id.Name {
		case "default", "kube-system", "kube-public", "kube-node-lease":
			return id.Group == ""
		}
	case "PriorityClass":
		return id.Group == "scheduling.k8s.io" && (id.Name == "system-cluster-critical" || id.Name == "system-node-critical")
	}
	return false
}
