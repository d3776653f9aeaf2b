package show

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON writes the report as docs/drift-report.md describes it, indented, with a
// line's end. The error is one of a value that JSON does not have, which nothing
// that came from a cluster or a commit is.
func (r *Report) JSON() ([]byte, error) { return indented(r) }

// indented writes v as JSON in which whatever is not visible is an escape, so
// that a terminal may show it.
func indented(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write the report as JSON: %w", err)
	}
	raw := b.Bytes()
	if bytes.IndexFunc(raw, unseen) < 0 {
		return raw, nil
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		r, size := utf8.DecodeRune(raw[i:])
		switch {
		case r == '\n' || !unseen(r):
			out = append(out, raw[i:i+size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += size
	}
	return out, nil
}
