package kube

import (
	"encoding/base64"
	"fmt"
	"sort"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object"
)

const redacted = "[redacted]"

func isSecret(kind object.Kind) bool { return kind.Group == "" && kind.Kind == "Secret" }

// quotesValues tells the reasons for which the server's words may hold a part
// of a value, and not only a whole one that redact would find.
func quotesValues(r Reason) bool {
	switch r {
	case ReasonInvalid, ReasonImmutable, ReasonWebhook, ReasonOther:
		return true
	}
	return false
}

// withheld replaces the server's words about a Secret by the fields it names.
func withheld(s *metav1.Status) string {
	var fields []string
	if s.Details != nil {
		for _, c := range s.Details.Causes {
			if c.Field != "" {
				fields = append(fields, c.Field)
			}
		}
	}
	at := ""
	if len(fields) > 0 {
		at = " at " + strings.Join(fields, ", ")
	}
	return fmt.Sprintf("the server refuses the Secret (%d %s)%s; its words are withheld because they may quote a value", s.Code, s.Reason, at)
}

// redact takes the values of a Secret out of a message, as they are written in
// the manifest and decoded. Other kinds' messages are returned as they are.
func redact(u *unstructured.Unstructured, message string) string {
	if u.GetKind() != "Secret" || u.GroupVersionKind().Group != "" {
		return message
	}
	for _, v := range secretValues(u) {
		message = strings.ReplaceAll(message, v, redacted)
	}
	return message
}

// secretValues returns what must not be shown, longest first so that a value
// within another leaves no rest. Values under 3 bytes would hit every word.
func secretValues(u *unstructured.Unstructured) []string {
	var values []string
	add := func(v string) {
		if v = strings.TrimSpace(v); len(v) >= 3 {
			values = append(values, v)
		}
	}
	for _, field := range []string{"data", "stringData"} {
		entries, _ := u.Object[field].(map[string]any)
		for _, v := range entries {
			text := fmt.Sprint(v)
			add(text)
			if plain, err := base64.StdEncoding.DecodeString(text); err == nil {
				add(string(plain))
			}
			add(base64.StdEncoding.EncodeToString([]byte(text)))
		}
	}
	for _, v := range u.GetAnnotations() {
		if strings.Contains(v, `"data"`) || strings.Contains(v, `"stringData"`) {
			add(v)
		}
	}
	sort.Slice(values, func(i, j int) bool { return len(values[i]) > len(values[j]) })
	return values
}
