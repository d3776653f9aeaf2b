package cli

import (
	"fmt"
	"strings"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/snapshot/adopt"
	"github.com/rekindle-io/rekindle/snapshot/patch"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// adoptScreen prints an adoption for people.
type adoptScreen struct {
	*app
	// all: however much it is.
	all bool
}

func (a adoptScreen) print(m *rebuild.Adoption, req rebuild.AdoptRequest, err error) {
	t := a.Terminal
	d := m.Drift
	if d.Changed+d.Missing+d.Unexpected == 0 {
		t.Outf("%s is %s: there is nothing to adopt\n", t.Paint(terminal.Strong, m.Cluster), shortSHA(m.Commit.SHA))
		return
	}
	t.Outf("%s differs from %s: %d changed, %d missing, %d unexpected\n", t.Paint(terminal.Strong, m.Cluster), shortSHA(m.Commit.SHA), d.Changed, d.Missing, d.Unexpected)
	if m.NotSelected > 0 {
		t.Outf("  %s left as they are by --only\n", count(m.NotSelected, "difference"))
	}
	title := "Adopted"
	if m.Proposed == nil {
		title = "Would be adopted"
	}
	a.list(title, len(m.Adopted), func(i int) {
		if i == 0 || m.Adopted[i-1].ID != m.Adopted[i].ID {
			t.Outf("  %s\n", m.Adopted[i].ID)
		}
		a.adopted(m.Adopted[i])
	})
	a.refusals(m.Refused)
	if m.Proposed == nil {
		a.diffs(m.Files)
	} else {
		a.files("Files", m.Files)
	}
	a.printAdoptNext(m, req, err)
}

// list prints a section of n items, or as many as fit.
func (a adoptScreen) list(title string, n int, item func(i int)) {
	if n == 0 {
		return
	}
	a.Terminal.Outf("\n%s (%d)\n", a.Terminal.Paint(terminal.Strong, title), n)
	a.items(n, maxShown, item)
}

func (a adoptScreen) items(n, most int, item func(i int)) {
	if a.all || n <= most+1 {
		most = n
	}
	for i := range most {
		item(i)
	}
	if n > most {
		a.Terminal.Outf("  … and %d more: --all shows them\n", n-most)
	}
}

// adopted prints what of an object was written where.
func (a adoptScreen) adopted(x rebuild.Adopted) {
	t := a.Terminal
	line := "    " + x.Path + " in " + x.Where
	switch x.Drift {
	case show.Missing:
		line = "    deleted in " + x.Where
	case show.Unexpected:
		line = "    in " + x.Where
	}
	if t.Width == 0 || len([]rune(line)) <= t.Width {
		t.Outf("%s\n", line)
	} else {
		t.Outf("    %s\n", x.Path)
		a.detail("in " + x.Where)
	}
	if x.Renamed != "" {
		a.detail("its name holds a hash of its content: git calls it " + x.Renamed + " then, also where it is named")
	}
	if len(x.Also) > 0 {
		a.detail("this also changes " + strings.Join(x.Also, ", "))
	}
}

const (
	// fewAlike objects that were refused for one reason are told of one by one, of
	// more of them maxAlike are named above the reason.
	fewAlike = 3
	maxAlike = 10
)

// refusals prints what of which object was not written, and a reason that many
// share once.
func (a adoptScreen) refusals(list []adopt.Refusal) {
	t := a.Terminal
	if len(list) > 0 {
		t.Outf("\n%s (%d)\n", t.Paint(terminal.Strong, "Not adopted"), len(list))
	}
	groups := alike(list)
	a.items(len(groups), maxShown, func(i int) {
		group := groups[i]
		if group[0].ID == group[len(group)-1].ID {
			a.refusal(group)
			return
		}
		a.items(len(group), maxAlike, func(i int) {
			t.Outf("  %s\n", strings.TrimSpace(group[i].ID.String()+" "+group[i].Path))
		})
		a.because(group[0], true)
	})
}

// refusal prints what was refused of one object, a reason once in a row.
func (a adoptScreen) refusal(list []adopt.Refusal) {
	a.Terminal.Outf("  %s\n", list[0].ID)
	for i, x := range list {
		if x.Path != "" {
			a.Terminal.Outf("    %s\n", x.Path)
		}
		a.because(x, i == 0 || list[i-1].Reason != x.Reason)
	}
}

func (a adoptScreen) because(x adopt.Refusal, why bool) {
	if why {
		a.detail(x.Reason)
	}
	if x.Remedy != "" {
		a.detail("→ " + x.Remedy)
	}
}

// alike puts together what has one reason and concerns many objects, and otherwise
// what concerns one object.
func alike(list []adopt.Refusal) (groups [][]adopt.Refusal) {
	type reason struct{ why, remedy string }
	concerned := map[reason]map[object.ID]bool{}
	for _, x := range list {
		r := reason{x.Reason, x.Remedy}
		if concerned[r] == nil {
			concerned[r] = map[object.ID]bool{}
		}
		concerned[r][x.ID] = true
	}
	byReason, byObject := map[reason]int{}, map[object.ID]int{} // 1 more than the index
	for _, x := range list {
		r := reason{x.Reason, x.Remedy}
		at := byObject[x.ID]
		if len(concerned[r]) > fewAlike {
			at = byReason[r]
		}
		if at > 0 {
			groups[at-1] = append(groups[at-1], x)
			continue
		}
		groups = append(groups, []adopt.Refusal{x})
		if len(concerned[r]) > fewAlike {
			byReason[r] = len(groups)
		} else {
			byObject[x.ID] = len(groups)
		}
	}
	return groups
}

func (a adoptScreen) files(title string, list []patch.File) {
	t := a.Terminal
	a.list(title, len(list), func(i int) {
		f := list[i]
		t.Outf("  %-8s %s  %s %s\n", f.Status, f.Path, t.Paint(terminal.Good, fmt.Sprintf("+%d", f.Added)), t.Paint(terminal.Bad, fmt.Sprintf("-%d", f.Removed)))
	})
}

// A diff that is longer, or that has a longer line, is shown only when asked for.
const (
	maxDiffLines = 400
	maxDiffLine  = 2000 // bytes
)

// diffs prints the diffs of the files, or names those whose diff is too long: what
// is printed is all of a file's or nothing, because git may be fed with it.
func (a adoptScreen) diffs(list []patch.File) {
	var left []patch.File
	lines := 0
	for _, f := range list {
		n, longest := 0, 0
		for line := range strings.Lines(f.Diff) {
			n, longest = n+1, max(longest, len(line))
		}
		if !a.all && (lines+n > maxDiffLines || longest > maxDiffLine) {
			left = append(left, f)
			continue
		}
		if lines == 0 {
			a.Terminal.Outf("\n")
		}
		lines += n
		a.diff(f)
	}
	title := "Files whose diff is long: --all shows it"
	if lines > 0 {
		title = "More files, whose diff is long: --all shows it"
	}
	a.files(title, left)
}

// diff prints the diff of one file in colours; without them it is one that git
// apply takes, unless the file holds control characters.
func (a adoptScreen) diff(f patch.File) {
	t := a.Terminal
	body := false
	for line := range strings.Lines(f.Diff) {
		line = strings.TrimSuffix(line, "\n")
		style := terminal.Plain
		switch {
		case strings.HasPrefix(line, "@@"):
			style, body = terminal.Mark, true
		case !body:
			style = terminal.Strong
		case strings.HasPrefix(line, "+"):
			style = terminal.Good
		case strings.HasPrefix(line, "-"):
			style = terminal.Bad
		}
		t.Outf("%s\n", t.Paint(style, line))
	}
}
