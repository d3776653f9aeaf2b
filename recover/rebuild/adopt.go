package rebuild

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/adopt"
	"github.com/rekindle-io/rekindle/snapshot/export"
	"github.com/rekindle-io/rekindle/snapshot/patch"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// AdoptRecipe is the name under which proposals of live values are journaled.
const AdoptRecipe = "adopt"

// AdoptRequest asks for what a live cluster has to be written into the manifests
// of the commit that it differs from. Like a Request it holds no secrets; Export
// of the DriftRequest says nothing here.
type AdoptRequest struct {
	DriftRequest
	// Only are selectors of what is adopted, see Selector; without any it is all.
	Only []string `json:"only,omitempty"`
	// Roots are the folders of the same repository that other clusters are made
	// of. What they build upon is not changed.
	Roots []string `json:"roots,omitempty"`
	// Branch of the source's repository gets the commit; when it is empty nothing
	// is changed anywhere.
	Branch string `json:"branch,omitempty"`
	// Force deletes from git what is missing although the last restore has not
	// brought everything back, or most of the objects are missing.
	Force bool `json:"force,omitempty"`
}

// AdoptionSchema names the form of an Adoption's JSON.
const AdoptionSchema = "rekindle.io/adoption/v1"

// Adoption is what became of the differences between a cluster and a commit.
type Adoption struct {
	Schema  string      `json:"schema"`
	Cluster string      `json:"cluster"`
	Commit  show.Commit `json:"commit"`
	// Drift counts what differs, NotSelected how many fields and objects of that
	// Only leaves out.
	Drift       show.Counts `json:"drift"`
	NotSelected int         `json:"notSelected,omitempty"`
	// Adopted is what the files say now, Refused what they do not, and why.
	Adopted []Adopted       `json:"adopted"`
	Refused []adopt.Refusal `json:"refused"`
	Files   []patch.File    `json:"files"`
	// Proposed is the commit; nil when none was asked for or nothing adopted.
	Proposed *export.Proposed `json:"proposed,omitempty"`
	// Run is the journaled run of the proposal.
	Run string `json:"run,omitempty"`
}

// Adopted is one change that the files make.
type Adopted struct {
	// Drift is how the object differed: a missing one goes from git, an unexpected
	// one comes.
	Drift show.Kind `json:"drift"`
	adopt.Adopted
}

// NotAdoptedError: git does not say all of what was to be adopted.
type NotAdoptedError struct{ Refused, Adopted int }

func (e *NotAdoptedError) Error() string {
	if e.Adopted == 0 {
		return "nothing could be adopted"
	}
	return fmt.Sprintf("%d of %d changes could not be adopted", e.Refused, e.Refused+e.Adopted)
}

// Hint says what to do next.
func (*NotAdoptedError) Hint() string {
	return "the reasons are above; what is meant to differ belongs into rekindle.yaml"
}

// Outcome is that of a cluster which is not the commit: here it is the commit
// that is not the cluster.
func (*NotAdoptedError) Outcome() run.Outcome { return run.Unverified }

// Adopt compares a cluster with a commit and writes what the cluster has into
// the manifests that made the objects, in one commit on top of it. Without a
// branch it only tells what it would write. What is written is proven twice:
// the manifests render to what they did but for just those changes, and the
// cluster no longer differs in them. The cluster is only read.
//
// The adoption is not nil as soon as it was worked out, whatever came of the
// commit. Errors are those of Drift, a *NoMatchError, a *NotAdoptedError, and
// those of export.Propose. observe may be nil.
func (e *Engine) Adopt(ctx context.Context, req AdoptRequest, observe func(run.Event)) (*Adoption, error) {
	only, err := parseSelectors(req.Only)
	if err != nil {
		return nil, err
	}
	r, err := e.prepare(req.Request, nil)
	if err != nil {
		return nil, err
	}
	defer r.close()
	req.Export = &ExportTarget{Repo: req.Source.Repo, Branch: req.Branch, Force: req.Force} // for the guards of drift
	a := &adopting{drifting: &drifting{restore: r, req: req.DriftRequest}, req: req, only: only}
	if req.Branch == "" {
		return a.preview(ctx)
	}
	req.DriftRequest = req.DriftRequest.ForJournal()
	req.Export = nil
	journaled, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	done, err := e.executor(observe).Start(ctx, run.Run{Recipe: AdoptRecipe, Cluster: req.Cluster, Provider: req.Provider, Request: journaled}, []run.Def{
		{Name: "reach", Fresh: true, Do: a.reach},
		{Name: "compare", Fresh: true, Do: a.compareWithCommit},
		{Name: "adopt", Fresh: true, Do: a.workOut},
		{Name: "propose", Fresh: true, Do: a.propose},
	})
	if a.adoption == nil {
		return nil, err
	}
	if a.adoption.Run = done.ID; err == nil {
		err = a.shortfall()
	}
	return a.adoption, err
}

// adopting is one execution of the recipe.
type adopting struct {
	*drifting
	req  AdoptRequest
	only []Selector
	// base is the tree that is changed: the commit's, or that of upon, which is the
	// SHA of an earlier proposal.
	base     *source.Tree
	upon     string
	overlay  adopt.Overlay
	adoption *Adoption // nil until it is worked out
}

// preview works out what would be written.
func (a *adopting) preview(ctx context.Context) (*Adoption, error) {
	if err := a.compare(ctx, nil); err != nil {
		return nil, err
	}
	if err := a.make(ctx); err != nil {
		return nil, err
	}
	return a.adoption, a.shortfall()
}

// reach refuses a repository or a branch that cannot be written to before any
// work is done.
func (a *adopting) reach(context.Context, *run.Scope) error {
	return refusedExport(export.CheckProposal(a.target(), a.options()))
}

func (a *adopting) target() export.Target {
	return export.Target{Repo: a.req.Source.Repo, Branch: a.req.Branch, Cluster: a.req.Cluster}
}

func (a *adopting) options() export.Options {
	return export.Options{CacheDir: a.e.ExportDir, Getenv: a.e.Source.Getenv, Now: a.e.Now, Progress: a.e.Source.Progress}
}

func (a *adopting) compareWithCommit(ctx context.Context, s *run.Scope) error {
	if err := a.compare(ctx, nil); err != nil {
		return err
	}
	c := a.result.Counts
	s.Eventf(run.LevelInfo, "drift.compared", "%d changed, %d missing, %d unexpected", c.Changed, c.Missing, c.Unexpected)
	return a.journal(ctx, s)
}

func (a *adopting) workOut(ctx context.Context, s *run.Scope) error {
	if err := a.make(ctx); err != nil {
		return err
	}
	s.Eventf(run.LevelInfo, "adopt.made", "%d adopted, %d refused, in %d files", len(a.adoption.Adopted), len(a.adoption.Refused), len(a.adoption.Files))
	a.found.Adoption = &AdoptionCounts{Adopted: len(a.adoption.Adopted), Refused: len(a.adoption.Refused)}
	return a.journal(ctx, s)
}

// maxRounds bounds how often what does not stand the proof is left out, and the
// rest made again.
const maxRounds = 4

// make works out the overlay, and leaves out what the cluster would differ in
// all the same.
func (a *adopting) make(ctx context.Context) error {
	wanted, err := a.choose(ctx)
	if err != nil {
		return err
	}
	if err := a.goOn(ctx); err != nil {
		return err
	}
	already, err := a.already(ctx, wanted)
	if err != nil {
		return err
	}
	r, refused := &adopt.Result{}, wanted.refused
	for round := 0; len(wanted.list) > 0; round++ {
		if r, err = adopt.Adopt(ctx, adopt.Request{
			Tree: a.base, Options: a.renderOptions(a.catalogue), Renderer: adopt.RenderFunc(render.Render),
			Roots: a.req.Roots, Wanted: wanted.list,
		}); err != nil {
			return err
		}
		differ, orders, err := a.prove(ctx, r, wanted)
		if err != nil {
			return err
		}
		if len(differ)+len(orders) == 0 {
			break
		}
		if round == maxRounds {
			return fmt.Errorf("cluster %s keeps changing while its values are adopted: wait until it is at rest, then run this again", a.req.Cluster)
		}
		wanted.widen(orders)
		differ = wanted.complete(differ)
		refused = append(refused, differ...)
		wanted.leaveOut(differ)
		r = &adopt.Result{Refused: r.Refused}
	}
	a.overlay = r.Overlay
	files, err := patch.Of(a.base, r.Overlay)
	if err != nil {
		return err
	}
	a.adoption = &Adoption{
		Schema: AdoptionSchema, Cluster: a.req.Cluster, Commit: a.result.Commit, Drift: a.result.Counts, NotSelected: wanted.left,
		Adopted: a.told(append(already, r.Adopted...)), Refused: orNone(append(refused, r.Refused...)), Files: orNone(files),
	}
	slices.SortStableFunc(a.adoption.Refused, func(x, y adopt.Refusal) int { return x.ID.Compare(y.ID) })
	return nil
}

// told names what was adopted as the cluster knows it.
func (a *adopting) told(list []adopt.Adopted) []Adopted {
	kinds := map[object.ID]show.Kind{}
	for _, m := range a.result.raw.Missing {
		kinds[m.ID] = show.Missing
	}
	for _, u := range a.result.raw.Unexpected {
		kinds[u.ID] = show.Unexpected
	}
	all := make([]Adopted, len(list))
	for i, x := range list {
		x.ID = a.liveID(x.ID)
		all[i] = Adopted{Drift: cmp.Or(kinds[x.ID], show.Changed), Adopted: x}
	}
	slices.SortStableFunc(all, func(x, y Adopted) int { return x.ID.Compare(y.ID) })
	return all
}

// orNone makes a list that JSON writes as [] when it is empty.
func orNone[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// shortfall says that not everything was adopted.
func (a *adopting) shortfall() error {
	if n := len(a.adoption.Refused); n > 0 {
		return &NotAdoptedError{Refused: n, Adopted: len(a.adoption.Adopted)}
	}
	return nil
}

// propose commits the overlay and moves the branch.
func (a *adopting) propose(ctx context.Context, s *run.Scope) error {
	switch {
	case len(a.overlay) == 0 && a.upon != "" && len(a.adoption.Adopted) > 0:
		a.adoption.Proposed = &export.Proposed{Commit: a.upon, Branch: a.req.Branch, Unchanged: true}
		return a.journalProposal(ctx, s)
	case len(a.overlay) == 0:
		s.Skip("nothing was adopted")
		return nil
	}
	objects, err := a.repository.Objects(ctx, a.commit.SHA)
	if err != nil {
		return err
	}
	p, err := export.Propose(ctx, a.target(), objects, export.Proposal{
		Onto: a.commit.SHA, Part: len(a.only) > 0, Upon: a.upon, Files: maps.Clone(a.overlay), Message: a.message(),
	}, a.options())
	if err != nil {
		return refusedExport(err)
	}
	a.adoption.Proposed = &p
	s.Eventf(run.LevelInfo, "adopt.proposed", "%.12s on %s of %s", p.Commit, p.Branch, source.Redact(a.req.Source.Repo))
	return a.journalProposal(ctx, s)
}

func (a *adopting) journalProposal(ctx context.Context, s *run.Scope) error {
	p := a.adoption.Proposed
	a.found.Branch = &BranchState{Name: p.Branch, Commit: p.Commit, Unchanged: p.Unchanged, Pushed: true}
	return a.journal(ctx, s)
}

// maxNamed is how many changes a commit's message names.
const maxNamed = 100

// message names what was adopted, without values.
func (a *adopting) message() export.Message {
	var body strings.Builder
	c := a.adoption.Drift
	name := func(n int, line string) {
		if n < maxNamed {
			fmt.Fprintf(&body, "- %s\n", strings.ReplaceAll(line, "\n", " "))
		}
	}
	fmt.Fprintf(&body, "What the live cluster %s has, written back into the manifests of %.12s:\n", a.req.Cluster, a.commit.SHA)
	for i, x := range a.adoption.Adopted {
		name(i, strings.TrimSuffix(x.ID.String()+": "+x.Path, ": "))
	}
	if len(a.adoption.Refused) > 0 {
		body.WriteString("\nNot adopted, and still different:\n")
		for i, x := range a.adoption.Refused {
			name(i, strings.TrimSuffix(x.ID.String()+": "+x.Path, ": "))
		}
	}
	what := "1 change"
	if n := len(a.adoption.Adopted); n != 1 {
		what = fmt.Sprintf("%d changes", n)
	}
	return export.Message{
		Subject: "Adopt " + what + " from the live cluster " + a.req.Cluster,
		Body:    body.String(),
		Trailers: []export.Trailer{{Key: export.TrailerDrift,
			Value: fmt.Sprintf("changed=%d missing=%d unexpected=%d unknown=%d", c.Changed, c.Missing, c.Unexpected, c.Unknown)}},
	}
}
