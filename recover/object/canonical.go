package object

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object/field"
)

// Canonical returns the canonical form of u: a copy without what the API
// server, a controller or a tool stamps on an object, so that what is left is
// what somebody meant. It reads the same for an object from git and for the
// live object that was made of it, apart from defaults, which only the server
// knows.
//
// Fields that a server allocates and that a person may also set (node ports,
// cluster IPs, a claim's volume name) stay when u carries no managedFields (it
// comes from git), or when a field manager owns them.
func Canonical(u *unstructured.Unstructured) map[string]any {
	return runtime.DeepCopyJSON(Form(u))
}

// Form is Canonical for who only reads: it shares with u what it does not
// change, and is u's own content when there is nothing to change.
func Form(u *unstructured.Unstructured) map[string]any {
	gk := u.GroupVersionKind().GroupKind()
	strip := kindStamps[gk.String()]
	nulls := BuiltIn(gk.Group) && hasNull(u.Object)
	if strip == nil && !nulls && isCanonical(u.Object) {
		return u.Object
	}
	content := shallow(u.Object)
	delete(content, "status")
	content["metadata"] = canonicalMetadata(u)
	switch {
	case nulls:
		content = runtime.DeepCopyJSON(content)
		dropNulls(content)
	case strip != nil || hasTemplateStamps(content):
		content["spec"] = runtime.DeepCopyJSONValue(content["spec"])
		if content["spec"] == nil {
			delete(content, "spec")
		}
	}
	dropTemplateStamps(content)
	if strip != nil {
		strip(content, &ownership{u: u})
	}
	return content
}

// Allocatable tells whether content, which is in canonical form and has no
// managedFields, sets a field that servers allocate as well: whether the canonical
// form of the live object keeps it depends on who owns it, not on its value alone.
func Allocatable(gk schema.GroupKind, content map[string]any) bool {
	for _, path := range allocated[gk] {
		if sets(content, path) {
			return true
		}
	}
	return false
}

// sets tells whether value has a field at path, in any of a list's items.
func sets(value any, path []string) bool {
	if list, ok := value.([]any); ok {
		return slices.ContainsFunc(list, func(item any) bool { return sets(item, path) })
	}
	if len(path) == 0 {
		return true
	}
	m, _ := value.(map[string]any)
	below, ok := m[path[0]]
	return ok && sets(below, path[1:])
}

// CanonicalJSON returns the canonical form of u as deterministic bytes.
func CanonicalJSON(u *unstructured.Unstructured) []byte {
	return marshal(Form(u))
}

// Digest is the SHA-256 of one object's canonical bytes.
type Digest [sha256.Size]byte

// AppliedAnnotation is stamped on each object that a restore applies: the short
// digest of what was applied. A comparison sees by it, without asking the
// server, that the commit's object is not the one that was applied last.
const AppliedAnnotation = "rekindle.io/applied"

// Short is the beginning of d as 24 hexadecimal digits.
func (d Digest) Short() string { return hex.EncodeToString(d[:12]) }

// DigestOf returns the digest of content, which is in canonical form already.
func DigestOf(content map[string]any) Digest { return sha256.Sum256(marshal(content)) }

// Fingerprint returns the SHA-256 over the canonical forms of all objects of s,
// sorted by identity, as 64 hexadecimal digits. The order of s does not matter.
func Fingerprint(s *Set) string {
	digests := make(map[ID]Digest, s.Len())
	for o := range s.All() {
		digests[o.ID()] = DigestOf(Form(o.Unstructured))
	}
	return FingerprintOf(digests)
}

// FingerprintOf returns the fingerprint of objects whose digests are known.
func FingerprintOf(digests map[ID]Digest) string {
	h := sha256.New()
	var line []byte
	for _, id := range slices.SortedFunc(maps.Keys(digests), ID.Compare) {
		d := digests[id]
		line = line[:0]
		for _, part := range []string{id.Group, id.Kind, id.Namespace, id.Name} {
			line = append(strconv.AppendQuote(line, part), ' ')
		}
		h.Write(append(append(line, d[:]...), '\n'))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// canonicalMetadata keeps what a person writes in metadata. ownerReferences are
// not among it: they name an owner by a uid that only one cluster has.
func canonicalMetadata(u *unstructured.Unstructured) map[string]any {
	meta, _ := u.Object["metadata"].(map[string]any)
	kept := map[string]any{}
	for _, field := range []string{"name", "namespace"} {
		if v, ok := meta[field]; ok && v != "" {
			kept[field] = v
		}
	}
	if labels := without(meta["labels"], stampedLabel); len(labels) > 0 {
		kept["labels"] = labels
	}
	if annotations := without(meta["annotations"], stampedAnnotation); len(annotations) > 0 {
		kept["annotations"] = annotations
	}
	if list, ok := meta["finalizers"].([]any); ok {
		own := slices.DeleteFunc(slices.Clone(list), func(f any) bool { return stampedFinalizers[fmt.Sprint(f)] })
		if len(own) > 0 {
			kept["finalizers"] = own
		}
	}
	return kept
}

// isCanonical tells that nothing is stamped on content, whatever its kind, as it is
// with most objects from git.
func isCanonical(content map[string]any) bool {
	meta, ok := content["metadata"].(map[string]any)
	_, status := content["status"]
	if !ok || status || hasTemplateStamps(content) {
		return false
	}
	for key, value := range meta {
		switch key {
		case "name", "namespace":
			ok = value != ""
		case "labels":
			ok = isOwn(value, stampedLabel)
		case "annotations":
			ok = isOwn(value, stampedAnnotation)
		default:
			ok = false
		}
		if !ok {
			return false
		}
	}
	return true
}

// isOwn tells whether value is a map with something in it, and nothing stamped.
func isOwn(value any, stamped func(key string) bool) bool {
	m, _ := value.(map[string]any)
	for key := range m {
		if stamped(key) {
			return false
		}
	}
	return len(m) > 0
}

func without(value any, stamped func(key string) bool) map[string]any {
	m, ok := value.(map[string]any)
	if !ok {
		return nil
	}
	kept := make(map[string]any, len(m))
	for k, v := range m {
		if !stamped(k) {
			kept[k] = v
		}
	}
	return kept
}

func shallow(m map[string]any) map[string]any {
	c := make(map[string]any, len(m))
	maps.Copy(c, m)
	return c
}

// BuiltIn tells the groups of Kubernetes itself. Other projects publish kinds
// under k8s.io as well.
func BuiltIn(group string) bool {
	return !strings.Contains(group, ".") || coreGroups[group]
}

var coreGroups = map[string]bool{
	"admissionregistration.k8s.io": true, "apiextensions.k8s.io": true, "apiregistration.k8s.io": true,
	"authentication.k8s.io": true, "authorization.k8s.io": true, "certificates.k8s.io": true, "coordination.k8s.io": true,
	"discovery.k8s.io": true, "events.k8s.io": true, "flowcontrol.apiserver.k8s.io": true, "internal.apiserver.k8s.io": true,
	"networking.k8s.io": true, "node.k8s.io": true, "rbac.authorization.k8s.io": true, "resource.k8s.io": true,
	"scheduling.k8s.io": true, "storage.k8s.io": true, "storagemigration.k8s.io": true,
}

// dropNulls removes keys whose value is null: to the API server a null is a
// field that nobody set. Not so in custom resources, where a nullable field with
// a default is null because somebody wants it to be.
func dropNulls(value any) {
	switch v := value.(type) {
	case map[string]any:
		for k, field := range v {
			if field == nil {
				delete(v, k)
				continue
			}
			dropNulls(field)
		}
	case []any:
		for _, item := range v {
			dropNulls(item)
		}
	}
}

// hasNull tells whether dropNulls would remove anything.
func hasNull(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		for _, below := range v {
			if below == nil || hasNull(below) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return item != nil && hasNull(item) })
	}
	return false
}

func hasTemplateStamps(content map[string]any) bool {
	_, stamped := field.Map(content, "spec", "template", "metadata")["creationTimestamp"]
	return stamped
}

// dropTemplateStamps removes the creationTimestamp that Go types print into
// spec.template.metadata.
func dropTemplateStamps(content map[string]any) {
	if hasTemplateStamps(content) {
		delete(field.Map(content, "spec", "template", "metadata"), "creationTimestamp")
	}
}

// FoldStringData moves a Secret's stringData into data, as the server does, so
// that a key that is taken out of stringData is taken out of the Secret: the
// server keeps no account of who wrote stringData. Nothing below content itself
// is changed.
func FoldStringData(content map[string]any) {
	plain, ok := content["stringData"].(map[string]any)
	if !ok {
		return
	}
	old, _ := content["data"].(map[string]any)
	data := shallow(old)
	for k, v := range plain {
		s, ok := v.(string)
		if !ok {
			return // the server will say so
		}
		data[k] = base64.StdEncoding.EncodeToString([]byte(s))
	}
	delete(content, "stringData")
	content["data"] = data
}
