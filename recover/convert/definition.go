package convert

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object/field"

	"k8s.io/apimachinery/pkg/runtime"
)

// definition writes a CustomResourceDefinition in v1: schema, subresources and
// columns belong to each version there, and the schema has to be structural.
func definition(content map[string]any) ([]string, error) {
	var c changes
	spec := field.Map(content, "spec")
	if spec == nil {
		return nil, errors.New("it has no spec")
	}
	versions, err := definitionVersions(spec, &c)
	if err != nil {
		return nil, err
	}
	c.keep(spec, "Namespaced", "scope")
	unpruned := true // the default of v1beta1
	if keep, ok := spec["preserveUnknownFields"].(bool); ok {
		unpruned = keep
	}
	delete(spec, "preserveUnknownFields")
	for _, v := range versions {
		if err := definitionSchema(v, unpruned, &c); err != nil {
			return nil, err
		}
		for _, column := range field.Maps(v, "additionalPrinterColumns") {
			move(column, "JSONPath", "jsonPath")
		}
	}
	if unpruned {
		c.say("unknown fields go on to be kept: x-kubernetes-preserve-unknown-fields instead of spec.preserveUnknownFields")
	}
	conversionWebhook(spec, &c)
	approve(content, &c)
	return c, nil
}

// definitionVersions moves what is said for all versions into each of them.
func definitionVersions(spec map[string]any, c *changes) ([]map[string]any, error) {
	if len(field.List(spec, "versions")) == 0 {
		only := field.Text(spec, "version")
		if only == "" {
			return nil, errors.New("it names no version")
		}
		spec["versions"] = []any{map[string]any{"name": only, "served": true, "storage": true}}
		c.say("spec.version is now the only one of spec.versions")
	}
	delete(spec, "version")
	versions := field.Maps(spec, "versions")
	schema := spec["validation"]
	for field, inVersion := range map[string]string{
		"validation": "schema", "subresources": "subresources", "additionalPrinterColumns": "additionalPrinterColumns",
	} {
		value, ok := spec[field]
		delete(spec, field)
		if !ok || value == nil {
			continue
		}
		for _, v := range versions {
			if v[inVersion] == nil {
				v[inVersion] = runtime.DeepCopyJSONValue(value)
			}
		}
	}
	if schema != nil {
		c.say("spec.validation is now the schema of each version")
	}
	return versions, nil
}

// definitionSchema makes the schema of one version structural.
func definitionSchema(v map[string]any, unpruned bool, c *changes) error {
	name := field.Text(v, "name")
	root := field.Map(v, "schema", "openAPIV3Schema")
	if root == nil {
		v["schema"] = map[string]any{"openAPIV3Schema": map[string]any{
			"type": "object", "x-kubernetes-preserve-unknown-fields": true,
		}}
		c.say("version %s has no schema: it takes everything, as before", name)
		return nil
	}
	s := structure{unpruned: unpruned}
	s.root(root)
	if err := validateSchema(root); err != nil {
		return fmt.Errorf("the schema of version %s cannot be made structural: %w", name, err)
	}
	if len(s.repairs) > 0 {
		c.say("the schema of version %s is structural now: %s", name, strings.Join(s.said(), ", "))
	}
	return nil
}

// conversionWebhook moves the client of a conversion webhook to its new place.
func conversionWebhook(spec map[string]any, c *changes) {
	conversion := field.Map(spec, "conversion")
	if conversion == nil {
		return
	}
	webhook := map[string]any{}
	if client, ok := conversion["webhookClientConfig"]; ok && client != nil {
		webhook["clientConfig"] = client
	}
	reviews, ok := conversion["conversionReviewVersions"]
	if !ok {
		reviews = []any{"v1beta1"} // the default of v1beta1
	}
	delete(conversion, "webhookClientConfig")
	delete(conversion, "conversionReviewVersions")
	if field.Text(conversion, "strategy") != "Webhook" {
		return
	}
	webhook["conversionReviewVersions"] = reviews
	conversion["webhook"] = webhook
	c.say("spec.conversion.webhookClientConfig is now spec.conversion.webhook")
}

// approve says about a definition in a group of Kubernetes' own that nobody
// reviewed it, which v1 wants said and v1beta1 took for granted.
func approve(content map[string]any, c *changes) {
	const annotation = "api-approved.kubernetes.io"
	group := field.Text(content, "spec", "group")
	if group != "k8s.io" && group != "kubernetes.io" && !strings.HasSuffix(group, ".k8s.io") && !strings.HasSuffix(group, ".kubernetes.io") {
		return
	}
	meta := field.Map(content, "metadata")
	if meta == nil || field.Text(meta, "annotations", annotation) != "" {
		return
	}
	annotations := maps.Clone(field.Map(meta, "annotations"))
	if annotations == nil {
		annotations = map[string]any{}
	}
	annotations[annotation] = "unapproved, written for apiextensions.k8s.io/v1beta1"
	meta["annotations"] = annotations
	c.say("annotation %s says unapproved, since v1 wants an answer for groups of Kubernetes' own", annotation)
}
