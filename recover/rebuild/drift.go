package rebuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/convert"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/raw"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/sops"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/export"
	"github.com/rekindle-io/rekindle/snapshot/ignore"
	"github.com/rekindle-io/rekindle/snapshot/recoverability"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// DriftRecipe is the name under which exports of live state are journaled.
const DriftRecipe = "drift"

// DriftRequest asks how a live cluster differs from the commit of its Request.
// Like a Request it holds no secrets.
type DriftRequest struct {
	Request
	// Include and Exclude say which live objects belong into a report and an
	// export; Ignore which differences do not count.
	Include []capture.Rule `json:"include,omitempty"`
	Exclude []capture.Rule `json:"exclude,omitempty"`
	Ignore  []ignore.Rule  `json:"ignore,omitempty"`
	// Explain names each object that is left out, rather than how many.
	Explain bool `json:"explain,omitempty"`
	// Times says in the report when something was changed.
	Times bool `json:"times,omitempty"`
	// Export is where the live state goes; nil: nowhere.
	Export *ExportTarget `json:"export,omitempty"`
}

// ExportTarget is the branch that holds a cluster's live state.
type ExportTarget struct {
	// Repo may be the source's own.
	Repo   string `json:"repo"`
	Branch string `json:"branch"`
	// Recipients are the public keys that Secrets are encrypted for. Without any,
	// the export holds digests of their values.
	Recipients []string `json:"recipients,omitempty"`
	// ReplaceEncrypted lets digests take the place of Secrets that the branch has
	// encrypted, which is refused otherwise.
	ReplaceEncrypted bool `json:"replaceEncrypted,omitempty"`
	// Push brings the commit onto the branch; without it the commit waits here.
	Push bool `json:"push,omitempty"`
	// Force exports a cluster whose last restore was not verified, and deletes
	// any number of files.
	Force bool `json:"force,omitempty"`
}

// Drift is how a cluster differs from a commit, what would be lost with it, and
// what came of an export.
type Drift struct {
	*show.Report
	// LeftOut says which live objects are no part of this, and why.
	LeftOut capture.Explanation `json:"leftOut"`
	// Export is nil when none was asked for, or when it did not come to a commit.
	Export *export.Result `json:"export,omitempty"`
	// Pushed: the branch has a commit now that it did not have before.
	Pushed bool `json:"pushed,omitempty"`
	// Notes say what else a person should know of the export, in sentences.
	Notes []string `json:"notes,omitempty"`
	// Run is the journaled run of the export.
	Run string `json:"run,omitempty"`

	raw *drift.Report
}

// Drift tells how a live cluster differs from a commit, and with req.Export
// writes its live state into a branch, as a journaled run. The cluster is only
// read. The report is not nil as soon as the comparison was done, whatever came
// of the export, and of one that a guard refuses, too. observe may be nil.
func (e *Engine) Drift(ctx context.Context, req DriftRequest, observe func(run.Event)) (*Drift, error) {
	if req.Export == nil {
		r, err := e.prepare(req.Request, nil)
		if err != nil {
			return nil, err
		}
		defer r.close()
		d := &drifting{restore: r, req: req}
		err = d.compare(ctx, nil)
		return d.result, err
	}
	x, err := e.Exporting(req)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	d := x.d
	journaled, err := json.Marshal(req.ForJournal())
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	done, err := e.executor(observe).Start(ctx, run.Run{Recipe: DriftRecipe, Cluster: req.Cluster, Provider: req.Provider, Request: journaled}, d.steps())
	if d.result == nil && refusedAtOnce(err) && d.compare(ctx, nil) != nil {
		d.result = nil // the refusal is what counts
	}
	if d.result != nil {
		d.result.Run = done.ID
	}
	return d.result, err
}

// refusedAtOnce tells whether a guard of the export refused it before anything
// was compared.
func refusedAtOnce(err error) bool {
	var ended *run.EndError
	return errors.As(err, &ended) && ended.Ending == run.Refused && ended.Step == openStep
}

// openStep is the step that brings the branch here.
const openStep = "open"

// steps are an export's.
func (d *drifting) steps() []run.Def {
	return []run.Def{
		{Name: openStep, Fresh: true, Do: d.open},
		{Name: "compare", Fresh: true, Do: d.compareAndWrite},
		{Name: "commit", Fresh: true, Do: d.commitFiles},
		{Name: "push", Fresh: true, Do: d.push},
	}
}

// ForJournal returns req without credentials, and without Helm values: they may
// be secret. Withheld of what it returns tells that there were any.
func (req DriftRequest) ForJournal() DriftRequest {
	req.Request = req.Request.ForJournal()
	if req.Export != nil {
		target := *req.Export
		target.Repo = source.Redact(target.Repo)
		req.Export = &target
	}
	return req
}

// drifting is one execution of the recipe: a restore that only looks, and where
// what it sees is written.
type drifting struct {
	*restore
	req        DriftRequest
	recipients sops.Recipients
	branch     *export.Branch
	files      *liveFiles // once they were written
	found      Findings   // what the journal is told beside the report
	result     *Drift
}

// compare compares the live cluster with the commit. to sees all of every live
// object, unless it is nil.
func (d *drifting) compare(ctx context.Context, to drift.Observer) error {
	d.looking = true
	if _, err := d.meetCommit(ctx, "compared"); err != nil {
		return err
	}
	baseline, err := d.e.baseline(ctx, d.clusterID())
	if err != nil {
		return err
	}
	filter, err := capture.New(capture.Options{Include: d.req.Include, Exclude: d.req.Exclude, Birth: baseline})
	if err != nil {
		return err
	}
	rules, err := ignore.Compile(d.req.Ignore, d.e.Now())
	if err != nil {
		return err
	}
	wanted := expected(d.plan, d.catalogue)
	sealed, note, err := d.copies(ctx)
	if err != nil {
		return err
	}
	defer sealed.close()
	survey := recoverability.New(recoverability.Options{Expected: objectsOf(wanted), Removed: removed, Carried: sealed.of})
	tally := capture.NewTally(d.req.Explain)
	carried := &declaredSecrets{rules: sealed.rules, seen: map[object.ID]bool{}}
	watchers, whole, bodies := observers{inGit{survey}, acquaintance{rules, filter}, carried}, survey.Needs, inGit{survey}.needs
	if to != nil {
		watchers, whole, bodies = append(watchers, to), drift.Everything, drift.Everything
	}
	secrets, err := d.digested()
	if err != nil {
		return err
	}
	if secrets != nil {
		watchers = append(watchers, secrets)
	}
	raw, err := drift.Compare(ctx, onlooker{live{d.cluster}}, wanted, drift.Options{
		Commit: d.commit.SHA, Catalogue: d.catalogue, Capture: filter, Restored: d.ours,
		Ignore: rules, Tolerant: true, Observer: watchers, Whole: whole, Bodies: bodies, Tally: tally,
	})
	if err != nil {
		return err
	}
	for _, e := range wanted { // what is missing is not met
		filter.Met(e.Object.ID(), e.Object.GetLabels())
	}
	carried.account(raw)
	b := beside{raw: raw, filter: filter, rules: rules}
	d.unserved(b)
	secrets.add(b)
	b.leftOut()
	b.sort()
	d.result = &Drift{raw: raw, LeftOut: tally.Explain(), Report: show.Of(show.Input{
		Cluster: d.req.Cluster,
		Commit: show.Commit{SHA: d.commit.SHA, Revision: d.commit.Revision, Subject: d.commit.Subject,
			Repo: source.Redact(d.req.Source.Repo), Path: d.req.Source.Path},
		Drift: raw, Rules: rules.Statuses(), Selection: filter.Statuses(groupKinds(d.catalogue)), Recoverability: survey.Report(raw), Times: d.req.Times,
	})}
	if note != "" {
		d.result.Notes = append(d.result.Notes, note)
	}
	return nil
}

// groupKinds are the kinds that a cluster serves, in any version.
func groupKinds(served *object.Catalogue) []schema.GroupKind {
	var kinds []schema.GroupKind
	for _, kind := range served.Kinds() {
		kinds = append(kinds, kind.GroupKind())
	}
	return kinds
}

// removed tells what became of an API version that Kubernetes has removed.
func removed(gvk schema.GroupVersionKind) (string, bool) {
	r, ok := convert.Removed(gvk)
	return r.String(), ok
}

func objectsOf(list []drift.Expected) []*object.Object {
	objects := make([]*object.Object, len(list))
	for i, e := range list {
		objects[i] = e.Object
	}
	return objects
}

// onlooker is a live cluster for whom may not even try to change it: what the
// server forbids is no word about the object.
type onlooker struct{ live }

var _ drift.Scanner = onlooker{}

func (o onlooker) Scan(ctx context.Context, kind object.Kind, metadataOnly bool, each func(*raw.Object) error) error {
	return served(o.cluster.Scan(ctx, kind, kube.ListOptions{MetadataOnly: metadataOnly}, each))
}

func (o onlooker) DryRun(ctx context.Context, kind object.Kind, u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	stored, err := o.live.DryRun(ctx, kind, u)
	return stored, unlessForbidden(err)
}

func (o onlooker) Rehearse(ctx context.Context, kind object.Kind, before, now *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	stored, err := o.live.Rehearse(ctx, kind, before, now)
	return stored, unlessForbidden(err)
}

func unlessForbidden(err error) error {
	var refused refusal
	if errors.As(err, &refused) && refused.Reason == kube.ReasonForbidden {
		return refused.ApplyError
	}
	return err
}

// observers are several that see the same.
type observers []drift.Observer

func (o observers) See(s drift.Sighting) error {
	for _, one := range o {
		if err := one.See(s); err != nil {
			return err
		}
	}
	return nil
}

func (o observers) Listed(kind object.Kind, err error) {
	for _, one := range o {
		one.Listed(kind, err)
	}
}

// inGit is a survey that is not shown the Secrets which are in git: it has nothing
// to say of them, and takes a Secret without a body for one that nobody may read.
type inGit struct{ *recoverability.Survey }

func (i inGit) See(s drift.Sighting) error {
	if s.Expected != nil && isSecret(s.ID) {
		return nil
	}
	return i.Survey.See(s)
}

// needs tells of which kinds the survey looks at objects that are in git.
func (i inGit) needs(kind schema.GroupKind) bool {
	return i.Needs(kind) && kind != schema.GroupKind{Kind: "Secret"} || kind == schema.GroupKind{Group: "storage.k8s.io", Kind: "StorageClass"}
}

// acquaintance shows rules which objects there are, so that they can tell that
// they are about none.
type acquaintance struct {
	rules  *ignore.Set
	filter *capture.Filter
}

func (a acquaintance) See(s drift.Sighting) error {
	a.rules.Met(s.ID)
	a.filter.Met(s.ID, s.Live.GetLabels())
	return nil
}

func (acquaintance) Listed(object.Kind, error) {}
