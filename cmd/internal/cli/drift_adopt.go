package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/declared"
	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/rebuild"
)

// adoptFlags are the flags of drift adopt alone.
type adoptFlags struct {
	only          []string
	branch        string
	force, asJSON bool
	all           bool
}

func (a *app) driftAdoptCommand() *cobra.Command {
	var (
		which requestFlags
		d     = driftFlags{format: "text"}
		f     adoptFlags
	)
	cmd := &cobra.Command{
		Use:   "adopt [CLUSTER]",
		Short: "Write live values back into the manifests of git",
		Long: `Write what a live cluster has into the manifests that made its objects: a field
that was edited by hand is edited in its file, what nobody declared becomes a new
file, what was deleted goes. Comments, order and style of the files stay. A value
that a kustomization sets is changed there, and a base that others build upon is
patched where it is used.

Without --branch the change is shown and nothing is written. With it one commit
on top of the commit that was compared goes to that branch of the repository, to
be looked at and merged like any other. A branch of somebody else, work trees and
the cluster are left alone.

What is written is proven first: the manifests render to what they did but for
just these changes, and the cluster no longer differs in them. What cannot be
written is named with what to do instead (exit code 4): Helm's output is made
from values, and those of Secrets do not belong into git.`,
		Example: `  rekindle drift adopt dev
  rekindle drift adopt dev --only Deployment/web --only 'ConfigMap shop/*'
  rekindle drift adopt dev --only Deployment/web#spec.replicas --branch scale-web
  rekindle drift adopt dev --json | jq -r '.files[].diff' | git apply`,
		Args:              atMost(1),
		ValidArgsFunction: a.completeDeclared,
		RunE: func(cmd *cobra.Command, args []string) error {
			drift, err := a.driftRequest(cmd, args, &which, &d)
			if err != nil {
				return err
			}
			req, err := a.adoptRequest(cmd, drift, f)
			if err != nil {
				return err
			}
			return a.adopt(cmd.Context(), req, f)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&f.branch, "branch", "", "`BRANCH` of the source's repository to commit to")
	cmd.Flags().StringArrayVar(&f.only, "only", nil, "adopt just this `OBJECT`: KIND/[NAMESPACE/]NAME[#FIELD] (repeatable)")
	cmd.Flags().StringVar(&d.against, "against", "", "compare with this `REVISION` (default: the declared one)")
	cmd.Flags().BoolVar(&f.force, "force", false, "delete from git although the last restore is not verified, or most is missing")
	cmd.Flags().BoolVar(&f.all, "all", false, "show every change and all of the diff, however much")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print as JSON")
	which.register(cmd.Flags())
	_ = cmd.Flags().MarkHidden("at") // --against says it better
	a.completeRequest(cmd)
	a.completeFlag(cmd, "against", nil)
	a.completeFlag(cmd, "branch", nil)
	a.completeFlag(cmd, "only", nil)
	return cmd
}

func (a *app) adoptRequest(cmd *cobra.Command, drift rebuild.DriftRequest, f adoptFlags) (rebuild.AdoptRequest, error) {
	req := rebuild.AdoptRequest{DriftRequest: drift, Only: f.only, Branch: f.branch, Force: f.force}
	if cmd.Flags().Changed("branch") && strings.TrimSpace(f.branch) == "" {
		return req, &usageError{message: "--branch is empty", next: "name a new branch, or leave the flag out to see the change"}
	}
	for _, only := range f.only {
		if _, err := rebuild.ParseSelector(only); err != nil {
			text, hint := splitHint(err)
			return req, &usageError{message: text, next: hint}
		}
	}
	c, err := a.config()
	if errors.Is(err, config.ErrNone) {
		return req, nil
	}
	if err != nil {
		return req, err
	}
	req.Roots = declared.OtherRoots(c, req.Cluster, req.Source)
	return req, nil
}

func (a *app) adopt(ctx context.Context, req rebuild.AdoptRequest, f adoptFlags) error {
	var made *rebuild.Adoption
	var err error
	if req.Branch == "" {
		a.stage("comparing "+req.Cluster+" with the commit", "")
		made, err = a.engine().Adopt(ctx, req, nil)
	} else {
		if err := a.store.Check(ctx); err != nil {
			return err
		}
		watch := a.watch(req.Request)
		made, err = a.engine().Adopt(ctx, req, watch.observe)
		watch.stop()
	}
	a.Terminal.EndProgress()
	err = a.notMade(withoutRun(err), req.Request)
	if made == nil {
		return err
	}
	if f.asJSON {
		return errors.Join(err, a.Terminal.JSON(made))
	}
	adoptScreen{app: a, all: f.all}.print(made, req, err)
	return errors.Join(err, a.Terminal.Failed())
}

// printAdoptNext says what to do with what was made.
func (a *app) printAdoptNext(m *rebuild.Adoption, req rebuild.AdoptRequest, err error) {
	t := a.Terminal
	if len(m.Files) == 0 && m.Proposed == nil || err != nil && !errors.As(err, new(*rebuild.NotAdoptedError)) {
		return
	}
	if m.Proposed == nil {
		t.Outf("\nNothing was written. To commit this on top of %s:\n  rekindle drift adopt%s --branch NAME\n", shortSHA(m.Commit.SHA), a.adoptWords(req))
		return
	}
	p := m.Proposed
	switch {
	case p.Unchanged:
		t.Outf("\n%s has this already, at %s\n", t.Paint(terminal.Strong, p.Branch), shortSHA(p.Commit))
	case p.Created:
		t.Outf("\n%s is new, at %s\n", t.Paint(terminal.Strong, p.Branch), shortSHA(p.Commit))
	default:
		t.Outf("\n%s is at %s now\n", t.Paint(terminal.Strong, p.Branch), shortSHA(p.Commit))
	}
	t.Outf("\n%s\n", t.Paint(terminal.Strong, "Next"))
	t.Outf("  open a pull request for the branch %s\n", p.Branch)
	t.Outf("  rekindle drift%s\n", a.againstWords(req.Request, p.Branch))
}

// adoptWords are the arguments that ask for the same again.
func (a *app) adoptWords(req rebuild.AdoptRequest) string {
	words := a.againstWords(req.Request, req.Source.Revision)
	for _, only := range req.Only {
		words += " --only " + quote(only)
	}
	if req.Force {
		words += " --force"
	}
	return words
}

// againstWords are the arguments of drift for a cluster and a revision, which
// goes without saying when it is the declared one.
func (a *app) againstWords(req rebuild.Request, revision string) string {
	usual := "HEAD"
	if a.isDeclared(req) {
		usual = a.loaded.Clusters[req.Cluster].Source.Revision
	}
	req.AllowUnserved = false // no flag of drift
	words := a.words(verifying(req), "")
	if revision != usual {
		words += " --against " + quote(revision)
	}
	return words
}
