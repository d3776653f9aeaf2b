package daemon

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/declared"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

// verified is the commit that the cluster falls back on: that of the last restore
// of its declared source that verified. It is "" when there is none, or when it is
// the one that just failed: then the declared revision is all there is to try.
func (w world) verified(ctx context.Context, c config.Cluster) (sha string, err error) {
	source := declared.Request(c).ForJournal().Source
	var failing string
	err = w.d.Store.Each(ctx, run.Filter{Cluster: c.Name, Recipe: rebuild.Recipe}, func(r run.Run) bool {
		var req rebuild.Request
		report, err := rebuild.ReportOf(r)
		if err != nil || json.Unmarshal(r.Request, &req) != nil || req.Source.Repo != source.Repo || req.Source.Path != source.Path {
			return true
		}
		if r.Outcome != run.Done || !report.Verified || report.Commit.SHA == "" {
			if failing == "" {
				failing = report.Commit.SHA
			}
			return true
		}
		sha = report.Commit.SHA
		return false
	})
	if sha == failing {
		return "", err
	}
	return sha, err
}

// neverWhole tells that the cluster that is there was made by a restore that
// failed, and that none has come to its end on it since. Such a cluster is made
// anew: what a commit that cannot be restored left on it may stand in the way of
// another.
func (w world) neverWhole(ctx context.Context, c config.Cluster) (bool, error) {
	p, err := w.d.Rebuild.Providers.Get(c.Provider)
	if err != nil || providers.Borrows(p) {
		return false, err
	}
	bounded, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	found, err := p.Find(bounded, c.Name)
	if errors.Is(err, providers.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	half := false
	err = w.d.Store.Each(ctx, run.Filter{Cluster: c.Name, Recipe: rebuild.Recipe}, func(r run.Run) bool {
		if r.Outcome == run.Done {
			return false
		}
		half = rebuild.MadeBy(r, found.ID)
		return !half
	})
	return half, err
}
