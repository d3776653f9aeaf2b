package export

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPath bounds a path in bytes.
const maxPath = 1024

// PathError: no file can have that path.
type PathError struct{ Path, Reason string }

func (e *PathError) Error() string {
	return fmt.Sprintf("file %q cannot be exported: its path %s", e.Path, e.Reason)
}

// CheckPath accepts the paths that git checks out everywhere: relative, with
// slashes, without dot segments, .git in any disguise, and control characters.
func CheckPath(path string) error {
	refuse := func(reason string) error { return &PathError{Path: path, Reason: reason} }
	switch {
	case path == "":
		return refuse("is empty")
	case len(path) > maxPath:
		return refuse(fmt.Sprintf("is longer than %d bytes", maxPath))
	case !utf8.ValidString(path):
		return refuse("is not UTF-8")
	case strings.ContainsFunc(path, func(r rune) bool { return unicode.Is(unicode.C, r) }):
		return refuse("has control or invisible characters")
	case strings.ContainsAny(path, `\:`):
		return refuse("has a backslash or a colon")
	}
	for part := range strings.SplitSeq(path, "/") {
		switch {
		case part == "":
			return refuse("is absolute, or has an empty segment")
		case part == "." || part == "..":
			return refuse("has a dot segment")
		case strings.HasSuffix(part, ".") || strings.HasSuffix(part, " "):
			return refuse("has a segment that ends in a dot or a space")
		case strings.EqualFold(part, ".git") || strings.EqualFold(part, "git~1"):
			return refuse("has a segment that is git's own")
		}
	}
	return nil
}
