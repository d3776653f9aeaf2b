package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Merge changes an object by a JSON merge patch (RFC 7386), as the field manager
// given; a null removes a field. With a uid only that very object. One that is
// gone, or of which only the name is there again, is ErrNotFound. patch is not
// changed.
func (c *Cluster) Merge(ctx context.Context, kind object.Kind, namespace, name string, uid types.UID, manager string, patch map[string]any) error {
	id := object.ID{Group: kind.Group, Kind: kind.Kind, Namespace: namespace, Name: name}
	if uid != "" {
		patch = maps.Clone(patch)
		metadata, _ := patch["metadata"].(map[string]any)
		metadata = maps.Clone(metadata)
		if metadata == nil {
			metadata = map[string]any{}
		}
		metadata["uid"] = string(uid)
		patch["metadata"] = metadata
	}
	body, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	err = c.do(ctx, call{
		method: http.MethodPatch, path: pathOf(kind, namespace, name), query: url.Values{"fieldManager": {manager}},
		body: body, contentType: string(types.MergePatchType), accept: acceptMetadata,
	}, discard)
	switch {
	case apierrors.IsNotFound(err), uid != "" && apierrors.IsInvalid(err) && strings.Contains(err.Error(), "metadata.uid"):
		return fmt.Errorf("%s: %w", id, ErrNotFound)
	case err != nil:
		return fmt.Errorf("changing %s: %w", id, err)
	}
	return nil
}
