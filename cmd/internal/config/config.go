// Package config reads rekindle.yaml, the file that declares clusters: what
// goes in is the file's bytes, what comes out is a Config in which every path
// is absolute and every default filled in, or an *InvalidError that lists all
// that is wrong with line, column and a suggestion.
//
// The types below are the only description of the file: their tags drive the
// strict decoding and the JSON Schema alike. A new section is a new field with
// tags, and a check in check.go when it has rules between fields.
//
//	yaml      the key
//	doc       one sentence for the schema
//	required  "true": must be there and not empty
//	enum      the words that are allowed, separated by commas
//	default   the value when the key is absent
package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/nearest"
)

// Config is the content of one rekindle.yaml.
type Config struct {
	// File is the path that was given to Load.
	File     string             `yaml:"-"`
	Clusters map[string]Cluster `yaml:"clusters" doc:"The declared clusters by name. A name is a DNS label of at most 40 characters."`

	Providers map[string]providers.Settings `yaml:"providers" doc:"Settings that all clusters of a provider share, by the provider's name. A cluster's own settings win, key by key."`

	Daemon Daemon          `yaml:"daemon" doc:"How rekindle daemon works."`
	Notify []NotifyChannel `yaml:"notify" doc:"Who is told of what the daemon does."`

	positions map[string]Position
}

// Cluster is one declared target.
type Cluster struct {
	// Name is the cluster's key in the file.
	Name     string `yaml:"-"`
	Source   Source `yaml:"source" required:"true" doc:"Where the cluster's manifests come from."`
	Provider string `yaml:"provider" required:"true" doc:"Who makes and removes the cluster: local, kind, eks, or existing for one of somebody else."`
	// Settings are merged with what all clusters of the provider share.
	Settings providers.Settings `yaml:"settings" doc:"The provider's own settings; they win over those below providers, key by key."`
	Restore  Restore            `yaml:"restore" doc:"How a restore of this cluster behaves unless flags say otherwise."`
	Drift    Drift              `yaml:"drift" doc:"How this cluster is compared with its source, and where its live state is exported to."`

	Schedule  Schedule          `yaml:"schedule" doc:"When the cluster is up; rekindle daemon sees to it."`
	Protected bool              `yaml:"protected" default:"false" doc:"Never torn down, neither by the schedule nor by hand, until this is taken back."`
	Teardown  Teardown          `yaml:"teardown" doc:"What a teardown of this cluster may do."`
	CarryOver []Selection       `yaml:"carryOver" doc:"Secrets that a recreate brings back from the last export, such as issued certificates and sealing keys. Needs drift.export.recipients."`
	Price     *Price            `yaml:"price" doc:"What the cluster costs while it is there, for rekindle schedule report."`
	Labels    map[string]string `yaml:"labels" doc:"Labels of people, to group and filter clusters by."`
}

// Source says where manifests come from and how to read them.
type Source struct {
	// Repo is a URL, an scp-like address (git@host:path), or an absolute path
	// of a repository or bundle on this machine.
	Repo     string   `yaml:"repo" required:"true" doc:"The repository: a URL, or a path of a repository or bundle, relative to this file. Credentials do not belong here."`
	Path     string   `yaml:"path" doc:"The folder in the repository that holds the manifests, from the repository's root. Empty: the root."`
	Revision string   `yaml:"revision" default:"HEAD" doc:"What to restore when no --at is given: a branch, tag, SHA, HEAD~3, or branch@time."`
	Kind     string   `yaml:"kind" enum:"auto,plain,kustomize,helm" default:"auto" doc:"How to read the folder; auto finds out."`
	Helm     Helm     `yaml:"helm" doc:"How to render the folder when it is a Helm chart."`
	Exclude  []string `yaml:"exclude" doc:"Globs of files that are not manifests, relative to path; ** crosses folders."`
	// RequireSigned is nil when unsigned commits are fine.
	RequireSigned *RequireSigned `yaml:"requireSigned" doc:"Restore only commits that bear a good signature of one of these keys."`
}

// Helm says how a chart is rendered.
type Helm struct {
	Release   string   `yaml:"release" doc:"The release's name. Empty: the name of the chart's folder."`
	Namespace string   `yaml:"namespace" doc:"The release's namespace. Empty: default."`
	Values    []string `yaml:"values" doc:"Values files in the repository at the restored commit, from the repository's root; later ones win."`
	Set       []string `yaml:"set" doc:"Single values as for helm --set: name=value; they win over files."`
}

// RequireSigned names the keys that may sign; one of its two fields is set.
type RequireSigned struct {
	// Keyrings are absolute paths.
	Keyrings []string `yaml:"keyrings" doc:"Files of armored OpenPGP public keys, relative to this file."`
	// AllowedSigners is an absolute path, or empty.
	AllowedSigners string `yaml:"allowedSigners" doc:"A file of SSH keys in the format of ssh-keygen's ALLOWED SIGNERS, relative to this file."`
}

// Restore holds the defaults of the flags of rekindle restore.
type Restore struct {
	Wait          Duration `yaml:"wait" default:"10m" doc:"How long objects may take to become healthy."`
	Prune         bool     `yaml:"prune" default:"false" doc:"In place: remove what an earlier restore made and this commit lacks."`
	Convert       bool     `yaml:"convert" default:"false" doc:"Convert removed API versions where the replacement is mechanical."`
	AllowUnserved bool     `yaml:"allowUnserved" default:"false" doc:"Go on without the objects whose kind the cluster does not serve."`
}

// Position is a place in the file; Line and Column count from 1.
type Position struct {
	File         string
	Line, Column int
}

// String returns file:line:column, leaving out what is not known.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Names returns the names of the declared clusters, sorted.
func (c *Config) Names() []string { return slices.Sorted(maps.Keys(c.Clusters)) }

// Cluster returns the declared cluster of that name, or an *UnknownClusterError
// that suggests the nearest.
func (c *Config) Cluster(name string) (Cluster, error) {
	if cl, ok := c.Clusters[name]; ok {
		return cl, nil
	}
	return Cluster{}, &UnknownClusterError{
		Name: name, File: c.File, Known: c.Names(), Suggestion: nearest.Name(name, c.Names()),
	}
}

// Position returns where a field stands: Position("clusters", "dev",
// "provider"). When the field is not in the file it is the position of the
// nearest thing around it. The keys of free-form mappings stand for
// themselves, every other field for its value.
func (c *Config) Position(path ...string) Position {
	for n := len(path); n > 0; n-- {
		if p, ok := c.positions[joinPath(path[:n]...)]; ok {
			return p
		}
	}
	return Position{File: c.File}
}

// CheckProviders returns an *InvalidError when the file names a provider that the
// registry does not have, or settings which that provider refuses.
func (c *Config) CheckProviders(registry *providers.Registry) error {
	problems := c.sharedProblems(registry)
	for _, name := range c.Names() {
		cl := c.Clusters[name]
		p, err := registry.Get(cl.Provider)
		if err != nil {
			problems = append(problems, Problem{
				Position: c.Position("clusters", name, "provider"),
				Field:    joinPath("clusters", name, "provider"),
				Message:  err.Error(),
			})
			continue
		}
		if err := p.Check(cl.Settings); err != nil {
			for _, p := range c.settingsProblems(name, err) { // what is shared is wrong once
				if !slices.Contains(problems, p) {
					problems = append(problems, p)
				}
			}
		}
	}
	return invalid(problems)
}
