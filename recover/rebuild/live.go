package rebuild

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// live is a connected cluster as a comparison sees it.
type live struct{ cluster *kube.Cluster }

var _ drift.Cluster = live{}

func (l live) List(ctx context.Context, kind object.Kind, metadataOnly bool, each func(*unstructured.Unstructured) error) error {
	return served(l.cluster.List(ctx, kind, kube.ListOptions{MetadataOnly: metadataOnly}, each))
}

// served names the error of a list of what the server does not serve.
func served(err error) error {
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("%w: %w", drift.ErrNotServed, err)
	}
	return err
}

func (l live) Get(ctx context.Context, kind object.Kind, namespace, name string) (*unstructured.Unstructured, error) {
	return l.cluster.Get(ctx, kind, namespace, name)
}

func (l live) DryRun(ctx context.Context, kind object.Kind, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	applied, err := l.cluster.Apply(ctx, kind, o, kube.ApplyOptions{DryRun: true})
	return applied.Object, judged(err)
}

var _ drift.Rehearser = live{}

func (l live) Rehearse(ctx context.Context, kind object.Kind, before, now *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	stored, err := l.cluster.Rehearse(ctx, kind, before, now)
	return stored, judged(err)
}

// judged tells a server's word about an object from its failure to answer.
func judged(err error) error {
	var refused *kube.ApplyError
	if errors.As(err, &refused) && refused.Unwrap() == nil &&
		refused.Reason != kube.ReasonUnavailable && refused.Reason != kube.ReasonTimeout {
		return refusal{refused}
	}
	return err
}

// refusal is a server's word that an object cannot be applied as it is.
type refusal struct{ *kube.ApplyError }

func (refusal) Refused() bool   { return true }
func (e refusal) Unwrap() error { return e.ApplyError }

// restored tells whether an object bears the marks of an earlier restore. The
// label alone does not do: controllers copy the labels of a Service to its
// EndpointSlices.
func restored(u *unstructured.Unstructured) bool {
	applied, _ := field.Map(u.Object, "metadata", "annotations")[object.AppliedAnnotation].(string)
	return field.Map(u.Object, "metadata", "labels")[partOfLabel] == inventoryID && applied != "" &&
		len(field.List(u.Object, "metadata", "ownerReferences")) == 0
}
