// Package rebuild holds the recipes between a commit and a cluster. Restore takes
// a commit of a repository and stands a cluster up from it, verified; Drift tells
// how a cluster differs from a commit and writes its live state into a branch. In
// go a Request and the parts that an Engine is made of; out comes a report, and a
// journaled run that can be resumed after the process died at any instant.
//
// The restore itself is in recipe.go and fits on a screen, the export in drift.go;
// each step is a small file of its own.
package rebuild

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/sops"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// Source is where a cluster's state is declared, as written in rekindle.yaml or
// on the command line.
type Source struct {
	// Repo is a URL, a path or a bundle file, never with a password in it.
	Repo string `json:"repo"`
	// Path is the folder (or file) in the repository, "" for its root.
	Path string `json:"path,omitempty"`
	// Revision is what a person types.
	Revision string             `json:"revision,omitempty"`
	Kind     render.Kind        `json:"kind,omitempty"`
	Exclude  []string           `json:"exclude,omitempty"`
	Helm     render.HelmOptions `json:"helm,omitzero"`
	Trust
}

// Trust says which commits are accepted, and where rendering may reach. It is
// part of the journaled request, so that a resumed run is as strict as it was.
type Trust struct {
	// RequireSigned refuses a commit without a good signature by one of
	// AllowedSigners, absolute paths of OpenPGP key rings and of SSH
	// allowed_signers files.
	RequireSigned  bool     `json:"requireSigned,omitempty"`
	AllowedSigners []string `json:"allowedSigners,omitempty"`
	// AllowRemote lets kustomizations refer to other places.
	AllowRemote bool `json:"allowRemote,omitempty"`
}

// Request is what a person or a schedule asks for. It is journaled, so that it
// holds no secrets.
type Request struct {
	Cluster  string             `json:"cluster"`
	Provider string             `json:"provider"`
	Settings providers.Settings `json:"settings,omitempty"`
	Source   Source             `json:"source"`

	// Wait is how long the cluster may take to settle, and the deadline of each
	// wait in the apply step; 10 minutes when 0.
	Wait time.Duration `json:"wait,omitempty"`
	// Prune removes what an earlier restore made and this commit lacks.
	Prune bool `json:"prune,omitempty"`
	// Fresh deletes the cluster first; Confirm must then be its name.
	Fresh   bool   `json:"fresh,omitempty"`
	Confirm string `json:"confirm,omitempty"`
	// Convert replaces removed API versions where that is mechanical.
	Convert bool `json:"convert,omitempty"`
	// AllowUnserved goes on without the objects whose kind the target does not
	// serve. Those whose kind may still come are tried until a while after
	// everything else has settled; what is left out is named in the report.
	AllowUnserved bool `json:"allowUnserved,omitempty"`
	// AllowDataLoss lets Prune remove volume claims, and namespaces that hold
	// what no restore made.
	AllowDataLoss bool `json:"allowDataLoss,omitempty"`
	// Hold keeps a run that would fail in apply or settle from going on until
	// somebody says continue, retry, skip or abort, but no longer than HoldFor, an
	// hour when 0.
	Hold    bool          `json:"hold,omitempty"`
	HoldFor time.Duration `json:"holdFor,omitempty"`
	// CarryOver names Secrets that are brought back from an export, where the
	// commit does not have them; nil: none.
	CarryOver *CarryOver `json:"carryOver,omitempty"`

	// Withheld: Helm values were left out of the journaled request, so that the
	// run cannot be resumed from it.
	Withheld bool `json:"withheld,omitempty"`
}

// ForJournal returns req without credentials, and without Helm values: they may
// be secret, whatever their names.
func (req Request) ForJournal() Request {
	req.Source.Repo = source.Redact(req.Source.Repo)
	req.Withheld = len(req.Source.Helm.Set)+len(req.Source.Helm.Values) > 0
	req.Source.Helm.Set, req.Source.Helm.Values = nil, nil
	req.CarryOver = req.CarryOver.forJournal()
	return req
}

// Engine restores clusters. Its fields are its parts, wired once; it keeps no
// state of its own and may be used by several goroutines.
type Engine struct {
	Providers *providers.Registry
	Journal   run.Journal
	// Executor runs and journals the steps.
	Executor *run.Executor
	// Source says how repositories are opened; whom to trust is in each request.
	Source source.Options
	Render render.Limits
	// Secrets decrypts what SOPS has encrypted in the repository; nil refuses it.
	Secrets *sops.Opener
	Now     func() time.Time
	Rand    io.Reader
	Log     *slog.Logger
	// ExportDir is a folder for the exports' own repositories, in the cache.
	ExportDir string
	// SealKey returns the key, sops.KeySize bytes and always the same, under which
	// exports of a cluster know unchanged Secrets.
	SealKey func(cluster string) ([]byte, error)
	// Version of rekindle, stamped into the inventory of each cluster.
	Version string
}

// Consent is asked before an existing cluster is changed: d is what a restore
// in place would do. It returns false for no, or an error (which names a flag)
// when nobody can be asked.
type Consent func(ctx context.Context, d InPlace) (bool, error)

// InPlace is what a restore would change on a cluster that exists.
type InPlace struct {
	Cluster providers.Cluster `json:"cluster"`
	Commit  source.Commit     `json:"commit"`
	Drift   *drift.Report     `json:"drift"`
	// Prune tells whether what Drift calls unexpected and restored is removed.
	Prune bool `json:"prune"`
	// TakenOver are the objects of others that become ours, changed or not.
	TakenOver []TakenOver `json:"takenOver,omitempty"`
	// GivenBack are objects on a borrowed cluster that an earlier restore took
	// over and this commit lacks: with Prune they are left to their owners.
	GivenBack []object.ID `json:"givenBack,omitempty"`
}

// Changes tells whether anything would be changed at all.
func (p InPlace) Changes() bool {
	if len(p.Drift.Missing)+len(p.Drift.Changed)+len(p.Drift.Adopted) > 0 {
		return true
	}
	if p.Prune {
		if len(p.GivenBack) > 0 {
			return true
		}
		for _, u := range p.Drift.Unexpected {
			if u.Restored {
				return true
			}
		}
	}
	return false
}

// Planned is the answer to "what would be made".
type Planned struct {
	Plan   *plan.Plan    `json:"plan"`
	Commit source.Commit `json:"commit"`
	// Target says what the plan was made for: a live cluster, a provider's
	// planned version, or the built-in catalogue.
	Target string        `json:"target"`
	Notes  []render.Note `json:"notes,omitempty"`
	// Estimate is what the provider would make, and what that costs; nil when the
	// cluster is there, or nobody knows.
	Estimate *providers.Estimate `json:"estimate,omitempty"`
}
