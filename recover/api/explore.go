package api

import (
	"fmt"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// Target is what a question or a run is about: a declared cluster, or any
// repository together with a name for the cluster that is to come of it. What is
// empty is as declared.
type Target struct {
	Cluster  string `json:"cluster,omitempty" maxLength:"40" doc:"A declared cluster, or with repo: the name of the cluster to make."`
	Repo     string `json:"repo,omitempty" maxLength:"1024" doc:"A repository: URL or path. Empty: the declared cluster's."`
	Path     string `json:"path,omitempty" maxLength:"1024" doc:"The folder in it. Empty: as declared, or its root."`
	Revision string `json:"revision,omitempty" maxLength:"1024" doc:"SHA, tag, branch, HEAD~3, or a time. Empty: as declared, or the default branch."`
	Provider string `json:"provider,omitempty" maxLength:"40" doc:"Who makes the cluster. Empty: as declared."`
}

// LogQuery asks for a part of the history behind a target's revision.
type LogQuery struct {
	Target
	// Search is matched without case against subject, message, author, SHA and
	// the names of tags and branches. Path of the target leaves out commits that
	// did not change it when OnlyPath is set.
	Search   string `json:"search,omitempty"`
	OnlyPath bool   `json:"onlyPath,omitempty"`
	// After is the Next of the page before; Limit is 1 to MaxLog, 50 when 0.
	After string `json:"after,omitempty"`
	Limit int    `json:"limit,omitempty"`
}

// MaxLog is the most commits in one page.
const MaxLog = 500

// Log is one page of a history, newest first.
type Log struct {
	Commits []LogEntry `json:"commits" doc:"Newest first."`
	Next    string     `json:"next,omitempty" doc:"Where the next page begins; absent: there is none."`
	// Branches and Tags are the repository's, on the first page: tags newest first.
	Branches []string `json:"branches,omitempty" doc:"Branches, on the first page."`
	Tags     []string `json:"tags,omitempty" doc:"Tags, newest first, on the first page."`
}

// LogEntry is one commit with what is known of it.
type LogEntry struct {
	source.Commit
	Body     string   `json:"body,omitempty" doc:"The message behind the subject."`
	Tags     []string `json:"tags,omitempty" doc:"Tags on it."`
	Branches []string `json:"branches,omitempty" doc:"Branches whose head it is."`
	// Restored is the newest restore of it onto the target's cluster, Verified
	// the newest that verified, on whatever cluster.
	Restored *RunRef `json:"restored,omitempty" doc:"The newest restore of it onto this cluster."`
	Verified *RunRef `json:"verified,omitempty" doc:"The newest restore of it that was verified."`
}

// CompareQuery asks what one commit makes differently from another.
type CompareQuery struct {
	Target
	// From is the revision to compare with; empty: what was restored last. The
	// target's revision is the other end.
	From string `json:"from,omitempty"`
}

// Comparison is what To makes differently from From, by object.
type Comparison struct {
	From source.Commit `json:"fromCommit" doc:"The one end."`
	To   source.Commit `json:"toCommit" doc:"The other end."`
	plan.Difference
}

// Provider is somebody who makes clusters, and whether this machine can use them.
type Provider struct {
	Name    string `json:"name" doc:"Its name."`
	Summary string `json:"summary" doc:"What it makes, in a few words."`
	Usable  bool   `json:"usable" doc:"A cluster can be made here and now."`
	// Reason and Hint say why not, and what to do about it.
	Reason string `json:"reason,omitempty" doc:"Why it cannot be used."`
	Hint   string `json:"hint,omitempty" doc:"What to do about it."`
	// TookMS is how long its last restores took, the median; 0 when there are none.
	TookMS int64 `json:"tookMs,omitempty" doc:"How long restores by it took, the median of the last."`
	// Hourly is what a cluster of the provider's shared settings costs in an hour, by
	// its list of prices of the day AsOf; nil: not known.
	Hourly   *float64 `json:"hourly,omitempty" doc:"What a cluster costs in an hour."`
	Currency string   `json:"currency,omitempty" doc:"Of hourly."`
	AsOf     string   `json:"asOf,omitempty" doc:"The day of the prices behind hourly."`
}

// ProviderList is the answer to a list of providers.
type ProviderList struct {
	Providers []Provider `json:"providers" doc:"By name."`
}

// Planned is what a restore of the target would make, and what to mind.
type Planned struct {
	Plan   *plan.Plan    `json:"plan" doc:"Objects in order, and what each waits for."`
	Commit source.Commit `json:"commit" doc:"What the revision resolved to."`
	For    string        `json:"for" doc:"What the plan was made for: a live cluster, a provider's version."`
	Notes  []render.Note `json:"notes,omitempty" doc:"What the rendering has to say."`
	// Exists tells that a cluster of that name is there: a restore is in place,
	// and only with fresh is it deleted first.
	Exists bool `json:"exists,omitempty" doc:"The cluster is there already."`
	// Estimate is what the provider would make, and what that costs; absent when the
	// cluster is there, or nobody knows.
	Estimate *Estimate `json:"estimate,omitempty" doc:"What the provider would make, and what that costs an hour by its list of prices."`
	// Warnings are what a person should know before they say yes.
	Warnings []Warning `json:"warnings,omitempty" doc:"What to mind."`
	// Command is the command line that does the same.
	Command string `json:"command" doc:"The same as a command line."`
}

// Estimate is what a provider would make, and what that costs by its list of prices.
type Estimate struct {
	Parts    []EstimatedPart `json:"parts" doc:"What would be made."`
	Hourly   float64         `json:"hourly" doc:"What all parts with a price cost an hour."`
	Currency string          `json:"currency,omitempty" doc:"Of hourly."`
	AsOf     string          `json:"asOf,omitempty" doc:"The day of the prices."`
	Unpriced []string        `json:"unpriced,omitempty" doc:"What is not in hourly."`
}

// EstimatedPart is one thing, or several of one kind.
type EstimatedPart struct {
	What string `json:"what" doc:"What it is."`
	// Hourly is nil when its price is not known.
	Hourly *float64 `json:"hourly,omitempty" doc:"What it costs an hour; absent: not known."`
}

// Cost is an estimate in a few words, "about 0.35 USD an hour (2026-11-01)", "at least"
// where a part has no price; empty when none has.
func (e *Estimate) Cost() string {
	if e == nil || e.Hourly <= 0 {
		return ""
	}
	about := "about"
	if slices.ContainsFunc(e.Parts, func(p EstimatedPart) bool { return p.Hourly == nil }) {
		about = "at least"
	}
	return fmt.Sprintf("%s %.2f %s an hour (%s)", about, e.Hourly, e.Currency, e.AsOf)
}

// WarningKind is the sort of a warning.
type WarningKind string

// Kinds of warnings.
const (
	Unserved      WarningKind = "unserved"       // nobody serves the kind yet
	RemovedAPI    WarningKind = "removed-api"    // the server serves this version no more
	FloatingImage WarningKind = "floating-image" // the tag may name something else tomorrow
	MissingClass  WarningKind = "missing-class"  // a class is named that nobody has
	Other         WarningKind = "note"
)

// Warning is one thing to mind, about one object or about the whole.
type Warning struct {
	Kind   WarningKind `json:"kind" enum:"unserved,removed-api,floating-image,missing-class,note" doc:"What sort."`
	Object string      `json:"object,omitempty" doc:"The object."`
	From   string      `json:"from,omitempty" doc:"Its file and line."`
	Text   string      `json:"text" doc:"For people."`
	Hint   string      `json:"hint,omitempty" doc:"What to do about it."`
}

// DriftQuery asks how a live cluster differs from a commit, now.
type DriftQuery struct {
	Cluster string `json:"cluster"`
	Against string `json:"against,omitempty"` // a revision; empty: what was restored last
}

// DriftReport is how a cluster differs from a commit.
type DriftReport struct {
	*show.Report
}

// Ignore is a difference that is not to count any more, with a reason. It becomes a
// rule in rekindle.yaml.
type Ignore struct {
	Object  string    `json:"object" required:"true" maxLength:"600" doc:"The object, as reports name it."`
	Pointer string    `json:"pointer,omitempty" maxLength:"1024" doc:"A JSON pointer into it. Empty: the whole object."`
	Reason  string    `json:"reason" required:"true" maxLength:"500" doc:"Why it does not count."`
	Expires time.Time `json:"expires,omitzero" doc:"Until when; absent: for good."`
}

// Ignoring is the rule that came of it.
type Ignoring struct {
	File string `json:"file" doc:"The file that has it now."`
	Rule string `json:"rule" doc:"The rule, as YAML."`
}

// Order is what a person tells a run that is under way: see run.OrderKind. Who gives
// it the connection tells.
type Order struct {
	Kind   run.OrderKind `json:"kind" required:"true" enum:"pause,continue,retry,skip" doc:"What to do."`
	Object string        `json:"object,omitempty" maxLength:"600" doc:"retry, skip: the object, as events name it."`
	Why    string        `json:"why,omitempty" maxLength:"500" doc:"skip: why; required there."`
}

// RunReport is what came of a run, of any recipe, for screens.
type RunReport struct {
	Run Run `json:"run" doc:"The run."`
	// Headline is the outcome in a sentence.
	Headline    string         `json:"headline" doc:"The outcome in a sentence."`
	Commit      *source.Commit `json:"commit,omitempty" doc:"What was restored or compared with."`
	Verified    bool           `json:"verified,omitempty" doc:"The cluster is the commit."`
	Fingerprint string         `json:"fingerprint,omitempty" doc:"Of the objects."`
	Kinds       []KindCount    `json:"kinds,omitempty" doc:"What was made, by kind."`
	// Findings are objects that something is the matter with, and what.
	Findings []Finding `json:"findings,omitempty" doc:"Objects that something is the matter with."`
	Notes    []string  `json:"notes,omitempty" doc:"What else to know."`
	// Estimate is nil unless the run made a cluster of which it is known what it costs.
	Estimate *Estimate `json:"estimate,omitempty" doc:"What the provider made for the run, and what that costs."`
	// Next are the sensible next things, most sensible first.
	Next []NextStep `json:"next,omitempty" doc:"What to do next."`
	// Text is the report as the command line shows it.
	Text string `json:"text,omitempty" doc:"The report as the command line prints it."`
}

// KindCount counts the objects of one kind.
type KindCount struct {
	Kind      string `json:"kind" doc:"The kind."`
	Objects   int    `json:"objects" doc:"How many."`
	Created   int    `json:"created,omitempty" doc:"Made."`
	Changed   int    `json:"changed,omitempty" doc:"Changed."`
	Unchanged int    `json:"unchanged,omitempty" doc:"As they were."`
	Failed    int    `json:"failed,omitempty" doc:"Not applied."`
}

// Finding is one object of a report that something is the matter with.
type Finding struct {
	What   string `json:"what" enum:"not applied,not settled,skipped,changed,missing,unexpected,kept,lost,leftover,stuck" doc:"What is the matter."`
	Object string `json:"object" doc:"The object, as events name it."`
	From   string `json:"from,omitempty" doc:"Its file and line."`
	Text   string `json:"text,omitempty" doc:"Why, for people."`
	Hint   string `json:"hint,omitempty" doc:"What to do about it."`
}

// NextStep is something sensible to do next.
type NextStep struct {
	Text    string `json:"text" doc:"What, for people."`
	Command string `json:"command,omitempty" doc:"As a command line."`
}

// ObjectLook is a look at one live object, for a person who wonders.
type ObjectLook struct {
	Object string `json:"object" doc:"The object."`
	State  string `json:"state" doc:"settled, progressing, failed, missing, unknown."`
	Reason string `json:"reason,omitempty" doc:"Why it is not healthy, as a person needs it."`
	Hint   string `json:"hint,omitempty" doc:"What to do about it."`
	// YAML is the live object; what a Secret holds is hidden.
	YAML string `json:"yaml,omitempty" doc:"The live object, without what a Secret holds."`
	// Events are Kubernetes' events of it and of what it owns, newest last; Log
	// the last lines of its failing container.
	Events []string `json:"events,omitempty" doc:"Kubernetes' events of it, newest last."`
	Log    []string `json:"log,omitempty" doc:"Last lines of its failing container."`
}
