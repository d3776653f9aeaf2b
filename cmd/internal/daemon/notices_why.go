package daemon

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/teardown"
	"github.com/rekindle-io/rekindle/schedule/keeper"
	"github.com/rekindle-io/rekindle/tui/safe"
)

const (
	// fewNamed is how many objects a message names, longestWhy how many letters it
	// says about one.
	fewNamed   = 5
	longestWhy = 300
)

// outlived tells people what outlives a cluster that was taken down, when anything does:
// nobody looks at a teardown that went well, and a volume costs.
func (d *daemon) outlived(r *teardown.Report) {
	if r == nil || !r.Deleted {
		return
	}
	stays := r.Stays()
	if len(stays) == 0 {
		return
	}
	lines := make([]string, len(stays))
	for i, what := range stays {
		lines[i] = "- " + safe.Line(what)
	}
	text := fmt.Sprintf("taken down; %d things stay, and go on costing", len(stays))
	if len(stays) == 1 {
		text = "taken down; one thing stays, and goes on costing"
	}
	d.notice(keeper.Notice{Kind: keeper.NoticeKept, Cluster: r.Cluster, Time: d.Now(), Run: r.Run, Text: text + ": " + strings.Join(lines, "\n")})
}

// why names the first few objects because of which a run failed, one line each;
// nothing when the run did not come to objects. The reasons are those of its
// report, in which no values of Secrets are.
func (d *daemon) why(n keeper.Notice) []string {
	if n.Kind != keeper.NoticeFailure || n.Run == "" {
		return nil
	}
	report, err := d.desk.Report(d.after, n.Run)
	if err != nil {
		d.Log.Warn("daemon: the report of a run that failed cannot be read", "run", n.Run, "error", err)
		return nil
	}
	return named(report.Findings)
}

// named are the first findings that stand in the way, those first that are
// nobody else's consequence.
func named(findings []api.Finding) []string {
	list := slices.DeleteFunc(slices.Clone(findings), func(f api.Finding) bool { return f.What == "kept" })
	slices.SortStableFunc(list, func(a, b api.Finding) int { return consequence(a) - consequence(b) })
	var lines []string
	for _, f := range list[:min(len(list), fewNamed)] {
		line := f.What + ": " + f.Object
		if f.From != "" {
			line += " (" + f.From + ")"
		}
		if why := strings.TrimPrefix(f.Text, f.Object+" was not applied "); why != "" {
			line += ": " + shortened(why)
		}
		lines = append(lines, "- "+safe.Line(line))
	}
	if more := len(list) - fewNamed; more > 0 {
		lines = append(lines, fmt.Sprintf("- and %d more", more))
	}
	return lines
}

// consequence is 1 for an object that is not there only because another is not.
func consequence(f api.Finding) int {
	if strings.HasPrefix(f.Text, "skipped: ") {
		return 1
	}
	return 0
}

func shortened(text string) string {
	if utf8.RuneCountInString(text) <= longestWhy {
		return text
	}
	return string([]rune(text)[:longestWhy]) + "…"
}
