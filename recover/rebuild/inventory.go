package rebuild

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
)

// The inventory of what restores made is an ApplySet, as kubectl knows it
// (KEP-3659): a parent object, and a label on each member that names it.
const (
	inventoryName      = "rekindle-inventory"
	inventoryNamespace = "kube-system"

	partOfLabel          = "applyset.kubernetes.io/part-of"
	setLabel             = "applyset.kubernetes.io/id"
	toolingAnnotation    = "applyset.kubernetes.io/tooling"
	kindsAnnotation      = "applyset.kubernetes.io/contains-group-kinds"
	namespacesAnnotation = "applyset.kubernetes.io/additional-namespaces"
	commitAnnotation     = "rekindle.io/commit"
	// clusterAnnotation is the name under which the cluster was restored.
	clusterAnnotation = "rekindle.io/cluster"
)

// inventoryID is the id of the one set in each cluster.
var inventoryID = setID( //nolint:gochecknoglobals // computed once, never written
	inventoryName, inventoryNamespace, "ConfigMap", "")

// setID is the id of an ApplySet by its parent, as KEP-3659 defines it.
func setID(name, namespace, kind, group string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{name, namespace, kind, group}, ".")))
	return "applyset-" + base64.RawURLEncoding.EncodeToString(sum[:]) + "-v1"
}

var configMaps = object.Kind{ //nolint:gochecknoglobals // a constant
	GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"},
	Resource:         "configmaps", Namespaced: true,
}

// recordInventory writes the parent of the set: the kinds and namespaces of p,
// together with those that it names already unless only is set. It is written
// before the members are, so that none of them can be lost.
func (r *restore) recordInventory(ctx context.Context, p *plan.Plan, only bool) error {
	kinds, namespaces := map[string]bool{}, map[string]bool{}
	for _, n := range p.Nodes {
		if n.Barrier || n.Removed {
			continue
		}
		kinds[n.ID.GroupKind().String()] = true
		if n.ID.Namespace != "" && n.ID.Namespace != inventoryNamespace {
			namespaces[n.ID.Namespace] = true
		}
	}
	if !only {
		have, err := r.inventory(ctx)
		if err != nil {
			return err
		}
		addList(kinds, have.GetAnnotations()[kindsAnnotation])
		addList(namespaces, have.GetAnnotations()[namespacesAnnotation])
	}
	parent := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{
			"name": inventoryName, "namespace": inventoryNamespace,
			"labels": map[string]any{setLabel: inventoryID},
			"annotations": map[string]any{
				toolingAnnotation:    "rekindle/" + r.e.Version,
				kindsAnnotation:      joinKeys(kinds),
				namespacesAnnotation: joinKeys(namespaces),
				commitAnnotation:     r.commit.SHA,
				clusterAnnotation:    r.req.Cluster,
			},
		},
	}}
	_, err := r.cluster.Apply(ctx, configMaps, parent, kube.ApplyOptions{})
	return err
}

// inventory returns the parent of the set, or an empty object when there is none
// yet.
func (r *restore) inventory(ctx context.Context) (*unstructured.Unstructured, error) {
	have, err := r.cluster.Get(ctx, configMaps, inventoryNamespace, inventoryName)
	if errors.Is(err, kube.ErrNotFound) {
		return &unstructured.Unstructured{Object: map[string]any{}}, nil
	}
	return have, err
}

func addList(set map[string]bool, list string) {
	for item := range strings.SplitSeq(list, ",") {
		if item != "" {
			set[item] = true
		}
	}
}

func joinKeys(set map[string]bool) string {
	keys := make([]string, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return strings.Join(keys, ",")
}
