package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/recover/rebuild"
)

func (a *app) verifyCommand() *cobra.Command {
	var (
		which         requestFlags
		allowUnserved bool
		asJSON        bool
	)
	cmd := &cobra.Command{
		Use:   "verify [CLUSTER]",
		Short: "Tell whether a cluster is a commit",
		Long: `Compare a cluster with a commit: nothing missing, nothing different, nothing
unexpected. Nothing is changed. Exit code 4, and the list, when it is not.

CLUSTER is declared in rekindle.yaml; flags win over what is declared there.`,
		Example: `  rekindle verify dev
  rekindle verify --name dev --repo ./deploy --at v1.4`,
		Args:              atMost(1),
		ValidArgsFunction: a.completeDeclared,
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := a.request(cmd, args, &which, wants{target: true})
			if err != nil {
				return err
			}
			override(cmd.Flags(), "allow-unserved", &q.AllowUnserved, allowUnserved)
			return a.verify(cmd.Context(), q, asJSON)
		},
	}
	cmd.Flags().SortFlags = false
	which.register(cmd.Flags())
	cmd.Flags().BoolVar(&allowUnserved, "allow-unserved", false, "do not count objects whose kind the cluster does not serve")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	a.completeRequest(cmd)
	return cmd
}

func (a *app) verify(ctx context.Context, q asked, asJSON bool) error {
	if q.Provider == "" {
		found, err := a.locate(ctx, q.Cluster, "")
		if err != nil {
			return err
		}
		q.Provider = found.Provider
	}
	a.stage("comparing "+q.Cluster+" with the commit", "")
	report, err := a.engine().Verify(ctx, q.Request)
	a.Terminal.EndProgress()
	if err != nil {
		return a.notMade(err, q.Request)
	}
	if asJSON {
		err = a.Terminal.JSON(report)
	} else {
		a.printVerification(report)
	}
	if err != nil || report.Verified {
		return err
	}
	return &unverifiedError{
		message: fmt.Sprintf("cluster %s is not %s: %s", q.Cluster, shortSHA(report.Commit.SHA), report.Error),
		next:    lines(a.corrections(report, q.Request)),
	}
}

func (a *app) printVerification(r *rebuild.Report) {
	a.printVerdict(r)
	a.printFacts(r)
	if r.Drift != nil {
		a.fact("compared", count(r.Drift.Compared, "object"))
	}
	a.printNotApplied("Cannot be there", r.NotApplied)
	a.printStatuses("Not healthy", r.Unsettled)
	if r.Drift != nil {
		a.printDrift(r)
	}
}
