package drift

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/lipgloss"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/show"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// pane is the part of the screen that shows what is under the cursor.
type pane struct {
	pager ui.Pager
	// open: it is shown on screens that are too narrow to show it always; focus:
	// keys are its own.
	open, focus bool
	split       bool // differences side by side
	// of what the lines are, and for what width.
	shown string
	width int
}

// writer writes the lines about one entry for a width.
type writer struct {
	env   ui.Env
	width int
	split bool
	lines []ui.Line
}

func (w *writer) add(cells ...ui.Cell)                   { w.lines = append(w.lines, cells) }
func (w *writer) text(style lipgloss.Style, text string) { w.add(ui.Cell{Text: text, Style: style}) }

// about writes what is known of one line of the tree.
func (w *writer) about(r row) {
	st := w.env.Styles
	switch e := r.entry; {
	case e == nil:
		w.text(st.Strong, fmt.Sprintf("%s: %d", r.label, r.count))
		w.add()
		for _, line := range strings.Split(helpOf[r.group], "\n") {
			w.text(st.Dim, line)
		}
	case e.differs != nil:
		w.differs(e)
	case e.unknown != nil:
		w.unknown(e)
	case e.finding != nil:
		w.finding(e)
	default:
		w.ignored(e)
	}
}

// helpOf says what the groups are.
var helpOf = [...]string{
	"Objects of the commit that the cluster has otherwise.\ni lets a difference not count, A takes it over into git, R brings the commit back.",
	"Objects of the commit that the cluster lacks.",
	"Objects that the cluster has and the commit does not.",
	"Kinds that the server would not list: what became of their objects nobody knows.",
	"What a restore from git would not bring back, worst first.",
	"Differences that do not count, by a rule or because they are a controller's business.",
}

func (w *writer) differs(e *entry) {
	st, o := w.env.Styles, e.differs
	w.add(ui.Cell{Text: e.group.String() + "  ", Style: groupStyle(st, e.group)}, ui.Cell{Text: o.ID.String(), Style: st.Strong})
	w.from(o.From)
	if o.By != nil {
		w.text(st.Plain, "by "+w.author(*o.By))
	}
	if o.Note != "" {
		w.text(st.Warn, "! "+o.Note)
	}
	for _, f := range o.Fields {
		w.field(f)
	}
}

// from writes where git has it.
func (w *writer) from(p object.Provenance) {
	if s := p.String(); s != "" {
		w.text(w.env.Styles.Dim, "at "+s)
	}
}

// author is who set something, through what, and when.
func (w *writer) author(a show.Author) string {
	text := who(a)
	if at := when(a.Time); !at.IsZero() {
		text += fmt.Sprintf(", %s (%s)", w.env.At(at), ui.Since(w.env.Now(), at))
	}
	return text
}

func (w *writer) field(f show.Field) {
	st := w.env.Styles
	w.add()
	w.text(st.Title, f.Path)
	for _, a := range f.By {
		w.text(st.Dim, "by "+w.author(a))
	}
	list := edits(f)
	if w.split {
		w.beside(list)
		return
	}
	for _, e := range unified(list, w.width-2) {
		lead, style := w.look(e.sign)
		w.add(ui.Cell{Text: lead, Style: style}, ui.Cell{Text: e.text, Style: style})
	}
}

// look is how a line of a difference begins, and its style.
func (w *writer) look(s sign) (lead string, style lipgloss.Style) {
	st := w.env.Styles
	switch s {
	case inGit:
		return "- ", st.Removed
	case inLive:
		return "+ ", st.Added
	case apart:
		return "… ", st.Dim
	case hid:
		return "~ ", st.Changed
	}
	return "  ", st.Plain
}

// beside writes a difference in two columns.
func (w *writer) beside(list []edit) {
	side := max((w.width-3)/2, 3)
	st := w.env.Styles
	head := func(text string) ui.Cell { return ui.Cell{Text: ui.Fit(text, side), Style: st.Dim} }
	w.add(head("- git"), ui.Cell{Text: " │ ", Style: st.Border}, head("+ live"))
	for _, r := range beside(list, side-2) {
		w.add(w.half(r.git, side), ui.Cell{Text: " │ ", Style: st.Border}, w.half(r.live, side))
	}
}

func (w *writer) half(e edit, width int) ui.Cell {
	if e.sign == 0 {
		return ui.Cell{Text: strings.Repeat(" ", width)}
	}
	lead, style := w.look(e.sign)
	return ui.Cell{Text: ui.Fit(lead+e.text, width), Style: style}
}

func (w *writer) unknown(e *entry) {
	st, u := w.env.Styles, e.unknown
	w.add(ui.Cell{Text: e.group.String() + "  ", Style: st.Warn}, ui.Cell{Text: u.Kind, Style: st.Strong})
	w.text(st.Plain, u.Reason)
	if len(u.Objects) > 0 {
		w.add()
		w.text(st.Dim, "in git:")
	}
	const most = 200
	for i, id := range u.Objects {
		if i == most {
			w.text(st.Dim, fmt.Sprintf("… and %d more", len(u.Objects)-i))
			break
		}
		w.text(st.Plain, "  "+id.String())
	}
}

func (w *writer) finding(e *entry) {
	st, f := w.env.Styles, e.finding
	w.add(ui.Cell{Text: "! " + string(f.Category) + "  ", Style: st.Warn}, ui.Cell{Text: f.Subject, Style: st.Strong})
	w.text(st.Plain, f.What)
	if f.Do != "" {
		w.text(st.Key, "→ "+f.Do)
	}
	w.text(st.Dim, fmt.Sprintf("costs %s of 100", ui.Count(f.Points, "point")))
	for _, fact := range [][2]string{{"size", f.Size}, {"class", f.Class}, {"used by", strings.Join(f.UsedBy, ", ")}, {"digests", strings.Join(f.Digests, ", ")}} {
		if fact[1] != "" {
			w.text(st.Dim, fact[0]+": "+fact[1])
		}
	}
}

func (w *writer) ignored(e *entry) {
	st := w.env.Styles
	w.add(ui.Cell{Text: e.group.String() + "  ", Style: st.Dim}, ui.Cell{Text: e.object.String(), Style: st.Strong})
	if len(e.ignored) > 0 {
		w.from(e.ignored[0].From)
	}
	for _, i := range e.ignored {
		w.add()
		if i.Path != "" {
			w.text(st.Title, i.Path)
		} else {
			w.text(st.Title, "the whole object, "+string(i.Drift))
		}
		w.text(st.Plain, "because: "+i.Why)
	}
}

// groupStyle is the colour of a group; its sign says the same.
func groupStyle(st ui.Styles, g group) lipgloss.Style {
	switch g {
	case changed:
		return st.Changed
	case missing:
		return st.Removed
	case unexpected:
		return st.Added
	case unlisted, lost:
		return st.Warn
	}
	return st.Dim
}
