package rebuild

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
)

// readSource resolves the revision, once for the whole life of a run: a branch
// that moves between a crash and a resume must not change what is restored.
func (r *restore) readSource(ctx context.Context, s *run.Scope) error {
	if this := s.Run(); this.Attempts > 1 { // now that nobody else can begin a run
		if err := r.e.RefuseSuperseded(ctx, this); err != nil {
			return err
		}
	}
	var made source.Commit
	known, err := s.Recall(&made)
	if err != nil {
		return err
	}
	if err := r.openCommit(ctx, made.SHA); err != nil {
		return err
	}
	if known {
		r.commit = made
	}
	r.report.Commit = r.commit
	s.Eventf(run.LevelInfo, "source.resolved", "%s is %.12s of %s: %s", r.req.Source.Revision, r.commit.SHA,
		r.commit.Time.UTC().Format("2006-01-02"), r.commit.Subject)
	return s.Made(ctx, r.commit)
}

// openCommit opens the repository and the tree at sha, or at what the request's
// revision resolves to when sha is empty.
func (r *restore) openCommit(ctx context.Context, sha string) error {
	opts := r.e.Source
	opts.RequireSigned, opts.AllowedSigners = r.req.Source.RequireSigned, r.req.Source.AllowedSigners
	repo, err := source.Open(ctx, r.req.Source.Repo, opts)
	if err != nil {
		return err
	}
	r.close()
	r.repository = repo
	revision := sha
	if revision == "" {
		revision = r.req.Source.Revision
	}
	if revision == "" {
		revision = "HEAD"
	}
	if r.commit, err = repo.Resolve(ctx, revision); err != nil {
		return err
	}
	if r.tree, err = repo.Tree(ctx, r.commit.SHA); err != nil || r.req.Source.Path == "" {
		return err
	}
	if info, err := r.tree.Stat(r.req.Source.Path); err == nil && !info.IsDir() {
		return nil // one file
	}
	_, err = repo.Folder(ctx, r.commit.SHA, r.req.Source.Path)
	return err
}

// close gives back what the restore holds open.
func (r *restore) close() {
	if r.repository != nil {
		_ = r.repository.Close() // it was only read
	}
	r.carry.close()
}

// findTarget looks whether the cluster exists, and learns what it serves: from
// the live server, or from the built-in catalogue of the version that the
// provider would make.
func (r *restore) findTarget(ctx context.Context, s *run.Scope) error {
	found, err := r.find(ctx, s)
	switch {
	case errors.Is(err, providers.ErrNotFound) && providers.Borrows(r.provider):
		return guarded{err} // it makes none
	case errors.Is(err, providers.ErrNotFound):
	case err != nil:
		return Guarded(err)
	default:
		r.found = &found
		s.Eventf(run.LevelInfo, "target.found", "cluster %s exists (%s)", found.Name, found.State)
		if err := r.admit(ctx); err != nil {
			return err
		}
	}
	if r.found != nil && r.found.State == providers.StateRunning {
		if err := r.connect(ctx); err != nil {
			return err
		}
		if err := r.refuseOthersSet(ctx); err != nil {
			return err
		}
		r.catalogue, err = r.cluster.Discover(ctx)
		return err
	}
	r.catalogue, err = r.planned()
	return err
}

// planned returns what a cluster that does not exist yet will serve.
func (r *restore) planned() (*object.Catalogue, error) {
	version := ""
	if p, ok := r.provider.(providers.Planner); ok {
		version = p.PlannedVersion(r.req.Settings)
	}
	catalogue, ok := plan.Builtin(version)
	if !ok {
		return nil, fmt.Errorf("nothing is known of what Kubernetes %q serves, so that the commit cannot be checked before the cluster is made: this rekindle knows %s to %s",
			version, plan.OldestBuiltin, plan.BuiltinVersion)
	}
	return catalogue, nil
}

// render makes the objects.
func (r *restore) render(ctx context.Context, s *run.Scope) error {
	if err := r.renderFor(ctx, r.catalogue); err != nil {
		return err
	}
	r.report.RenderNotes = r.rendered.Notes
	s.Eventf(run.LevelInfo, "render.done", "%d objects (%s)", r.rendered.Objects.Len(), r.rendered.Kind)
	for _, n := range r.rendered.Notes {
		s.Event(run.Event{Level: run.LevelDebug, Type: "render.note", Message: n.String()})
	}
	if r.rendered.Objects.Len() == 0 {
		return fmt.Errorf("nothing to restore: no Kubernetes objects in %s at %.12s: check --path", cmp.Or(r.req.Source.Path, "the root of the repository"), r.commit.SHA)
	}
	return nil
}

func (r *restore) renderFor(ctx context.Context, catalogue *object.Catalogue) (err error) {
	r.rendered, err = render.Render(ctx, r.tree, r.renderOptions(catalogue))
	return err
}

// renderOptions say how the commit is rendered for what serves catalogue.
func (r *restore) renderOptions(catalogue *object.Catalogue) render.Options {
	return render.Options{
		Commit:      r.commit.SHA,
		Path:        r.req.Source.Path,
		Kind:        r.req.Source.Kind,
		Exclude:     r.req.Source.Exclude,
		Helm:        r.req.Source.Helm,
		Catalogue:   catalogue,
		KubeVersion: catalogue.Server,
		AllowRemote: r.req.Source.AllowRemote,
		Secrets:     r.e.Secrets,
		KeepDigests: r.looking,
		Limits:      r.e.Render,
	}
}

// planFor makes the plan for a target that serves catalogue and has what exists
// tells.
func (r *restore) planFor(catalogue *object.Catalogue, exists func(object.ID) bool) (*plan.Plan, error) {
	return plan.Make(r.rendered.Objects, plan.Options{
		Commit:    r.commit.SHA,
		Catalogue: catalogue,
		Exists:    exists,
		Convert:   r.req.Convert,
	})
}
