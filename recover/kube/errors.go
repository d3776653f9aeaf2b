package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Reason says in one word why an object was not applied.
type Reason string

// The reasons of an ApplyError.
const (
	ReasonInvalid              Reason = "invalid"               // the manifest is wrong
	ReasonForbidden            Reason = "forbidden"             // our credentials or a policy do not allow it
	ReasonImmutable            Reason = "immutable"             // an existing object cannot be changed that way
	ReasonKindNotServed        Reason = "kind-not-served"       // the server does not have the kind (any more)
	ReasonNamespaceMissing     Reason = "namespace-missing"     // the namespace does not exist
	ReasonNamespaceTerminating Reason = "namespace-terminating" // the namespace is being deleted
	ReasonWebhook              Reason = "webhook"               // an admission webhook refused, or cannot be called
	ReasonQuota                Reason = "quota"                 // a ResourceQuota is used up
	ReasonUnavailable          Reason = "unavailable"           // the server does not answer, or answers 5xx
	ReasonTimeout              Reason = "timeout"               // the deadline passed
	ReasonInterrupted          Reason = "interrupted"           // the caller gave up
	ReasonOther                Reason = "other"
)

// Later tells whether the same request may succeed later, when other objects
// have come or the server is back.
func (r Reason) Later() bool {
	switch r {
	case ReasonKindNotServed, ReasonNamespaceMissing, ReasonNamespaceTerminating, ReasonWebhook, ReasonUnavailable, ReasonTimeout:
		return true
	}
	return false
}

// ApplyError says why an object was not applied. Its message is the server's,
// except that a Secret's values are never in it.
type ApplyError struct {
	ID      object.ID
	Reason  Reason
	Message string
	// Remedy says what to do next; may be empty.
	Remedy string
	cause  error
}

func (e *ApplyError) Error() string {
	s := fmt.Sprintf("%s was not applied (%s): %s", e.ID, e.Reason, e.Message)
	if e.Remedy != "" {
		s += ": " + e.Remedy
	}
	return s
}

// Unwrap returns the context's error when that is what ended the apply. The
// server's own error is not handed on: it may quote a Secret.
func (e *ApplyError) Unwrap() error { return e.cause }

// applyErrorOf classifies err.
func applyErrorOf(id object.ID, kind object.Kind, u *unstructured.Unstructured, err error) *ApplyError {
	e := &ApplyError{ID: id, Message: shortened(redact(u, err.Error()))}
	for _, end := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, end) {
			e.cause = end
		}
	}
	s := statusOf(err)
	if s == nil {
		e.Reason, e.Remedy = unansweredReason(err)
		return e
	}
	e.Message = shortened(redact(u, s.Message))
	e.Reason, e.Remedy = refusedReason(kind, s)
	if isSecret(kind) && quotesValues(e.Reason) {
		e.Message = withheld(s)
	}
	return e
}

func statusOf(err error) *metav1.Status {
	var s apierrors.APIStatus
	if !errors.As(err, &s) {
		return nil
	}
	status := s.Status()
	return &status
}

func unansweredReason(err error) (Reason, string) {
	var unanswered *unansweredError
	switch {
	case errors.Is(err, context.Canceled):
		return ReasonInterrupted, ""
	case errors.As(err, &unanswered) && !onlyDeadline(unanswered):
		return ReasonUnavailable, "check that the cluster runs and can be reached, then resume"
	case errors.Is(err, context.DeadlineExceeded):
		return ReasonTimeout, "allow more time with --wait"
	}
	return ReasonOther, ""
}

// onlyDeadline tells that a request without an answer was cut off by a
// deadline while the server may be well.
func onlyDeadline(e *unansweredError) bool { return errors.Is(e.cause, context.DeadlineExceeded) }

// refusedReason classifies what the server answered.
func refusedReason(kind object.Kind, s *metav1.Status) (Reason, string) {
	m := s.Message
	switch {
	case hasCause(s, "NamespaceTerminating") || strings.Contains(m, "because it is being terminated"):
		return ReasonNamespaceTerminating, "wait until the namespace is gone; what holds it is in its status"
	case webhookUnreachable(m):
		return ReasonWebhook, "the webhook's backend does not answer: bring it up, or remove its webhook configuration"
	case strings.Contains(m, "admission webhook ") && strings.Contains(m, "denied the request"):
		return ReasonWebhook, "the webhook's own policy refuses this object"
	case s.Code == 403 && (strings.Contains(m, "exceeded quota") || strings.Contains(m, "failed quota") || strings.Contains(m, "insufficient quota")):
		return ReasonQuota, "raise the ResourceQuota of the namespace, or ask for less"
	case s.Code == 404:
		return missing(kind, s)
	case s.Code == 405:
		return ReasonKindNotServed, "the server does not let objects of this kind be applied"
	case s.Code == 403 || s.Code == 401:
		return ReasonForbidden, "use credentials that may do this, or see the policy that refuses it"
	case s.Code == 422 && immutable(m):
		return ReasonImmutable, "the existing object has to be deleted and made anew (--fresh), or the manifest has to keep the old value"
	case s.Code == 422 || s.Code == 400 || s.Code == 413 || permanentFault(m):
		return ReasonInvalid, "correct the manifest"
	case s.Code == 429 || s.Code == 502 || s.Code == 503:
		return ReasonUnavailable, "the server is overloaded or starting: try again"
	case s.Code == 504:
		return ReasonTimeout, "the server did not finish in time: try again"
	}
	return ReasonOther, ""
}

// missing tells a missing namespace from a missing kind.
func missing(kind object.Kind, s *metav1.Status) (Reason, string) {
	if s.Details != nil && s.Details.Kind == "namespaces" && kind.Resource != "namespaces" {
		return ReasonNamespaceMissing, "add the Namespace to the commit"
	}
	return ReasonKindNotServed, "install the CRD of " + kind.GroupVersionKind.GroupKind().String() + ", or use an API version that the server has"
}

func hasCause(s *metav1.Status, cause metav1.CauseType) bool {
	return s.Details != nil && slices.ContainsFunc(s.Details.Causes, func(c metav1.StatusCause) bool { return c.Type == cause })
}

func immutable(message string) bool {
	for _, sign := range []string{"field is immutable", "is immutable", "may not change once set", "updates to ", "updates may not change", "cannot be changed", "may not be changed", "cannot change roleRef"} {
		if strings.Contains(message, sign) {
			return true
		}
	}
	return false
}

// shortened keeps a message readable: admission and validation may quote a
// whole object, and that of claims quotes the server's own data structures.
func shortened(message string) string {
	const most = 1200
	for i := 0; i < len(message); {
		end := strings.IndexByte(message[i:], '\n')
		if end < 0 {
			break
		}
		i += end + 1
		if next, _, _ := strings.Cut(message[i:], "\n"); strings.HasSuffix(next, "{") && strings.Contains(next, ".") {
			message = strings.TrimRight(message[:i], "\n")
			break
		}
	}
	if len(message) <= most {
		return message
	}
	return strings.ToValidUTF8(message[:most], "") + "…"
}
