package patch

import (
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/diff"
)

// context is how many lines are shown before and after a change.
const context = 3

// line is one line of a patch: a sign and what stands there.
type line struct {
	kind diff.Operation
	text string
	// hidden: it must not be shown beside a change.
	hidden bool
}

// text writes the patch.
func (p *filePatch) text() (string, error) {
	var b strings.Builder
	if err := diff.NewUnifiedEncoder(&b, 0).Encode(heading{p}); err != nil {
		return "", err
	}
	if !p.isBinary() {
		writeHunks(&b, p.lines())
	}
	return b.String(), nil
}

// lines takes the chunks apart.
func (p *filePatch) lines() []line {
	near := secretLines(p.from)
	var all []line
	was := 1
	for _, c := range p.chunks {
		for text := range strings.Lines(c.text) {
			l := line{kind: c.kind, text: text}
			if c.kind == diff.Equal {
				l.hidden = near.hides(was, text)
			}
			if c.kind != diff.Add {
				was++
			}
			all = append(all, l)
		}
	}
	return all
}

// writeHunks writes the changed lines with those around them. git apply wants a
// line that stays behind each change, but for the end of the file; it does not
// want one before.
func writeHunks(b *strings.Builder, all []line) {
	shown := make([]bool, len(all))
	for i, l := range all {
		if l.kind == diff.Equal {
			continue
		}
		shown[i] = true
		for _, step := range []int{-1, 1} {
			for n, j := 0, i+step; n < context && j >= 0 && j < len(all) && all[j].kind == diff.Equal && !all[j].hidden; n, j = n+1, j+step {
				shown[j] = true
			}
		}
	}
	was, now := 0, 0 // the last line of each side
	for i := 0; i < len(all); {
		if !shown[i] {
			was, now, i = was+1, now+1, i+1
			continue
		}
		end := i
		for end < len(all) && shown[end] {
			end++
		}
		was, now = writeHunk(b, all[i:end], was, now)
		i = end
	}
}

// writeHunk writes lines that follow each other, behind the lines was and now,
// and returns their last lines.
func writeHunk(b *strings.Builder, list []line, was, now int) (lastWas, lastNow int) {
	lastWas, lastNow = was, now
	for _, l := range list {
		if l.kind != diff.Add {
			lastWas++
		}
		if l.kind != diff.Delete {
			lastNow++
		}
	}
	fmt.Fprintf(b, "@@ -%s +%s @@\n", position(was, lastWas), position(now, lastNow))
	for _, l := range list {
		b.WriteByte(map[diff.Operation]byte{diff.Add: '+', diff.Delete: '-', diff.Equal: ' '}[l.kind])
		b.WriteString(l.text)
		if !strings.HasSuffix(l.text, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
	return lastWas, lastNow
}

// position says where the lines behind before are, up to last: by the first and
// their number, which goes without saying when it is one. No lines are where the
// line before them is.
func position(before, last int) string {
	switch last - before {
	case 0:
		return fmt.Sprintf("%d,0", before)
	case 1:
		return fmt.Sprint(last)
	}
	return fmt.Sprintf("%d,%d", before+1, last-before)
}

// heading is a patch of which only git's header is written.
type heading struct{ *filePatch }

func (h heading) FilePatches() []diff.FilePatch { return []diff.FilePatch{h} }
func (heading) Message() string                 { return "" }
func (heading) Chunks() []diff.Chunk            { return nil }
func (h heading) IsBinary() bool                { return h.isBinary() }

// Files returns both versions, an untyped nil where there is none.
func (h heading) Files() (from, to diff.File) {
	if h.from != nil {
		from = h.from
	}
	if h.to != nil {
		to = h.to
	}
	return from, to
}
