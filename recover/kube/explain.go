package kube

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// explain finds in the evidence the reason that a person needs. An empty
// finding means that it shows nothing beyond the object's own status.
func explain(e evidence) finding {
	switch e.subject.GetKind() {
	case "Pod":
		return explainPod(e, e.subject)
	case "PersistentVolumeClaim":
		return explainClaim(e, e.subject)
	}
	pods := explainPods
	if e.subject.GetKind() == "Job" {
		pods = explainJob
	}
	if f := pods(e); f.Reason != "" {
		return f
	}
	if f := explainCreation(e); f.Reason != "" {
		return f
	}
	return explainSelf(e)
}

// explainPods returns the finding about the first Pod that has one: of those
// made from the workload's present template, if any, else of the others; the
// newest first, because older ones may be on their way out.
func explainPods(e evidence) finding {
	revision := presentRevision(e)
	var present, older []*unstructured.Unstructured
	for _, p := range e.pods {
		if revision.label == "" || p.GetLabels()[revision.label] == revision.value {
			present = append(present, p)
		} else {
			older = append(older, p)
		}
	}
	if f := firstUnwell(e, present); f.Reason != "" {
		return f
	}
	f := firstUnwell(e, older)
	if f.Reason != "" && e.subject.GetKind() == "StatefulSet" {
		f.Hint = "that Pod is of an older revision, and the StatefulSet waits for it before it makes the next: delete the Pod"
	}
	return f
}

func firstUnwell(e evidence, pods []*unstructured.Unstructured) finding {
	pods = slices.Clone(pods)
	sortByTime(pods)
	slices.Reverse(pods)
	unwell := 0
	var first finding
	for _, p := range pods {
		f := explainPod(e, p)
		if f.Reason == "" || f.Reason == reasonStarting && first.Reason != "" {
			continue
		}
		if unwell++; first.Reason == "" || first.Reason == reasonStarting {
			first = f
			first.Message = fmt.Sprintf("Pod %s: %s", p.GetName(), f.Message)
		}
	}
	if unwell > 1 {
		first.Message = fmt.Sprintf("%s (and %d more of %d Pods are not well)", first.Message, unwell-1, len(pods))
	}
	return first
}

// revision is the label by which the Pods of a workload's present template are
// told from older ones; without a label they cannot be told.
type revision struct{ label, value string }

func presentRevision(e evidence) revision {
	const number = "deployment.kubernetes.io/revision"
	switch e.subject.GetKind() {
	case "Deployment":
		for _, set := range e.sets {
			const hash = "pod-template-hash"
			if now := e.subject.GetAnnotations()[number]; now != "" && set.GetAnnotations()[number] == now && set.GetLabels()[hash] != "" {
				return revision{hash, set.GetLabels()[hash]}
			}
		}
	case "StatefulSet":
		if update := text(e.subject.Object, "status", "updateRevision"); update != "" {
			return revision{"controller-revision-hash", update}
		}
	}
	return revision{}
}

// explainJob says why a Job gave up, and what its last Pod shows.
func explainJob(e evidence) finding {
	own := assessJob(e.subject)
	f := firstUnwell(e, e.pods)
	switch {
	case own.State != StateFailed || f.Reason == "":
		return f
	case f.Reason == reasonStarting || f.Reason == "Terminating":
		return finding{}
	}
	f.Reason, f.Message = "JobFailed", fmt.Sprintf("%s (%s): %s", strings.TrimSuffix(own.Message, "."), own.Reason, f.Message)
	f.Hint = own.Hint
	return f
}

// explainCreation finds why a controller cannot make its Pods.
func explainCreation(e evidence) finding {
	makers := append(slices.Clone(e.sets), e.subject)
	for _, m := range makers {
		if c := conditionOf(m, "ReplicaFailure"); c.Status == "True" {
			return refusedPod(c.Message)
		}
		for _, ev := range slices.Backward(e.events[string(m.GetUID())]) {
			if ev.Type == "Warning" && strings.HasPrefix(ev.Reason, "Failed") {
				return refusedPod(ev.Message)
			}
		}
	}
	return finding{}
}

// refusedPod turns the API server's words about a Pod it refused into a finding.
func refusedPod(message string) finding {
	f := finding{Reason: "PodRefused", Message: message}
	switch {
	case strings.Contains(message, "exceeded quota"), strings.Contains(message, "failed quota"):
		f.Reason, f.Hint = "QuotaExceeded", "raise the ResourceQuota of the namespace, or ask for less"
	case strings.Contains(message, "serviceaccount") && strings.Contains(message, "not found"):
		f.Reason, f.Hint = "ServiceAccountMissing", "add the ServiceAccount to the commit"
	case strings.Contains(message, "PodSecurity"):
		f.Reason, f.Hint = "PodSecurity", "relax the namespace's pod-security label, or harden the Pod"
	case webhookUnreachable(message):
		f.Reason, f.Hint = "Webhook", "the webhook's backend does not answer: bring it up, or remove its webhook configuration"
	case strings.Contains(message, "no PriorityClass"), strings.Contains(message, "priorityclass"):
		f.Reason, f.Hint = "PriorityClassMissing", "add the PriorityClass to the commit"
	}
	return f
}

// explainSelf falls back to the object's own conditions and warnings.
func explainSelf(e evidence) finding {
	u := e.subject
	if paused, _, _ := unstructured.NestedBool(u.Object, "spec", "paused"); paused && u.GetKind() == "Deployment" {
		return finding{Reason: "Paused", Message: "the Deployment is paused (spec.paused)", Hint: "remove spec.paused from the manifest"}
	}
	if u.GetKind() == "StatefulSet" && len(e.pods) == 0 && text(u.Object, "spec", "serviceName") == "" {
		return warned(e, u)
	}
	for _, kind := range []string{"Ready", "Available", "Progressing", "Failed"} {
		c := conditionOf(u, kind)
		bad := c.Status == "False" || c.Status == "Unknown" || kind == "Failed" && c.Status == "True"
		if bad && c.Message != "" {
			return finding{Reason: or(c.Reason, "Not"+kind), Message: c.Message}
		}
	}
	return warned(e, u)
}

// warned returns the last Warning about u.
func warned(e evidence, u *unstructured.Unstructured) finding {
	for _, ev := range slices.Backward(e.events[string(u.GetUID())]) {
		container := ev.container()
		switch {
		case ev.Type != "Warning":
		case container != "":
			return finding{Reason: ev.Reason, Message: "something is wrong with container " + container, said: ev.Message, voice: &voice{pod: u, container: container}}
		default:
			return finding{Reason: ev.Reason, Message: ev.Message}
		}
	}
	return finding{}
}

// sortByTime sorts by when an event was last seen, or an object was made.
func sortByTime(list []*unstructured.Unstructured) {
	key := func(u *unstructured.Unstructured) string {
		for _, at := range []string{text(u.Object, "series", "lastObservedTime"), text(u.Object, "lastTimestamp"), text(u.Object, "eventTime"), text(u.Object, "metadata", "creationTimestamp")} {
			if at != "" {
				return at
			}
		}
		return ""
	}
	slices.SortStableFunc(list, func(a, b *unstructured.Unstructured) int { return strings.Compare(key(a), key(b)) })
}
