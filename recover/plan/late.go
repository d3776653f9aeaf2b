package plan

import (
	"cmp"
	"fmt"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
)

// lateEdges are for what stands in the way of others: webhooks that nobody
// answers reject everything, an APIService without a backend makes discovery
// partial, an admission policy may refuse what the commit has.
//
// None of this can stand still for ever: the executor gives late edges a
// deadline, and nothing but another late or explicit edge waits for them.
func (b *builder) lateEdges(i int) {
	v := &b.vertices[i]
	content := v.Object.Object
	switch v.ID.GroupKind().String() {
	case "ValidatingWebhookConfiguration.admissionregistration.k8s.io", "MutatingWebhookConfiguration.admissionregistration.k8s.io":
		b.webhooks(i)
	case "APIService.apiregistration.k8s.io":
		if s := field.Map(content, "spec", "service"); s != nil {
			b.backend(i, field.Text(s, "namespace"), field.Text(s, "name"), "answers for its API")
		}
	case "ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding.admissionregistration.k8s.io":
		b.soft(i, policyOf[v.ID.Kind], "", field.Text(content, "spec", "policyName"), "the policy that it binds")
		b.afterOrdinary(i, "may refuse what the commit has")
	}
}

var policyOf = map[string]string{
	"ValidatingAdmissionPolicyBinding": "ValidatingAdmissionPolicy",
	"MutatingAdmissionPolicyBinding":   "MutatingAdmissionPolicy",
}

// webhooks makes a webhook configuration wait for the backends that the commit
// has; where one is somewhere else, for everything ordinary.
func (b *builder) webhooks(i int) {
	v := &b.vertices[i]
	elsewhere := false
	for _, w := range field.Maps(v.Object.Object, "webhooks") {
		s := field.Map(w, "clientConfig", "service")
		if s != nil && b.backend(i, field.Text(s, "namespace"), field.Text(s, "name"), "answers its calls") {
			continue
		}
		elsewhere = true
		if s != nil && field.Text(w, "failurePolicy") != "Ignore" {
			b.note(Missing, i, fmt.Sprintf("webhook %s calls Service %s/%s, which is not in the commit: as long as nothing answers there, what it matches is refused",
				field.Text(w, "name"), field.Text(s, "namespace"), field.Text(s, "name")))
		}
	}
	if elsewhere {
		b.afterOrdinary(i, "calls something that is not in the commit")
	}
}

// backend makes i wait until a Service of the set has ready endpoints, and so
// for the workloads behind it. It returns false when the set has no such
// Service.
func (b *builder) backend(i int, namespace, name, why string) bool {
	to, ok := b.byID[object.ID{Kind: "Service", Namespace: cmp.Or(namespace, "default"), Name: name}]
	if !ok {
		return false
	}
	b.need(i, to, Late, Endpoints, why)
	s := b.vertices[to].Object.Object
	labels := field.Texts(s, "spec", "selector")
	if len(labels) == 0 {
		if manual, ok := b.find("Endpoints", "", namespace, name); ok {
			b.need(i, manual, Late, Exists, "the endpoints of "+name)
		}
		return true
	}
	ns := b.vertices[to].ID.Namespace
	b.needAll(i, "backend "+ns+" "+name, "the workloads behind "+ns+"/"+name, b.behind(ns, labels), Late, Exists, "is behind "+name)
	return true
}

// afterOrdinary makes i wait until everything else was made that does not wait
// itself, unless its author gave it an order.
func (b *builder) afterOrdinary(i int, why string) {
	if _, staged, _ := stageOf(b.vertices[i].Object, b.vertices[i].Hook); staged {
		return
	}
	if b.ordinary == nil {
		for j := range b.vertices {
			v := &b.vertices[j]
			if !v.Barrier && !v.Awaited && !v.Removed && !late(v.ID) {
				b.ordinary = append(b.ordinary, j)
			}
		}
	}
	b.needAll(i, "ordinary", "everything ordinary", b.ordinary, Late, Exists, why)
}

func late(id object.ID) bool {
	switch id.Group {
	case "admissionregistration.k8s.io":
		return id.Kind != "ValidatingAdmissionPolicy" && id.Kind != "MutatingAdmissionPolicy"
	case "apiregistration.k8s.io":
		return true
	}
	return false
}
