package export

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
)

// Live is the folder of objects, and what a mass deletion is measured by.
const Live = "live"

const (
	// clusterFolder holds what has no namespace. No namespace is written so.
	clusterFolder = "_cluster"
	extension     = ".yaml"
	// maxSegment bounds one name on the way in bytes: file systems that encrypt
	// names allow 143.
	maxSegment = 140
	// maxShown is how much of a long name stays readable before its digest.
	maxShown = 90
)

// Path is where an object's file is:
//
//	live/shop/deployment.apps/web.yaml
//	live/_cluster/cluster-role.rbac.authorization.k8s.io/system__node.yaml
//
// No two objects share a path, not even where case does not count, and every
// segment can be a name on every file system. Kinds are written in small words
// (ServiceMonitor is service-monitor, HTTPRoute is http_route). In other names
// an underscore escapes: __ is a colon, _a is A, _2f is a byte. What is too
// long or not ASCII ends in a digest: ~ and 32 hex digits.
func Path(id object.ID) string {
	namespace := clusterFolder
	if id.Namespace != "" {
		namespace = segment(id.Namespace, maxSegment)
	}
	return strings.Join([]string{Live, namespace, kindSegment(id.Kind, id.Group), segment(id.Name, maxSegment-len(extension)) + extension}, "/")
}

// plainName is what most names are: a DNS subdomain.
var plainName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)

// segment writes a text in at most limit bytes.
func segment(text string, limit int) string {
	s, ok := escape(text)
	if !ok || len(s) > limit || s == clusterFolder {
		return digested(s, text)
	}
	return s
}

// escape is reversible, and ok is false where it does not reach.
func escape(text string) (_ string, ok bool) {
	if plainName.MatchString(text) && !reserved(text) {
		return text, true
	}
	if text == "" {
		return "_", true
	}
	var b strings.Builder
	ok = true
	for i := range len(text) {
		c := text[i]
		edge := i == 0 || i == len(text)-1
		switch {
		case c >= 0x80:
			ok = false
			b.WriteByte('-')
		case i == 0 && reserved(text):
			fmt.Fprintf(&b, "_%02x", c)
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-' && i > 0, c == '.' && !edge:
			b.WriteByte(c)
		case c >= 'A' && c <= 'Z':
			b.WriteString("_" + string(c-'A'+'a'))
		case c == ':':
			b.WriteString("__")
		default:
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	return b.String(), ok
}

// digested is a readable beginning and a digest of the whole text.
func digested(shown, text string) string {
	sum := sha256.Sum256([]byte(text))
	shown = strings.TrimRight(shown[:min(len(shown), maxShown)], ".")
	if reserved(shown) {
		shown = "_" + shown
	}
	return shown + "~" + hex.EncodeToString(sum[:16])
}

// devices are names that Windows keeps for itself, with any extension.
var devices = []string{"con", "prn", "aux", "nul"}

func reserved(text string) bool {
	base, _, _ := strings.Cut(strings.ToLower(text), ".")
	if len(base) == 4 && base[3] >= '0' && base[3] <= '9' {
		return base[:3] == "com" || base[:3] == "lpt"
	}
	return slices.Contains(devices, base)
}

// kindWords splits a kind: a word, or an acronym and what follows it.
var (
	ordinaryKind = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
	acronymFirst = regexp.MustCompile(`^[A-Z][A-Z0-9]*[A-Z0-9]`)
	wordFirst    = regexp.MustCompile(`^[A-Z][a-z0-9]*`)
)

// kindSegment writes kind and group: service-monitor.monitoring.coreos.com. A
// word with one capital is followed by a dash, an acronym by an underscore, so
// that two kinds differ in more than case whenever they differ.
func kindSegment(kind, group string) string {
	whole := kindWords(kind)
	if whole == "" {
		whole = digested(strings.ReplaceAll(firstOf(escape(kind)), ".", "-"), kind)
	}
	if group != "" {
		whole += "." + segment(group, maxSegment)
	}
	if len(whole) > maxSegment || reserved(whole) {
		return digested(whole, kind+"\x00"+group)
	}
	return whole
}

func firstOf(s string, _ bool) string { return s }

// kindWords returns "" for what is no kind in CamelCase.
func kindWords(kind string) string {
	if !ordinaryKind.MatchString(kind) {
		return ""
	}
	var b strings.Builder
	for rest := kind; rest != ""; {
		word, mark := acronym(rest), "_"
		if word == "" {
			word, mark = wordFirst.FindString(rest), "-"
		}
		if rest = rest[len(word):]; rest == "" && mark == "-" {
			mark = ""
		}
		b.WriteString(strings.ToLower(word) + mark)
	}
	return b.String()
}

// acronym is the run of capitals and digits that rest begins with, without the
// capital that begins the next word; "" when there is none.
func acronym(rest string) string {
	run := acronymFirst.FindString(rest)
	if len(run) < len(rest) && rest[len(run)] >= 'a' { // a word begins inside of it
		run = strings.TrimRight(run, "0123456789")
		run = run[:max(0, len(run)-1)]
	}
	if len(run) < 2 {
		return ""
	}
	return run
}
