package desk

import (
	"context"
	"fmt"
	"slices"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/eks"
	"github.com/rekindle-io/rekindle/providers/existing"
	"github.com/rekindle-io/rekindle/providers/kind"
	"github.com/rekindle-io/rekindle/providers/local"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

// summary says what a provider makes; empty for one that is not known here.
func summary(name string) string {
	switch name {
	case local.ProviderName:
		return "a control plane on this machine; pods only seem to run"
	case kind.ProviderName:
		return "nodes in Docker containers on this machine"
	case eks.ProviderName:
		return "a cluster of Amazon EKS in an AWS account, which costs money"
	case existing.ProviderName:
		return "a cluster of somebody else, as rekindle.yaml declares it"
	}
	return ""
}

// restoresToTime is how many restores of a provider tell how long one takes.
const restoresToTime = 10

// Fitness is what a provider finds of this machine, and whether it can make
// clusters here.
func Fitness(ctx context.Context, p providers.Provider) (findings []providers.Finding, fit bool) {
	fit = !providers.Borrows(p)
	if doctor, has := p.(providers.Doctor); has {
		findings = doctor.Diagnose(ctx)
	}
	for _, f := range findings {
		fit = fit && f.OK
	}
	return findings, fit
}

// Providers implements server.Questions.
func (d *Desk) Providers(ctx context.Context) ([]api.Provider, error) {
	took, err := d.times(ctx)
	if err != nil {
		return nil, err
	}
	var list []api.Provider
	for _, name := range d.rebuild.Providers.Names() {
		p, err := d.rebuild.Providers.Get(name)
		if err != nil {
			return nil, err
		}
		one := api.Provider{Name: name, Summary: summary(name), TookMS: median(took[name])}
		d.judge(ctx, &one, p)
		if e := d.rebuild.Estimate(p, d.config().With(name, nil)); e != nil && e.Hourly > 0 {
			one.Hourly, one.Currency, one.AsOf = &e.Hourly, e.Currency, e.AsOf
		}
		list = append(list, one)
	}
	return list, ctx.Err()
}

// judge says whether a provider can be used here, and why not.
func (d *Desk) judge(ctx context.Context, one *api.Provider, p providers.Provider) {
	if providers.Borrows(p) { // it is never the machine that stands in the way
		for _, c := range d.config().Clusters {
			one.Usable = one.Usable || c.Provider == one.Name
		}
		if !one.Usable {
			one.Reason, one.Hint = "rekindle.yaml declares no cluster of it", "declare one there, with its kubeconfig: docs/existing.md"
		}
		return
	}
	findings, fit := Fitness(ctx, p)
	one.Usable = fit
	for _, f := range findings {
		if !f.OK {
			one.Reason, one.Hint = fmt.Sprintf("%s: %s", f.Subject, f.Message), f.Remedy
			return
		}
	}
}

// times are how long the last restores took that were done at one go, in
// milliseconds, by provider.
func (d *Desk) times(ctx context.Context) (map[string][]int64, error) {
	took := map[string][]int64{}
	left := restoresToSee
	err := d.journal.Each(ctx, run.Filter{Recipe: rebuild.Recipe}, func(r run.Run) bool {
		if r.Outcome == run.Done && r.Attempts <= 1 && len(took[r.Provider]) < restoresToTime {
			took[r.Provider] = append(took[r.Provider], r.Ended.Sub(r.Created).Milliseconds())
		}
		left--
		return left > 0
	})
	return took, err
}

func median(list []int64) int64 {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[len(list)/2]
}
