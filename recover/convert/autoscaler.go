package convert

import (
	"errors"

	"github.com/rekindle-io/rekindle/recover/object/field"
)

func autoscalerExtensions(content map[string]any) ([]string, error) {
	var c changes
	spec := field.Map(content, "spec")
	if move(spec, "scaleRef", "scaleTargetRef") {
		delete(field.Map(spec, "scaleTargetRef"), "subresource")
		c.say("spec.scaleRef is now spec.scaleTargetRef")
	}
	if utilisation := field.Map(spec, "cpuUtilization"); utilisation != nil {
		delete(spec, "cpuUtilization")
		spec["targetCPUUtilizationPercentage"] = utilisation["targetPercentage"]
		c.say("spec.cpuUtilization is now spec.targetCPUUtilizationPercentage")
	}
	if spec["scaleTargetRef"] == nil {
		return nil, errors.New("it has no spec.scaleRef")
	}
	return c, nil
}

func autoscalerV2beta2(content map[string]any) ([]string, error) { return sameShape(content) }

// autoscalerV2beta1 reshapes metrics: the name and selector of a metric, and its
// target, are structures of their own from v2beta2 on.
func autoscalerV2beta1(content map[string]any) ([]string, error) {
	var c changes
	metrics := field.Maps(content, "spec", "metrics")
	for _, m := range metrics {
		var err error
		switch field.Text(m, "type") {
		case "Resource":
			err = target(field.Map(m, "resource"), "", "targetAverageValue", "targetAverageUtilization")
		case "ContainerResource":
			err = target(field.Map(m, "containerResource"), "", "targetAverageValue", "targetAverageUtilization")
		case "Pods":
			metric(field.Map(m, "pods"), "selector")
			err = target(field.Map(m, "pods"), "", "targetAverageValue", "")
		case "Object":
			move(field.Map(m, "object"), "target", "describedObject")
			metric(field.Map(m, "object"), "selector")
			err = target(field.Map(m, "object"), "targetValue", "averageValue", "")
		case "External":
			metric(field.Map(m, "external"), "metricSelector")
			err = target(field.Map(m, "external"), "targetValue", "targetAverageValue", "")
		default:
			err = errors.New("a metric has no known type")
		}
		if err != nil {
			return nil, err
		}
	}
	if len(metrics) > 0 {
		c.say("spec.metrics have metric and target in the shape of autoscaling/v2")
	}
	return c, nil
}

// metric gathers the name and selector of a metric.
func metric(source map[string]any, selector string) {
	if source == nil {
		return
	}
	m := map[string]any{"name": source["metricName"]}
	delete(source, "metricName")
	if s, ok := source[selector]; ok {
		m["selector"] = s
		delete(source, selector)
	}
	source["metric"] = m
}

// target gathers the value to reach; the arguments are the fields that hold it.
// An average goes before a value, as in the API server's own conversion.
func target(source map[string]any, value, average, utilisation string) error {
	t := map[string]any{}
	take := func(field, kind, to string) {
		v, ok := source[field]
		if !ok || field == "" {
			return
		}
		delete(source, field)
		if _, taken := t["type"]; !taken && v != nil && !(kind == "Value" && isZero(v)) {
			t["type"], t[to] = kind, v
		}
	}
	take(utilisation, "Utilization", "averageUtilization")
	take(average, "AverageValue", "averageValue")
	take(value, "Value", "value")
	if len(t) == 0 {
		return errors.New("a metric has no target")
	}
	source["target"] = t
	return nil
}
