package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/declared"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/schedule/keeper"
)

// fallback is the commit that the cluster falls back on, "" when the declared
// revision is to be tried: where nothing else verified, and where it is another
// one by now than what failed.
func (w world) fallback(ctx context.Context, c config.Cluster) (sha string, err error) {
	if sha, err = w.verified(ctx, c); err != nil || sha == "" {
		return "", err
	}
	bounded, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if moved, err := w.untried(bounded, c); err == nil && moved != "" { // a source that cannot be read is none to try
		return "", nil
	}
	return sha, nil
}

// untried is the commit that the declared revision is now, "" when the last restore
// of it onto this cluster failed.
func (w world) untried(ctx context.Context, c config.Cluster) (sha string, err error) {
	source := declared.Request(c).Source
	head, err := w.d.Rebuild.Resolve(ctx, source)
	if err != nil {
		return "", err
	}
	sha = head.SHA
	err = w.restores(ctx, c, func(report *rebuild.Report) bool {
		if report.Commit.SHA != head.SHA {
			return true
		}
		if report.Outcome != run.Done || !report.Verified {
			sha = ""
		}
		return false
	})
	return sha, err
}

// Mended implements keeper.World. A cluster with live changes is left to people:
// a restore would undo them.
func (w world) Mended(ctx context.Context, name string) (keeper.Mended, error) {
	_, c, err := w.d.declared(name)
	if err != nil {
		return keeper.Mended{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	m := keeper.Mended{}
	if m.Commit, err = w.untried(bounded, c); err != nil || m.Commit == "" {
		return m, err
	}
	found, err := backend{w.d, w.d.desk}.Drift(bounded, api.DriftQuery{Cluster: name})
	if err != nil {
		return keeper.Mended{}, err
	}
	if n := found.Counts; n.Changed+n.Missing+n.Unexpected > 0 {
		m.Why = fmt.Sprintf("the cluster has live changes, which a restore would undo: %d changed, %d missing, %d unexpected (rekindle drift %s); rekindle restore %s --prune brings it",
			n.Changed, n.Missing, n.Unexpected, name, name)
	}
	return m, nil
}

// restores hands over the reports of the restores of the cluster's declared source,
// newest first, until take returns false.
func (w world) restores(ctx context.Context, c config.Cluster, take func(*rebuild.Report) bool) error {
	source := declared.Request(c).ForJournal().Source
	return w.d.Store.Each(ctx, run.Filter{Cluster: c.Name, Recipe: rebuild.Recipe}, func(r run.Run) bool {
		var req rebuild.Request
		report, err := rebuild.ReportOf(r)
		if err != nil || json.Unmarshal(r.Request, &req) != nil || req.Source.Repo != source.Repo || req.Source.Path != source.Path {
			return true
		}
		if step, begun := r.Step("source"); begun && report.Commit.SHA == "" { // nobody was there to write its report
			_ = json.Unmarshal(step.Made, &report.Commit) // or it is not known
		}
		return take(report)
	})
}

// verified is the commit that the cluster falls back on: that of the last restore
// of its declared source that verified. It is "" when there is none, or when it is
// the one that just failed: then the declared revision is all there is to try.
func (w world) verified(ctx context.Context, c config.Cluster) (sha string, err error) {
	var failing string
	err = w.restores(ctx, c, func(report *rebuild.Report) bool {
		if report.Outcome != run.Done || !report.Verified || report.Commit.SHA == "" {
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
