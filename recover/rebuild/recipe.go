package rebuild

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

// Recipe is the name under which restores are journaled.
const Recipe = "restore"

// defaultWait is how long a cluster may take to settle when nobody says.
const defaultWait = 10 * time.Minute

// restore is one execution of the recipe: the request, and what the steps hand
// on to each other in memory.
type restore struct {
	e       *Engine
	req     Request
	consent Consent

	provider   providers.Provider
	found      *providers.Cluster // nil: there is no cluster of that name
	repository *source.Repository
	commit     source.Commit
	tree       *source.Tree
	catalogue  *object.Catalogue
	rendered   *render.Result
	id         string // of the cluster
	cluster    *kube.Cluster
	plan       *plan.Plan
	difference *drift.Report              // before anything was applied
	changed    map[object.ID]drift.Change // of it
	fates      map[object.ID]made         // over all walks of the plan
	failures   map[object.ID]error        // why objects were not applied
	awaited    []*plan.Node               // of kinds that nobody serves yet
	applier    *applier                   // of the last walk
	walk       *walk                      // the last one
	steered
	others   map[object.ID]string // who had the planned objects that others made
	givenUp  []object.ID          // taken over once, planned no more
	returned []leftover           // of a borrowed cluster, to be given back
	looking  bool                 // nothing will be changed
	emptying bool                 // all that restores made goes, and what they carried over
	carry    carrying

	report Report // written by one step at a time
}

// steps is the recipe. What is Fresh runs again when a run is resumed: reading,
// planning, and also applying, which finds what is in place and leaves it.
func (r *restore) steps() []run.Def {
	steps := []run.Def{
		{Name: "source", Fresh: true, Do: r.readSource},
		{Name: "target", Fresh: true, Do: r.findTarget},
		{Name: "render", Fresh: true, Do: r.render},
		{Name: "check", Fresh: true, Do: r.check},
		{Name: "remove", Do: r.remove},
		{Name: "provision", Do: r.provision},
		{Name: "plan", Fresh: true, Do: r.makePlan},
		{Name: "apply", Fresh: true, ByObject: true, Do: r.apply},
		{Name: "settle", Fresh: true, ByObject: true, Do: r.settle},
		{Name: "prune", Fresh: true, Do: r.prune},
		{Name: "verify", Fresh: true, Do: r.verify},
	}
	if r.req.CarryOver.any() {
		at := slices.IndexFunc(steps, func(d run.Def) bool { return d.Name == "check" })
		steps = slices.Insert(steps, at, run.Def{Name: carryStep, Fresh: true, Do: r.readExport})
	}
	return steps
}

// Restore brings the cluster of req to its commit, as a new journaled run.
// observe receives the run's events and may be nil. The report is not nil
// whenever a run was begun; the error is an *run.EndError for every outcome but
// done, and otherwise says why no run could be begun.
func (e *Engine) Restore(ctx context.Context, req Request, consent Consent, observe func(run.Event)) (*Report, error) {
	r, err := e.prepare(req, consent)
	if err != nil {
		return nil, err
	}
	journaled, err := json.Marshal(r.req.ForJournal())
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	defer r.close()
	x := e.executor(observe)
	done, err := x.Start(ctx, run.Run{Recipe: Recipe, Cluster: req.Cluster, Provider: req.Provider, Request: journaled}, r.steps())
	return r.conclude(ctx, done, err)
}

// Resume goes on with a restore where it stopped: the same commit onto the same
// cluster. Errors are those of Restore, and a *run.EndedError when the run has
// an outcome that is final.
func (e *Engine) Resume(ctx context.Context, id string, consent Consent, observe func(run.Event)) (*Report, error) {
	was, err := run.Resolve(ctx, e.Journal, id)
	if err != nil {
		return nil, err
	}
	if was.Recipe != Recipe {
		return nil, fmt.Errorf("run %s is a %s, not a restore: it cannot be resumed here", was.ID, was.Recipe)
	}
	var req Request
	if err := json.Unmarshal(was.Request, &req); err != nil {
		return nil, fmt.Errorf("run %s: its request cannot be read: %w", was.ID, err)
	}
	if req.Withheld {
		return nil, fmt.Errorf("run %s was given Helm values, which are not kept: restore %s again with the same flags, and what is in place stays", was.ID, was.Cluster)
	}
	if err := e.RefuseSuperseded(ctx, was); err != nil {
		return nil, err
	}
	r, err := e.prepare(req, consent)
	if err != nil {
		return nil, err
	}
	defer r.close()
	done, err := e.executor(observe).Execute(ctx, was.ID, r.steps())
	return r.conclude(ctx, done, err)
}

// RefuseSuperseded keeps an old run from undoing what a newer one did to its
// cluster. The error is a *RefusedError.
func (e *Engine) RefuseSuperseded(ctx context.Context, was run.Run) error {
	runs, err := e.Journal.Runs(ctx, run.Filter{Cluster: was.Cluster})
	if err != nil {
		return err
	}
	for _, newer := range runs {
		if newer.Provider == was.Provider && newer.Created.After(was.Created) && Touched(newer) {
			return &RefusedError{
				Reason: fmt.Sprintf("run %s is older than %s, which worked on cluster %s since: resuming it would undo that", was.ID, newer.ID, was.Cluster),
				Remedy: "abort it (rekindle runs abort " + was.ID + ") and restore what you want",
			}
		}
	}
	return nil
}

// Touched tells whether a run got as far as a cluster.
func Touched(r run.Run) bool {
	for _, name := range []string{"remove", "provision", "delete"} {
		if step, ok := r.Step(name); ok && len(step.Made) > 0 {
			return true
		}
	}
	return Dismantled(r)
}

// ReportOf returns what is known of a journaled restore: its report, or, while
// it has none, its steps and times.
func ReportOf(r run.Run) (*Report, error) {
	report := &Report{}
	if len(r.Result) > 0 {
		if err := json.Unmarshal(r.Result, report); err != nil {
			return nil, fmt.Errorf("run %s: its report cannot be read: %w", r.ID, err)
		}
	}
	report.take(r)
	return report, nil
}

func (e *Engine) executor(observe func(run.Event)) *run.Executor {
	x := *e.Executor
	x.Observe = observe
	return &x
}

// prepare checks what can be checked without touching anything.
func (e *Engine) prepare(req Request, consent Consent) (*restore, error) {
	provider, err := e.Providers.Get(req.Provider)
	if err != nil {
		return nil, err
	}
	if err := provider.Check(req.Settings); err != nil {
		return nil, fmt.Errorf("cluster %q, provider %s: %w", req.Cluster, req.Provider, err)
	}
	if req.Source.Repo == "" {
		return nil, errNoRepository
	}
	if req.Fresh && req.Confirm != req.Cluster {
		return nil, &RefusedError{Reason: fmt.Sprintf("--fresh deletes cluster %q and everything in it", req.Cluster),
			Remedy: "agree with --confirm " + req.Cluster}
	}
	req.Wait = cmp.Or(req.Wait, defaultWait)
	return &restore{e: e, req: req, consent: consent, provider: provider}, nil
}

// conclude makes the report of a run that was executed, and journals it.
func (r *restore) conclude(ctx context.Context, done run.Run, err error) (*Report, error) {
	var ended *run.EndError
	if done.ID == "" || err != nil && !errors.As(err, &ended) {
		return nil, err
	}
	r.report.take(done)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if tellErr := r.tellOthers(last, done); tellErr != nil {
		err = errors.Join(err, tellErr)
	}
	raw, marshalErr := json.Marshal(&r.report)
	if marshalErr != nil {
		return &r.report, errors.Join(err, marshalErr)
	}
	_, updateErr := r.e.Journal.Update(last, done.ID, func(j *run.Run) error {
		j.Result = raw
		return nil
	})
	return &r.report, errors.Join(err, updateErr)
}

// take copies into the report what the journal knows of the run.
func (report *Report) take(r run.Run) {
	report.Run, report.Cluster, report.Provider = r.ID, r.Cluster, r.Provider
	report.Outcome, report.Error = r.Outcome, r.Error
	report.Steps = report.Steps[:0]
	for _, s := range r.Steps {
		report.Steps = append(report.Steps, Timing{Step: s.Name, State: s.State, Seconds: seconds(s.Spent()), Attempts: s.Attempts})
	}
	if !r.Ended.IsZero() {
		report.Seconds = seconds(r.Ended.Sub(r.Created))
	}
}

// RefusedError: a guard stands in the way. Nothing was changed.
type RefusedError struct {
	Reason string
	// Remedy says how to agree, or what to change.
	Remedy string
	// Unserved are the objects that made the guard refuse, if that was why.
	Unserved []plan.Unserved
}

func (e *RefusedError) Error() string { return e.Reason }

// Hint says what to do next.
func (e *RefusedError) Hint() string { return e.Remedy }

// Outcome makes a run that ends with e a refused one.
func (e *RefusedError) Outcome() run.Outcome { return run.Refused }

// Guarded makes a run that ends with a provider's refusal to touch what is not
// ours a refused one.
func Guarded(err error) error {
	var foreign *providers.ForeignError
	var taken *providers.TakenError
	if errors.As(err, &foreign) || errors.As(err, &taken) {
		return guarded{err}
	}
	return err
}

// guarded is an error by which a guard of somebody else ended a run.
type guarded struct{ error }

func (e guarded) Unwrap() error { return e.error }

func (guarded) Outcome() run.Outcome { return run.Refused }

// UnverifiedError: everything was tried, and the cluster is not the commit.
type UnverifiedError struct{ Reason string }

func (e *UnverifiedError) Error() string { return "the cluster is not the commit: " + e.Reason }

// Outcome makes a run that ends with e an unverified one.
func (e *UnverifiedError) Outcome() run.Outcome { return run.Unverified }
