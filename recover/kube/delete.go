package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rekindle-io/rekindle/recover/object"
)

// DeleteOptions vary a Delete.
type DeleteOptions struct {
	// Foreground keeps the object until what it owns is gone; otherwise the
	// garbage collector removes that in the background.
	Foreground bool
	// DryRun has the server do everything but delete.
	DryRun bool
}

// UIDMismatchError: the object of that name is not the one that was meant.
type UIDMismatchError struct {
	ID   object.ID
	Want types.UID
}

func (e *UIDMismatchError) Error() string {
	return fmt.Sprintf("%s was not deleted: the object of that name is not the one with uid %s any more", e.ID, e.Want)
}

// Delete asks for the deletion of an object. Deleting twice, or what does not
// exist, is no error. With a uid only that very object is deleted; another one
// of the same name is an *UIDMismatchError. The object may be there for a while
// yet: see AwaitGone.
func (c *Cluster) Delete(ctx context.Context, kind object.Kind, namespace, name string, uid types.UID, opt DeleteOptions) error {
	id := object.ID{Group: kind.Group, Kind: kind.Kind, Namespace: namespace, Name: name}
	propagation := metav1.DeletePropagationBackground
	if opt.Foreground {
		propagation = metav1.DeletePropagationForeground
	}
	options := metav1.DeleteOptions{
		TypeMeta:          metav1.TypeMeta{Kind: "DeleteOptions", APIVersion: "v1"},
		PropagationPolicy: &propagation,
	}
	if uid != "" {
		options.Preconditions = &metav1.Preconditions{UID: &uid}
	}
	if opt.DryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	body, err := json.Marshal(options)
	if err != nil {
		return err
	}
	r := call{method: http.MethodDelete, path: pathOf(kind, namespace, name), body: body, contentType: acceptJSON, accept: acceptMetadata}
	err = c.do(ctx, r, discard)
	switch {
	case err == nil, apierrors.IsNotFound(err):
		return nil
	case apierrors.IsConflict(err) && uid != "":
		return &UIDMismatchError{ID: id, Want: uid}
	}
	return fmt.Errorf("deleting %s: %w", id, err)
}
