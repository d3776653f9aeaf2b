// Package drill rehearses the disaster: it restores a commit onto a throwaway
// cluster, verified, measures how long that takes, and takes the cluster down
// again, whatever came of it.
//
// In go a request and the engine that restores; out come a Report, the journaled
// runs of the restore and the deletion, and a history of reports. A throwaway
// cluster is recorded before it is made, so that Sweep removes what a process
// that died has left.
package drill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
)

// Kinds of records: the throwaway clusters that there may be, by name, and what
// drills came to, by the name of the cluster that they are about.
const (
	throwawayRecord = "throwaway"
	historyRecord   = "drills"
)

// kept is how many reports there are of a cluster at most.
const kept = 100

// removal bounds how long the throwaway cluster may take to go.
const removal = 15 * time.Minute

// comparison bounds the look at the live cluster, which a drill can do without.
const comparison = 2 * time.Minute

// Report is what a drill came to.
type Report struct {
	// Of is the cluster that it was about, Cluster the throwaway one.
	Of       string    `json:"of"`
	Cluster  string    `json:"cluster"`
	Provider string    `json:"provider"`
	At       time.Time `json:"at"`
	By       string    `json:"by,omitempty"`
	Commit   string    `json:"commit,omitempty"`
	Verified bool      `json:"verified"`
	// Seconds from the beginning to a verified cluster; the RTO of a disaster.
	Seconds float64 `json:"seconds,omitempty"`
	// Recoverability is how much of the live cluster, of 100, its commit and
	// exports would bring back; nil when there is no cluster to look at.
	Recoverability *int `json:"recoverability,omitempty"`
	// Failed is the first step that failed, and Error why.
	Failed string `json:"failed,omitempty"`
	Error  string `json:"error,omitempty"`
	// Run is the restore. Left says why the throwaway cluster is still there.
	Run  string `json:"run,omitempty"`
	Left string `json:"left,omitempty"`
}

// Request says what to rehearse.
type Request struct {
	// Restore is the restore of the cluster as declared; its provider and
	// settings are those of the throwaway cluster, its name is not used.
	Restore rebuild.Request
	// Live is the comparison of the live cluster with its commit; its Export says
	// nothing.
	Live rebuild.DriftRequest
	// Of is the cluster that it is about.
	Of string
}

// Engine does drills.
type Engine struct {
	// Rebuild restores and deletes. Required.
	Rebuild *rebuild.Engine
	// By is who asks.
	By string
}

// maxName is the longest name of a cluster.
const maxName = 40

// Name is the throwaway cluster of a cluster's drills.
func Name(of string) string {
	name := of + "-drill"
	if len(name) <= maxName {
		return name
	}
	sum := sha256.Sum256([]byte(of))
	return of[:maxName-len("-drill")-7] + "-" + hex.EncodeToString(sum[:3]) + "-drill"
}

// Drill rehearses. The report is not nil when a restore was begun; the error is
// that of the restore, of the guards in front of it, or of the removal.
func (e *Engine) Drill(ctx context.Context, req Request, observe func(run.Event)) (*Report, error) {
	r := req.Restore
	if p, err := e.Rebuild.Providers.Get(r.Provider); err != nil {
		return nil, err
	} else if providers.Borrows(p) {
		return nil, &rebuild.RefusedError{Reason: "a drill makes a cluster and removes it again, which provider " + r.Provider + " does not",
			Remedy: "name another provider for the drill"}
	}
	r.Cluster, r.Fresh, r.Confirm = Name(req.Of), false, ""
	if err := e.claim(ctx, r, req.Of, observe); err != nil {
		return nil, err
	}
	restored, err := e.Rebuild.Restore(ctx, r, nil, observe)
	report := &Report{Of: req.Of, Cluster: r.Cluster, Provider: r.Provider, At: e.Rebuild.Now(), By: e.By, Recoverability: e.recoverability(ctx, req)}
	if restored != nil {
		report.Run, report.Commit, report.Verified = restored.Run, restored.Commit.SHA, restored.Verified
	}
	if err == nil {
		report.Seconds = restored.Seconds
	} else {
		report.Error = err.Error()
		var ended *run.EndError
		if errors.As(err, &ended) {
			report.Failed = ended.Step
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), removal)
	defer cancel()
	if leftErr := e.remove(last, r, observe); leftErr != nil {
		report.Left = leftErr.Error()
		err = errors.Join(err, fmt.Errorf("the throwaway cluster %s is still there: %w", r.Cluster, leftErr))
	}
	return report, errors.Join(err, e.keep(last, *report))
}

// recoverability is how much of the live cluster would come back; nil when it
// cannot be told, as with a cluster that sleeps.
func (e *Engine) recoverability(ctx context.Context, req Request) *int {
	live := req.Live
	live.Export = nil
	bounded, cancel := context.WithTimeout(ctx, comparison)
	defer cancel()
	found, err := e.Rebuild.Drift(bounded, live, nil)
	if err != nil || found.Recoverability == nil {
		return nil
	}
	return &found.Recoverability.Score
}

// throwaway is what is recorded before a throwaway cluster is made: the request
// that makes it.
type throwaway struct {
	Restore rebuild.Request `json:"restore"`
	// Of is the cluster that the drill is about, At when it began.
	Of string    `json:"of"`
	At time.Time `json:"at"`
}

// claim refuses a name that a cluster has which no drill made, and removes what
// an earlier drill left.
func (e *Engine) claim(ctx context.Context, r rebuild.Request, of string, observe func(run.Event)) error {
	var was throwaway
	known, err := run.Into(ctx, e.Rebuild.Journal, throwawayRecord, r.Cluster, &was)
	if err != nil {
		return err
	}
	if known {
		if err := e.remove(ctx, was.Restore, observe); err != nil {
			return fmt.Errorf("what an earlier drill left of cluster %s: %w", r.Cluster, err)
		}
	}
	found, err := e.Rebuild.Locate(ctx, r.Provider, r.Cluster)
	if err == nil {
		return &rebuild.RefusedError{Reason: fmt.Sprintf("there is a cluster %s (%s) that no drill made", found.Name, found.Provider),
			Remedy: "drills use that name: remove the cluster, or name another provider for the drill"}
	}
	if !errors.Is(err, providers.ErrNotFound) {
		return err
	}
	// As a teardown is journaled: without credentials and Helm values.
	raw, err := json.Marshal(throwaway{r.ForJournal(), of, e.Rebuild.Now()})
	if err != nil {
		return err
	}
	return e.Rebuild.Journal.PutRecord(ctx, throwawayRecord, r.Cluster, raw)
}

// remove takes a throwaway cluster down, when there is one: what it has outside
// of itself goes first, as with every other cluster.
func (e *Engine) remove(ctx context.Context, r rebuild.Request, observe func(run.Event)) error {
	made, err := e.Rebuild.Journal.Runs(ctx, run.Filter{Cluster: r.Cluster, Recipe: rebuild.Recipe, Limit: 1})
	if err != nil {
		return err
	}
	if len(made) > 0 && rebuild.Touched(made[0]) {
		r.Confirm = r.Cluster
		_, err = (&teardown.Engine{Rebuild: e.Rebuild}).Teardown(ctx, teardown.Request{
			DriftRequest: rebuild.DriftRequest{Request: r}, Throwaway: made[0].ID,
			// Nothing in it is worth anything, and it may be half made.
			Silent: teardown.SilentAbandon, Stuck: teardown.Fail, AcceptLoss: []string{"*/*"},
		}, observe)
	}
	if err != nil {
		return err
	}
	return e.Rebuild.Journal.DeleteRecord(ctx, throwawayRecord, r.Cluster)
}

// Sweep removes the throwaway clusters that processes left which died. Drills
// that go on are left alone: their cluster's lease is held.
func (e *Engine) Sweep(ctx context.Context, observe func(run.Event)) error {
	names, err := e.Rebuild.Journal.RecordKeys(ctx, throwawayRecord)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		var t throwaway
		if _, err := run.Into(ctx, e.Rebuild.Journal, throwawayRecord, name, &t); err != nil {
			errs = append(errs, err)
			continue
		}
		err := e.sweep(ctx, t, observe)
		if err != nil && !errors.As(err, new(*run.HeldError)) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// sweep ends the runs of a drill that was cut off, removes its cluster, and keeps
// that it came to nothing.
func (e *Engine) sweep(ctx context.Context, t throwaway, observe func(run.Event)) error {
	runs, err := e.Rebuild.Journal.Runs(ctx, run.Filter{Cluster: t.Restore.Cluster, Unfinished: true})
	if err != nil {
		return err
	}
	report := Report{Of: t.Of, Cluster: t.Restore.Cluster, Provider: t.Restore.Provider, At: t.At, Error: "cut off: its process died"}
	for _, r := range runs {
		if r.Recipe != rebuild.Recipe {
			continue // a teardown that was cut off is gone on with
		}
		if report.Run == "" {
			report.Run = r.ID
		}
		if _, err := e.Rebuild.Executor.Abort(ctx, r.ID); err != nil && !errors.As(err, new(*run.EndedError)) {
			return err
		}
	}
	if err := e.remove(ctx, t.Restore, observe); err != nil {
		return err
	}
	return e.keep(ctx, report)
}

// Throwaways are the clusters that drills may have made and not removed yet:
// nobody goes on with their runs.
func Throwaways(ctx context.Context, records run.Records) ([]string, error) {
	return records.RecordKeys(ctx, throwawayRecord)
}

// keep adds a report to the cluster's history.
func (e *Engine) keep(ctx context.Context, r Report) error {
	list, err := History(ctx, e.Rebuild.Journal, r.Of)
	if err != nil {
		return err
	}
	list = append(list, r)
	raw, err := json.Marshal(list[max(0, len(list)-kept):])
	if err != nil {
		return err
	}
	return e.Rebuild.Journal.PutRecord(ctx, historyRecord, r.Of, raw)
}

// History returns what drills of a cluster came to, oldest first.
func History(ctx context.Context, records run.Records, of string) ([]Report, error) {
	var list []Report
	_, err := run.Into(ctx, records, historyRecord, of, &list)
	return list, err
}
