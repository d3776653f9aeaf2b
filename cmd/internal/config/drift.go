package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/rekindle-io/rekindle/recover/sops"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/ignore"
)

// Drift says how a cluster is compared with its source, and where its live
// state goes.
type Drift struct {
	Include []Selection  `yaml:"include" doc:"Only these objects are looked for among those that the source does not have. Empty: all."`
	Exclude []Selection  `yaml:"exclude" doc:"These objects are neither compared nor exported. Wins over include."`
	Ignore  []IgnoreRule `yaml:"ignore" doc:"Differences that do not count."`
	Export  Export       `yaml:"export" doc:"The branch that holds the live state."`
}

// Selection is about some objects, by globs (*, ?, [a-z], {one,two}).
type Selection struct {
	Kind      string `yaml:"kind" doc:"Glob of kinds, with or without the group: Deployment, *.apps."`
	Group     string `yaml:"group" doc:"Glob of API groups; the group without a name is core."`
	Namespace string `yaml:"namespace" doc:"Glob of namespaces."`
	Name      string `yaml:"name" doc:"Glob of names."`
	Labels    string `yaml:"labels" doc:"A label selector: app=web,tier!=cache."`
	Reason    string `yaml:"reason" doc:"Why, for those who read a report."`
}

// IgnoreRule is one rule about differences that do not count.
type IgnoreRule struct {
	Kind      string   `yaml:"kind" doc:"Glob of kinds, with or without the group: Deployment, *.apps."`
	Group     string   `yaml:"group" doc:"Glob of API groups; the group without a name is core."`
	Namespace string   `yaml:"namespace" doc:"Glob of namespaces."`
	Name      string   `yaml:"name" doc:"Glob of names."`
	Fields    []string `yaml:"fields" doc:"JSON pointers of fields, such as /spec/replicas; a list's item is called by its name, * is any item or key. Empty: the objects as a whole."`
	Managers  []string `yaml:"managers" doc:"Globs of field managers: only what they changed is ignored."`
	Reason    string   `yaml:"reason" required:"true" doc:"Why these differences do not count, for those who read a report."`
	Until     Date     `yaml:"until" doc:"The last day, in UTC, on which the rule holds, such as 2026-12-31. Empty: always."`
}

// Export says where a cluster's live state is written.
type Export struct {
	// Repo is as in Source; empty for the source's own.
	Repo string `yaml:"repo" doc:"The repository to export into: a URL, or a path relative to this file. Empty: the source's own."`
	// Branch is filled in by Load.
	Branch     string   `yaml:"branch" doc:"The branch to export to, which is nobody else's. Empty: rekindle/ and the cluster's name."`
	Recipients []string `yaml:"recipients" doc:"Public keys of age (age1…) or SSH that Secrets are encrypted for. Without any, an export holds no more than digests of them."`
	// KeyFile is an absolute path, or empty.
	KeyFile string `yaml:"keyFile" doc:"A file with the key by which exports know unchanged Secrets, relative to this file: 32 random bytes, in hexadecimal or base64. The same for all who export to the branch. Empty: a key of this machine's own."`
}

// Date is a day in UTC, written 2026-12-31. The zero value is no day.
type Date struct{ time.Time }

func (d *Date) parse(text string) error {
	parsed, err := time.Parse(ignore.DateLayout, text)
	if err != nil {
		return errors.New("want a day such as 2026-12-31")
	}
	d.Time = parsed
	return nil
}

// schema allows the time as well that some readers of YAML turn a day into.
func (*Date) schema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^[0-9]{4}-[0-9]{2}-[0-9]{2}(T00:00:00Z)?$`}
}

// IgnoreRules returns the rules about differences of a declared cluster, each
// with its place in the file.
func (c *Config) IgnoreRules(cluster string) []ignore.Rule {
	list := c.Clusters[cluster].Drift.Ignore
	rules := make([]ignore.Rule, len(list))
	for i, r := range list {
		rules[i] = r.rule()
		rules[i].At = c.lineOf("clusters", cluster, "drift", fmt.Sprintf("ignore[%d]", i))
	}
	return rules
}

// CaptureRules returns which objects of a declared cluster are looked at, and
// which are left out, each rule with its place in the file.
func (c *Config) CaptureRules(cluster string) (include, exclude []capture.Rule) {
	rules := func(key string, list []Selection) []capture.Rule {
		out := make([]capture.Rule, len(list))
		for i, s := range list {
			out[i] = s.rule()
			out[i].At = c.lineOf("clusters", cluster, "drift", fmt.Sprintf("%s[%d]", key, i))
		}
		return out
	}
	d := c.Clusters[cluster].Drift
	return rules("include", d.Include), rules("exclude", d.Exclude)
}

// lineOf is the place of a field without its column.
func (c *Config) lineOf(path ...string) string {
	at := c.Position(path...)
	at.Column = 0
	return at.String()
}

func (r IgnoreRule) rule() ignore.Rule {
	return ignore.Rule{
		Kind: r.Kind, Group: r.Group, Namespace: r.Namespace, Name: r.Name,
		Fields: r.Fields, Managers: r.Managers, Reason: r.Reason, Until: r.Until.Time,
	}
}

func (s Selection) rule() capture.Rule {
	return capture.Rule{Kind: s.Kind, Group: s.Group, Namespace: s.Namespace, Name: s.Name, Labels: s.Labels, Reason: s.Reason}
}

// drift checks the rules of a cluster, and the branch that it is exported to.
func (k *checker) drift(c *Cluster) {
	d := &c.Drift
	for i, r := range d.Ignore {
		at := fmt.Sprintf("ignore[%d]", i)
		for _, p := range r.rule().Check() {
			if p.Field == "reason" && r.Reason == "" {
				continue // missing: that was said already
			}
			k.fail(p.Message, slices.DeleteFunc([]string{"drift", at, p.Field}, empty)...)
		}
	}
	for key, list := range map[string][]Selection{"include": d.Include, "exclude": d.Exclude} {
		for i, s := range list {
			at := fmt.Sprintf("%s[%d]", key, i)
			for _, p := range s.rule().Check() {
				k.fail(p.Message, slices.DeleteFunc([]string{"drift", at, p.Field}, empty)...)
			}
		}
	}
	k.export(c)
}

func empty(s string) bool { return s == "" }

func (k *checker) export(c *Cluster) {
	e := &c.Drift.Export
	if e.Repo != "" {
		if err := checkRepo(e.Repo); err != nil {
			k.fail(err.Error(), "drift", "export", "repo")
		} else if isLocal(e.Repo) {
			e.Repo = k.absolute(e.Repo)
		}
	}
	e.Branch = cmp.Or(e.Branch, "rekindle/"+c.Name)
	branch := strings.TrimPrefix(e.Branch, "refs/heads/")
	switch {
	case plumbing.NewBranchReferenceName(branch).Validate() != nil:
		k.fail(fmt.Sprintf("%q is no name of a branch", e.Branch), "drift", "export", "branch")
	case branch == c.Source.Revision && (e.Repo == "" || e.Repo == c.Source.Repo):
		k.fail(fmt.Sprintf("%q is what is restored from: an export replaces all files of its branch, so it needs one of its own", branch),
			"drift", "export", "branch")
	}
	e.Branch = branch
	if e.KeyFile != "" {
		e.KeyFile = k.absolute(e.KeyFile)
	}
	if _, err := sops.ParseRecipients(e.Recipients); err != nil {
		at := "recipients"
		var broken *sops.RecipientError
		if errors.As(err, &broken) {
			at = fmt.Sprintf("recipients[%d]", broken.Index)
		}
		k.fail(err.Error(), "drift", "export", at)
	}
}
