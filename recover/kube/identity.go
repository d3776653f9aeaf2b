package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Identity tells one cluster from every other.
type Identity struct {
	// UID is that of the namespace kube-system, which lives as long as its cluster.
	UID string
	// Made is when that namespace was made.
	Made time.Time
}

var namespaces = object.Kind{ //nolint:gochecknoglobals // a constant
	GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, Resource: "namespaces",
}

// Identity returns what tells the cluster from every other, whatever the address
// and the kubeconfig call it.
func (c *Cluster) Identity(ctx context.Context) (Identity, error) {
	u, err := c.Get(ctx, namespaces, "", "kube-system")
	if err != nil {
		return Identity{}, fmt.Errorf("which cluster it is cannot be told: %w", err)
	}
	if u.GetUID() == "" {
		return Identity{}, errors.New("which cluster it is cannot be told: the namespace kube-system has no uid")
	}
	return Identity{UID: string(u.GetUID()), Made: u.GetCreationTimestamp().UTC()}, nil
}

// Access is something that one may or may not do. "*" stands for every verb,
// group or resource, and an empty Namespace for all namespaces.
type Access struct {
	Verb      string `json:"verb"`
	Group     string `json:"group"`
	Resource  string `json:"resource"`
	Namespace string `json:"namespace,omitempty"`
}

// May asks the API server whether our credentials allow something.
func (c *Cluster) May(ctx context.Context, a Access) (bool, error) {
	body, err := json.Marshal(map[string]any{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
		"spec": map[string]any{"resourceAttributes": a},
	})
	if err != nil {
		return false, err
	}
	var review struct {
		Status struct {
			Allowed bool `json:"allowed"`
		} `json:"status"`
	}
	ask := call{method: http.MethodPost, path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body: body, contentType: acceptJSON}
	err = c.do(ctx, ask, func(res *http.Response) error {
		return json.NewDecoder(io.LimitReader(res.Body, errorBody)).Decode(&review)
	})
	if err != nil {
		return false, fmt.Errorf("whether we may %s %s: %w", a.Verb, a.Resource, err)
	}
	return review.Status.Allowed, nil
}
