package kube

import (
	"fmt"

	kstatus "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// existing is the status of an object that has settled by existing.
func existing(u *unstructured.Unstructured) Status {
	if u.GetDeletionTimestamp() != nil {
		return Status{State: StateFailed, Reason: "Terminating", Message: whyHeld(u)}
	}
	return Status{State: StateSettled}
}

// assess returns what an object shows of itself, by the rules of kstatus,
// except that a Job has settled when it has completed and not when it has
// started, that a Pod which failed has failed, and that a Pod which crashes or
// finds no node waits, because both may end.
func assess(u *unstructured.Unstructured) Status {
	if u.GetDeletionTimestamp() != nil {
		return Status{State: StateWaiting, Reason: "Terminating", Message: whyHeld(u)}
	}
	gvk := u.GroupVersionKind()
	if gvk.Group == "batch" && gvk.Kind == "Job" {
		return assessJob(u)
	}
	if gvk.Group == "apiregistration.k8s.io" && gvk.Kind == "APIService" {
		return assessAPIService(u)
	}
	isPod := gvk.Group == "" && gvk.Kind == "Pod"
	if isPod && text(u.Object, "status", "phase") == "Failed" {
		return Status{State: StateFailed, Reason: or(text(u.Object, "status", "reason"), "PodFailed"), Message: or(text(u.Object, "status", "message"), "the Pod has failed")}
	}
	res, err := kstatus.Compute(u)
	if err != nil {
		return Status{State: StateUnknown, Reason: "Unreadable", Message: "its status cannot be read: " + err.Error()}
	}
	switch st := (Status{Reason: reasonOf(res), Message: res.Message}); res.Status {
	case kstatus.CurrentStatus:
		return Status{State: StateSettled}
	case kstatus.FailedStatus:
		st.State = StateFailed
		if isPod {
			st.State = StateWaiting
		}
		return st
	default:
		st.State = StateWaiting
		return st
	}
}

func reasonOf(res *kstatus.Result) string {
	for _, c := range res.Conditions {
		if c.Reason != "" {
			return c.Reason
		}
	}
	return string(res.Status)
}

// assessAPIService: an API that does not answer makes discovery partial and holds
// the deletion of every namespace, so that existing is not enough.
func assessAPIService(u *unstructured.Unstructured) Status {
	for _, c := range conditionsOf(u) {
		if c.Type != "Available" {
			continue
		}
		if c.Status == "True" {
			return Status{State: StateSettled}
		}
		return Status{State: StateWaiting, Reason: or(c.Reason, "Unavailable"), Message: or(c.Message, "the API does not answer"),
			Hint: "see the Pods behind its Service"}
	}
	return Status{State: StateWaiting, Reason: "Unavailable", Message: "it is not known yet whether the API answers"}
}

func assessJob(u *unstructured.Unstructured) Status {
	suspended, _, _ := unstructured.NestedBool(u.Object, "spec", "suspend")
	if suspended {
		return Status{State: StateSettled}
	}
	for _, c := range conditionsOf(u) {
		switch {
		case c.Type == "Complete" && c.Status == "True":
			return Status{State: StateSettled}
		case c.Type == "Failed" && c.Status == "True":
			return Status{State: StateFailed, Reason: or(c.Reason, "JobFailed"), Message: or(c.Message, "the Job has failed"),
				Hint: "see the logs of its Pods; a Job that failed has to be deleted before it can run again"}
		}
	}
	return Status{State: StateWaiting, Reason: "JobRunning", Message: fmt.Sprintf("the Job has not completed: %d active, %d succeeded, %d failed",
		number(u.Object, "status", "active"), number(u.Object, "status", "succeeded"), number(u.Object, "status", "failed"))}
}

func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}
