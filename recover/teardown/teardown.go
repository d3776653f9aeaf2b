// Package teardown takes a cluster of ours down so that nothing is lost and
// nothing is left: its live state is exported and pushed, what would recreate
// things is suspended, what lives outside of the cluster (load balancers, disks)
// is removed while its controllers live, the provider deletes the cluster, and
// what may be left of it is looked for.
//
// In go a Request and the parts that an Engine is made of; out comes a Report, and
// a journaled run that can be resumed after the process died at any instant. What
// is in doubt is refused: whoever wants it all the same says so in the request.
//
// The recipe is in recipe.go and fits on a screen; each step is a small file.
package teardown

import (
	"context"
	"time"

	"github.com/rekindle-io/rekindle/recover/rebuild"
)

// Recipe is the name under which teardowns are journaled.
const Recipe = rebuild.TeardownRecipe

// Request says which cluster is to go and what was decided about it. It is
// journaled, so that it holds no secrets.
type Request struct {
	// DriftRequest names the cluster, its provider and source, and with Export the
	// branch that its state is pushed to. Confirm must be the cluster's name.
	// AllowDataLoss accepts the loss of whatever nothing saves; Wait is not used.
	rebuild.DriftRequest

	// Protected: the cluster is not to be torn down at all.
	Protected bool `json:"protected,omitempty"`
	// AcceptLoss are globs, "namespace/name", of claims and Secrets that may be
	// lost although nothing saves them.
	AcceptLoss []string `json:"acceptLoss,omitempty"`
	// Unread says what is done when a part of the cluster could not be read, so
	// that the export keeps what it had of it; Fail when empty, or Proceed.
	Unread Decision `json:"unread,omitempty"`
	// Silent says what is done when the API server does not answer; SilentFail when
	// empty.
	Silent SilentDecision `json:"silent,omitempty"`
	// Stuck says what is done when something outside of the cluster could not be
	// removed in time; Fail when empty, or Proceed.
	Stuck Decision `json:"stuck,omitempty"`
	// Throwaway is the restore that made the cluster for a trial, by its run: what is
	// in it came from a commit, so that nothing is exported and no data is missed.
	// A cluster that this run did not make is refused.
	Throwaway string `json:"throwaway,omitempty"`
	// WarnBefore is how long before anything is done people are warned; 0 for not
	// at all.
	WarnBefore time.Duration `json:"warnBefore,omitempty"`
	// Waits are the deadlines.
	Waits Waits `json:"waits,omitzero"`
}

// Decision is what a person decided beforehand about something that may happen.
type Decision string

// The decisions.
const (
	// Fail ends the run; it can be resumed when that is mended.
	Fail Decision = "fail"
	// Proceed goes on all the same, and names it in the report.
	Proceed Decision = "proceed"
)

// SilentDecision is what is done with a cluster whose API server does not answer.
type SilentDecision string

// The decisions about a silent API server. With both of the latter two, whatever
// is in the cluster's volumes is unknown, so that AllowDataLoss is needed as well,
// or */* among AcceptLoss.
const (
	SilentFail SilentDecision = "fail"
	// SilentLastExport goes on when the export's branch has an earlier export.
	SilentLastExport SilentDecision = "last-export"
	// SilentAbandon goes on, export or none.
	SilentAbandon SilentDecision = "abandon"
)

// Waits are deadlines. Each that is 0 has the default written beside it.
type Waits struct {
	// Answer is how long the API server may take to answer, and Engine.Warn; 30 s.
	Answer time.Duration `json:"answer,omitempty"`
	// Export bounds each step of the export; 15 min.
	Export time.Duration `json:"export,omitempty"`
	// Suspend is how long GitOps controllers may take to stop; 2 min.
	Suspend time.Duration `json:"suspend,omitempty"`
	// Drain is how long load balancers may take to go, and again volumes; 10 min.
	Drain time.Duration `json:"drain,omitempty"`
	// Delete is how long the provider may take, its retries included; 30 min.
	Delete time.Duration `json:"delete,omitempty"`
	// Leftovers is how long what is left may take to go; 10 min.
	Leftovers time.Duration `json:"leftovers,omitempty"`
}

func (w Waits) complete() Waits {
	for _, d := range []struct {
		wait *time.Duration
		is   time.Duration
	}{
		{&w.Answer, 30 * time.Second}, {&w.Export, 15 * time.Minute}, {&w.Suspend, 2 * time.Minute},
		{&w.Drain, 10 * time.Minute}, {&w.Delete, 30 * time.Minute}, {&w.Leftovers, 10 * time.Minute},
	} {
		if *d.wait <= 0 {
			*d.wait = d.is
		}
	}
	return w
}

// Engine takes clusters down. Its fields are its parts, wired once; it keeps no
// state of its own and may be used by several goroutines.
type Engine struct {
	// Rebuild is what clusters are made, read and exported with. Required.
	Rebuild *rebuild.Engine
	// Warn, if set, tells people that a teardown is about to begin. It is called
	// at least once for each run with WarnBefore, and again when nobody knows
	// whether it was. An error is noted in the run and keeps nothing from going on.
	Warn func(ctx context.Context, w Warning) error
	// Proceed, if set, is asked right before a run does what cannot be undone: an
	// error ends it as refused, with the cluster as it is. It is not asked again
	// once that has begun.
	Proceed func(ctx context.Context, w Warning) error
	// Until waits until the clock shows t, or returns ctx's error; nil takes the
	// clock of Rebuild and real time.
	Until func(ctx context.Context, t time.Time) error
	// Retry is the first pause before something is tried again; 1 s when 0. It
	// doubles up to 30 times that.
	Retry time.Duration
}

// Warning is what people are told before a teardown.
type Warning struct {
	Run      string `json:"run"`
	Cluster  string `json:"cluster"`
	Provider string `json:"provider"`
	// At is when it begins.
	At time.Time `json:"at"`
	// Losses are the claims whose data will be lost, as was accepted.
	Losses []Loss `json:"losses,omitempty"`
}

// until waits for an instant of the injected clock.
func (e *Engine) until(ctx context.Context, t time.Time) error {
	if e.Until != nil {
		return e.Until(ctx, t)
	}
	return pause(ctx, t.Sub(e.Rebuild.Now()))
}

// pause waits for d of real time.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
