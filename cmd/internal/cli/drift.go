package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/sops"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// driftFlags are the flags of drift alone.
type driftFlags struct {
	against, format                string
	export, push, force            bool
	repo, branch                   string
	replaceEncrypted               bool
	recipients                     []string
	explain, asJSON, exitCode, all bool
}

// formats are the words behind --format.
func formats() []string { return []string{"text", "markdown", "json", "sarif", "junit"} }

func (a *app) driftCommand() *cobra.Command {
	var (
		which requestFlags
		f     driftFlags
	)
	cmd := &cobra.Command{
		Use:   "drift [CLUSTER]",
		Short: "Tell how a live cluster differs from git, and export its state",
		Long: `Compare a live cluster with a commit, field by field: what changed, who changed it
and when, what is missing, what nobody declared, and what would be lost if the
cluster died now. The cluster is only read.

--export writes the live state with that report into a branch of its own, one
file for each object; --push brings the branch to the repository, never by
force. Secrets are encrypted for the recipients of rekindle.yaml (SOPS, age), or
kept as digests that show a change and nothing else.

CLUSTER is declared in rekindle.yaml; flags win over what is declared there.`,
		Example: `  rekindle drift dev
  rekindle drift dev --against v1.4 --format markdown
  rekindle drift dev --export --push
  rekindle drift dev --exit-code --format sarif > drift.sarif`,
		Args:              atMost(1),
		ValidArgsFunction: a.completeDeclared,
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := a.driftRequest(cmd, args, &which, &f)
			if err != nil {
				return err
			}
			return a.drift(cmd.Context(), req, f)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&f.against, "against", "", "compare with this `REVISION` (default: the declared one)")
	cmd.Flags().BoolVar(&f.export, "export", false, "write the live state into the cluster's branch")
	cmd.Flags().BoolVar(&f.push, "push", false, "push the branch")
	cmd.Flags().BoolVar(&f.force, "force", false, "export although the last restore is not verified, or most files would go")
	cmd.Flags().StringVar(&f.repo, "export-repo", "", "`REPOSITORY` to export into (default: the source's own)")
	cmd.Flags().StringVar(&f.branch, "export-branch", "", "`BRANCH` to export to (default: rekindle/CLUSTER)")
	cmd.Flags().StringArrayVar(&f.recipients, "recipient", nil, "age `KEY` to encrypt Secrets for (repeatable)")
	cmd.Flags().BoolVar(&f.replaceEncrypted, "replace-encrypted", false, "let digests take the place of Secrets that the branch has encrypted")
	cmd.Flags().StringVar(&f.format, "format", "text", strings.Join(formats(), ", "))
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print the report as JSON")
	cmd.Flags().BoolVar(&f.explain, "explain", false, "name what is left out, and why")
	cmd.Flags().BoolVar(&f.all, "all", false, "show every difference and finding, however many")
	cmd.Flags().BoolVar(&f.exitCode, "exit-code", false, "exit with 3 when the cluster differs, or a part of it could not be looked at")
	which.register(cmd.Flags())
	_ = cmd.Flags().MarkHidden("at") // --against says it better
	a.completeRequest(cmd)
	a.completeFlag(cmd, "against", nil)
	a.completeFlag(cmd, "format", func(context.Context) []string { return formats() })
	cmd.AddCommand(a.driftAdoptCommand())
	return cmd
}

// driftRequest puts together what is declared and what the flags say.
func (a *app) driftRequest(cmd *cobra.Command, args []string, which *requestFlags, f *driftFlags) (rebuild.DriftRequest, error) {
	var req rebuild.DriftRequest
	q, err := a.request(cmd, args, which, wants{target: true})
	if err != nil {
		return req, err
	}
	if cmd.Flags().Changed("against") {
		if strings.TrimSpace(f.against) == "" {
			return req, &usageError{message: "--against is empty", next: "give the revision to compare with"}
		}
		q.Source.Revision = f.against
	}
	if err := f.check(cmd); err != nil {
		return req, err
	}
	if f.asJSON {
		f.format = "json"
	}
	if !slices.Contains(formats(), f.format) {
		return req, &usageError{message: fmt.Sprintf("--format %q is none of %s", f.format, strings.Join(formats(), ", ")), next: didYouMean(f.format, formats())}
	}
	if q.Provider == "" {
		found, err := a.locate(cmd.Context(), q.Cluster, "")
		if err != nil {
			return req, err
		}
		q.Provider = found.Provider
	}
	req.Request, req.Explain, req.Times = q.Request, f.explain, true
	declared, err := a.declaredDrift(&req)
	if err != nil || !f.export {
		return req, err
	}
	if req.Export, err = exportTarget(cmd, &req, f, declared); err != nil {
		return req, err
	}
	_, err = a.sealKey(req.Cluster) // before anything is journaled
	return req, err
}

// check refuses flags that would do nothing.
func (f *driftFlags) check(cmd *cobra.Command) error {
	if f.asJSON && cmd.Flags().Changed("format") && f.format != "json" {
		return &usageError{message: "--json and --format " + f.format + " are two forms", next: "give one of them"}
	}
	if cmd.Flags().Lookup("export") == nil || f.export {
		return nil
	}
	for _, name := range []string{"push", "force", "export-repo", "export-branch", "recipient", "replace-encrypted"} {
		if cmd.Flags().Changed(name) {
			return &usageError{message: "--" + name + " means nothing without --export", next: "add --export, or leave it out"}
		}
	}
	return nil
}

// exportTarget is where an export goes: flags win over what is declared.
func exportTarget(cmd *cobra.Command, req *rebuild.DriftRequest, f *driftFlags, declared config.Export) (*rebuild.ExportTarget, error) {
	to := &rebuild.ExportTarget{
		Repo: cmp.Or(declared.Repo, req.Source.Repo), Branch: cmp.Or(declared.Branch, "rekindle/"+req.Cluster),
		Recipients: declared.Recipients, ReplaceEncrypted: f.replaceEncrypted, Push: f.push, Force: f.force,
	}
	override(cmd.Flags(), "recipient", &to.Recipients, f.recipients)
	if _, err := sops.ParseRecipients(to.Recipients); err != nil {
		return nil, &usageError{message: "--recipient: " + err.Error(), next: "give a public key: age1…, ssh-ed25519 … or ssh-rsa …"}
	}
	override(cmd.Flags(), "export-branch", &to.Branch, f.branch)
	if !source.ValidRefName("refs/heads/" + to.Branch) {
		return nil, &usageError{message: fmt.Sprintf("--export-branch: %q is no name of a branch", to.Branch), next: "name one such as rekindle/" + req.Cluster}
	}
	if cmd.Flags().Changed("export-repo") {
		var err error
		if to.Repo, err = repository(f.repo); err != nil {
			return nil, err
		}
	}
	return to, nil
}

// declaredDrift fills in the rules that rekindle.yaml has for the cluster.
func (a *app) declaredDrift(req *rebuild.DriftRequest) (config.Export, error) {
	c, err := a.config()
	if errors.Is(err, config.ErrNone) {
		return config.Export{}, nil
	}
	if err != nil {
		return config.Export{}, err
	}
	declared, there := c.Clusters[req.Cluster]
	if !there {
		return config.Export{}, nil
	}
	req.Ignore = c.IgnoreRules(req.Cluster)
	req.Include, req.Exclude = c.CaptureRules(req.Cluster)
	return declared.Drift.Export, nil
}

func (a *app) drift(ctx context.Context, req rebuild.DriftRequest, f driftFlags) error {
	engine := a.engine()
	var found *rebuild.Drift
	var err error
	if req.Export == nil {
		a.stage("comparing "+req.Cluster+" with the commit", "")
		found, err = engine.Drift(ctx, req, nil)
	} else {
		if err := a.store.Check(ctx); err != nil {
			return err
		}
		watch := a.watch(req.Request)
		found, err = engine.Drift(ctx, req, watch.observe)
		watch.stop()
	}
	a.Terminal.EndProgress()
	err = a.notMade(withoutRun(err), req.Request)
	if found == nil {
		return err
	}
	if printErr := a.printDriftReport(found, req, f); printErr != nil {
		return errors.Join(err, printErr)
	}
	if err = errors.Join(err, a.Terminal.Failed()); err != nil {
		return err
	}
	if f.exitCode && (!found.Clean() || len(found.Unknown) > 0) {
		return &driftError{}
	}
	return nil
}

func (a *app) printDriftReport(d *rebuild.Drift, req rebuild.DriftRequest, f driftFlags) error {
	var raw []byte
	var err error
	switch f.format {
	case "json":
		return a.Terminal.JSON(d)
	case "markdown":
		raw = d.Markdown(show.MarkdownOptions{})
	case "sarif":
		raw, err = d.SARIF()
	case "junit":
		raw, err = d.JUnit()
	default:
		n := a.printLines(d, f)
		a.printExport(d, req.Export)
		a.printDriftNext(d, req, n)
		return nil
	}
	if err == nil {
		a.Terminal.Outf("%s", terminal.Lines(string(raw)))
	}
	return err
}

// printLines prints the report, and returns how many lines that took.
func (a *app) printLines(d *rebuild.Drift, f driftFlags) (n int) {
	t := a.Terminal
	opts := show.Folded(t.Width)
	if f.all {
		opts = show.LineOptions{Width: t.Width}
	}
	for line := range d.Lines(opts) {
		n++
		for _, span := range line {
			t.Outf("%s", t.Paint(painted(span.Style), span.Text))
		}
		t.Outf("\n")
	}
	a.printLeftOut(d.LeftOut, f.explain)
	if f.explain {
		a.printIgnored(d.Ignored)
	}
	return n
}

// painted is how a terminal shows a style of a report.
func painted(s show.Style) terminal.Style {
	switch s {
	case show.Strong:
		return terminal.Strong
	case show.Faint:
		return terminal.Faint
	case show.Hunk:
		return terminal.Mark
	case show.Removed, show.Bad:
		return terminal.Bad
	case show.Added, show.Good:
		return terminal.Good
	case show.Warn:
		return terminal.Warn
	}
	return terminal.Plain
}

// printLeftOut says how many live objects are no part of the report, and with
// explain which and why.
func (a *app) printLeftOut(e capture.Explanation, explain bool) {
	t := a.Terminal
	if !explain {
		n := 0
		for _, g := range e.LeftOut {
			n += g.Count
		}
		t.Outf("\n%s taken, %s left out: --explain says why\n", count(e.Taken, "live object"), count(n, "object"))
		return
	}
	t.Outf("\n%s\n", t.Paint(terminal.Strong, "Left out"))
	for _, g := range e.LeftOut {
		if g.Count == 0 {
			t.Outf("  %s: not listed: %s\n", g.Why, strings.Join(g.Kinds, ", "))
			continue
		}
		t.Outf("  %s (%d)\n", g.Why, g.Count)
		for _, o := range g.Objects {
			if o.Detail == "" {
				t.Outf("    %s\n", o.ID)
			} else {
				t.Outf("    %s: %s\n", o.ID, o.Detail)
			}
		}
	}
}

// printIgnored names the differences that do not count: those that rules are about,
// and those that are left to machines.
func (a *app) printIgnored(list []show.Ignored) {
	t := a.Terminal
	if len(list) == 0 {
		return
	}
	t.Outf("\n%s\n", t.Paint(terminal.Strong, "Not counted"))
	for _, i := range list {
		what := cmp.Or(i.Path, string(i.Drift))
		t.Outf("  %s  %s: %s\n", i.ID, what, i.Why)
	}
}

// printExport says what came of the export.
func (a *app) printExport(d *rebuild.Drift, target *rebuild.ExportTarget) {
	t := a.Terminal
	e := d.Export
	if e == nil {
		return
	}
	commit, changes := shortSHA(e.Commit), fmt.Sprintf("%s: %d added, %d changed, %d deleted", count(e.Files, "file"), e.Added, e.Changed, e.Deleted)
	switch {
	case d.Pushed && e.Unchanged:
		t.Outf("\nExport: pushed %s, which waited here, to %s (%s)\n", commit, target.Branch, count(e.Files, "file"))
	case d.Pushed:
		t.Outf("\nExport: pushed %s to %s\n  %s\n", commit, target.Branch, changes)
	case e.Waiting && e.Unchanged:
		t.Outf("\nExport: nothing has changed since %s, which waits here:\n  --push brings it to %s\n", commit, target.Branch)
	case e.Waiting:
		t.Outf("\nExport: committed %s, which waits here: --push brings it to %s\n  %s\n", commit, target.Branch, changes)
	default:
		t.Outf("\nExport: nothing has changed since %s on %s (%s)\n", commit, target.Branch, count(e.Files, "file"))
	}
	if e.Kept > 0 {
		t.Outf("  %s kept as they were: what could not be listed or written is unknown, not gone\n", count(e.Kept, "file"))
	}
	for _, gap := range d.NotExported {
		t.Outf("  %s: %s\n", t.Paint(terminal.Warn, "not exported "+gap.ID.String()), gap.Reason)
	}
	for _, note := range d.Notes {
		t.Outf("  %s %s: %s names its file, keyFile under drift.export in rekindle.yaml, too\n", t.Paint(terminal.Warn, "note:"), note, envExportKeyFile)
	}
}
