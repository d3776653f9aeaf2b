package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object"
)

// ErrExists: an object of that name is there already.
var ErrExists = errors.New("an object of that name exists")

// Create makes an object that must not be there yet, as our field manager; one
// that is there stays as it is, and the error is ErrExists. What the server stamps
// on objects is not sent. Other errors are *ApplyError, which never holds a
// Secret's values.
//
// A request of which the answer was lost is sent again: ErrExists may then be
// about the very object that it made.
func (c *Cluster) Create(ctx context.Context, kind object.Kind, u *unstructured.Unstructured, opt ApplyOptions) error {
	body, err := json.Marshal(outgoing(kind, u.Object, opt))
	if err != nil {
		return fmt.Errorf("the object cannot be written as JSON: %w", err)
	}
	err = c.do(ctx, call{
		method: http.MethodPost, path: pathOf(kind, u.GetNamespace(), ""), query: url.Values{"fieldManager": {c.opts.FieldManager}},
		body: body, contentType: acceptJSON, accept: acceptMetadata,
	}, func(res *http.Response) error {
		_, err := io.Copy(io.Discard, res.Body)
		return err
	})
	switch {
	case apierrors.IsAlreadyExists(err):
		return ErrExists
	case err != nil:
		return applyErrorOf(object.IDOf(u), kind, u, err)
	}
	return nil
}
