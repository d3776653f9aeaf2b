package sops

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// copies are annotations in which tools keep the whole Secret, its values among
// it, for themselves.
func copies() []string {
	return []string{
		"kubectl.kubernetes.io/last-applied-configuration",
		"objectset.rio.cattle.io/applied",
		"kapp.k14s.io/original",
		"banzaicloud.com/last-applied",
		"openshift.io/token-secret.value",
	}
}

// controllers are the domains, with all below them, of annotations that stay
// readable: controllers, and people who review a change, go by them, and they say
// nothing of what a Secret holds. Everything else may be anything.
func controllers() []string {
	return []string{"kubernetes.io", "k8s.io", "cert-manager.io", "helm.sh", "fluxcd.io", "argoproj.io", "rekindle.io"}
}

// wellKnown tells whether an annotation is one of well-known controllers.
func wellKnown(annotation string) bool {
	domain, _, ok := strings.Cut(annotation, "/")
	return ok && slices.ContainsFunc(controllers(), func(known string) bool {
		return domain == known || strings.HasSuffix(domain, "."+known)
	})
}

// regexFor is the rule by which a Secret is encrypted: Flux's own unless it has an
// annotation that is not of a well-known controller.
func regexFor(manifest map[string]any) string {
	for name := range annotationsOf(manifest) {
		if !wellKnown(name) {
			return RegexWithAnnotations
		}
	}
	return Regex
}

func annotationsOf(manifest map[string]any) map[string]any {
	meta, _ := manifest["metadata"].(map[string]any)
	annotations, _ := meta["annotations"].(map[string]any)
	return annotations
}

// cleaned returns a Secret without what holds its values a second time. What it
// changes is copied.
func cleaned(manifest map[string]any) (map[string]any, error) {
	if manifest["kind"] != "Secret" || manifest["apiVersion"] != "v1" {
		return nil, fmt.Errorf("%.60v %.60v %s: only Secrets of v1 are encrypted", manifest["apiVersion"], manifest["kind"], nameOf(manifest))
	}
	if _, ok := manifest[Section]; ok {
		return nil, fmt.Errorf("the Secret %s has a sops section already", nameOf(manifest))
	}
	if encryptedIn(manifest, false) {
		return nil, fmt.Errorf("the Secret %s holds a value that SOPS has encrypted: encrypted again, nobody would expect it", nameOf(manifest))
	}
	meta, ok := manifest["metadata"].(map[string]any)
	if !ok {
		return nil, errors.New("a Secret without metadata")
	}
	clean, meta := maps.Clone(manifest), maps.Clone(meta)
	clean["metadata"] = meta
	delete(meta, "managedFields")
	if annotations, ok := meta["annotations"].(map[string]any); ok && len(annotations) > 0 {
		annotations = maps.Clone(annotations)
		for _, name := range copies() {
			delete(annotations, name)
		}
		if meta["annotations"] = annotations; len(annotations) == 0 {
			delete(meta, "annotations")
		}
	}
	return clean, nil
}

// encryptedIn tells whether a value in v that Regex has encrypted looks as SOPS
// writes it. Encrypted again it could not be told from a damaged file. Elsewhere
// whoever may write an annotation may write what they like. below: v is below
// data or stringData.
func encryptedIn(v any, below bool) bool {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if encryptedIn(value, below || key == "data" || key == "stringData") {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return encryptedIn(item, below) })
	case string:
		return below && strings.HasPrefix(v, Ciphertext)
	}
	return false
}

func nameOf(manifest map[string]any) string {
	meta, _ := manifest["metadata"].(map[string]any)
	name, _ := meta["name"].(string)
	if namespace, _ := meta["namespace"].(string); namespace != "" {
		return namespace + "/" + name
	}
	return name
}
