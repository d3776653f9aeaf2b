package convert

import (
	"errors"

	"github.com/rekindle-io/rekindle/recover/object/field"
)

// webhooks writes out the defaults that changed and what v1 wants said.
func webhooks(content map[string]any) ([]string, error) {
	var c changes
	names := map[string]bool{}
	kept := map[string]bool{}
	for _, w := range field.Maps(content, "webhooks") {
		name := field.Text(w, "name")
		if names[name] {
			return nil, errors.New("two of its webhooks are named " + name + ", which v1 refuses")
		}
		names[name] = true
		if side := field.Text(w, "sideEffects"); side != "None" && side != "NoneOnDryRun" {
			return nil, errors.New("webhook " + name + " does not say sideEffects None or NoneOnDryRun, which v1 asks for and only its author knows")
		}
		for _, d := range []struct {
			field string
			value any
		}{
			{"failurePolicy", "Ignore"},
			{"matchPolicy", "Exact"},
			{"timeoutSeconds", int64(30)},
			{"admissionReviewVersions", []any{"v1beta1"}},
		} {
			if w[d.field] != nil {
				continue
			}
			w[d.field] = d.value
			if !kept[d.field] {
				kept[d.field] = true
				c.say("webhooks: %s is %v, the default of the old version", d.field, d.value)
			}
		}
	}
	return c, nil
}

func binding(content map[string]any) ([]string, error) { return sameShape(content) }

// bindingAlpha gives subjects the API group that v1alpha1 wrote as a version.
func bindingAlpha(content map[string]any) ([]string, error) {
	var c changes
	for _, s := range field.Maps(content, "subjects") {
		if _, ok := s["apiVersion"]; ok {
			delete(s, "apiVersion")
			c.say("subject %s: apiVersion is now apiGroup", field.Text(s, "name"))
		}
		kind := field.Text(s, "kind")
		if kind == "User" && field.Text(s, "name") == "*" {
			s["kind"], s["name"], kind = "Group", "system:authenticated", "Group"
			c.say("subject User * is now Group system:authenticated")
		}
		if kind == "User" || kind == "Group" {
			s["apiGroup"] = "rbac.authorization.k8s.io"
		}
	}
	return c, nil
}

func accessReview(content map[string]any) ([]string, error) {
	var c changes
	if move(field.Map(content, "spec"), "group", "groups") {
		c.say("spec.group is now spec.groups")
	}
	return c, nil
}

func signingRequest(content map[string]any) ([]string, error) {
	spec := field.Map(content, "spec")
	switch signer := field.Text(spec, "signerName"); {
	case signer == "" || signer == "kubernetes.io/legacy-unknown":
		return nil, errors.New("it names no signer that v1 takes: say which one in spec.signerName")
	case len(field.List(spec, "usages")) == 0:
		return nil, errors.New("it names no usages, which v1 asks for")
	}
	return nil, nil
}

func event(content map[string]any) ([]string, error) {
	if field.Text(content, "eventTime") == "" {
		return nil, errors.New("it has no eventTime, which v1 asks for")
	}
	var c changes
	if series := field.Map(content, "series"); series["state"] != nil {
		delete(series, "state")
		c.say("series.state is dropped: the new version does not know it")
	}
	return c, nil
}
