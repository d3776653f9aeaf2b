package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"github.com/rekindle-io/rekindle/recover/object"
)

// acceptMetadata asks for nothing but the metadata of the result, in the form
// that is cheapest for the server.
const acceptMetadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"

// dropRounds is how often an object is sent again without the fields that the
// server does not know. The server names all of them at once, as a rule.
const dropRounds = 4

// ApplyOptions vary an Apply.
type ApplyOptions struct {
	// DryRun has the server do everything but store the result, which comes
	// back in Applied.Object.
	DryRun bool
	// Labels and Annotations are merged into the object that is sent; the
	// object given is not changed.
	Labels, Annotations map[string]string
}

// Applied is what came of an Apply.
type Applied struct {
	// Created tells that the object did not exist before.
	Created         bool
	UID             types.UID
	ResourceVersion string
	Generation      int64
	// Object is the result of a dry run; nil otherwise.
	Object *unstructured.Unstructured
	// Warnings are the server's, in its words.
	Warnings []string
	// Dropped are the paths of fields that the server does not know and which
	// were therefore left out: ".spec.template.spec.containers[0].foo".
	Dropped []string
}

// Apply brings u onto the server by server-side apply, forced, as our field
// manager. What the server stamps on objects is not sent, nor is the status of
// built-in kinds. A field that the server's schema does not have is dropped and
// reported, because one misspelt field must not lose the object, and so is the
// first of two list items with one key.
//
// What may succeed later is tried again until ctx ends. The error is an
// *ApplyError, which never holds a Secret's values.
func (c *Cluster) Apply(ctx context.Context, kind object.Kind, u *unstructured.Unstructured, opt ApplyOptions) (Applied, error) {
	id := object.IDOf(u)
	content := outgoing(kind, u.Object, opt)
	var dropped []string
	for range dropRounds {
		applied, err := c.applyOnce(ctx, kind, u, content, opt.DryRun)
		if err == nil {
			applied.Dropped = dropped
			c.warn(id, u, applied.Warnings)
			return applied, nil
		}
		pruned, paths := dropUnknown(content, err.Error())
		if len(paths) == 0 {
			pruned, paths = dropDuplicates(content, err.Error())
		}
		if len(paths) == 0 {
			return Applied{Dropped: dropped}, applyErrorOf(id, kind, u, err)
		}
		content = pruned
		dropped = append(dropped, paths...)
	}
	return Applied{Dropped: dropped}, &ApplyError{ID: id, Reason: ReasonInvalid,
		Message: fmt.Sprintf("the server goes on naming fields it does not know, after %s were left out", strings.Join(dropped, ", ")),
		Remedy:  "compare the manifest with the schema of this API version"}
}

func (c *Cluster) warn(id object.ID, u *unstructured.Unstructured, warnings []string) {
	for i, w := range warnings {
		warnings[i] = redact(u, w)
		c.opts.Warning(id.String() + ": " + warnings[i])
	}
}

func (c *Cluster) applyOnce(ctx context.Context, kind object.Kind, u *unstructured.Unstructured, content map[string]any, dryRun bool) (Applied, error) {
	body, err := json.Marshal(content)
	if err != nil {
		return Applied{}, fmt.Errorf("the object cannot be written as JSON: %w", err)
	}
	query := url.Values{"force": {"true"}, "fieldManager": {c.opts.FieldManager}}
	r := call{
		method:      http.MethodPatch,
		path:        pathOf(kind, u.GetNamespace(), u.GetName()),
		query:       query,
		body:        body,
		contentType: string(types.ApplyPatchType),
		accept:      acceptMetadata,
		measured:    true,
	}
	if dryRun {
		query.Set("dryRun", "All")
		r.accept = acceptJSON
	}
	var applied Applied
	err = c.do(ctx, r, func(res *http.Response) error {
		applied = Applied{Created: res.StatusCode == http.StatusCreated, Warnings: warningsOf(res)}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return &brokenError{cause: err}
		}
		return applied.read(body, res.Header.Get("Content-Type"), dryRun)
	})
	return applied, err
}

// read takes from an answer what Applied tells.
func (a *Applied) read(body []byte, contentType string, dryRun bool) error {
	if dryRun {
		a.Object = &unstructured.Unstructured{}
		if err := a.Object.UnmarshalJSON(body); err != nil {
			return fmt.Errorf("the answer to a dry run cannot be read: %w", err)
		}
		a.UID, a.ResourceVersion, a.Generation = a.Object.GetUID(), a.Object.GetResourceVersion(), a.Object.GetGeneration()
		return nil
	}
	var p metav1.PartialObjectMetadata
	var err error
	if strings.HasPrefix(contentType, runtime.ContentTypeProtobuf) {
		err = unmarshalProtobuf(body, &p)
	} else {
		err = json.Unmarshal(body, &p)
	}
	if err != nil {
		return fmt.Errorf("the answer to an apply cannot be read: %w", err)
	}
	a.UID, a.ResourceVersion, a.Generation = p.UID, p.ResourceVersion, p.Generation
	return nil
}

// unmarshalProtobuf reads the API server's protobuf: four bytes "k8s\0", then
// a runtime.Unknown with the message inside.
func unmarshalProtobuf(body []byte, into interface{ Unmarshal([]byte) error }) error {
	if len(body) < 4 || string(body[:4]) != "k8s\x00" {
		return fmt.Errorf("%d bytes that are no Kubernetes protobuf", len(body))
	}
	var envelope runtime.Unknown
	if err := envelope.Unmarshal(body[4:]); err != nil {
		return err
	}
	return into.Unmarshal(envelope.Raw)
}

// stamps are the fields of metadata that a server sets and refuses, or reads
// as preconditions, when they are sent.
// ownerReferences name uids of another cluster, at which the garbage collector
// would delete the object.
var stamps = [...]string{"ownerReferences", "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"}

// outgoing returns the content to send for an object. It shares all that it
// does not change with content.
func outgoing(kind object.Kind, content map[string]any, opt ApplyOptions) map[string]any {
	out := maps.Clone(content)
	out["apiVersion"], out["kind"] = kind.GroupVersion().String(), kind.Kind
	if builtIn(kind.Group) {
		delete(out, "status")
	}
	if isSecret(kind) {
		object.FoldStringData(out)
	}
	old, _ := content["metadata"].(map[string]any)
	meta := make(map[string]any, len(old)+2)
	maps.Copy(meta, old)
	for _, field := range stamps {
		delete(meta, field)
	}
	if !kind.Namespaced {
		delete(meta, "namespace")
	}
	addStrings(meta, "labels", opt.Labels)
	addStrings(meta, "annotations", opt.Annotations)
	out["metadata"] = meta
	return out
}

// addStrings merges extra into the map at field without touching the old map.
func addStrings(meta map[string]any, field string, extra map[string]string) {
	if len(extra) == 0 {
		return
	}
	old, _ := meta[field].(map[string]any)
	merged := make(map[string]any, len(old)+len(extra))
	maps.Copy(merged, old)
	for k, v := range extra {
		merged[k] = v
	}
	meta[field] = merged
}

// builtIn tells the groups of Kubernetes itself, all of whose kinds keep their
// status in a subresource, which an apply does not reach.
func builtIn(group string) bool {
	return !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io") && coreGroup(group)
}

// coreGroup tells the groups under k8s.io that the API server itself serves;
// other projects publish CRDs under k8s.io as well.
func coreGroup(group string) bool {
	switch group {
	case "admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "authentication.k8s.io",
		"authorization.k8s.io", "certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io",
		"flowcontrol.apiserver.k8s.io", "internal.apiserver.k8s.io", "networking.k8s.io", "node.k8s.io",
		"rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io", "storage.k8s.io", "storagemigration.k8s.io":
		return true
	}
	return false
}

func warningsOf(res *http.Response) []string {
	headers, _ := utilnet.ParseWarningHeaders(res.Header["Warning"])
	var warnings []string
	for _, h := range headers {
		if h.Code == 299 && h.Text != "" {
			warnings = append(warnings, h.Text)
		}
	}
	return warnings
}
