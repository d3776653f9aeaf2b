package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

func (a *app) clustersCommand() *cobra.Command {
	c := group("clusters", "List, show, stop, start and delete clusters, and look for what is left of them",
		a.clustersListCommand(), a.clustersShowCommand(), a.clustersKubeconfigCommand(), a.clustersTokenCommand(),
		a.clustersStopCommand(), a.clustersStartCommand(), a.clustersDeleteCommand(), a.clustersForgetCommand(),
		a.clustersLeftoversCommand(), a.clustersTrustCommand())
	c.Aliases = []string{"cluster"}
	return c
}

// clusterView is one cluster as clusters list and show print it: what the
// provider says, and what the journal knows of its last restore.
type clusterView struct {
	providers.Cluster
	Restored *rebuild.ClusterRecord `json:"restored,omitempty"`
	// Outcome is how that restore ended, or "running" while it has not.
	Outcome string `json:"outcome,omitempty"`
	// Schedule is what is wanted of it, when it is declared with a schedule.
	Schedule *wantedView `json:"schedule,omitempty"`
}

// commit is what was restored last, and how that ended unless it is done.
func (c clusterView) commit() string {
	text := shortSHA(c.Restored.Commit)
	if c.Outcome != "" && c.Outcome != string(run.Done) {
		text += " (" + c.Outcome + ")"
	}
	return text
}

func (a *app) clustersListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the clusters of all providers", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := a.clusters(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return a.Terminal.JSON(list)
			}
			a.printClusters(list)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func (a *app) printClusters(list []clusterView) {
	if len(list) == 0 {
		a.Terminal.Errf("no clusters; make one with rekindle restore\n")
		return
	}
	columns := []terminal.Column{{Title: "NAME", Whole: true}, {Title: "PROVIDER"}, {Title: "STATE"},
		{Title: "VERSION"}, {Title: "COMMIT", Whole: true}, {Title: "MADE"}}
	scheduled := slices.ContainsFunc(list, func(c clusterView) bool { return c.Schedule != nil })
	if scheduled {
		columns = append(columns, terminal.Column{Title: "WANTED"}, terminal.Column{Title: "NEXT"})
	}
	var rows [][]string
	for _, c := range list {
		commit, made := "-", "-"
		if !c.Created.IsZero() {
			made = a.ago(c.Created)
		}
		if c.Restored != nil {
			commit = c.commit()
		}
		row := []string{c.Name, c.Provider, string(c.State), cmp.Or(c.Version, "-"), commit, made}
		if scheduled {
			wanted, next := a.wantedWords(c.Schedule)
			row = append(row, wanted, next)
		}
		rows = append(rows, row)
	}
	a.Terminal.Table(columns, rows)
}

func (a *app) clustersShowCommand() *cobra.Command {
	var (
		asJSON   bool
		provider string
	)
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Show one cluster", Args: exactly("NAME"), ValidArgsFunction: a.completeClusters,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.locate(cmd.Context(), args[0], provider)
			if err != nil {
				return err
			}
			records, err := a.records(cmd.Context())
			if err != nil {
				return err
			}
			view, err := a.view(cmd.Context(), c, records)
			if err != nil {
				return err
			}
			if asJSON {
				return a.Terminal.JSON(view)
			}
			a.printCluster(view)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	a.providerFlag(cmd, &provider)
	return cmd
}

func (a *app) printCluster(c clusterView) {
	t := a.Terminal
	style := terminal.Good
	if c.State != providers.StateRunning {
		style = terminal.Warn
	}
	t.Outf("%s (%s): %s\n", t.Paint(terminal.Strong, c.Name), c.Provider, t.Paint(style, string(c.State)))
	if c.Borrowed {
		a.fact("whose", "somebody else's: restored in place, never made or deleted")
	}
	if c.ID != "" {
		a.fact("id", c.ID)
	}
	if !c.Created.IsZero() {
		a.fact("made", c.Created.UTC().Format("2006-01-02 15:04Z")+" ("+a.ago(c.Created)+")")
	}
	if c.Version != "" {
		a.fact("version", c.Version)
	}
	if c.Endpoint != "" {
		a.fact("endpoint", c.Endpoint)
	}
	if c.Issuer != "" {
		a.fact("issuer", c.Issuer)
	}
	if c.Simulated {
		a.fact("simulated", "pods are only said to run: no containers here")
	}
	for _, key := range slices.Sorted(maps.Keys(c.Detail)) {
		a.fact(key, c.Detail[key])
	}
	if r := c.Restored; r != nil {
		a.fact("restored", c.commit()+" of "+r.Source.Repo)
		a.fact("by run", r.Run)
	}
	a.printWanted(c.Schedule)
}

// clusters lists what all providers that can list have, with what the journal
// knows of each.
func (a *app) clusters(ctx context.Context) ([]clusterView, error) {
	records, err := a.records(ctx)
	if err != nil {
		return nil, err
	}
	list := []clusterView{} // printed as [] when there is none
	for _, name := range a.providers.Names() {
		p, err := a.providers.Get(name)
		if err != nil {
			return nil, err
		}
		lister, ok := p.(providers.Lister)
		if !ok {
			continue
		}
		found, err := lister.List(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			a.unlisted(name, err)
			continue
		}
		for _, c := range found {
			view, err := a.view(ctx, c, records)
			if err != nil {
				return nil, err
			}
			list = append(list, view)
		}
	}
	slices.SortFunc(list, func(x, y clusterView) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Provider, y.Provider))
	})
	return list, nil
}

// unlisted says that a provider's clusters are unknown now. Those of the others
// are not, and a machine that lacks what a provider needs has none of it.
func (a *app) unlisted(provider string, err error) {
	if errors.As(err, new(*providers.MissingError)) {
		return
	}
	text, _ := splitHint(err)
	a.Terminal.EndProgress()
	a.Terminal.Errf("%s the clusters of provider %s are unknown: %s\n", a.Terminal.Paint(terminal.Warn, "warning:"), provider, text)
}

// view joins a cluster with what the journal knows of it.
func (a *app) view(ctx context.Context, c providers.Cluster, records map[clusterKey]rebuild.ClusterRecord) (clusterView, error) {
	v := clusterView{Cluster: c}
	var err error
	if v.Schedule, err = a.wantedOf(ctx, c); err != nil {
		return v, err
	}
	record, known := records[recordOf(c)]
	if !known && c.Borrowed && c.ID == "" { // it does not answer, and cannot say which it is
		record, known = records[clusterKey{c.Provider, c.Name, ""}]
	}
	if !known {
		return v, nil
	}
	v.Restored = &record
	r, err := a.store.Run(ctx, record.Run)
	if run.IsNotFound(err) { // the journal forgets old runs
		return v, nil
	}
	if err == nil {
		v.Outcome, err = a.stateOf(ctx, r)
	}
	return v, err
}

// clusterKey tells one cluster from another of the same name.
type clusterKey struct{ provider, name, id string }

func recordOf(c providers.Cluster) clusterKey { return clusterKey{c.Provider, c.Name, c.ID} }

// records returns what the journal knows of clusters.
func (a *app) records(ctx context.Context) (map[clusterKey]rebuild.ClusterRecord, error) {
	list, err := a.engine().ClusterRecords(ctx)
	if err != nil {
		return nil, err
	}
	known := map[clusterKey]rebuild.ClusterRecord{}
	for _, r := range list {
		known[clusterKey{r.Provider, r.Name, r.ID}] = r
		if r.Borrowed {
			known[clusterKey{r.Provider, r.Name, ""}] = r
		}
	}
	return known, nil
}

// locate finds a cluster by its name, with the provider that is named or with
// all of them.
func (a *app) locate(ctx context.Context, name, provider string) (providers.Cluster, error) {
	c, err := a.engine().Locate(ctx, provider, name)
	var unasked *rebuild.UnaskedError
	switch {
	case isGone(err):
		err = a.noCluster(ctx, name)
	case errors.As(err, &unasked):
		err = &unaskedError{unasked, a.clusterNames(ctx)}
	}
	return c, err
}

// unaskedError adds to an unanswered question what clusters there are.
type unaskedError struct {
	*rebuild.UnaskedError
	known []string
}

func (e *unaskedError) Hint() string {
	_, hint := splitHint(e.Err)
	if len(e.known) == 0 {
		return hint
	}
	return cmp.Or(didYouMean(e.Name, e.known), "there are: "+strings.Join(e.known, ", ")) + "\n" + hint
}

// noCluster is the error for a name that no provider has.
func (a *app) noCluster(ctx context.Context, name string) error {
	return &unknownClusterError{name: name, known: a.clusterNames(ctx)}
}

// clusterNames are the names of all clusters as far as they can be told at once:
// those that are somebody else's are not asked whether they are there, and of a cloud
// what is declared or was restored is enough.
func (a *app) clusterNames(ctx context.Context) []string {
	var names []string
	for _, provider := range a.providers.Names() {
		p, err := a.providers.Get(provider)
		if err != nil {
			continue
		}
		_, cloud := p.(providers.Tokener)
		if providers.Borrows(p) || cloud {
			declared, _ := a.declaredBy(provider) // a rekindle.yaml that cannot be read declares none
			delete(declared, "")
			names = slices.AppendSeq(names, maps.Keys(declared))
		}
		if cloud {
			names = append(names, a.recordedOf(ctx, provider)...)
		}
		if providers.Borrows(p) || cloud {
			continue
		}
		if lister, ok := p.(providers.Lister); ok {
			list, _ := lister.List(ctx) // whoever cannot list has none to offer
			for _, c := range list {
				names = append(names, c.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// recordedOf are the names of a provider's clusters that the journal has, as far as it
// can be read.
func (a *app) recordedOf(ctx context.Context, provider string) (names []string) {
	records, _ := a.engine().ClusterRecords(ctx) // whoever cannot read it has none to offer
	for _, r := range records {
		if r.Provider == provider {
			names = append(names, r.Name)
		}
	}
	return names
}

// unknownClusterError: no provider has a cluster of that name.
type unknownClusterError struct {
	name  string
	known []string
}

func (e *unknownClusterError) Error() string { return fmt.Sprintf("there is no cluster %q", e.name) }

// Unwrap lets it pass for the providers' own error.
func (e *unknownClusterError) Unwrap() error { return providers.ErrNotFound }

func (e *unknownClusterError) Hint() string {
	if near := didYouMean(e.name, e.known); near != "" {
		return near
	}
	if len(e.known) == 0 {
		return "there are none; make one with rekindle restore"
	}
	return "there are: " + strings.Join(e.known, ", ")
}

// notMadeError: a cluster that is to be compared with its commit is not there.
type notMadeError struct {
	name, next string
	err        error
}

func (e *notMadeError) Error() string { return fmt.Sprintf("cluster %s is not there", e.name) }
func (e *notMadeError) Hint() string  { return e.next }
func (e *notMadeError) Unwrap() error { return e.err }

// notMade says how a cluster is made that could not be found to be compared. One
// that is somebody else's is not for us to make.
func (a *app) notMade(err error, req rebuild.Request) error {
	if !errors.Is(err, providers.ErrNotFound) {
		return err
	}
	if p, unknown := a.providers.Get(req.Provider); unknown != nil || providers.Borrows(p) {
		return err
	}
	return &notMadeError{name: req.Cluster, next: "make it: rekindle restore" + a.words(req, ""), err: err}
}

func isGone(err error) bool {
	return errors.Is(err, providers.ErrNotFound) || errors.Is(err, fs.ErrNotExist)
}

func (a *app) providerFlag(cmd *cobra.Command, provider *string) {
	cmd.Flags().StringVar(provider, "provider", "", "`PROVIDER` that made it, when several have one of that name")
	a.completeFlag(cmd, "provider", a.completeProviders)
}
