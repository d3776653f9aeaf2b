package rebuild

import (
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// Report is what a run found and did, for people and as JSON. It is complete
// for the part of the run that came to pass.
type Report struct {
	Run      string        `json:"run"`
	Cluster  string        `json:"cluster"`
	Provider string        `json:"provider"`
	ID       string        `json:"id,omitempty"`
	Server   string        `json:"server,omitempty"`
	Commit   source.Commit `json:"commit"`
	Outcome  run.Outcome   `json:"outcome"`
	Error    string        `json:"error,omitempty"`

	// Fingerprint of what the commit says, Live of what the cluster holds of
	// it after the restore, both SHA-256.
	Fingerprint string `json:"fingerprint,omitempty"`
	Live        string `json:"liveFingerprint,omitempty"`
	Verified    bool   `json:"verified"`

	Kinds []KindCount `json:"kinds,omitempty"`
	Steps []Timing    `json:"steps"`
	// Seconds is the time from the beginning of the run to its end, pauses
	// between an interruption and a resume included: the RTO.
	Seconds float64 `json:"seconds"`

	// NotApplied names each object that was not applied, with the reason.
	NotApplied []NotApplied `json:"notApplied,omitempty"`
	// Skipped names what somebody gave up while the run was under way. A run with
	// any is not verified.
	Skipped []SkippedObject `json:"skipped,omitempty"`
	// Unsettled names what is not healthy, with the reason a person needs.
	Unsettled []kube.Status `json:"unsettled,omitempty"`
	// Unjudged names what cannot become healthy on a cluster whose pods only
	// seem to run, and does not count.
	Unjudged []kube.Status `json:"unjudged,omitempty"`
	Drift    *drift.Report `json:"drift,omitempty"`
	Pruned   []object.ID   `json:"pruned,omitempty"`
	// Kept names what --prune left alone, with the reason.
	Kept []NotApplied `json:"kept,omitempty"`
	// GivenBack are objects of a borrowed cluster that bear our marks no more and
	// are otherwise as they were.
	GivenBack []object.ID `json:"givenBack,omitempty"`

	// Estimate is what the run made of the provider's, and what that costs; nil when it
	// made no cluster, or nobody knows.
	Estimate *providers.Estimate `json:"estimate,omitempty"`
	// Recreated is what others have to learn of a cluster that took the place of an
	// earlier one; nil when there is nothing.
	Recreated *Recreation `json:"recreated,omitempty"`

	// Carried are Secrets that were brought back from an export, CarryNotes what
	// else a person should know of them.
	Carried    []Carried `json:"carried,omitempty"`
	CarryNotes []string  `json:"carryNotes,omitempty"`

	// Findings are nil but for runs that compare a live cluster: drift and adopt.
	*Findings

	Notes       []plan.Note   `json:"notes,omitempty"`
	RenderNotes []render.Note `json:"renderNotes,omitempty"`
	Warnings    []string      `json:"warnings,omitempty"`

	// failed counts what is in NotApplied without the person's agreement.
	failed int
}

// KindCount is what became of the objects of one kind.
type KindCount struct {
	Kind      string `json:"kind"`
	Total     int    `json:"total"`
	Created   int    `json:"created"`
	Changed   int    `json:"changed"`
	Unchanged int    `json:"unchanged"`
	Failed    int    `json:"failed"`
}

// Timing is how long one step took, over all attempts.
type Timing struct {
	Step     string        `json:"step"`
	State    run.StepState `json:"state"`
	Seconds  float64       `json:"seconds"`
	Attempts int           `json:"attempts"`
}

// NotApplied is one object that was left out.
type NotApplied struct {
	ID     object.ID         `json:"object"`
	From   object.Provenance `json:"from"`
	Reason string            `json:"reason"`
}

// SkippedObject is one object that somebody gave up, and why.
type SkippedObject struct {
	ID   object.ID         `json:"object"`
	From object.Provenance `json:"from"`
	Why  string            `json:"why"`
	By   string            `json:"by,omitempty"`
	When time.Time         `json:"when"`
}

// seconds rounds to a millisecond, for JSON that people read.
func seconds(d time.Duration) float64 {
	return d.Round(time.Millisecond).Seconds()
}
