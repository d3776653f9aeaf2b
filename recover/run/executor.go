package run

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

// Def is one step of a recipe.
type Def struct {
	Name string
	// Fresh steps run again at each resume, because what they yield lives only in
	// memory (render, plan). They must make nothing that lasts.
	Fresh bool
	// ByObject steps answer orders about single objects, see Scope.Orders; a run
	// that has one may be given such orders.
	ByObject bool
	// Together steps are begun right after the one before, even when the run is
	// paused meanwhile: what that one found must still be true.
	Together bool
	// Anew: when the run was paused before this step, what is Fresh before it is
	// done again first, because the world may have changed meanwhile.
	Anew bool
	// Do does the step. It must be idempotent: after a crash it is called again,
	// and Scope.Recall tells what the earlier attempt had made. An error that has
	// an Outcome() Outcome method chooses the run's outcome, any other means
	// Failed. When ctx is cancelled it returns soon; the run is then Interrupted.
	Do func(ctx context.Context, s *Scope) error
}

// Executor executes runs. Fill in the fields, then use it from any goroutine.
type Executor struct {
	Journal Journal
	Leases  Leases
	// Now is the clock. Required.
	Now func() time.Time
	// By is who asks for the runs; may be empty. Daemon: a daemon executes them.
	By     string
	Daemon bool
	// Chance is where IDs of new runs come from. Required by Start.
	Chance io.Reader
	// Observe, if set, gets every event of the run, in order, from one goroutine
	// at a time, once it is durable and numbered (at most FlushEvery after it
	// happened). Events that could not be journaled come with Seq 0, at the end.
	Observe func(Event)
	// Redact, if set, cleans messages, errors and JSON before they are journaled.
	Redact func(string) string
	// Log gets stacks of panics and troubles of the journal. Nil means none.
	Log *slog.Logger
	// FlushEvery is how long events are gathered; 0 means 200 ms. WatchEvery is
	// how often a live run looks whether it was told something; 0 means 400 ms.
	FlushEvery, WatchEvery time.Duration
}

// ErrAborted is the cause with which a step's ctx is cancelled when somebody
// aborts the run.
var ErrAborted = errors.New("the run is being aborted")

// Start takes the lease, begins a new run and executes it. ID (when empty),
// Created, Steps, By (when empty) and Process of r are filled in. When the lease is held or the
// journal cannot be written, nothing was begun and the returned Run has no ID.
func (x *Executor) Start(ctx context.Context, r Run, defs []Def) (Run, error) {
	if err := x.validate(defs); err != nil {
		return Run{}, err
	}
	given := r.ID != ""
	for try := 0; ; try++ {
		if !given {
			id, err := NewID(x.Now(), x.Chance)
			if err != nil {
				return Run{}, err
			}
			r.ID = id
		}
		r.Created, r.Outcome, r.Steps, r.By = x.now(), "", merge(nil, defs), cmp.Or(r.By, x.By)
		r.Daemon = x.Daemon
		out, err := x.start(ctx, r, defs)
		var taken *ExistsError
		if given || try == 10 || !errors.As(err, &taken) {
			return out, err
		}
	}
}

func (x *Executor) start(ctx context.Context, r Run, defs []Def) (Run, error) {
	lease, err := x.acquire(ctx, r)
	if err != nil {
		return Run{}, err
	}
	defer x.release(lease, r.ID)
	if err := x.Journal.Begin(ctx, r); err != nil {
		return Run{}, err
	}
	return x.execute(ctx, r.ID, defs)
}

// Execute executes a run that is in the journal, from the beginning or from
// where it stopped; done steps are passed over unless Fresh. It takes the lease
// on the run's cluster and returns when the run has ended, with the run as
// journaled. The error is nil when the outcome is Done, an EndError for every
// other outcome, and for a run that could not be taken up a HeldError,
// EndedError, NotFoundError or StorageError.
func (x *Executor) Execute(ctx context.Context, id string, defs []Def) (Run, error) {
	if err := x.validate(defs); err != nil {
		return Run{}, err
	}
	r, err := x.Journal.Run(ctx, id)
	if err != nil {
		return Run{}, err
	}
	lease, err := x.acquire(ctx, r)
	if err != nil {
		return r, err
	}
	defer x.release(lease, r.ID)
	return x.execute(ctx, id, defs)
}

// Alive tells which process executes r right now; false when none does, so that
// a run without an outcome was cut off (its process died).
func (x *Executor) Alive(ctx context.Context, r Run) (Holder, bool, error) {
	return Alive(ctx, x.Leases, r)
}

// Alive is Executor.Alive for those that only read.
func Alive(ctx context.Context, l Leases, r Run) (Holder, bool, error) {
	h, held, err := l.Holder(ctx, r.leaseKey())
	return h, err == nil && held && h.Run == r.ID, err
}

// Status is how a run stands, in the words that people are shown: its outcome,
// or for a run without one "running", "not started" or "interrupted (process
// died)".
func Status(ctx context.Context, l Leases, r Run) (string, error) {
	_, live, err := Alive(ctx, l, r)
	switch {
	case err != nil:
		return "", err
	case live:
		return string(Running), nil
	case r.Outcome != "":
		return string(r.Outcome), nil
	case r.Attempts == 0:
		return "not started", nil
	}
	return string(Interrupted) + " (process died)", nil
}

func (x *Executor) acquire(ctx context.Context, r Run) (Lease, error) {
	return x.Leases.Acquire(ctx, r.leaseKey(), Holder{Run: r.ID, Process: x.process()})
}

func (x *Executor) release(l Lease, id string) {
	if err := l.Release(); err != nil { // the kernel releases it with the process at the latest
		x.log().Warn("a lease was not returned cleanly", "run", id, "error", err)
	}
}

func (x *Executor) process() Process {
	host, _ := os.Hostname() // for people to read; empty is fine
	return Process{Host: host, PID: os.Getpid(), Since: x.now()}
}

func (x *Executor) validate(defs []Def) error {
	if x.Journal == nil || x.Leases == nil || x.Now == nil {
		return errors.New("run: an executor needs Journal, Leases and Now")
	}
	seen := map[string]bool{}
	for _, d := range defs {
		if d.Name == "" || d.Do == nil || seen[d.Name] {
			return fmt.Errorf("run: step %q is nameless, empty or there twice", d.Name)
		}
		seen[d.Name] = true
	}
	return nil
}

func (x *Executor) now() time.Time { return x.Now().Round(0).UTC() }

func (x *Executor) log() *slog.Logger {
	if x.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return x.Log
}

func (x *Executor) redact(s string) string {
	if x.Redact == nil {
		return s
	}
	return x.Redact(s)
}

// redactJSON cleans JSON; what is no JSON afterwards leaves only its digest, so
// that two such values can still be told apart.
func (x *Executor) redactJSON(raw json.RawMessage) json.RawMessage {
	if x.Redact == nil || raw == nil {
		return raw
	}
	clean := json.RawMessage(x.Redact(string(raw)))
	if json.Valid(clean) {
		return clean
	}
	sum := sha256.Sum256(clean)
	return json.RawMessage(`{"redacted":"` + hex.EncodeToString(sum[:6]) + `"}`)
}

// merge lays the recipe's steps over the journaled ones, in the recipe's order.
// Journaled steps that the recipe has no more stay, at the end.
func merge(old []Step, defs []Def) []Step {
	was := Run{Steps: old}
	out := make([]Step, 0, len(defs))
	known := map[string]bool{}
	for _, d := range defs {
		known[d.Name] = true
		if s, ok := was.Step(d.Name); ok {
			out = append(out, *s)
		} else {
			out = append(out, Step{Name: d.Name, State: Pending})
		}
	}
	for _, s := range old {
		if !known[s.Name] {
			out = append(out, s)
		}
	}
	return out
}
