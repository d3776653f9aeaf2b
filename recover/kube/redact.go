package kube

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"sort"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object"
)

const (
	redacted = "[redacted]"
	// shortestValue is how long a value is at least, in bytes, that is taken out:
	// shorter ones would hit every word.
	shortestValue = 3
)

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
// within another leaves no rest.
func secretValues(u *unstructured.Unstructured) []string {
	var values []string
	add := func(v string) {
		if v = strings.TrimSpace(v); len(v) >= shortestValue {
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

// secretLines adds to values the longer lines of those that have several: a log
// may hold a part of a key.
func secretLines(values []string) []string {
	const shortest = 8
	for _, value := range values {
		lines := strings.Split(value, "\n")
		for _, line := range lines {
			if line = strings.TrimSpace(line); len(lines) > 1 && len(line) >= shortest {
				values = append(values, line)
			}
		}
	}
	return values
}

// What secrets look like where nothing is known of their values. The
// groups of each are kept.
var secretShapes = []*regexp.Regexp{
	regexp.MustCompile(`()-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|$)`),
	regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:)[^/\s]+(@)`),
	regexp.MustCompile(`((?i:\b(?:bearer|basic)\s+))[A-Za-z0-9._~+/=-]{8,}`),
	regexp.MustCompile(`((?i:(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|authorization|api[-_]?key|access[-_]?key|private[-_]?key|cookie)[A-Za-z0-9_.-]*["']?\s*[:=]>?\s*))(?:"[^"\n]+"|'[^'\n]+'|[^\s"',;&]+)`),
	regexp.MustCompile(`()\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`),
	regexp.MustCompile(`()\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-|AGE-SECRET-KEY-)[A-Za-z0-9_-]{16,}`),
	regexp.MustCompile(`()\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*`),
}

// dense is a long word that may be a key; digests in hexadecimal are none, and
// paths have short parts.
var (
	dense       = regexp.MustCompile(`[A-Za-z0-9+/_-]{40,}={0,2}`)
	hexadecimal = regexp.MustCompile(`^(?:[0-9a-f]+|[0-9A-F]+)$`)
)

// maskedSecrets replaces what looks like a secret in words of unknown origin.
func maskedSecrets(words string) string {
	for _, shape := range secretShapes {
		words = shape.ReplaceAllString(words, "${1}"+redacted+"${2}")
	}
	return dense.ReplaceAllStringFunc(words, func(word string) string {
		const shortPart = 12
		path := len(word)/(1+strings.Count(word, "/")) < shortPart
		if path || hexadecimal.MatchString(word) || !strings.ContainsAny(word, "0123456789") || strings.ToLower(word) == word {
			return word
		}
		return redacted
	})
}
