package cli

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/schedule/calendar"
)

func (a *app) scheduleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "schedule", Short: "When clusters go down and come back, and why", Args: onlySubcommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.scheduleListCommand(), a.scheduleNextCommand(), a.scheduleExplainCommand(), a.scheduleReportCommand())
	return cmd
}

func (a *app) scheduleListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "What each cluster is and should be now, and until when", Args: exactly(),
		Long: `What each cluster is and should be now, and until when: as the daemon saw it last,
or by the journal when no daemon runs. Times are those of each cluster's own zone.`,
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
		state, wanted, next, in := string(v.State), cmp.Or(v.Wanted, "-"), "-", "-"
		if v.State == api.Unknown {
			state = "-"
		}
		if v.Paused {
			wanted = "paused"
		}
		if c := v.next(); c != nil {
			next, in = c.To+" "+soonAt(c.At, v.zone, a.Now()), a.in(c.At)
		}
		rows = append(rows, []string{v.Cluster, state, wanted, next, in, v.why()})
	}
	if len(rows) == 0 {
		a.Terminal.Errf("rekindle.yaml declares no cluster\n")
		return
	}
	a.Terminal.Table([]terminal.Column{{Title: "NAME", Whole: true}, {Title: "STATE", Whole: true}, {Title: "WANTED", Whole: true},
		{Title: "NEXT", Whole: true}, {Title: "IN", Whole: true}, {Title: "WHY"}}, rows)
}

func (a *app) scheduleNextCommand() *cobra.Command {
	var (
		asJSON bool
		zone   string
	)
	cmd := &cobra.Command{
		Use: "next [NAME ...]", Short: "What happens in the coming week, in order", ValidArgsFunction: a.completeDeclared,
		Long: `What happens in the coming week, in order: changes, drills, and days on which an
exception lets clusters sleep. All times are those of one zone: this machine's, or
the one that --zone names.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			here, name, err := a.viewer(zone)
			if err != nil {
				return err
			}
			list, err := a.plans(cmd.Context(), args)
			if err != nil {
				return err
			}
			changes, zones := []changeView{}, map[string]*time.Location{}
			for _, v := range list {
				changes = append(changes, v.coming()...)
				zones[v.Cluster] = v.zone
			}
			slices.SortStableFunc(changes, func(x, y changeView) int { return x.At.Compare(y.At) })
			if asJSON {
				return a.Terminal.JSON(changes)
			}
			a.printComing(changes, zones, here, name)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	cmd.Flags().StringVar(&zone, "zone", "", "show times in this `ZONE`, such as UTC or Europe/Berlin")
	return cmd
}

// viewer is the zone of whoever looks, and what to call it.
func (a *app) viewer(zone string) (*time.Location, string, error) {
	if zone == "" {
		return time.Local, a.Now().In(time.Local).Format("MST"), nil
	}
	here, err := time.LoadLocation(zone)
	if err != nil {
		return nil, "", &usageError{message: fmt.Sprintf("--zone %q is no time zone", zone), next: "write it like Europe/Berlin or UTC"}
	}
	return here, zone, nil
}

func (a *app) printComing(changes []changeView, zones map[string]*time.Location, here *time.Location, name string) {
	if len(changes) == 0 {
		a.Terminal.Errf("nothing in the coming week\n")
		return
	}
	var rows [][]string
	for _, c := range changes {
		when, in, why := a.at(c.At, here), a.in(c.At), c.Reason
		if c.To == toRest { // a day of the cluster's own zone
			when, in = c.At.In(zones[c.Cluster]).Format(dayLayout), "-"
			if !c.Through.IsZero() {
				why = "to " + c.Through.In(zones[c.Cluster]).Format(dayLayout) + ": " + why
			}
		}
		rows = append(rows, []string{when, in, c.Cluster, c.To, why})
	}
	a.Terminal.Table([]terminal.Column{{Title: "WHEN (" + name + ")", Whole: true}, {Title: "IN", Whole: true}, {Title: "NAME", Whole: true},
		{Title: "TO", Whole: true}, {Title: "WHY"}}, rows)
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
			a.explainPlan(list[0])
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func (a *app) explainPlan(v planView) {
	a.Terminal.Outf("%s: %s\n", a.Terminal.Paint(terminal.Strong, v.Cluster), v.headline())
	a.fact("because", v.Reason)
	if v.Apart != "" {
		a.fact("but", v.Apart)
	}
	if c := v.declared; c != nil {
		a.explainRules(*c, v)
	}
	for _, w := range v.Words {
		a.fact("decided", a.explainWord(w, v.zone))
	}
	if c := v.declared; c == nil || c.Schedule.Scheduled() || c.Schedule.Drill != nil || len(v.Changes) > 0 {
		a.explainWeek(v)
	}
}

// headline is what a cluster is, and what it should be when that is something else.
func (v *planView) headline() string {
	wanted := "wanted " + v.Wanted
	switch {
	case v.Paused:
		wanted = "left as it is"
	case v.Wanted == "":
		wanted = "nobody's business but people's"
	case string(v.State) == v.Wanted:
		return v.Wanted
	}
	if v.State == api.Unknown {
		return wanted
	}
	return string(v.State) + ", " + wanted
}

// explainRules tells what the schedule says beside its hours.
func (a *app) explainRules(c config.Cluster, v planView) {
	s := c.Schedule
	if s.Scheduled() || s.Drill != nil || len(v.Words) > 0 {
		a.fact("zone", cmp.Or(s.Zone, v.zone.String()))
	}
	if s.TTL.Duration > 0 {
		a.fact("ttl", calendar.Length(s.TTL.Duration)+" after it was made, or woken")
	}
	if s.Scheduled() {
		a.fact("warning", calendar.Length(s.Warn.Duration)+" before a teardown")
		a.fact("late", "a teardown that was missed may begin for "+calendar.Length(s.Late.Duration))
	}
	switch {
	case c.Protected:
		a.fact("protected", "never torn down")
	case a.borrows(c.Provider) && s.Scheduled():
		a.fact("borrowed", "somebody else's, never torn down")
	}
}

func (a *app) explainWord(w calendar.Word, zone *time.Location) string {
	text := fmt.Sprintf("%s, by %s at %s", w.Kind, w.By, a.at(w.Said, zone))
	if !w.From.IsZero() {
		text += ", from " + a.at(w.From, zone)
	}
	if !w.Until.IsZero() {
		text += ", until " + a.at(w.Until, zone)
	}
	if w.Why != "" {
		text += ": " + w.Why
	}
	return text
}

func (a *app) explainWeek(v planView) {
	t := a.Terminal
	t.Outf("\nThe coming week:\n")
	type line struct {
		at   time.Time
		text string
	}
	var lines []line
	add := func(at time.Time, when, what string) { lines = append(lines, line{at, when + "  " + what}) }
	for _, c := range v.coming() {
		if c.To == toRest {
			add(c.At, fmt.Sprintf("%-20s", c.days(v.zone)), toRest+": "+c.Reason)
			continue
		}
		add(c.At, a.at(c.At, v.zone), fmt.Sprintf("%-6s  %s", c.To, c.Reason))
	}
	for _, c := range v.Overruled {
		add(c.At, a.at(c.At, v.zone), "stays as it is: "+c.Reason)
	}
	slices.SortStableFunc(lines, func(x, y line) int { return x.at.Compare(y.at) })
	for _, l := range lines {
		t.Outf("  %s\n", l.text)
	}
	if len(lines) == 0 {
		t.Outf("  nothing\n")
	}
}
