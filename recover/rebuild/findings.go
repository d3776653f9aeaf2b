package rebuild

import (
	"context"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/export"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// Findings are what a run that compares a cluster with its commit found, and what
// it wrote into a branch: in short, for lists and dashboards. They are journaled
// as soon as they are known, whatever becomes of the rest of the run.
type Findings struct {
	Counts show.Counts `json:"counts"`
	// Score is that of recoverability.
	Score *Score `json:"recoverability,omitempty"`
	// Adoption is nil unless live values were to be taken into the manifests.
	Adoption *AdoptionCounts `json:"adoption,omitempty"`
	// Branch is nil until there is a commit for it.
	Branch *BranchState `json:"branch,omitempty"`
}

// Score says how much of a cluster its commit would bring back: 100 for all.
type Score struct {
	Score int `json:"score"`
	// AtMost: not everything could be looked at.
	AtMost bool `json:"atMost,omitempty"`
}

// AdoptionCounts are numbers of changes to the manifests.
type AdoptionCounts struct {
	Adopted int `json:"adopted"`
	Refused int `json:"refused"`
}

// BranchState is what became of the branch that a run wrote to.
type BranchState struct {
	Name string `json:"name"`
	// Commit is the SHA of what the run wrote, or of what already said the same.
	Commit string `json:"commit"`
	// Unchanged: there was nothing to commit.
	Unchanged bool `json:"unchanged"`
	// Pushed: the branch has the commit. Otherwise it waits here.
	Pushed bool `json:"pushed"`
}

// journal keeps what is known so far as the result of the run. As a part of
// another run a comparison has none of its own.
func (d *drifting) journal(ctx context.Context, s *run.Scope) error {
	switch s.Run().Recipe {
	case DriftRecipe, AdoptRecipe:
	default:
		return nil
	}
	found := d.found
	found.Counts = d.result.Counts
	if r := d.result.Recoverability; r != nil {
		found.Score = &Score{Score: r.Score, AtMost: r.AtMost}
	}
	if e := d.result.Export; e != nil {
		found.Branch = branchState(d.req.Export.Branch, *e)
	}
	return s.Result(ctx, &Report{Commit: d.commit, Findings: &found})
}

func branchState(name string, r export.Result) *BranchState {
	return &BranchState{Name: name, Commit: r.Commit, Unchanged: r.Unchanged, Pushed: !r.Waiting}
}
