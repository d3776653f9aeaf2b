package cli

import (
	"fmt"
	"strings"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

// hoursOfMonth is a twelfth of a year of 365 days.
const hoursOfMonth = 730

// printEstimate prints what a provider would make, and what that costs.
func (a *app) printEstimate(e *providers.Estimate) {
	if e == nil {
		return
	}
	t := a.Terminal
	t.Outf("\nThe provider makes\n")
	var rows [][]string
	for _, p := range e.Parts {
		price := "-"
		if p.Hourly != nil {
			price = fmt.Sprintf("%.3f", *p.Hourly)
		}
		rows = append(rows, []string{"  " + p.What, price})
	}
	if e.Hourly > 0 {
		rows = append(rows, []string{"  in all " + rebuild.About(e), fmt.Sprintf("%.3f", e.Hourly)})
	}
	t.Table([]terminal.Column{{Title: "  WHAT"}, {Title: strings.TrimSpace(e.Currency + " AN HOUR"), Right: true, Whole: true}}, rows)
	if e.Hourly > 0 {
		a.item(fmt.Sprintf("by the prices of %s: %s %.0f %s a month, if never taken down", e.AsOf, rebuild.About(e), e.Hourly*hoursOfMonth, e.Currency))
	}
	for _, what := range e.Unpriced {
		a.item("not in it: " + what)
	}
	t.Outf("\n")
}

// printRecreated prints what others have to learn of a cluster that took the place of
// an earlier one.
func (a *app) printRecreated(r *rebuild.Report) {
	if r.Recreated == nil {
		return
	}
	a.Terminal.Outf("\n%s\n", a.Terminal.Paint(terminal.Strong, "Changed with the cluster"))
	for _, line := range r.Recreated.Lines(r.Cluster) {
		a.item(line)
	}
	list := r.Recreated.Accounts
	a.section("Service accounts with a role that trusts the earlier issuer", len(list), func(i int) {
		a.Terminal.Outf("  %s\n", list[i].Account)
		a.detail(list[i].Role)
		if from := list[i].From.String(); from != "" {
			a.detail("from " + from)
		}
	})
}

// estimated says what is about to be made: it stays on the screen, because it costs
// money.
func (w *watcher) estimated(ev run.Event) {
	t := w.a.Terminal
	width := 76
	if t.Width > 20 {
		width = t.Width - 4
	}
	for i, line := range fold(ev.Message, width) {
		mark := " "
		if i == 0 {
			mark = "•"
		}
		t.Errf("  %s %s\n", t.Paint(terminal.Faint, mark), line)
	}
}
