package plan

import (
	"maps"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object/field"
)

// podSpec returns the spec of the pods that an object makes, nil when it makes
// none. Custom kinds count when they have a pod template where Deployments do.
func podSpec(content map[string]any) map[string]any {
	switch kind, _ := content["kind"].(string); kind {
	case "Pod":
		return field.Map(content, "spec")
	case "CronJob":
		return field.Map(content, "spec", "jobTemplate", "spec", "template", "spec")
	case "PodTemplate":
		return field.Map(content, "template", "spec")
	}
	spec := field.Map(content, "spec", "template", "spec")
	if spec == nil || spec["containers"] == nil {
		return nil
	}
	return spec
}

// podLabels returns the labels of the pods that an object makes, and whether it
// makes any.
func podLabels(content map[string]any) (map[string]string, bool) {
	if podSpec(content) == nil {
		return nil, false
	}
	switch kind, _ := content["kind"].(string); kind {
	case "Pod":
		return field.Texts(content, "metadata", "labels"), true
	case "CronJob":
		return field.Texts(content, "spec", "jobTemplate", "spec", "template", "metadata", "labels"), true
	case "PodTemplate":
		return field.Texts(content, "template", "metadata", "labels"), true
	}
	return field.Texts(content, "spec", "template", "metadata", "labels"), true
}

// behind returns the workloads of a namespace whose pods bear all labels; with
// no labels, all of them.
func (b *builder) behind(namespace string, labels map[string]string) []int {
	if len(labels) == 0 {
		return b.workloads[namespace]
	}
	var candidates []int
	first := true
	for k, value := range labels {
		if list := b.byLabel[labelKey(namespace, k, value)]; first || len(list) < len(candidates) {
			candidates, first = list, false
		}
	}
	var found []int
	for _, i := range candidates {
		bears, _ := podLabels(b.vertices[i].Object.Object)
		if contains(bears, labels) {
			found = append(found, i)
		}
	}
	return found
}

// selected makes i come after the workloads whose pods it selects.
func (b *builder) selected(i int, namespace string, labels map[string]string, why string) {
	text := selector(labels)
	b.needAll(i, "pods "+namespace+" "+text, "the pods of "+namespace+" with "+text, b.behind(namespace, labels), Soft, Exists, why)
}

// monitored makes a ServiceMonitor come after the Services that it selects.
func (b *builder) monitored(i int) {
	v := &b.vertices[i]
	spec := field.Map(v.Object.Object, "spec")
	labels := field.Texts(spec, "selector", "matchLabels")
	if len(labels) == 0 {
		return
	}
	namespaces := []string{v.ID.Namespace}
	if names := field.List(spec, "namespaceSelector", "matchNames"); len(names) > 0 {
		namespaces = namespaces[:0]
		for _, n := range names {
			if name, ok := n.(string); ok {
				namespaces = append(namespaces, name)
			}
		}
	}
	for _, ns := range namespaces {
		text := selector(labels)
		b.needAll(i, "services "+ns+" "+text, "the Services of "+ns+" with "+text, b.services(ns, labels), Soft, Exists, "the Service that it watches")
	}
}

// services returns the Services of a namespace that bear all labels.
func (b *builder) services(namespace string, labels map[string]string) []int {
	if b.byService == nil {
		b.byService = map[string][]int{}
		for i := range b.vertices {
			v := &b.vertices[i]
			if v.ID.Kind != "Service" || v.ID.Group != "" {
				continue
			}
			for k, value := range field.Texts(v.Object.Object, "metadata", "labels") {
				at := labelKey(v.ID.Namespace, k, value)
				b.byService[at] = append(b.byService[at], i)
			}
		}
	}
	var found []int
	for k, value := range labels {
		for _, i := range b.byService[labelKey(namespace, k, value)] {
			if contains(field.Texts(b.vertices[i].Object.Object, "metadata", "labels"), labels) {
				found = append(found, i)
			}
		}
		break // every one bears this label
	}
	return found
}

func contains(has, wanted map[string]string) bool {
	for k, v := range wanted {
		if got, ok := has[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// selector writes labels as kubectl does: "a=b,c=d"; "any labels" for none.
func selector(labels map[string]string) string {
	if len(labels) == 0 {
		return "any labels"
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, k+"="+labels[k])
	}
	return strings.Join(parts, ",")
}
