package kube

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// condition is an entry of status.conditions.
type condition struct {
	Type, Status, Reason, Message string
}

// conditionsOf returns status.conditions; entries of another shape are left out.
func conditionsOf(u *unstructured.Unstructured) []condition {
	var conds []condition
	for _, m := range entries(u.Object, "status", "conditions") {
		conds = append(conds, condition{Type: text(m, "type"), Status: text(m, "status"), Reason: text(m, "reason"), Message: text(m, "message")})
	}
	return conds
}

// conditionOf returns the condition of that type; the zero one when absent.
func conditionOf(u *unstructured.Unstructured, kind string) condition {
	for _, c := range conditionsOf(u) {
		if c.Type == kind {
			return c
		}
	}
	return condition{}
}

// entries returns the maps in the list at fields, without copying them.
func entries(content map[string]any, fields ...string) []map[string]any {
	v, _, _ := unstructured.NestedFieldNoCopy(content, fields...)
	list, _ := v.([]any)
	var maps []map[string]any
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			maps = append(maps, m)
		}
	}
	return maps
}

// text returns the string at fields, or "".
func text(content map[string]any, fields ...string) string {
	v, _, _ := unstructured.NestedFieldNoCopy(content, fields...)
	s, _ := v.(string)
	return s
}

// number returns the whole number at fields, or 0.
func number(content map[string]any, fields ...string) int64 {
	v, _, _ := unstructured.NestedFieldNoCopy(content, fields...)
	switch n := v.(type) {
	case int64:
		return n
	case int:
		return int64(n)
	case float64:
		return int64(n)
	}
	return 0
}
