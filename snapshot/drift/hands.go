package drift

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
)

// hand is a field of an object that a controller writes after the restore, so
// that the commit's value is only where it starts.
type hand struct {
	path string
	why  string
	drop func(content map[string]any)
}

// handsOff finds, among the expected objects, the fields that others write:
// replicas of what an autoscaler scales, CA bundles that a controller injects.
func handsOff(expected []Expected) map[object.ID][]hand {
	hands := map[object.ID][]hand{}
	for _, e := range expected {
		id := e.Object.ID()
		if target, ok := scaleTarget(e.Object); ok {
			hands[target] = append(hands[target], hand{
				path: "spec.replicas",
				why:  "scaled by " + id.String(),
				drop: func(content map[string]any) {
					if spec, ok := content["spec"].(map[string]any); ok {
						delete(spec, "replicas")
					}
				},
			})
		}
		if injected(e.Object) {
			hands[id] = append(hands[id], hand{
				path: "caBundle",
				why:  "injected by a controller, as an annotation asks",
				drop: func(content map[string]any) {
					dropKey(content["spec"], "caBundle")
					dropKey(content["webhooks"], "caBundle")
				},
			})
		}
	}
	return hands
}

// mind returns content without the fields of object id that others write.
// content is only copied when there are any.
func (c *comparison) mind(id object.ID, content map[string]any) map[string]any {
	hands := c.hands[id]
	if len(hands) == 0 {
		return content
	}
	content = runtime.DeepCopyJSON(content)
	for _, h := range hands {
		h.drop(content)
	}
	return content
}

// keepReplicas remembers how many replicas an autoscaler has chosen.
func (p *part) keepReplicas(id object.ID, live map[string]any) {
	spec, _ := live["spec"].(map[string]any)
	n, ok := spec["replicas"].(int64)
	for _, h := range p.c.hands[id] {
		if ok && h.path == "spec.replicas" {
			p.replicas[id] = n
		}
	}
}

// leave notes the differences between whole and live that are somebody else's
// and so are not among fields.
func (p *part) leave(id object.ID, whole, live map[string]any, fields []Field) {
	if len(p.c.hands[id]) == 0 {
		return
	}
	counted := make(map[string]bool, len(fields))
	for _, f := range fields {
		counted[f.Path] = true
	}
	for _, f := range Set(whole, live) {
		for _, h := range p.c.hands[id] {
			if !counted[f.Path] && (f.Path == h.path || strings.HasSuffix(f.Path, "."+h.path)) {
				p.left = append(p.left, Left{ID: id, Path: f.Path, Why: h.why})
				break
			}
		}
	}
}

// touched is others for an object, of which the fields that controllers write are
// theirs whoever wrote them.
func (c *comparison) touched(id object.ID, want, live map[string]any, u *unstructured.Unstructured) touches {
	t := others(id.GroupKind(), want, live, u)
	for _, h := range c.hands[id] {
		t.added = slices.DeleteFunc(t.added, func(a addition) bool {
			is := a.Path == h.path || strings.HasSuffix(a.Path, "."+h.path)
			if is {
				a.left = h.why
				t.left = append(t.left, a)
			}
			return is
		})
	}
	return t
}

// leaveAdded notes what was added to an object and does not count.
func (p *part) leaveAdded(id object.ID, t touches) {
	for _, a := range t.left {
		p.left = append(p.left, Left{ID: id, Path: a.Path, Why: a.left})
	}
}

// uncounted tells whether the commit leaves to the server how many replicas there
// are, which begins with one.
func uncounted(kind schema.GroupKind, want map[string]any) bool {
	switch kind.String() {
	case "Deployment.apps", "StatefulSet.apps", "ReplicaSet.apps", "ReplicationController":
		return field.Map(want, "spec")["replicas"] == nil
	}
	return false
}

// leaveScaled notes other than one replica where the commit says nothing of them
// and nobody owns them: the server keeps no account of who scaled what nobody owned,
// an autoscaler or a person.
func (p *part) leaveScaled(id object.ID, want, live map[string]any, u *unstructured.Unstructured) {
	n, ok := field.Number(live, "spec", "replicas")
	if !ok || n == 1 || !uncounted(id.GroupKind(), want) || len(p.c.hands[id]) > 0 {
		return
	}
	for _, entry := range u.GetManagedFields() {
		if set, ok := setOf(entry); ok && set.Has(fieldpath.MakePathOrDie("spec", "replicas")) {
			return
		}
	}
	p.left = append(p.left, Left{ID: id, Path: "spec.replicas",
		Why: fmt.Sprintf("%d where git leaves it to whoever scales; the server does not tell who did", n)})
}

// scaleTarget returns what a HorizontalPodAutoscaler or a KEDA ScaledObject
// scales.
func scaleTarget(o *object.Object) (object.ID, bool) {
	switch o.GroupVersionKind().GroupKind().String() {
	case "HorizontalPodAutoscaler.autoscaling", "ScaledObject.keda.sh":
	default:
		return object.ID{}, false
	}
	spec, _ := o.Object["spec"].(map[string]any)
	ref, _ := spec["scaleTargetRef"].(map[string]any)
	kind, _ := ref["kind"].(string)
	name, _ := ref["name"].(string)
	version, _ := ref["apiVersion"].(string)
	group, _, found := strings.Cut(version, "/")
	if !found {
		group = ""
	}
	if kind == "" {
		kind, group = "Deployment", "apps"
	}
	if group == "extensions" || group == "" && kind == "Deployment" {
		group = "apps"
	}
	return object.ID{Group: group, Kind: kind, Namespace: o.GetNamespace(), Name: name}, name != ""
}

func injected(o *object.Object) bool {
	for key := range o.GetAnnotations() {
		if strings.HasPrefix(key, "cert-manager.io/inject-") || key == "service.beta.openshift.io/inject-cabundle" {
			return true
		}
	}
	return false
}

func dropKey(value any, key string) {
	switch v := value.(type) {
	case map[string]any:
		delete(v, key)
		for _, below := range v {
			dropKey(below, key)
		}
	case []any:
		for _, item := range v {
			dropKey(item, key)
		}
	}
}
