package show

import (
	"fmt"
	"iter"
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/ignore"
)

// Style is what a piece of text means to the reader; whoever prints it chooses
// the colours.
type Style int

// The styles.
const (
	Plain   Style = iota
	Strong        // what matters most
	Faint         // what can be skipped
	Hunk          // where a difference is
	Removed       // what the commit says and the cluster does not
	Added         // what the cluster holds and the commit does not say
	Good          // as it should be
	Bad           // not as it should be
	Warn          // look at this
)

// Span is a piece of text in one style. It holds no control characters.
type Span struct {
	Style Style
	Text  string
}

// Line is one line, without its end.
type Line []Span

// String returns the text of the line.
func (l Line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.Text)
	}
	return b.String()
}

// LineOptions say how lines are laid out.
type LineOptions struct {
	// Width is the most columns of a line; longer ones are folded. 0: any.
	Width int
	// MaxLines is how many lines of difference one object may take; 0: all.
	MaxLines int
	// MaxObjects is how many objects that differ are shown one by one; when there
	// are more, an overview comes before them. 0: all.
	MaxObjects int
	// MaxFindings is how many findings of each category of recoverability are
	// shown; those that cost nothing are only counted then. 0: all.
	MaxFindings int
}

// Folded are the options for a person at a terminal: the whole can be read.
func Folded(width int) LineOptions {
	return LineOptions{Width: width, MaxLines: 40, MaxObjects: 25, MaxFindings: 3}
}

// minWidth is the narrowest layout; a narrower terminal breaks lines by itself.
const minWidth = 40

// Lines lays the report out in the manner of git show: a header, each object
// with what differs in it, and what would be lost.
func (r *Report) Lines(o LineOptions) iter.Seq[Line] {
	if o.Width > 0 {
		o.Width = max(o.Width, minWidth)
	}
	return func(yield func(Line) bool) {
		p := &printer{LineOptions: o, yield: yield}
		p.header(r)
		p.objects(r.Objects)
		p.unknown(r.Unknown)
		p.rules(r)
		p.recoverability(r.Recoverability)
	}
}

// printer hands on lines until nobody wants any more.
type printer struct {
	LineOptions
	yield func(Line) bool
	ended bool
}

func (p *printer) line(spans ...Span) {
	if p.ended {
		return
	}
	for i := range spans {
		spans[i].Text = visible(spans[i].Text, "")
	}
	p.ended = !p.yield(spans)
}

// folded prints a text behind a lead, broken where the width ends: at spaces
// when words, anywhere otherwise. Later lines begin with the other lead.
func (p *printer) folded(lead, later string, style Style, text string, words bool) {
	text = visible(strings.ReplaceAll(text, "\t", "    "), "")
	for first := true; first || text != ""; first = false {
		head := lead
		if !first {
			head = later
		}
		var part string
		part, text = p.cut(text, p.Width-runewidth.StringWidth(head), words)
		if part == "" {
			head = strings.TrimRight(head, " ")
		}
		p.line(Span{style, head + part})
	}
}

// cut takes as much of text as fits into width.
func (p *printer) cut(text string, width int, words bool) (part, rest string) {
	if p.Width == 0 || runewidth.StringWidth(text) <= width {
		return text, ""
	}
	n, used, space := 0, 0, 0
	for i, r := range text {
		if used += runewidth.RuneWidth(r); used > width && n > 0 {
			break
		}
		if r == ' ' {
			space = i
		}
		n = i + len(string(r))
	}
	if words && space > 0 {
		return text[:space], strings.TrimLeft(text[space:], " ")
	}
	return text[:n], text[n:]
}

// pair prints two spans on one line, or below each other when they do not fit.
func (p *printer) pair(a, b Span, between string) {
	if p.Width > 0 && runewidth.StringWidth(visible(a.Text+between+b.Text, "")) > p.Width {
		p.folded("", "  ", a.Style, a.Text, false)
		p.folded("  ", "  ", b.Style, b.Text, true)
		return
	}
	p.line(a, Span{Plain, between}, b)
}

// fact prints a name and a value of the header.
func (p *printer) fact(name, value string) {
	lead := fmt.Sprintf("%-9s", name)
	p.folded(lead, strings.Repeat(" ", len(lead)), Plain, value, true)
}

func (p *printer) header(r *Report) {
	verdict := Bad
	if r.Clean() {
		if verdict = Good; len(r.Unknown) > 0 {
			verdict = Warn
		}
	}
	p.pair(Span{Strong, "drift " + r.Cluster}, Span{verdict, r.Verdict()}, ": ")
	commit := r.Commit.SHA
	if r.Commit.Revision != "" && !strings.HasPrefix(commit, r.Commit.Revision) {
		commit += " (" + r.Commit.Revision + ")"
	}
	p.fact("Commit:", commit)
	if r.Commit.Subject != "" {
		p.fact("", clip(r.Commit.Subject, 200))
	}
	if r.Commit.Repo != "" {
		p.fact("Source:", strings.TrimSpace(r.Commit.Repo+" "+r.Commit.Path))
	}
	c := r.Counts
	counts := fmt.Sprintf("%d in git, %d equal", c.Compared, c.Equal)
	for _, n := range []struct {
		n    int
		word string
	}{{c.Changed, "changed"}, {c.Missing, "missing"}, {c.Unknown, "unknown"}, {c.Unexpected, "unexpected"}, {c.Excluded, "left out"}} {
		if n.n > 0 {
			counts += fmt.Sprintf(", %d %s", n.n, n.word)
		}
	}
	p.fact("Objects:", counts)
	if n := len(r.Carried); n > 0 {
		p.fact("Besides:", "carried over: "+count(n, "Secret"))
	}
	if c.Ignored > 0 {
		p.fact("Ignored:", count(c.Ignored, "difference"))
	}
	if r.Recoverability != nil {
		p.fact("Score:", score(r.Recoverability))
	}
}

func (p *printer) object(o Object) {
	p.line()
	p.folded("", "  ", Strong, string(o.Drift)+" "+o.ID.String(), true)
	p.provenance(o.From)
	if o.By != nil {
		p.folded("  by ", "     ", Faint, o.By.String(), true)
	}
	if o.Note != "" {
		p.folded("  ", "  ", Warn, clip(o.Note, 600), true)
	}
	left := p.MaxLines
	for i, f := range o.Fields {
		if p.MaxLines > 0 && left <= 0 {
			p.line(Span{Faint, "  … and " + count(len(o.Fields)-i, "more field")})
			return
		}
		left -= p.field(f, left)
	}
}

func (p *printer) provenance(from object.Provenance) {
	if s := from.String(); s != "" {
		p.folded("  at ", "     ", Faint, s, true)
	}
}

// field prints one field, with at most left lines when they are limited, and
// returns how many it took.
func (p *printer) field(f Field, left int) int {
	where := Span{Hunk, "@@ " + f.Path + " @@"}
	if by := names(f.By); by == "" {
		p.folded("", "   ", where.Style, where.Text, false)
	} else {
		p.pair(where, Span{Faint, by}, "  ")
	}
	list := edits(f)
	for i, e := range list {
		if p.MaxLines > 0 && i >= left && len(list) > i+1 {
			p.line(Span{Faint, "  … and " + count(len(list)-i, "more line")})
			return i
		}
		style := Plain
		switch e.sign {
		case '-':
			style = Removed
		case '+':
			style = Added
		}
		p.folded(string(e.sign), string(e.sign)+"… ", style, e.text, false)
	}
	return len(list)
}

func (p *printer) section(title string) {
	p.line()
	p.folded("", "", Strong, title, true)
}

func (p *printer) unknown(list []Unknown) {
	if len(list) > 0 {
		p.section("Could not be listed, so that nothing is known about them")
	}
	for _, u := range list {
		text := u.Kind
		if n := len(u.Objects); n > 0 {
			text += fmt.Sprintf(" (%d in git)", n)
		}
		p.folded("  ", "    ", Warn, text+": "+clip(u.Reason, 300), true)
	}
}

// rules prints those rules that somebody should look at.
func (p *printer) rules(r *Report) {
	for i, a := range r.advice() {
		if i == 0 {
			p.section("Rules to look at")
		}
		p.folded("  ", "    ", Warn, strings.TrimPrefix(a.at+": ", ": ")+a.words, true)
	}
}

// advised is a rule that somebody should look at, by where it is written, and
// what to do about it.
type advised struct{ at, words string }

func (r *Report) advice() []advised {
	var list []advised
	for _, s := range r.Rules {
		if words := advice(s); words != "" {
			list = append(list, advised{s.At, words})
		}
	}
	for _, s := range r.Selection {
		if s.State == capture.Unmatched {
			list = append(list, advised{s.At, fmt.Sprintf("the %s rule %q is about nothing that is there: remove it, or look for a slip in it", s.List, s.String())})
		}
	}
	return list
}

// advice says what to do about a rule; empty when nothing.
func advice(s ignore.Status) string {
	switch {
	case s.State == ignore.Unmatched:
		return fmt.Sprintf("%q is about no object: remove it, or look for a slip in it", s.String())
	case s.State == ignore.Expired && s.Ignored > 0:
		return fmt.Sprintf("%q has expired, and %s count again: mend them, or set another day", s.String(), count(s.Ignored, "difference"))
	case s.State == ignore.Expired:
		return fmt.Sprintf("%q has expired, and is not needed any more: remove it", s.String())
	}
	return ""
}
