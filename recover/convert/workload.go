package convert

import (
	"errors"
	"fmt"
	"maps"
	"math"

	"github.com/rekindle-io/rekindle/recover/object/field"
)

// The old workload versions fill in what the new ones ask for or fill in
// otherwise. The values are those of the defaults.go of each version in
// Kubernetes v1.15, the last release that had them all.

func requireSelector(content map[string]any) ([]string, error) {
	if field.Map(content, "spec", "selector") == nil {
		return nil, errors.New("it has no spec.selector, which neither version fills in")
	}
	return nil, nil
}

func selectorFromTemplate(content map[string]any) ([]string, error) {
	var c changes
	labels := field.Map(content, "spec", "template", "metadata", "labels")
	if selector := field.Map(content, "spec", "selector"); len(selector) == 0 {
		if len(labels) == 0 {
			return nil, errors.New("it has neither spec.selector nor labels in its template")
		}
		spec := field.Map(content, "spec")
		spec["selector"] = map[string]any{"matchLabels": maps.Clone(labels)}
		c.say("spec.selector is the labels of the template, as the old version filled in")
	}
	if meta := field.Map(content, "metadata"); meta != nil && len(field.Map(meta, "labels")) == 0 && len(labels) > 0 {
		meta["labels"] = maps.Clone(labels)
		c.say("metadata.labels are those of the template, as the old version filled in")
	}
	return c, nil
}

func deploymentExtensions(content map[string]any) ([]string, error) {
	c, err := deployment(content)
	if err != nil {
		return nil, err
	}
	spec := field.Map(content, "spec")
	if rollsOver(spec, "strategy") {
		c.keep(spec, int64(1), "strategy", "rollingUpdate", "maxSurge")
		c.keep(spec, int64(1), "strategy", "rollingUpdate", "maxUnavailable")
	}
	c.keep(spec, int64(math.MaxInt32), "progressDeadlineSeconds")
	c.keep(spec, int64(math.MaxInt32), "revisionHistoryLimit")
	return c, nil
}

func deploymentV1beta1(content map[string]any) ([]string, error) {
	c, err := deployment(content)
	if err != nil {
		return nil, err
	}
	c.keep(field.Map(content, "spec"), int64(2), "revisionHistoryLimit")
	return c, nil
}

func deployment(content map[string]any) (changes, error) {
	list, err := selectorFromTemplate(content)
	c := changes(list)
	if err == nil {
		c.drop(field.Map(content, "spec"), "rollbackTo", "a rollback is an order, not a state")
	}
	return c, err
}

func daemonSetExtensions(content map[string]any) ([]string, error) {
	list, err := selectorFromTemplate(content)
	if err != nil {
		return nil, err
	}
	c := changes(list)
	spec := field.Map(content, "spec")
	c.drop(spec, "templateGeneration", "the new version does not know it")
	c.keep(spec, "OnDelete", "updateStrategy", "type")
	return c, nil
}

func statefulSet(content map[string]any) ([]string, error) {
	list, err := selectorFromTemplate(content)
	if err != nil {
		return nil, err
	}
	c := changes(list)
	c.keep(field.Map(content, "spec"), "OnDelete", "updateStrategy", "type")
	return c, nil
}

// rollsOver tells whether a strategy is, or by default becomes, RollingUpdate.
func rollsOver(spec map[string]any, strategy string) bool {
	kind := field.Text(spec, strategy, "type")
	return kind == "" || kind == "RollingUpdate"
}

func jobExtensions(content map[string]any) ([]string, error) {
	var c changes
	spec := field.Map(content, "spec")
	if auto, _ := spec["autoSelector"].(bool); !auto && spec["selector"] != nil {
		spec["manualSelector"] = true
		c.say("spec.manualSelector is true, since the selector was written by hand")
	}
	if _, ok := spec["autoSelector"]; ok {
		delete(spec, "autoSelector")
		c.say("spec.autoSelector is gone: the new version has manualSelector")
	}
	return c, nil
}

func disruptionBudget(content map[string]any) ([]string, error) {
	selector, ok := field.Map(content, "spec")["selector"].(map[string]any)
	if ok && len(field.Map(selector, "matchLabels")) == 0 && len(field.List(selector, "matchExpressions")) == 0 {
		return nil, errors.New("its empty selector meant no pods and means all pods of the namespace in policy/v1: decide which")
	}
	return nil, nil
}

func runtimeClassAlpha(content map[string]any) ([]string, error) {
	var c changes
	spec := field.Map(content, "spec")
	for from, to := range map[string]string{"runtimeHandler": "handler", "overhead": "overhead", "scheduling": "scheduling"} {
		if v, ok := spec[from]; ok {
			content[to] = v
		}
	}
	if field.Text(content, "handler") == "" {
		return nil, errors.New("it has no spec.runtimeHandler")
	}
	delete(content, "spec")
	c.say("spec.runtimeHandler is now handler, the rest of spec is at the top")
	return c, nil
}

func flowControl(content map[string]any) ([]string, error) {
	var c changes
	limited := field.Map(content, "spec", "limited")
	if shares, ok := limited["assuredConcurrencyShares"]; ok {
		delete(limited, "assuredConcurrencyShares")
		limited["nominalConcurrencyShares"] = shares
		c.say("spec.limited.assuredConcurrencyShares is now nominalConcurrencyShares")
	}
	more, err := flowControlV1beta3(content)
	return append(c, more...), err
}

// flowControlV1beta3 writes out that no shares meant the default.
func flowControlV1beta3(content map[string]any) ([]string, error) {
	var c changes
	const preserve = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares"
	limited := field.Map(content, "spec", "limited")
	if n, ok := limited["nominalConcurrencyShares"]; ok && isZero(n) {
		if _, zero := field.Map(content, "metadata", "annotations")[preserve]; !zero {
			limited["nominalConcurrencyShares"] = int64(30)
			c.say("spec.limited.nominalConcurrencyShares is 30, which 0 meant")
		}
	}
	return c, nil
}

func isZero(n any) bool { return fmt.Sprint(n) == "0" }
