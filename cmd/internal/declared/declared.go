// Package declared turns clusters of a rekindle.yaml into requests for the
// recipes: the same ones, whether a person, the schedule or a client of the
// daemon asks.
package declared

import (
	"cmp"
	"path/filepath"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/recover/teardown"
	"github.com/rekindle-io/rekindle/schedule/calendar"
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

// everything is the glob of every claim and Secret.
const everything = "*/*"

// Teardown is the end of a declared cluster.
func Teardown(c *config.Config, cluster config.Cluster) teardown.Request {
	wait := cluster.Teardown.Wait.Duration
	req := teardown.Request{
		DriftRequest: Export(c, cluster), Protected: cluster.Protected, AcceptLoss: cluster.Teardown.AcceptDataLoss,
		Stuck: teardown.Decision(cluster.Teardown.Stuck), Silent: teardown.SilentDecision(cluster.Teardown.Silent),
		Waits: teardown.Waits{Drain: wait, Leftovers: wait, Delete: 3 * wait},
	}
	req.AllowDataLoss = slices.Contains(req.AcceptLoss, everything)
	req.Confirm = cluster.Name
	return req
}

// Calendar is the schedule of a declared cluster; read reads the calendar files
// that it names. Errors are *calendar.InvalidError, and those of read.
func Calendar(s config.Schedule, read func(file string) ([]byte, error)) (*calendar.Calendar, error) {
	spec := calendar.Spec{Zone: s.Zone, Awake: s.Awake, Teardown: s.Teardown, Recreate: s.Recreate, TTL: s.TTL.Duration}
	for _, e := range s.Except {
		x := calendar.Exception{State: calendar.State(e.State), Reason: e.Reason}
		switch {
		case e.File != "":
			content, err := read(e.File)
			if err != nil {
				return nil, err
			}
			x.ICS, x.Name = content, filepath.Base(e.File)
		case !e.On.IsZero():
			x.From = e.On.Format(time.DateOnly)
		default:
			x.From, x.To = e.From.Format(time.DateOnly), e.To.Format(time.DateOnly)
		}
		spec.Except = append(spec.Except, x)
	}
	return calendar.Parse(spec)
}

// Drills is when drills of a cluster are due, as the changes to awake; nil when
// there are none.
func Drills(s config.Schedule) (*calendar.Calendar, error) {
	if s.Drill == nil {
		return nil, nil
	}
	return calendar.Parse(calendar.Spec{Zone: s.Zone, Recreate: s.Drill.At})
}
