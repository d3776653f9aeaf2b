// Package desk answers what people ask before and after a run: which commits there
// are and what they make, who can make a cluster here, how a live cluster differs
// from a commit and what is the matter with one of its objects, and what came of a
// run. In go the engine that the recipes use, the journal and what rekindle.yaml
// declares; out come the types of package api. It changes nothing, but for rules
// about differences, which it writes into rekindle.yaml.
package desk

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/declared"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
)

// Desk answers questions. Make it with New; it is safe for many goroutines.
type Desk struct {
	// Rebuild has the parts; only what changes nothing is called.
	rebuild *rebuild.Engine
	journal Journal
	config  func() *config.Config
	tell    Teller
	walks   walks
}

// Journal is what is read of the journal.
type Journal interface {
	Run(ctx context.Context, id string) (run.Run, error)
	Each(ctx context.Context, f run.Filter, visit func(run.Run) bool) error
}

// Teller writes the report of a run as the command line shows it.
type Teller func(ctx context.Context, r run.Run) (string, error)

// New makes a desk. declared returns what rekindle.yaml declares now, never nil;
// tell may be nil.
func New(engine *rebuild.Engine, journal Journal, declared func() *config.Config, tell Teller) *Desk {
	return &Desk{rebuild: engine, journal: journal, config: declared, tell: tell}
}

// request is the restore of a target. A cluster that nobody declares is known by
// its last restore.
func (d *Desk) request(ctx context.Context, t api.Target) (rebuild.Request, error) {
	req, err := declared.Target(d.config(), t)
	if t.Repo != "" || !api.IsKind(err, api.NotFound) {
		return req, err
	}
	last, found, lastErr := d.last(ctx, t.Cluster)
	if lastErr != nil {
		return req, lastErr
	}
	if !found {
		return req, err
	}
	req = last.request
	declared.Onto(d.config(), &req, t.Provider)
	if t.Revision != "" {
		req.Source.Revision = t.Revision
	}
	if t.Path != "" {
		req.Source.Path = t.Path
	}
	return req, nil
}

// restored is the last restore of a cluster that came to a commit.
type restored struct {
	run     run.Run
	request rebuild.Request
	commit  source.Commit
}

// outcome is what is read of a restore's report.
type outcome struct {
	Commit   source.Commit `json:"commit"`
	Verified bool          `json:"verified"`
}

func outcomeOf(r run.Run) (o outcome, ok bool) {
	ok = len(r.Result) > 0 && json.Unmarshal(r.Result, &o) == nil && o.Commit.SHA != ""
	return o, ok
}

// last finds the last restore that brought a commit onto a cluster.
func (d *Desk) last(ctx context.Context, cluster string) (found restored, ok bool, err error) {
	err = d.journal.Each(ctx, run.Filter{Cluster: cluster, Recipe: rebuild.Recipe}, func(r run.Run) bool {
		o, has := outcomeOf(r)
		if !has || !rebuild.Touched(r) {
			return true
		}
		found = restored{run: r, commit: o.Commit}
		ok = json.Unmarshal(r.Request, &found.request) == nil
		return !ok
	})
	return found, ok, err
}

// revision is the SHA of the last restore of a cluster, or that what was asked for.
func (d *Desk) revision(ctx context.Context, cluster, asked string) (string, error) {
	if asked != "" {
		return asked, nil
	}
	last, ok, err := d.last(ctx, cluster)
	if err != nil || !ok {
		return "", err
	}
	return last.commit.SHA, nil
}

// explained tells what a person asked wrongly from what failed elsewhere: a
// repository, a cluster, a provider. Neither is a bug of the daemon.
func explained(err error) error {
	var (
		storage *run.StorageError
		refused interface{ Outcome() run.Outcome }
	)
	switch {
	case err == nil, errors.As(err, new(*api.Problem)), errors.As(err, &storage), errors.As(err, &refused),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	kind := api.Unanswered
	if errors.As(err, new(*source.RevisionError)) || errors.As(err, new(*source.UnknownRevisionError)) ||
		errors.As(err, new(*source.AmbiguousError)) || errors.As(err, new(*source.PathAbsentError)) {
		kind = api.Invalid
	}
	p := api.NewProblem(kind, "%v", err)
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		p.Next = hinted.Hint()
	}
	return p
}

// wrong is the problem of one field of a question.
func wrong(name, format string, args ...any) *api.Problem {
	p := api.NewProblem(api.Invalid, name+": "+format, args...)
	p.Field = name
	return p
}
