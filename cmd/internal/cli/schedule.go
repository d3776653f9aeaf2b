package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/schedule/calendar"
	"github.com/rekindle-io/rekindle/schedule/keeper"
)

func (a *app) scheduleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "schedule", Short: "When clusters go down and come back, and why", Args: onlySubcommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.scheduleListCommand(), a.scheduleNextCommand(), a.scheduleExplainCommand(), a.scheduleReportCommand())
	return cmd
}

// ahead is how far a schedule is shown.
const ahead = 7 * 24 * time.Hour

// planView is one cluster's schedule, as it is printed and as JSON.
type planView struct {
	Cluster string    `json:"cluster"`
	Zone    string    `json:"zone,omitempty"`
	Wanted  string    `json:"wanted,omitempty"`
	Paused  bool      `json:"paused,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	Reason  string    `json:"reason"`
	// Words are what people decided and still holds.
	Words []calendar.Word `json:"words,omitempty"`
	// Changes are those of the coming week, as things stand; Overruled are events
	// of the calendar that a person's word keeps from happening.
	Changes   []changeView `json:"changes"`
	Overruled []changeView `json:"overruled,omitempty"`

	zone *time.Location
}

// changeView is one change of a cluster's wanted state.
type changeView struct {
	Cluster string    `json:"cluster"`
	At      time.Time `json:"at"`
	To      string    `json:"to"`
	Reason  string    `json:"reason"`
}

// planOf works out a cluster's coming week.
func (a *app) planOf(ctx context.Context, c config.Cluster) (planView, error) {
	cal, err := c.Schedule.Calendar(os.ReadFile)
	if err != nil {
		return planView{}, err
	}
	words, err := (keeper.Alone{Records: a.store, Calendar: cal, Cluster: c.Name}).Words(ctx)
	if err != nil {
		return planView{}, err
	}
	facts, err := a.scheduleFacts(ctx, c)
	if err != nil {
		return planView{}, err
	}
	now := a.Now()
	d := cal.Decide(now, words, facts)
	v := planView{Cluster: c.Name, Zone: c.Schedule.Zone, Wanted: string(d.State), Since: d.Since, Until: d.Until,
		Reason: d.Reason, Changes: []changeView{}, zone: zoneOf(c.Schedule.Zone)}
	if d.Hold {
		v.Wanted, v.Paused = "", d.Word != nil
	}
	for _, w := range words {
		if w.Until.IsZero() || now.Before(w.Until) {
			v.Words = append(v.Words, w)
		}
	}
	v.foresee(cal, d, words, facts, now)
	return v, nil
}

// scheduleFacts are what a time to live counts from: when the cluster that the
// journal knows of was made.
func (a *app) scheduleFacts(ctx context.Context, c config.Cluster) (calendar.Facts, error) {
	rec, known, err := a.engine().Recorded(ctx, c.Provider, c.Name)
	if err != nil || !known {
		return calendar.Facts{}, err
	}
	return calendar.Facts{Made: rec.Made}, nil
}

// foresee works out what comes after d, as things stand.
func (v *planView) foresee(cal *calendar.Calendar, d calendar.Decision, words []calendar.Word, facts calendar.Facts, now time.Time) {
	events := cal.Events(now, now.Add(ahead))
	for at := d.Until; !at.IsZero() && at.Before(now.Add(ahead)); {
		next := cal.Decide(at, words, facts)
		if next.State != d.State || next.Hold != d.Hold {
			reason := next.Reason
			if i := slices.IndexFunc(events, func(e calendar.Event) bool { return e.At.Equal(at) }); i >= 0 && next.Word == nil {
				reason = events[i].Reason
			}
			v.Changes = append(v.Changes, changeView{v.Cluster, at, wantedWord(next), reason})
		}
		if !next.Until.After(at) {
			break
		}
		d, at = next, next.Until
	}
	for _, e := range events {
		if is := cal.Decide(e.At, words, facts); is.State != e.To || is.Hold {
			v.Overruled = append(v.Overruled, changeView{v.Cluster, e.At, string(e.To), is.Reason})
		}
	}
}

func wantedWord(d calendar.Decision) string {
	if d.Hold {
		return "left as it is"
	}
	return string(d.State)
}

// plans are the schedules of all declared clusters, or of those named.
func (a *app) plans(ctx context.Context, names []string) ([]planView, error) {
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = c.Names()
	}
	list := []planView{}
	for _, name := range names {
		cluster, err := c.Cluster(name)
		if err != nil {
			return nil, err
		}
		v, err := a.planOf(ctx, cluster)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (a *app) scheduleListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "What each cluster should be now, and until when", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := a.plans(cmd.Context(), nil)
			if err != nil {
				return err
			}
			if asJSON {
				return a.Terminal.JSON(list)
			}
			a.printPlans(list)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func (a *app) printPlans(list []planView) {
	var rows [][]string
	for _, v := range list {
		wanted, next, in := cmp.Or(v.Wanted, "-"), "-", "-"
		if v.Paused {
			wanted = "paused"
		}
		if len(v.Changes) > 0 {
			c := v.Changes[0]
			next, in = c.To+" "+a.at(c.At, v.zone), a.in(c.At)
		}
		rows = append(rows, []string{v.Cluster, wanted, next, in, v.Reason})
	}
	if len(rows) == 0 {
		a.Terminal.Errf("rekindle.yaml declares no cluster\n")
		return
	}
	a.Terminal.Table([]terminal.Column{{Title: "NAME", Whole: true}, {Title: "WANTED"}, {Title: "NEXT"}, {Title: "IN"}, {Title: "WHY"}}, rows)
}

func (a *app) scheduleNextCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "next [NAME ...]", Short: "What happens in the coming week, in order", ValidArgsFunction: a.completeDeclared,
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := a.plans(cmd.Context(), args)
			if err != nil {
				return err
			}
			zones := map[string]*time.Location{}
			changes := []changeView{}
			for _, v := range list {
				zones[v.Cluster] = v.zone
				changes = append(changes, v.Changes...)
			}
			slices.SortStableFunc(changes, func(x, y changeView) int { return x.At.Compare(y.At) })
			if asJSON {
				return a.Terminal.JSON(changes)
			}
			if len(changes) == 0 {
				a.Terminal.Errf("nothing in the coming week\n")
				return nil
			}
			var rows [][]string
			for _, c := range changes {
				rows = append(rows, []string{a.at(c.At, zones[c.Cluster]), a.in(c.At), c.Cluster, c.To, c.Reason})
			}
			a.Terminal.Table([]terminal.Column{{Title: "WHEN"}, {Title: "IN"}, {Title: "NAME", Whole: true}, {Title: "TO"}, {Title: "WHY"}}, rows)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func (a *app) scheduleExplainCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "explain NAME", Short: "Why a cluster is up or down, and what comes", Args: exactly("NAME"), ValidArgsFunction: a.completeDeclared,
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := a.plans(cmd.Context(), args)
			if err != nil {
				return err
			}
			if asJSON {
				return a.Terminal.JSON(list[0])
			}
			c, err := a.declared(args[0])
			if err != nil {
				return err
			}
			a.explainPlan(list[0], c)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func (a *app) explainPlan(v planView, c config.Cluster) {
	t, s := a.Terminal, c.Schedule
	wanted := v.Wanted
	switch {
	case v.Paused:
		wanted = "left as it is"
	case wanted == "":
		wanted = "nobody's business but people's"
	}
	t.Outf("%s: %s\n", t.Paint(terminal.Strong, v.Cluster), wanted)
	a.fact("because", v.Reason)
	if !s.Scheduled() {
		return
	}
	a.fact("zone", s.Zone)
	a.fact("warning", s.Warn.String()+" before a teardown")
	a.fact("late", "a teardown that was missed may begin for "+s.Late.String())
	if c.Protected {
		a.fact("protected", "never torn down")
	}
	for _, w := range v.Words {
		text := fmt.Sprintf("%s, by %s at %s", w.Kind, w.By, a.at(w.Said, v.zone))
		if !w.Until.IsZero() {
			text += ", until " + a.at(w.Until, v.zone)
		}
		if w.Why != "" {
			text += ": " + w.Why
		}
		a.fact("decided", text)
	}
	t.Outf("\nThe coming week:\n")
	type line struct {
		changeView
		overruled bool
	}
	var lines []line
	for _, c := range v.Changes {
		lines = append(lines, line{c, false})
	}
	for _, c := range v.Overruled {
		lines = append(lines, line{c, true})
	}
	slices.SortStableFunc(lines, func(x, y line) int { return x.At.Compare(y.At) })
	for _, l := range lines {
		if l.overruled {
			t.Outf("  %s  %s\n", a.at(l.At, v.zone), t.Paint(terminal.Faint, "stays as it is: "+l.Reason))
			continue
		}
		t.Outf("  %s  %-6s  %s\n", a.at(l.At, v.zone), l.To, t.Paint(terminal.Faint, l.Reason))
	}
	if len(lines) == 0 {
		t.Outf("  nothing\n")
	}
}

// at is an instant on the wall of a zone.
func (a *app) at(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("Mon 2006-01-02 15:04")
}

// in is how long it is until an instant.
func (a *app) in(t time.Time) string {
	d := t.Sub(a.Now()).Round(time.Minute)
	switch {
	case d <= 0:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}
