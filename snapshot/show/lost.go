package show

import (
	"fmt"
	"strings"

	"github.com/rekindle-io/rekindle/snapshot/recoverability"
)

// score is the score in words.
func score(r *recoverability.Report) string {
	s := fmt.Sprintf("%d of 100 for being made again from git", r.Score)
	if r.AtMost {
		s = "at most " + s
	}
	return s + unsaved(r)
}

// unsaved says of how many claims the data is not saved; empty when of none.
func unsaved(r *recoverability.Report) string {
	if r.Claims <= r.Saved {
		return ""
	}
	return fmt.Sprintf("; nothing saves the data of %d of %s", r.Claims-r.Saved, count(r.Claims, "claim"))
}

// apart takes out the findings that only say again what differs.
func apart(list []recoverability.Finding) (own []recoverability.Finding, again int) {
	for _, f := range list {
		if f.Category == recoverability.Objects && f.Object != nil {
			again++
		} else {
			own = append(own, f)
		}
	}
	return own, again
}

// againWords says that findings repeat what differs.
func againWords(n int) string { return count(n, "difference") + " of those above" }

func (p *printer) recoverability(r *recoverability.Report) {
	if r == nil || len(r.Findings) == 0 {
		return
	}
	p.section("What would be lost if the cluster died now")
	own, again := apart(r.Findings)
	for _, c := range r.Categories {
		if c.Findings == 0 {
			continue
		}
		p.line()
		p.pair(Span{Strong, fmt.Sprintf("  %-12s", c.Category)}, Span{Plain, lostWords(c)}, "")
		if c.Category == recoverability.Objects && again > 0 {
			p.line(Span{Plain, "       " + againWords(again)})
		}
		p.findings(own, c.Category)
	}
}

// lostWords says what the findings of a category cost.
func lostWords(c recoverability.CategoryScore) string {
	s := points(c.Lost)
	if c.Points > c.Lost {
		s += fmt.Sprintf(" (findings of %d points; the category costs %d at most)", c.Points, c.Most)
	}
	return s
}

// findings prints those of a category, the costly ones first, and how many more
// there are. What several in a row ask for is said once.
func (p *printer) findings(list []recoverability.Finding, of recoverability.Category) {
	shown, more, free := 0, 0, 0
	do := ""
	for _, f := range list {
		switch {
		case f.Category != of:
		case p.MaxFindings > 0 && f.Points == 0:
			free++
		case p.MaxFindings > 0 && shown == p.MaxFindings:
			more++
		default:
			shown++
			p.finding(f, f.Do != do)
			do = f.Do
		}
	}
	var rest []string
	if more > 0 {
		rest = append(rest, count(more, "more finding"))
	}
	if free > 0 {
		rest = append(rest, count(free, "finding")+" without a cost")
	}
	if len(rest) > 0 {
		p.folded("       ", "       ", Faint, "… and "+strings.Join(rest, ", ")+": --all lists them", true)
	}
}

func (p *printer) finding(f recoverability.Finding, withDo bool) {
	lead := fmt.Sprintf("  %3s  ", points(f.Points))
	later := strings.Repeat(" ", 7)
	p.folded(lead, later, Plain, strings.Join(strings.Fields(f.Subject+" "+f.Size+" "+f.Class), " "), true)
	p.folded(later, later, Faint, f.What, true)
	if withDo {
		p.folded(later+"→ ", later+"  ", Faint, f.Do, true)
	}
}

func points(n int) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("−%d", n)
}
