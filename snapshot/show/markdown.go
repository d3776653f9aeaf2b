package show

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/recoverability"
)

// MarkdownOptions say how a report becomes a README.md.
type MarkdownOptions struct {
	// Path is where the file of a live object lies, relative to the README.md;
	// empty, or a nil Path: it has none, and no link is made.
	Path func(object.ID) string
	// Data is the path of the JSON report beside it, to which readers are sent
	// for what was cut; may be empty.
	Data string
	// MaxBytes bounds the size; 0 is 400 000. Git hosts stop rendering somewhere
	// between 500 KB and 1 MB.
	MaxBytes int
}

// Bounds of single things in Markdown.
const (
	defaultMarkdown = 400_000
	minMarkdown     = 20_000
	maxText         = 300
	maxDiffLines    = 200
	maxDiffBytes    = 16 << 10
)

// Markdown writes the report as a page that a person reads on a git host:
// counts, what differs with links and collapsed differences, and what would be
// lost. It holds no time stamps unless the report has them. What does not fit is
// counted.
func (r *Report) Markdown(o MarkdownOptions) []byte {
	limit := o.MaxBytes
	if limit == 0 {
		limit = defaultMarkdown
	}
	limit = max(limit, minMarkdown)
	m := &page{MarkdownOptions: o, limit: limit / 10}
	m.head(r)
	m.kinds(r)
	// The rest shares what is left: differences may take what others leave.
	m.limit = limit * 4 / 10
	m.table(r)
	tail := &page{MarkdownOptions: o, limit: limit * 3 / 10}
	tail.recoverability(r.Recoverability)
	tail.asides(r)
	m.limit = limit - tail.b.Len()
	m.differences(r)
	m.b.WriteString(tail.b.String())
	return []byte(m.b.String())
}

// page is Markdown that is written until a limit.
type page struct {
	MarkdownOptions
	b     strings.Builder
	limit int
}

// note is how much is kept free for the words that say how much was cut.
const note = 300

// items writes n items as long as they fit, and returns how many did not.
func (m *page) items(n int, item func(i int) string) (rest int) {
	for i := range n {
		text := item(i)
		if m.b.Len()+len(text) > m.limit-note {
			return n - i
		}
		m.b.WriteString(text)
	}
	return 0
}

// cut says that more things did not fit.
func (m *page) cut(rest int, word string) {
	if rest == 0 {
		return
	}
	fmt.Fprintf(&m.b, "\n*… and %s", count(rest, "more "+word))
	if m.Data != "" {
		fmt.Fprintf(&m.b, ": [%s](%s) has all", text(m.Data), link(m.Data))
	}
	m.b.WriteString("*\n")
}

func (m *page) head(r *Report) {
	fmt.Fprintf(&m.b, "# Drift of %s\n\n", code(r.Cluster))
	fmt.Fprintf(&m.b, "**%s** of %s in commit %s", strings.ToUpper(r.Verdict()[:1])+r.Verdict()[1:], count(r.Counts.Compared, "object"), code(short(r.Commit.SHA)))
	if r.Commit.Revision != "" && !strings.HasPrefix(r.Commit.SHA, r.Commit.Revision) {
		fmt.Fprintf(&m.b, " (%s)", code(r.Commit.Revision))
	}
	if r.Commit.Repo != "" {
		fmt.Fprintf(&m.b, " of %s", code(strings.TrimSpace(r.Commit.Repo+" "+r.Commit.Path)))
	}
	m.b.WriteString(".\n")
	if s := r.Recoverability; s != nil {
		most := ""
		if s.AtMost {
			most = " at most"
		}
		fmt.Fprintf(&m.b, "**Recoverability: %d of 100%s.**", s.Score, most)
		if words, ok := strings.CutPrefix(unsaved(s), "; n"); ok {
			m.b.WriteString(" N" + words + ".")
		}
		m.b.WriteString("\n")
	}
	if n := len(r.Unknown); n > 0 {
		fmt.Fprintf(&m.b, "\n**%s could not be listed:** nothing is known about their objects.\n", count(n, "kind"))
	}
}

// maxKinds is how many kinds the table of counts has.
const maxKinds = 40

// kinds writes the table of counts, a line for each kind that differs.
func (m *page) kinds(r *Report) {
	c := r.Counts
	m.b.WriteString("\n| | changed | missing | unexpected |\n|---|---:|---:|---:|\n")
	rows := map[string]*Counts{}
	for _, o := range r.Objects {
		kind := o.ID.GroupKind().String()
		if rows[kind] == nil {
			rows[kind] = &Counts{}
		}
		switch o.Drift {
		case Changed:
			rows[kind].Changed++
		case Missing:
			rows[kind].Missing++
		case Unexpected:
			rows[kind].Unexpected++
		}
	}
	list := slices.Sorted(maps.Keys(rows))
	row := func(name string, c Counts) string {
		return fmt.Sprintf("| %s | %s | %s | %s |\n", name, number(c.Changed), number(c.Missing), number(c.Unexpected))
	}
	rest := m.items(min(len(list), maxKinds), func(i int) string { return row(code(list[i]), *rows[list[i]]) })
	m.b.WriteString(row("**in all**", c))
	m.cut(rest+max(0, len(list)-maxKinds), "kind")
	var others []string
	for _, n := range []struct {
		n    int
		word string
	}{{c.Equal, "equal"}, {c.Unknown, "unknown"}, {c.Excluded, "left out by rules"}} {
		if n.n > 0 {
			others = append(others, fmt.Sprintf("%d %s", n.n, n.word))
		}
	}
	if n := len(r.Carried); n > 0 {
		others = append(others, count(n, "Secret")+" carried over")
	}
	if c.Ignored > 0 {
		others = append(others, count(c.Ignored, "difference")+" ignored")
	}
	if len(others) > 0 {
		fmt.Fprintf(&m.b, "\nBesides: %s.\n", strings.Join(others, ", "))
	}
}

func number(n int) string {
	if n == 0 {
		return "·"
	}
	return fmt.Sprint(n)
}

func (m *page) table(r *Report) {
	if len(r.Objects) == 0 {
		return
	}
	m.b.WriteString("\n## What differs\n\n| | object | in git | by |\n|---|---|---|---|\n")
	rest := m.items(len(r.Objects), func(i int) string {
		o := r.Objects[i]
		return fmt.Sprintf("| %s | %s | %s | %s |\n", o.Drift, m.named(o), code(o.From.String()), code(makers(o)))
	})
	m.cut(rest, "object")
}

// named is an object with a link to its file, when it is live.
func (m *page) named(o Object) string {
	name := code(o.ID.String())
	if m.Path == nil || o.Drift == Missing {
		return name
	}
	if p := m.Path(o.ID); p != "" {
		return "[" + name + "](" + link(p) + ")"
	}
	return name
}

// makers lists, without times, who is behind a difference.
func makers(o Object) string {
	var list []string
	add := func(a Author) {
		a.Time = ""
		if s := a.String(); !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	for _, f := range o.Fields {
		for _, a := range f.By {
			add(a)
		}
	}
	if o.By != nil {
		add(*o.By)
	}
	return strings.Join(list, ", ")
}

func (m *page) differences(r *Report) {
	var list []Object
	for _, o := range r.Objects {
		if len(o.Fields) > 0 || o.Note != "" {
			list = append(list, o)
		}
	}
	if len(list) == 0 {
		return
	}
	m.b.WriteString("\n## Differences\n\n`-` is what git says, `+` what the cluster holds.\n")
	rest := m.items(len(list), func(i int) string { return details(list[i]) })
	m.cut(rest, "object")
}

// details is a collapsed block with what differs in one object.
func details(o Object) string {
	var b strings.Builder
	fields := ""
	if n := len(o.Fields); n > 0 {
		fields = " (" + count(n, "field") + ")"
	}
	fmt.Fprintf(&b, "\n<details><summary>%s: <code>%s</code>%s</summary>\n\n",
		o.Drift, text(label(o.ID)), fields)
	if o.Note != "" {
		fmt.Fprintf(&b, "%s\n\n", text(o.Note))
	}
	if len(o.Fields) > 0 {
		body := unified(o)
		fence := strings.Repeat("`", max(3, longestRun(body, '`')+1))
		fmt.Fprintf(&b, "%sdiff\n%s%s\n\n", fence, body, fence)
	}
	b.WriteString("</details>\n")
	return b.String()
}

// unified is what differs in an object, as the lines of a difference, bounded.
func unified(o Object) string {
	var b strings.Builder
	n := 0
	for i, f := range o.Fields {
		if n >= maxDiffLines || b.Len() > maxDiffBytes {
			fmt.Fprintf(&b, "… and %s\n", count(len(o.Fields)-i, "more field"))
			break
		}
		by := ""
		if len(f.By) > 0 {
			by = " " + names(f.By)
		}
		fmt.Fprintf(&b, "@@ %s @@%s\n", visible(clip(f.Path, maxText), ""), visible(clip(by, maxText), ""))
		list := edits(f)
		for j, e := range list {
			if n >= maxDiffLines || b.Len() > maxDiffBytes {
				fmt.Fprintf(&b, "… and %s\n", count(len(list)-j, "more line"))
				break
			}
			fmt.Fprintf(&b, "%c%s\n", e.sign, visible(clip(e.text, 1000), "\t"))
			n++
		}
	}
	return b.String()
}

func (m *page) recoverability(r *recoverability.Report) {
	if r == nil || len(r.Findings) == 0 {
		return
	}
	fmt.Fprintf(&m.b, "\n## What would be lost if the cluster died now\n\nThe score is 100 less what the findings cost: **%d**.\n\n", r.Score)
	m.b.WriteString("| | findings | points | lost, at most |\n|---|---:|---:|---:|\n")
	for _, c := range r.Categories {
		fmt.Fprintf(&m.b, "| %s | %s | %s | %s of %d |\n", c.Category, number(c.Findings), number(c.Points), number(c.Lost), c.Most)
	}
	own, again := apart(r.Findings)
	if again > 0 {
		fmt.Fprintf(&m.b, "\nAmong the objects are %s.\n", againWords(again))
	}
	if len(own) == 0 {
		return
	}
	m.b.WriteString("\n| points | what | why | what to do |\n|---:|---|---|---|\n")
	rest := m.items(len(own), func(i int) string {
		f := own[i]
		subject := code(strings.Join(strings.Fields(f.Subject+" "+f.Size+" "+f.Class), " "))
		return fmt.Sprintf("| %d | %s | %s | %s |\n", f.Points, subject, text(f.What), text(f.Do))
	})
	m.cut(rest, "finding")
}

// asides are what a reader may want to know besides: kinds that could not be
// listed, objects that could not be exported, rules to look at, and what rules
// ignored.
func (m *page) asides(r *Report) {
	if len(r.Unknown) > 0 {
		m.b.WriteString("\n## Could not be listed\n\n")
		m.cut(m.items(len(r.Unknown), func(i int) string {
			u := r.Unknown[i]
			return fmt.Sprintf("- %s: %s\n", code(u.Kind), text(u.Reason))
		}), "kind")
	}
	if len(r.NotExported) > 0 {
		m.b.WriteString("\n## Could not be exported\n\nThese are as an earlier export had them, or absent:\n\n")
		m.cut(m.items(len(r.NotExported), func(i int) string {
			o := r.NotExported[i]
			return fmt.Sprintf("- %s: %s\n", code(o.ID.String()), text(o.Reason))
		}), "object")
	}
	var rules []string
	for _, a := range r.advice() {
		rules = append(rules, "- "+text(a.words)+"\n")
	}
	if len(rules) > 0 {
		m.b.WriteString("\n## Rules to look at\n\n")
		m.cut(m.items(len(rules), func(i int) string { return rules[i] }), "rule")
	}
	if len(r.Ignored) > 0 {
		m.b.WriteString("\n<details><summary>Ignored differences (" + fmt.Sprint(len(r.Ignored)) + ")</summary>\n\n| object | field | why |\n|---|---|---|\n")
		rest := m.items(len(r.Ignored), func(i int) string {
			d := r.Ignored[i]
			return fmt.Sprintf("| %s | %s | %s |\n", code(d.ID.String()), code(d.Path), text(d.Why))
		})
		m.cut(rest, "difference")
		m.b.WriteString("\n</details>\n")
	}
}
