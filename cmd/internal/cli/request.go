package cli

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/declared"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/render"
)

// requestFlags are the flags that restore, plan and verify share: which commit,
// onto what.
type requestFlags struct {
	repo, at, path, kind  string
	exclude               []string
	values, set           []string
	release, namespace    string
	provider, name        string
	convert               bool
	requireSigned, remote bool
	keyrings              []string
	allowedSigners        string
}

func (f *requestFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.repo, "repo", "", "`REPOSITORY`: URL, path or bundle")
	fs.StringVar(&f.at, "at", "", "`REVISION`: SHA, tag, branch, HEAD~3, or a time such as main@2026-11-20T18:00Z")
	fs.StringVar(&f.path, "path", "", "`FOLDER` (or file) in the repository")
	fs.StringVar(&f.kind, "kind", "", "what the folder is: auto, plain, kustomize or helm")
	fs.StringArrayVar(&f.exclude, "exclude", nil, "`GLOB` of files to leave out, relative to the folder (repeatable)")
	fs.StringArrayVar(&f.values, "values", nil, "Helm values `FILE` in the repository (repeatable)")
	fs.StringArrayVar(&f.set, "set", nil, "Helm value, `NAME=VALUE` (repeatable)")
	fs.StringVar(&f.release, "release", "", "`NAME` of the Helm release")
	fs.StringVar(&f.namespace, "helm-namespace", "", "`NAMESPACE` of the Helm release")
	fs.StringVar(&f.provider, "provider", "", "`PROVIDER` that makes the cluster")
	fs.StringVar(&f.name, "name", "", "`NAME` of the cluster")
	fs.BoolVar(&f.convert, "convert", false, "convert removed API versions where that is mechanical")
	f.registerTrust(fs)
}

// registerTrust registers the flags that runs resume has, too.
func (f *requestFlags) registerTrust(fs *pflag.FlagSet) {
	fs.BoolVar(&f.requireSigned, "require-signed", false, "refuse a commit without a good signature")
	fs.StringArrayVar(&f.keyrings, "keyring", nil, "`FILE` of OpenPGP public keys that may sign (repeatable)")
	fs.StringVar(&f.allowedSigners, "allowed-signers", "", "`FILE` of SSH keys that may sign")
	fs.BoolVar(&f.remote, "allow-remote", false, "let kustomizations refer to other places")
}

// wants says what a command cannot do without.
type wants struct {
	// target: a name must be known. Who makes the cluster is found by it.
	target bool
}

// asked is what a person asked for.
type asked struct{ rebuild.Request }

// request puts together what rekindle.yaml declares for the cluster named in
// args, if any, and what the flags say, which win.
func (a *app) request(cmd *cobra.Command, args []string, f *requestFlags, w wants) (asked, error) {
	var q asked
	q.Source.Revision = "HEAD"
	if len(args) > 0 {
		cluster, err := a.declared(args[0])
		if err != nil {
			return q, err
		}
		q = asked{declared.Request(cluster)}
	}
	if err := f.override(cmd.Flags(), &q); err != nil {
		return q, err
	}
	if cmd.Flags().Changed("provider") && f.provider != q.Provider {
		file, err := a.sharing()
		if err != nil {
			return q, err
		}
		declared.Onto(file, &q.Request, f.provider)
	}
	if q.Source.Repo == "" {
		return q, a.needsRepo(cmd)
	}
	if q.Cluster != "" {
		if err := config.CheckName(q.Cluster); err != nil {
			return q, &usageError{message: "--name: " + err.Error()}
		}
	}
	if q.Provider != "" {
		p, err := a.providers.Get(q.Provider)
		if err != nil {
			return q, err
		}
		if err := p.Check(q.Settings); err != nil {
			return q, &usageError{message: fmt.Sprintf("provider %s: %v", q.Provider, err)}
		}
	}
	if w.target && q.Cluster == "" {
		return q, &usageError{message: "which cluster? --name is missing", next: "add --name NAME, or name a cluster of rekindle.yaml"}
	}
	return q, nil
}

// sharing is rekindle.yaml for the settings that all clusters of a provider share;
// nil when there is none.
func (a *app) sharing() (*config.Config, error) {
	c, err := a.readConfig()
	if errors.Is(err, config.ErrNone) {
		return nil, nil
	}
	return c, err
}

// noProvider is the error for want of somebody who makes a cluster.
func (a *app) noProvider() error {
	return &usageError{message: "who makes the cluster? --provider is missing",
		next: "add --provider " + strings.Join(a.providers.Names(), "|")}
}

// needsRepo is the error for want of a repository, with what could be typed.
func (a *app) needsRepo(cmd *cobra.Command) error {
	e := &usageError{message: "which repository? --repo is missing", next: "add --repo URL|PATH|BUNDLE"}
	c, err := a.config()
	switch {
	case errors.Is(err, config.ErrNone):
		e.next += ", or declare clusters in rekindle.yaml"
	case err != nil:
		return err
	case len(c.Clusters) > 0:
		e.message = "which cluster? none was named"
		e.next = fmt.Sprintf("%s %s (declared in %s), or add --repo", cmd.CommandPath(), strings.Join(c.Names(), "|"), c.File)
	}
	return e
}

// declared returns a cluster of rekindle.yaml.
func (a *app) declared(name string) (config.Cluster, error) {
	c, err := a.config()
	if errors.Is(err, config.ErrNone) {
		none, _ := splitHint(err)
		return config.Cluster{}, &usageError{
			message: fmt.Sprintf("cluster %q is not declared: %s", name, none),
			next:    "without a rekindle.yaml give --repo, --provider and --name",
		}
	}
	if err != nil {
		return config.Cluster{}, err
	}
	return c.Cluster(name)
}

// override lays the flags that were given over q.
func (f *requestFlags) override(fs *pflag.FlagSet, q *asked) error {
	if fs.Changed("repo") {
		repo, err := repository(f.repo)
		if err != nil {
			return err
		}
		if repo != q.Source.Repo {
			// Another repository: what the declared one needs says nothing about it.
			q.Source = rebuild.Source{Repo: repo, Revision: "HEAD", Trust: q.Source.Trust}
		}
	}
	if fs.Changed("at") {
		if strings.TrimSpace(f.at) == "" {
			return &usageError{message: "--at is empty", next: "give a branch, a tag, a SHA or a time, or leave the flag out"}
		}
		q.Source.Revision = f.at
	}
	if fs.Changed("kind") {
		kinds := []string{string(render.KindAuto), string(render.KindPlain), string(render.KindKustomize), string(render.KindHelm)}
		if !slices.Contains(kinds, f.kind) {
			return &usageError{message: fmt.Sprintf("--kind %q is none of %s", f.kind, strings.Join(kinds, ", ")), next: didYouMean(f.kind, kinds)}
		}
		q.Source.Kind = render.Kind(f.kind)
	}
	for _, p := range append(slices.Clone(f.values), f.path) {
		if p != "" && !filepath.IsLocal(p) {
			return &usageError{message: fmt.Sprintf("%q is not a path inside the repository", p),
				next: "give it from the repository's root, with slashes and without .."}
		}
	}
	override(fs, "path", &q.Source.Path, path.Clean(f.path))
	if q.Source.Path == "." {
		q.Source.Path = ""
	}
	override(fs, "exclude", &q.Source.Exclude, f.exclude)
	override(fs, "values", &q.Source.Helm.ValuesFiles, f.values)
	override(fs, "set", &q.Source.Helm.Set, f.set)
	override(fs, "release", &q.Source.Helm.Release, f.release)
	override(fs, "helm-namespace", &q.Source.Helm.Namespace, f.namespace)
	override(fs, "name", &q.Cluster, f.name)
	override(fs, "convert", &q.Convert, f.convert)
	return f.overrideTrust(fs, &q.Source.Trust)
}

func (f *requestFlags) overrideTrust(fs *pflag.FlagSet, t *rebuild.Trust) error {
	override(fs, "require-signed", &t.RequireSigned, f.requireSigned)
	override(fs, "allow-remote", &t.AllowRemote, f.remote)
	var files []string
	for _, file := range append(slices.Clone(f.keyrings), f.allowedSigners) {
		if file == "" {
			continue
		}
		abs, err := filepath.Abs(file)
		if err != nil {
			return &usageError{message: err.Error()}
		}
		files = append(files, abs)
	}
	if len(files) > 0 {
		if !t.RequireSigned {
			return &usageError{message: "--keyring and --allowed-signers mean nothing without --require-signed", next: "add --require-signed"}
		}
		t.AllowedSigners = files
	}
	if t.RequireSigned && len(t.AllowedSigners) == 0 {
		return &usageError{message: "--require-signed: who may sign?", next: "add --keyring FILE or --allowed-signers FILE"}
	}
	return nil
}

func override[T any](fs *pflag.FlagSet, name string, field *T, value T) {
	if fs.Changed(name) {
		*field = value
	}
}

// repository checks an address and makes a path absolute, because a run is
// resumed from any folder. An address with a password is refused: it would be
// journaled.
func repository(repo string) (string, error) {
	if repo == "" {
		return "", &usageError{message: "--repo is empty", next: "give a URL, a path or a bundle"}
	}
	if strings.Contains(repo, "://") {
		u, err := url.Parse(repo)
		if err != nil {
			return "", &usageError{message: "--repo is not an address that can be read",
				next: "percent-encode special characters in it"}
		}
		if _, secret := u.User.Password(); secret {
			return "", &usageError{message: "--repo holds a password, which would end up in the shell's history and the journal",
				next: "take it out, and set REKINDLE_GIT_TOKEN_FILE (or REKINDLE_GIT_TOKEN) instead"}
		}
		return repo, nil
	}
	if _, err := os.Stat(repo); err != nil {
		if head, _, _ := strings.Cut(repo, "/"); strings.Contains(head, ":") {
			return repo, nil // git@host:path
		}
	}
	abs, err := filepath.Abs(repo)
	if err != nil {
		return "", &usageError{message: "--repo: " + err.Error()}
	}
	return abs, nil
}

// applyFlags are the flags of restore alone.
type applyFlags struct {
	wait                         time.Duration
	prune, fresh                 bool
	confirm                      string
	allowUnserved, allowDataLoss bool
	yes, hold                    bool
}

func (f *applyFlags) register(fs *pflag.FlagSet) {
	fs.DurationVar(&f.wait, "wait", 10*time.Minute, "how long objects may take to become healthy")
	fs.BoolVar(&f.prune, "prune", false, "in place: remove what an earlier restore made and this commit lacks")
	fs.BoolVar(&f.fresh, "fresh", false, "delete the cluster first and make it anew (wants --confirm)")
	fs.StringVar(&f.confirm, "confirm", "", "`NAME` of the cluster that --fresh deletes")
	fs.BoolVar(&f.allowUnserved, "allow-unserved", false, "go on without objects whose kind the cluster does not serve")
	fs.BoolVar(&f.allowDataLoss, "allow-data-loss", false, "let --prune remove volume claims and what they hold")
	fs.BoolVar(&f.hold, "hold", false, "when objects fail, wait up to an hour for rekindle runs retry, skip, continue or abort")
	fs.BoolVarP(&f.yes, "yes", "y", false, "agree to the changes on a cluster that exists")
}

func (f *applyFlags) override(fs *pflag.FlagSet, q *asked) error {
	if fs.Changed("wait") {
		if f.wait <= 0 {
			return &usageError{message: fmt.Sprintf("--wait %s is not a time to wait", f.wait), next: "give a duration such as 90s or 10m"}
		}
		q.Wait = f.wait
	}
	override(fs, "prune", &q.Prune, f.prune)
	override(fs, "allow-unserved", &q.AllowUnserved, f.allowUnserved)
	q.AllowDataLoss, q.Fresh, q.Confirm, q.Hold = f.allowDataLoss, f.fresh, f.confirm, f.hold
	if f.confirm != "" && !f.fresh {
		return &usageError{message: "--confirm means nothing without --fresh", next: "use --yes to agree to changes on a cluster that exists"}
	}
	if f.confirm != "" && f.confirm != q.Cluster {
		return &refusedError{message: fmt.Sprintf("--confirm %s is not the name of the cluster, %s", f.confirm, q.Cluster),
			next: "nothing was deleted; type the name of the cluster that may go"}
	}
	return nil
}
