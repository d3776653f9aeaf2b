// Package run keeps runs: what a recipe (restore, teardown, drift, drill) does,
// step by step, journaled so that it goes on where it died.
//
// In go a recipe's steps (Def) and its request; out come the Run with its
// outcome, numbered Events, and a journal that outlives the process. The
// Executor runs the steps, a Journal stores them (Store is the one on bbolt),
// Leases see to it that one process at a time works on a cluster.
//
// Secrets never enter a journal: a recipe passes none in Request, Made, Result,
// events or errors. Executor.Redact is a net below that rule, not a substitute.
package run

import (
	"encoding/json"
	"time"
)

// Run is one execution of a recipe.
type Run struct {
	// ID is sortable by time and short enough to type: 20261122-180501-k7x2.
	ID     string `json:"id"`
	Recipe string `json:"recipe"`
	// Cluster is the name of the cluster that the run works on; at most one live
	// run has it. Empty when the run touches no cluster.
	Cluster  string `json:"cluster,omitempty"`
	Provider string `json:"provider,omitempty"`
	// Request is the recipe's own input, as JSON; enough to resume from.
	Request json.RawMessage `json:"request,omitempty"`
	Steps   []Step          `json:"steps,omitempty"`
	// Outcome is empty until the run has ended. A run without an outcome whose
	// process is gone was interrupted: see Executor.Alive.
	Outcome Outcome `json:"outcome,omitempty"`
	Error   string  `json:"error,omitempty"`
	// Result is the recipe's own report, as JSON.
	Result  json.RawMessage `json:"result,omitempty"`
	Created time.Time       `json:"created"`
	Ended   time.Time       `json:"ended,omitzero"`
	// Attempts counts the executions: 1 after the first start, 2 after a resume.
	Attempts int `json:"attempts"`
	// By is who asked for it: a person's name, or "schedule".
	By string `json:"by,omitempty"`
	// Daemon: a daemon executes it, and one takes it up again when it was cut off.
	Daemon bool `json:"daemon,omitempty"`
	// Process is the one that executes, or executed last.
	Process Process `json:"process,omitzero"`
	// AbortAsked is when somebody asked a live run to stop for good.
	AbortAsked time.Time `json:"abortAsked,omitzero"`
	// ByObject: the run follows orders about single objects, too.
	ByObject bool `json:"byObject,omitempty"`
	// Orders are what people have told the run, in order.
	Orders []Order `json:"orders,omitempty"`
	// Paused is not nil from a pause until it is continued, also while no process
	// executes the run; Held while it holds by itself because it would fail.
	Paused *Halt `json:"paused,omitempty"`
	Held   *Halt `json:"held,omitempty"`
}

// Process names one process so that a reused pid is not taken for it.
type Process struct {
	Host string `json:"host,omitempty"`
	PID  int    `json:"pid,omitempty"`
	// Since is when it began to execute the run.
	Since time.Time `json:"since,omitzero"`
}

// Step is one journaled part of a run.
type Step struct {
	Name  string    `json:"name"`
	State StepState `json:"state"`
	// Attempts counts how often the step was begun.
	Attempts int `json:"attempts,omitempty"`
	// Started is the first begin, Ended the last end; between them may lie a
	// death and a night. SpentMS is the time at work over all attempts that
	// ended, in milliseconds.
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	SpentMS int64     `json:"spentMs,omitempty"`
	Error   string    `json:"error,omitempty"`
	// Note says why a step was skipped.
	Note string `json:"note,omitempty"`
	// Made is what the step is making or has made, as JSON: a cluster id, a
	// commit, an applied set.
	Made json.RawMessage `json:"made,omitempty"`
}

// Spent is the time at work over all attempts that ended.
func (s Step) Spent() time.Duration { return time.Duration(s.SpentMS) * time.Millisecond }

// StepState is where a step stands.
type StepState string

// A step that was interrupted is pending again. A step that is running in a run
// whose process is gone was cut off, and is begun again on resume.
const (
	Pending  StepState = "pending"
	Running  StepState = "running"
	StepDone StepState = "done"
	// StepFailed ended with an error that is not an interruption.
	StepFailed StepState = "failed"
	// Skipped decided that there is nothing to do; it counts as done.
	Skipped StepState = "skipped"
)

// Outcome is how a run ended; empty while it has not.
type Outcome string

// Outcomes. Interrupted, failed and unverified runs can be resumed: their steps
// are idempotent, and what made them end may have passed. Done, refused and
// aborted are final: after a refusal the request itself must change, which is a
// new run.
const (
	Done        Outcome = "done"
	Failed      Outcome = "failed"
	Unverified  Outcome = "unverified"
	Refused     Outcome = "refused"
	Interrupted Outcome = "interrupted"
	Aborted     Outcome = "aborted"
)

// Resumable tells whether the outcome lets the run be executed (again).
func (o Outcome) Resumable() bool {
	switch o {
	case "", Interrupted, Failed, Unverified:
		return true
	}
	return false
}

// Unfinished tells that work is left in the middle: no outcome, or interrupted.
func (o Outcome) Unfinished() bool { return o == "" || o == Interrupted }

// Step returns the step of that name.
func (r *Run) Step(name string) (*Step, bool) {
	for i := range r.Steps {
		if r.Steps[i].Name == name {
			return &r.Steps[i], true
		}
	}
	return nil, false
}

// leaseKey is what the run's lease is on: its cluster, or else itself.
func (r *Run) leaseKey() string {
	if r.Cluster != "" {
		return "cluster/" + r.Cluster
	}
	return "run/" + r.ID
}

// Level is how much an event matters.
type Level string

// Levels; an event without one is LevelInfo.
const (
	LevelDebug Level = "debug"
	LevelInfo  Level = "info"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
)

// Event is one thing that happened in a run.
type Event struct {
	Run string `json:"run,omitempty"`
	// Seq numbers the events of a run: 1, 2, 3 … without holes. The journal
	// gives it; 0 means that the event was not journaled.
	Seq  uint64    `json:"seq,omitempty"`
	Time time.Time `json:"time"`
	Step string    `json:"step,omitempty"`
	// Level is info when empty on the way in.
	Level Level `json:"level"`
	// Type is a dotted word: run.begin, step.end, object.applied. Those that
	// begin with "run." and "step." are the executor's.
	Type string `json:"type"`
	// Object is the object it is about, as object.ID prints it.
	Object  string          `json:"object,omitempty"`
	Message string          `json:"message,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// Types of the events that the executor and the journal write themselves.
const (
	RunBegin      = "run.begin"
	RunResume     = "run.resume"
	RunEnd        = "run.end"
	StepBegin     = "step.begin"
	StepEnd       = "step.end"
	EventsDropped = "run.events-dropped"
	// RunPaused, RunContinued and RunHeld say by whom and why, in their data as
	// a Halt. ObjectRetried, ObjectSkipped and OrderRefused are answers to
	// orders, with the Order as data; ObjectStillSkipped is told when a run is
	// taken up again.
	RunPaused     = "run.paused"
	RunContinued  = "run.continued"
	RunHeld       = "run.held"
	ObjectRetried = "object.retried"
	ObjectSkipped = "object.skipped"
	OrderRefused  = "run.order-refused"

	ObjectStillSkipped = "object.still-skipped"
)
