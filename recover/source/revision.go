package source

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	maxRevision = 512
	maxSteps    = 64
	maxStep     = 1_000_000
)

// revision is what a person typed, taken apart:
//
//	base[@time]{~n|^n}
//
// base is HEAD, a SHA, a short SHA, a tag or a branch; "" is the default
// branch.
type revision struct {
	text  string
	base  string
	at    *instant
	steps []step
}

// step is ~n (n first parents back) or ^n (the n-th parent).
type step struct {
	nthParent bool
	n         int
}

// instant is the time in a revision. A date alone stands for the whole day in
// UTC: from is its beginning, until its last moment.
type instant struct {
	from, until time.Time
}

var (
	dated = regexp.MustCompile(`^(.*)@(\d{4}-[^{}]*)$`)
	zoned = []string{
		"2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z0700", "2006-01-02T15:04:05Z0700",
		"2006-01-02 15:04Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04 Z07:00", "2006-01-02 15:04:05 Z07:00",
		"2006-01-02 15:04 Z0700", "2006-01-02 15:04:05 Z0700",
	}
	unzoned = []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05"}
)

// parseRevision takes a revision apart; errors are *RevisionError.
func parseRevision(text string) (revision, error) {
	r := revision{text: text}
	fail := func(reason string) (revision, error) {
		return revision{}, &RevisionError{Revision: shorten(text), Reason: reason}
	}
	switch {
	case text == "":
		return fail("is empty: give a SHA, a tag, a branch, HEAD~3 or a time such as main@2026-11-20T18:00Z")
	case len(text) > maxRevision:
		return fail("is too long to be one")
	case text[0] == '-':
		return fail("begins with a dash, like a flag")
	case strings.ContainsFunc(text, func(c rune) bool { return c < 0x20 || c == 0x7f || c == '\uFFFD' }):
		return fail("has control characters or invalid UTF-8")
	case strings.Contains(text, ".."):
		return fail("is a range: name one commit")
	}
	head, ops := text, ""
	// A time in braces may not hold ~ or ^, so the first one begins the steps.
	if i := strings.IndexAny(text, "~^"); i >= 0 {
		head, ops = text[:i], text[i:]
	}
	var reason string
	if r.steps, reason = parseSteps(ops); reason != "" {
		return fail(reason)
	}
	if r.base, r.at, reason = parseHead(head); reason != "" {
		return fail(reason)
	}
	return r, nil
}

func shorten(text string) string {
	if len(text) > maxRevision {
		return text[:80] + "…"
	}
	return text
}

func parseHead(head string) (base string, at *instant, reason string) {
	when := ""
	switch before, braced, found := strings.Cut(head, "@{"); {
	case found && strings.HasSuffix(braced, "}"):
		base, when = before, strings.TrimSuffix(braced, "}")
		if when == "" || when[0] < '0' || when[0] > '9' || !strings.Contains(when, "-") {
			return "", nil, "asks for the reflog or an upstream, which a mirror does not have: only a time may stand in @{…}"
		}
	case found:
		return "", nil, "has an opening @{ without the closing }"
	default:
		base = head
		if m := dated.FindStringSubmatch(head); m != nil {
			base, when = m[1], m[2]
		}
	}
	if when != "" {
		if at, reason = parseInstant(when); reason != "" {
			return "", nil, reason
		}
	}
	switch {
	case base == "@":
		base = "HEAD"
	case base == "" && at == nil:
		return "", nil, "names no commit to begin from"
	case strings.Contains(base, ":"):
		return "", nil, "has a colon: a path is given apart from the revision, a message cannot be searched"
	case base != "" && base != "HEAD" && !validRefPart(base):
		return "", nil, "is no name that git allows"
	}
	return base, at, ""
}

func parseInstant(when string) (*instant, string) {
	for _, layout := range zoned {
		if t, err := time.Parse(layout, when); err == nil {
			return &instant{from: t, until: t}, ""
		}
	}
	if t, err := time.Parse(time.DateOnly, when); err == nil {
		return &instant{from: t, until: t.AddDate(0, 0, 1).Add(-time.Nanosecond)}, ""
	}
	for _, layout := range unzoned {
		if _, err := time.Parse(layout, when); err == nil {
			return nil, "has a time without a zone: end it in Z for UTC, or in an offset such as +01:00"
		}
	}
	return nil, "has a time that cannot be read: write 2026-11-20T18:00Z, 2026-11-20T19:00+01:00 or 2026-11-20"
}

func parseSteps(ops string) (steps []step, reason string) {
	for ops != "" {
		if len(steps) == maxSteps {
			return nil, "has too many ~ and ^"
		}
		if rest, ok := cutPeel(ops); ok {
			ops = rest
			continue
		}
		digits := 1
		for digits < len(ops) && ops[digits] >= '0' && ops[digits] <= '9' {
			digits++
		}
		n := 1
		if digits > 1 {
			var err error
			if n, err = strconv.Atoi(ops[1:digits]); err != nil || n > maxStep {
				return nil, "counts back too far"
			}
		}
		steps = append(steps, step{nthParent: ops[0] == '^', n: n})
		if ops = ops[digits:]; ops != "" && ops[0] != '~' && ops[0] != '^' {
			return nil, "has something behind ~ or ^ that is neither a number nor another one"
		}
	}
	return steps, ""
}

// cutPeel removes ^{}, ^{commit} and ^0, which name the commit itself.
func cutPeel(ops string) (rest string, ok bool) {
	for _, peel := range []string{"^{}", "^{commit}"} {
		if rest, ok := strings.CutPrefix(ops, peel); ok {
			return rest, rest == "" || rest[0] == '~' || rest[0] == '^'
		}
	}
	return ops, false
}

// validRefName is git-check-ref-format(1) for a full name.
func validRefName(name string) bool {
	return strings.HasPrefix(name, "refs/") && len(name) <= maxRevision && validRefPart(name)
}

// validRefPart checks a ref name, or the tail of one that a person types.
func validRefPart(name string) bool {
	if name == "" || name == "@" || strings.ContainsAny(name, " ~^:?*[\\\x7f") || strings.Contains(name, "..") || strings.Contains(name, "@{") ||
		strings.ContainsFunc(name, func(c rune) bool { return c < 0x20 || c == '\uFFFD' }) {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") || strings.HasSuffix(part, ".") {
			return false
		}
	}
	return name[0] != '-'
}
