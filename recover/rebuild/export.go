package rebuild

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/sops"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/export"
	"github.com/rekindle-io/rekindle/snapshot/ignore"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// Files of an export beside those of the objects.
const (
	summaryFile = "README.md"
	reportFile  = "report.json"
	patchFolder = "patches"
)

// open brings the branch here and takes it, and refuses an export that could
// destroy a good one.
func (d *drifting) open(ctx context.Context, _ *run.Scope) error {
	if err := d.refuseUnproved(ctx); err != nil {
		return err
	}
	var err error
	d.branch, err = export.Open(ctx, export.Target{Repo: d.req.Export.Repo, Branch: d.req.Export.Branch, Cluster: d.req.Cluster}, export.Options{
		CacheDir: d.e.ExportDir, Getenv: d.e.Source.Getenv, Now: d.e.Now, Progress: d.e.Source.Progress,
		Contents: len(d.req.Export.Recipients) > 0, // or unchanged Secrets would be encrypted anew
	})
	return refusedExport(err)
}

// refuseUnproved keeps a cluster that a restore has not brought back whole from
// replacing the last export of it.
func (d *drifting) refuseUnproved(ctx context.Context) error {
	if d.req.Export.Force {
		return nil
	}
	restores, err := d.e.Journal.Runs(ctx, run.Filter{Cluster: d.req.Cluster, Recipe: Recipe})
	if err != nil {
		return err
	}
	for _, last := range restores { // newest first
		if last.Provider != d.req.Provider || !touched(last) {
			continue
		}
		if last.Outcome == run.Done || broughtAll(last) {
			return nil
		}
		return &RefusedError{
			Reason: fmt.Sprintf("the last restore of cluster %s (run %s) has not brought everything back: what is missing would look deleted", d.req.Cluster, last.ID),
			Remedy: "bring it to an end (rekindle runs resume " + last.ID + ", or another restore), or say that the cluster is right as it is with --force",
		}
	}
	return nil
}

// broughtAll tells whether a restore that was not verified lacks nothing all the
// same: something unexpected or unhealthy is no reason to keep no record of it.
func broughtAll(r run.Run) bool {
	report, err := ReportOf(r)
	return err == nil && r.Outcome == run.Unverified && report.Drift != nil &&
		len(report.Drift.Missing)+len(report.NotApplied) == 0
}

func (d *drifting) closeBranch() {
	if d.branch != nil {
		_ = d.branch.Close() // what was committed is kept
	}
}

// compareAndWrite compares, and writes every live object as it comes.
func (d *drifting) compareAndWrite(ctx context.Context, s *run.Scope) error {
	files, err := d.liveFiles()
	if err != nil {
		return err
	}
	if err := d.compare(ctx, files); err != nil {
		return err
	}
	c := d.result.Counts
	s.Eventf(run.LevelInfo, "drift.compared", "%d changed, %d missing, %d unexpected; %d live objects taken", c.Changed, c.Missing, c.Unexpected, d.result.LeftOut.Taken)
	d.report.Commit = d.commit
	// Secrets would let everybody who can read the branch try passwords.
	d.result.Fingerprint = object.FingerprintOf(files.digests)
	return d.writeReport(ctx, files)
}

// writeReport puts what is written about the objects: the same report gives the
// same bytes.
func (d *drifting) writeReport(ctx context.Context, files *liveFiles) error {
	timeless := *d.result.Report
	if d.req.Times {
		timeless = *show.Of(show.Input{Cluster: d.result.Cluster, Commit: d.result.Commit, Drift: d.result.raw,
			Rules: d.result.Rules, Recoverability: d.result.Recoverability})
		timeless.Fingerprint = d.result.Fingerprint
	}
	raw, err := timeless.JSON()
	if err != nil {
		return err
	}
	page := timeless.Markdown(show.MarkdownOptions{Data: reportFile, Path: func(id object.ID) string {
		if !files.has(id) {
			return ""
		}
		return export.Path(id)
	}})
	if err := errors.Join(d.branch.Put(reportFile, raw), d.branch.Put(summaryFile, page)); err != nil {
		return err
	}
	return d.writePatches(ctx)
}

// writePatches puts a JSON merge patch for each changed object: applied to the
// commit's it gives the cluster's.
func (d *drifting) writePatches(ctx context.Context) error {
	byID := map[object.ID]drift.Expected{}
	for _, e := range expected(d.plan, d.catalogue) {
		byID[e.Object.ID()] = e
	}
	for _, change := range d.result.raw.Changed {
		e, known := byID[change.ID]
		if !known || isSecret(change.ID) || change.Terminating {
			continue
		}
		u, err := d.cluster.Get(ctx, e.Kind, change.ID.Namespace, change.ID.Name)
		if err != nil {
			return err
		}
		if u == nil {
			continue // gone since
		}
		patch, err := mergePatch(object.Canonical(e.Object.Unstructured), object.Canonical(u), change.Fields)
		if err != nil {
			return fmt.Errorf("patch of %s: %w", change.ID, err)
		}
		if patch == nil {
			continue
		}
		name := path.Join(patchFolder, strings.TrimPrefix(export.Path(change.ID), export.Live+"/"))
		if err := d.branch.Put(name, patch); err != nil {
			return err
		}
	}
	return nil
}

// mergePatch is the JSON merge patch (RFC 7386) that makes live of want, as far
// as fields differ: what the server has added stays out. Lists are replaced
// whole, as such patches do.
func mergePatch(want, live map[string]any, fields []drift.Field) ([]byte, error) {
	touched := map[string]any{}
	for _, f := range fields {
		carry(touched, live, ignore.Steps(f.Path))
	}
	original, err := json.Marshal(want)
	if err != nil {
		return nil, err
	}
	overlay, err := json.Marshal(touched)
	if err != nil {
		return nil, err
	}
	modified, err := jsonpatch.MergePatch(original, overlay)
	if err != nil {
		return nil, err
	}
	patch, err := jsonpatch.CreateMergePatch(original, modified)
	if err != nil || bytes.Equal(patch, []byte("{}")) {
		return nil, err
	}
	return yaml.JSONToYAML(patch)
}

// carry copies into out what live has at the steps, or a null where it has
// nothing. A list on the way is copied whole.
func carry(out, live map[string]any, steps []string) {
	for i, step := range steps {
		value, there := live[step]
		below, isMap := value.(map[string]any)
		if !there || !isMap || i == len(steps)-1 {
			out[step] = value // nil removes it
			return
		}
		next, ok := out[step].(map[string]any)
		if !ok {
			next = map[string]any{}
			out[step] = next
		}
		out, live = next, below
	}
}

// commitFiles makes the commit, unless nothing has changed.
func (d *drifting) commitFiles(_ context.Context, s *run.Scope) error {
	unknown := unknownFiles(d.result.raw)
	c := d.result.Counts
	r, err := d.branch.Commit(export.Message{
		Subject: "Export of " + d.req.Cluster + ": " + summary(c),
		Trailers: []export.Trailer{
			{Key: export.TrailerSourceCommit, Value: d.commit.SHA},
			{Key: export.TrailerDrift, Value: fmt.Sprintf("changed=%d missing=%d unexpected=%d unknown=%d", c.Changed, c.Missing, c.Unexpected, c.Unknown)},
			{Key: export.TrailerFingerprint, Value: d.result.Fingerprint},
		},
		Keep:  unknown,
		Force: d.req.Export.Force,
	})
	if err != nil {
		return refusedExport(err)
	}
	d.result.Export = &r
	if r.Unchanged {
		s.Eventf(run.LevelInfo, "export.unchanged", "nothing has changed since %.12s", r.Commit)
	} else {
		s.Eventf(run.LevelInfo, "export.commit", "%.12s on %s: %d added, %d changed, %d deleted", r.Commit, d.req.Export.Branch, r.Added, r.Changed, r.Deleted)
	}
	return nil
}

func summary(c show.Counts) string {
	if c.Changed+c.Missing+c.Unexpected == 0 {
		return "no drift"
	}
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{c.Changed, "changed"}, {c.Missing, "missing"}, {c.Unexpected, "unexpected"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ")
}

// push brings the commit onto the branch.
func (d *drifting) push(ctx context.Context, s *run.Scope) error {
	if !d.req.Export.Push {
		s.Skip("not asked for")
		return nil
	}
	r, err := d.branch.Push(ctx)
	if err != nil {
		return refusedExport(err)
	}
	d.result.Export = &r
	s.Eventf(run.LevelInfo, "export.pushed", "%s is at %.12s", d.req.Export.Branch, r.Commit)
	return nil
}

// refusedExport makes a run that a guard of the export ended a refused one.
func refusedExport(err error) error {
	if errors.Is(err, export.ErrRefused) {
		return guarded{err}
	}
	return err
}

// unknownFiles tells which files of an earlier export are about objects that
// could not be listed: they are unknown, not gone.
func unknownFiles(r *drift.Report) func(string) bool {
	var kinds, groups []string
	for _, u := range r.Unknown {
		kinds = append(kinds, u.Kind)
	}
	for name := range r.Unlisted {
		if group, _, ok := strings.Cut(name, "/"); ok { // a version of a group that could not be described
			groups = append(groups, group)
		} else {
			kinds = append(kinds, name)
		}
	}
	folders := map[string]bool{}
	for _, kind := range kinds {
		name, group, _ := strings.Cut(kind, ".")
		folders[path.Base(path.Dir(export.Path(object.ID{Group: group, Kind: name, Name: "x"})))] = true
	}
	return func(file string) bool {
		folder := path.Base(path.Dir(file))
		if folders[folder] {
			return true
		}
		for _, group := range groups {
			if strings.HasSuffix(folder, "."+group) {
				return true
			}
		}
		return false
	}
}

// liveFiles writes each live object into the branch as a file of its own.
type liveFiles struct {
	branch *export.Branch
	sealer *sops.Sealer // nil: Secrets become digests
	key    []byte

	mu      sync.Mutex
	digests map[object.ID]object.Digest // of all but Secrets
	secrets map[object.ID]bool
}

var _ drift.Observer = (*liveFiles)(nil)

func (d *drifting) liveFiles() (*liveFiles, error) {
	recipients, err := sops.ParseRecipients(d.req.Export.Recipients)
	if err != nil {
		return nil, fmt.Errorf("recipients of the export: %w", err)
	}
	key, err := d.e.SealKey()
	if err != nil {
		return nil, err
	}
	f := &liveFiles{branch: d.branch, key: key, digests: map[object.ID]object.Digest{}, secrets: map[object.ID]bool{}}
	if recipients.Len() > 0 {
		f.sealer = &sops.Sealer{Recipients: recipients, Key: key, Now: d.e.Now, Rand: d.e.Rand}
	}
	return f, nil
}

// See writes the object, if it belongs into an export.
func (f *liveFiles) See(s drift.Sighting) error {
	if s.Expected == nil && !s.Verdict.Taken() || s.Live.GetDeletionTimestamp() != nil {
		return nil
	}
	content := s.Canonical
	if content == nil {
		content = object.Canonical(s.Live)
	}
	file, err := f.file(s.ID, content)
	if err != nil {
		return fmt.Errorf("export %s: %w", s.ID, err)
	}
	return f.branch.Put(export.Path(s.ID), file)
}

func (f *liveFiles) file(id object.ID, content map[string]any) ([]byte, error) {
	if !isSecret(id) {
		digest := object.DigestOf(content)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.digests[id] = digest
		return object.YAML(content), nil
	}
	f.mu.Lock()
	f.secrets[id] = true
	f.mu.Unlock()
	if f.sealer == nil {
		digests, err := sops.Digest(content, f.key)
		if err != nil {
			return nil, err
		}
		return object.YAML(digests), nil
	}
	previous, err := f.branch.Read(export.Path(id))
	if err != nil {
		return nil, err
	}
	return f.sealer.Seal(content, previous)
}

func (f *liveFiles) has(id object.ID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, there := f.digests[id]
	return there || f.secrets[id]
}

// Listed does nothing: what could not be listed is in the report.
func (*liveFiles) Listed(object.Kind, error) {}

func isSecret(id object.ID) bool { return id.Kind == "Secret" && id.Group == "" }
