// Package declared turns clusters of a rekindle.yaml into requests for the
// recipes: the same ones, whether a person, the schedule or a client of the
// daemon asks.
package declared

import (
	"cmp"
	"slices"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/render"
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
	return req
}

// Export is the comparison of a declared cluster with its source, and the push
// of its live state.
func Export(c *config.Config, cluster config.Cluster) rebuild.DriftRequest {
	e := cluster.Drift.Export
	req := rebuild.DriftRequest{
		Request: Request(cluster), Ignore: c.IgnoreRules(cluster.Name), Times: true,
		Export: &rebuild.ExportTarget{
			Repo: cmp.Or(e.Repo, cluster.Source.Repo), Branch: e.Branch, Recipients: e.Recipients, Push: true,
		},
	}
	req.Include, req.Exclude = c.CaptureRules(cluster.Name)
	return req
}
