package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

// rested is how long a cluster was down in a span, and what that saved.
type rested struct {
	Cluster  string `json:"cluster"`
	Provider string `json:"provider"`
	// From is when it is known first whether the cluster was there, within the span;
	// zero: not at all.
	From time.Time `json:"from,omitzero"`
	// Hours are those from then on, DownHours those of them without a cluster, Downs
	// how often it went.
	Hours     float64 `json:"hours"`
	DownHours float64 `json:"downHours"`
	Downs     int     `json:"downs"`
	Price     float64 `json:"price,omitempty"`
	Currency  string  `json:"currency,omitempty"`
	// PricesAsOf is the day of the provider's list of prices, where rekindle.yaml has no
	// price and the provider knows one.
	PricesAsOf string  `json:"pricesAsOf,omitempty"`
	Cost       float64 `json:"cost,omitempty"`
	Saved      float64 `json:"saved,omitempty"`
}

// restReport is what schedules came to.
type restReport struct {
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	Clusters []rested  `json:"clusters"`
	// Saved is by currency.
	Saved map[string]float64 `json:"saved,omitempty"`
}

func (a *app) scheduleReportCommand() *cobra.Command {
	var (
		since  string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use: "report [NAME ...]", Short: "How long clusters were down, and what that saved", ValidArgsFunction: a.completeDeclared,
		Long: `How long declared clusters were down by the runs that the journal has, and what
that saved where rekindle.yaml says what an hour of them costs (price), or else the
provider's list of prices does. The time before the first run on a cluster does not
count: nobody knows how it was.`,
		Example: "  rekindle schedule report --since 30d",
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := past(since, a.Now())
			if err != nil {
				return err
			}
			r, err := a.restReport(cmd.Context(), args, from)
			if err != nil {
				return err
			}
			if asJSON {
				return a.Terminal.JSON(r)
			}
			a.printRest(r)
			return nil
		},
	}
	cmd.Flags().StringVar(&since, "since", "7d", "from this `TIME` on: 30d, 2026-11-01")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	a.completeFlag(cmd, "since", nil)
	return cmd
}

func (a *app) restReport(ctx context.Context, names []string, since time.Time) (restReport, error) {
	r := restReport{Since: since, Until: a.Now(), Clusters: []rested{}, Saved: map[string]float64{}}
	c, err := a.config()
	if err != nil {
		return r, err
	}
	if len(names) == 0 {
		names = c.Names()
	}
	for _, name := range names {
		cluster, err := c.Cluster(name)
		if err != nil {
			return r, err
		}
		runs, err := a.store.Runs(ctx, run.Filter{Cluster: name})
		if err != nil {
			return r, err
		}
		asOf := a.priced(&cluster)
		one := rest(cluster, runs, since, r.Until)
		one.PricesAsOf = asOf
		if one.Currency != "" {
			r.Saved[one.Currency] += one.Saved
		}
		r.Clusters = append(r.Clusters, one)
	}
	return r, nil
}

// priced gives a cluster for which rekindle.yaml has no price that of its provider, and
// returns the day of it; empty where there is none.
func (a *app) priced(c *config.Cluster) (asOf string) {
	p, err := a.providers.Get(c.Provider)
	if err != nil || c.Price != nil {
		return ""
	}
	e := a.engine().Estimate(p, c.Settings)
	if e == nil || e.Hourly <= 0 {
		return ""
	}
	c.Price = &config.Price{Hour: config.Amount(e.Hourly), Currency: e.Currency}
	return e.AsOf
}

// turn is an instant from which a cluster is there, or is not.
type turn struct {
	at time.Time
	up bool
}

// turns are those of a cluster, oldest first: it counts as there from the begin of
// the restore that made it, because that is from when it is paid for.
func turns(provider string, runs []run.Run) []turn {
	var list []turn
	for _, r := range slices.Backward(runs) { // newest first
		if r.Provider != provider {
			continue
		}
		switch r.Recipe {
		case rebuild.Recipe:
			if rebuild.Touched(r) {
				list = append(list, turn{r.Created, true})
			}
		case rebuild.TeardownRecipe, rebuild.DeleteRecipe:
			if step, ok := r.Step("delete"); ok && step.State == run.StepDone {
				list = append(list, turn{step.Ended, false})
			}
		}
	}
	slices.SortStableFunc(list, func(x, y turn) int { return x.at.Compare(y.at) })
	return list
}

// rest adds up how long a cluster was down from since until now. runs are newest
// first.
func rest(c config.Cluster, runs []run.Run, since, now time.Time) rested {
	r := rested{Cluster: c.Name, Provider: c.Provider}
	up, known, last := false, false, since
	pass := func(to time.Time) {
		if hours := to.Sub(last).Hours(); known && hours > 0 {
			if r.Hours += hours; !up {
				r.DownHours += hours
			}
		}
		if to.After(last) {
			last = to
		}
	}
	for _, t := range turns(c.Provider, runs) {
		if t.at.After(now) {
			break
		}
		pass(t.at)
		if !known || t.at.Before(since) {
			r.From = last
		}
		if up && !t.up && !t.at.Before(since) {
			r.Downs++
		}
		up, known = t.up, true
	}
	pass(now)
	if p := c.Price; p != nil {
		r.Price, r.Currency = float64(p.Hour), p.Currency
		r.Saved, r.Cost = r.DownHours*r.Price, (r.Hours-r.DownHours)*r.Price
	}
	return r
}

func (a *app) printRest(r restReport) {
	t := a.Terminal
	var rows [][]string
	listed := map[string]bool{}
	for _, c := range r.Clusters {
		row := []string{c.Cluster, "-", "-", "-", "-", "-", "-"}
		if c.Hours > 0 {
			row = []string{c.Cluster, c.From.UTC().Format("2006-01-02 15:04Z"), hours(c.Hours), hours(c.DownHours),
				fmt.Sprintf("%.0f %%", 100*c.DownHours/c.Hours), fmt.Sprint(c.Downs), "-"}
		}
		if c.Currency != "" && c.Hours > 0 {
			row[len(row)-1] = money(c.Saved, c.Currency)
			if c.PricesAsOf != "" {
				row[len(row)-1], listed[c.PricesAsOf] = "~"+row[len(row)-1], true
			}
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		t.Errf("rekindle.yaml declares no cluster\n")
		return
	}
	t.Table([]terminal.Column{{Title: "NAME", Whole: true}, {Title: "FROM"}, {Title: "HOURS", Right: true}, {Title: "DOWN", Right: true},
		{Title: "SHARE", Right: true}, {Title: "TIMES", Right: true}, {Title: "SAVED", Right: true}}, rows)
	var sums []string
	for _, currency := range slices.Sorted(maps.Keys(r.Saved)) {
		sums = append(sums, money(r.Saved[currency], currency))
	}
	if len(sums) > 0 {
		t.Outf("\nsaved since %s: %s\n", r.Since.UTC().Format("2006-01-02 15:04Z"), strings.Join(sums, ", "))
	}
	if len(listed) > 0 {
		a.item("~ by the provider's prices of " + strings.Join(slices.Sorted(maps.Keys(listed)), ", ") + ": rekindle.yaml has none")
	}
}

func hours(h float64) string { return fmt.Sprintf("%.1f", h) }

func money(sum float64, currency string) string {
	return fmt.Sprintf("%.2f %s", sum, cmp.Or(currency, "?"))
}
