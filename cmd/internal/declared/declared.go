// Package declared turns clusters of a rekindle.yaml into requests for the
// recipes: the same ones, whether a person, the schedule or a client of the
// daemon asks.
package declared

import (
	"cmp"
	"slices"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/recover/drill"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/recover/teardown"
)

// Request is the restore of a declared cluster.
func Request(c config.Cluster) rebuild.Request {
	req := rebuild.Request{
		Cluster: c.Name, Provider: c.Provider, Settings: c.Settings,
		Source: rebuild.Source{
			Repo: c.Source.Repo, Path: c.Source.Path, Revision: c.Source.Revision,
			Kind: render.Kind(c.Source.Kind), Exclude: c.Source.Exclude,
			Helm: render.HelmOptions{
				Release: c.Source.Helm.Release, Namespace: c.Source.Helm.Namespace,
				ValuesFiles: c.Source.Helm.Values, Set: c.Source.Helm.Set,
			},
		},
		Wait: c.Restore.Wait.Duration, Prune: c.Restore.Prune, Convert: c.Restore.Convert, AllowUnserved: c.Restore.AllowUnserved,
	}
	if s := c.Source.RequireSigned; s != nil {
		req.Source.RequireSigned = true
		req.Source.AllowedSigners = slices.Clone(s.Keyrings)
		if s.AllowedSigners != "" {
			req.Source.AllowedSigners = append(req.Source.AllowedSigners, s.AllowedSigners)
		}
	}
	if len(c.CarryOver) > 0 {
		from := target(c)
		req.CarryOver = &rebuild.CarryOver{Of: c.Name, Target: rebuild.ExportTarget{Repo: from.Repo, Branch: from.Branch}, Rules: c.CarryOverRules()}
	}
	return req
}

// target is where a declared cluster is exported to.
func target(c config.Cluster) rebuild.ExportTarget {
	e := c.Drift.Export
	return rebuild.ExportTarget{Repo: cmp.Or(e.Repo, c.Source.Repo), Branch: e.Branch, Recipients: e.Recipients, Push: true}
}

// Export is the comparison of a declared cluster with its source, and the push
// of its live state.
func Export(c *config.Config, cluster config.Cluster) rebuild.DriftRequest {
	to := target(cluster)
	req := rebuild.DriftRequest{
		Request: Request(cluster), Ignore: c.IgnoreRules(cluster.Name), Times: true, Export: &to,
	}
	req.Include, req.Exclude = c.CaptureRules(cluster.Name)
	return req
}

// Teardown is the end of a declared cluster.
func Teardown(c *config.Config, cluster config.Cluster) teardown.Request {
	wait := cluster.Teardown.Wait.Duration
	req := teardown.Request{
		DriftRequest: Export(c, cluster), Protected: cluster.Protected, AcceptLoss: cluster.Teardown.AcceptDataLoss,
		Stuck: teardown.Decision(cluster.Teardown.Stuck), Silent: teardown.SilentDecision(cluster.Teardown.Silent),
		Waits: teardown.Waits{Drain: wait, Leftovers: wait, Delete: 3 * wait},
	}
	req.Confirm = cluster.Name
	return req
}

// Onto has a provider make the cluster of a request that another one would make; an
// empty one leaves it. Settings are a provider's own, so that it gets those that all
// of its clusters share. file may be nil.
func Onto(file *config.Config, r *rebuild.Request, provider string) {
	if provider != "" && provider != r.Provider {
		r.Provider, r.Settings = provider, file.With(provider, nil)
	}
}

// Drill is the rehearsal of a declared cluster, on the provider that is named,
// or else on the one that the drill or the cluster declares.
func Drill(file *config.Config, c config.Cluster, provider string) drill.Request {
	r := Request(c)
	if s := c.Schedule.Drill; s != nil && s.Provider != "" && (s.Provider != r.Provider || len(s.Settings) > 0) {
		r.Provider, r.Settings = s.Provider, file.With(s.Provider, s.Settings)
	}
	Onto(file, &r, provider)
	return drill.Request{Restore: r, Live: Export(file, c), Of: c.Name}
}
