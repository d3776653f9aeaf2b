package rebuild

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/export"
)

// CarryOver names Secrets that a restore brings back from the last export of a
// cluster where the commit does not have them: certificates that somebody issued,
// keys that somebody generated. It holds no secrets.
type CarryOver struct {
	// Of is the cluster whose export it is; a drill restores another one.
	Of string `json:"of"`
	// Target is where the export is.
	Target ExportTarget `json:"target"`
	// Rules say which Secrets; none: none.
	Rules []capture.Rule `json:"rules"`
}

// any tells whether it names anything.
func (c *CarryOver) any() bool { return c != nil && len(c.Rules) > 0 }

func (c *CarryOver) forJournal() *CarryOver {
	if c == nil {
		return nil
	}
	out := *c
	out.Target.Repo = source.Redact(out.Target.Repo)
	return &out
}

// Carried is a Secret that was brought back from an export.
type Carried struct {
	ID object.ID `json:"object"`
	// From is its file, in the commit of the export.
	From object.Provenance `json:"from"`
	// Expires is when its certificate ends, RFC 3339 in UTC; empty without one.
	Expires string `json:"expires,omitempty"`
}

// carryStep reads the export. It is a step of restores that carry over alone.
const carryStep = "carry-over"

// lastExport is what that step journals, so that a resumed run takes the same.
type lastExport struct {
	// Commit is empty when there was no export yet.
	Commit string `json:"commit"`
}

// carrying is what a restore knows of the Secrets that it carries over. What they
// hold is here and on the cluster, and nowhere else.
type carrying struct {
	export string // the commit, empty when there is none
	// found are those that the rules are about, still encrypted.
	found []sealedFile
	// wanted are those to be brought, by the plan.
	wanted map[object.ID]carriedSecret
	tree   *source.Tree
	repo   *source.Repository
	noted  map[string]bool
}

// sealedFile is the file of one Secret of an export.
type sealedFile struct {
	id     object.ID
	path   string
	labels map[string]string
	kind   string // its type
	sealed bool   // it seems to be encrypted
}

// carriedSecret is one Secret, without what it holds when it is there already.
type carriedSecret struct {
	*object.Object
	there   bool
	expires string
}

// maxCarried bounds the file of a Secret, in bytes: it holds 1 MiB at most, and
// encryption and base64 make less than three of it.
const maxCarried = 4 << 20

// readExport finds the last export, and in it the Secrets that are named.
func (r *restore) readExport(ctx context.Context, s *run.Scope) error {
	c := r.req.CarryOver
	var made lastExport
	known, err := s.Recall(&made)
	if err != nil {
		return err
	}
	opts := r.e.Source
	opts.RequireSigned, opts.AllowedSigners = false, nil // exports are not signed; their branch is checked
	if r.carry.repo, err = source.Open(ctx, c.Target.Repo, opts); err != nil {
		return fmt.Errorf("the export of cluster %s: %w", c.Of, err)
	}
	if !known {
		tip, err := export.Tip(ctx, r.carry.repo, export.Target{Repo: c.Target.Repo, Branch: c.Target.Branch, Cluster: c.Of})
		if err != nil {
			return fmt.Errorf("the last export of cluster %s: %w", c.Of, refusedExport(err))
		}
		made.Commit = tip.SHA
		if err := s.Made(ctx, made); err != nil {
			return err
		}
	}
	if r.carry.export = made.Commit; made.Commit == "" {
		r.noteCarried(s, "", fmt.Sprintf("there is no export of cluster %s on branch %s yet, so that no Secret is carried over", c.Of, c.Target.Branch))
		return nil
	}
	if r.carry.tree, err = r.carry.repo.Tree(ctx, made.Commit); err != nil {
		return fmt.Errorf("the export of cluster %s: %w", c.Of, err)
	}
	if err := r.findCarried(ctx, s); err != nil {
		return fmt.Errorf("the export %.12s of cluster %s: %w", made.Commit, c.Of, err)
	}
	s.Eventf(run.LevelInfo, "carry.export", "the last export of cluster %s is %.12s: it has %d Secrets to be carried over", c.Of, made.Commit, len(r.carry.found))
	return nil
}

// findCarried looks through the export for the Secrets that the rules are about,
// and decrypts nothing.
func (r *restore) findCarried(ctx context.Context, s *run.Scope) error {
	rules, err := r.req.CarryOver.filters()
	if err != nil {
		return err
	}
	files, err := fs.Glob(r.carry.tree, path.Join(export.Live, "*", folderOf(object.ID{Kind: "Secret", Name: "x"}), "*.yaml"))
	if err != nil {
		return err
	}
	r.carry.found = nil
	used := make([]bool, len(rules))
	for _, file := range files {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		f, err := lookAt(r.carry.tree, file)
		if err != nil {
			r.noteCarried(s, "", fmt.Sprintf("%s of the export is left out: %v", file, err))
			continue
		}
		named := false
		for i := range rules {
			if names(rules[i:i+1], f.id, f.labels) {
				used[i], named = true, true
			}
		}
		if named {
			r.carry.found = append(r.carry.found, f)
		}
	}
	for i, is := range used {
		if !is {
			r.noteCarried(s, "", fmt.Sprintf("the export has no Secret that carryOver (%s) names", r.req.CarryOver.Rules[i]))
		}
	}
	r.noteGaps(s, rules)
	return nil
}

// filters makes a filter of each rule.
func (c *CarryOver) filters() ([]*capture.Filter, error) {
	if !c.any() {
		return nil, nil
	}
	filters := make([]*capture.Filter, len(c.Rules))
	for i, rule := range c.Rules {
		var err error
		if filters[i], err = capture.New(capture.Options{Include: []capture.Rule{rule}}); err != nil {
			return nil, fmt.Errorf("carryOver: %w", err)
		}
	}
	return filters, nil
}

// names tells whether any of the rules is about a Secret.
func names(rules []*capture.Filter, id object.ID, labels map[string]string) bool {
	return isSecret(id) && slices.ContainsFunc(rules, func(f *capture.Filter) bool { return f.Rules(id, labels).Taken() })
}

// toCarry tells whether the export has a Secret only because it is to be carried
// over: one that belongs to an object, and that its owner would make anew.
func (f *liveFiles) toCarry(s drift.Sighting) bool {
	if len(f.carried) == 0 || s.Verdict.Class != capture.Derived || !names(f.carried, s.ID, s.Live.GetLabels()) {
		return false
	}
	owner, _ := capture.Owner(s.Live)
	return owner != ""
}

// lookAt reads of a file what is readable: whose it is. A file that says something
// else than its path is none of an export.
func lookAt(tree *source.Tree, file string) (sealedFile, error) {
	info, err := tree.Lstat(file)
	if err != nil {
		return sealedFile{}, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxCarried {
		return sealedFile{}, errors.New("it is no file of a Secret")
	}
	raw, err := tree.ReadFile(file)
	if err != nil {
		return sealedFile{}, err
	}
	var head struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
		Type       string `yaml:"type"`
		Metadata   struct {
			Name      string            `yaml:"name"`
			Namespace string            `yaml:"namespace"`
			Labels    map[string]string `yaml:"labels"`
		} `yaml:"metadata"`
		Sops struct {
			MAC string `yaml:"mac"`
		} `yaml:"sops"`
	}
	if err := yaml.Unmarshal(raw, &head); err != nil {
		return sealedFile{}, errors.New("it cannot be read as YAML")
	}
	id := object.ID{Kind: head.Kind, Namespace: head.Metadata.Namespace, Name: head.Metadata.Name}
	if head.APIVersion != "v1" || head.Kind != "Secret" || export.Path(id) != file {
		return sealedFile{}, errors.New("it does not hold the Secret that its path names")
	}
	return sealedFile{id: id, path: file, labels: head.Metadata.Labels, kind: head.Type, sealed: head.Sops.MAC != ""}, nil
}

// secretKind is the kind of what is carried over.
var secretKind = object.Kind{ //nolint:gochecknoglobals // a constant
	GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "Secret"}, Resource: "secrets", Namespaced: true,
}

// chooseCarried decides, by the plan, which of the Secrets are to be brought, and
// decrypts those. Whatever cannot be is refused here, before anything is made. On a
// cluster that exists, those that are there are left as they are.
func (r *restore) chooseCarried(ctx context.Context, s *run.Scope, exists func(object.ID) bool) error {
	if len(r.carry.found) == 0 {
		return nil
	}
	there, err := r.secretsThere(ctx)
	if err != nil {
		return err
	}
	has := make(map[object.ID]bool, len(r.plan.Nodes))
	for i := range r.plan.Nodes {
		has[r.plan.Nodes[i].ID] = true
	}
	r.carry.wanted = map[object.ID]carriedSecret{}
	for _, f := range r.carry.found {
		namespace := object.ID{Kind: "Namespace", Name: f.id.Namespace}
		by, present := there[f.id]
		switch {
		case has[f.id]:
			r.noteCarried(s, f.id.String(), "the commit has it, so that it is not carried over")
			continue
		case !has[namespace] && !exists(namespace):
			r.noteCarried(s, f.id.String(), "it is not carried over: the commit has no namespace "+f.id.Namespace)
			continue
		case bound[f.kind] != "":
			r.noteCarried(s, f.id.String(), "it is not carried over: "+bound[f.kind])
			continue
		case present && by == r.carry.export && s.Run().Attempts > 1: // an earlier attempt has brought it
			r.carry.wanted[f.id] = carriedSecret{Object: r.named(f), there: true}
			continue
		case present: // whoever made it: it is not to be overwritten
			continue
		}
		secret, err := r.unsealCarried(ctx, s, f)
		if err != nil {
			return err
		}
		r.carry.wanted[f.id] = *secret
	}
	return nil
}

// secretsThere are the Secrets of a cluster that exists, each with the export that
// it was carried over from.
func (r *restore) secretsThere(ctx context.Context) (map[object.ID]string, error) {
	there := map[object.ID]string{}
	if r.cluster == nil || r.req.Fresh {
		return there, nil
	}
	err := live{r.cluster}.List(ctx, secretKind, true, func(u *unstructured.Unstructured) error {
		there[object.ID{Kind: "Secret", Namespace: u.GetNamespace(), Name: u.GetName()}] = u.GetAnnotations()[carriedAnnotation]
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list secrets: %w", err)
	}
	return there, nil
}

// noteCarried tells people, once, what became of a Secret, or of all.
func (r *restore) noteCarried(s *run.Scope, about, text string) {
	note := text
	if about != "" {
		note = about + ": " + text
	}
	if r.carry.noted[note] {
		return
	}
	if r.carry.noted == nil {
		r.carry.noted = map[string]bool{}
	}
	r.carry.noted[note] = true
	r.report.CarryNotes = append(r.report.CarryNotes, note)
	s.Event(run.Event{Level: run.LevelWarn, Type: "carry.note", Object: about, Message: text})
}

// carriedFrom says in words where a Secret comes from.
func (r *restore) carriedFrom(file string) object.Provenance {
	return object.Provenance{Commit: r.carry.export, File: file, Made: fmt.Sprintf("carried over from %.12s", r.carry.export)}
}

// named is a Secret without what it holds.
func (r *restore) named(f sealedFile) *object.Object {
	return object.New(map[string]any{"apiVersion": "v1", "kind": "Secret",
		"metadata": map[string]any{"namespace": f.id.Namespace, "name": f.id.Name}}, r.carriedFrom(f.path))
}

// inPlan returns the node of a namespace, nil when the plan has none.
func inPlan(p *plan.Plan, name string) *plan.Node {
	i := slices.IndexFunc(p.Nodes, func(n plan.Node) bool { return n.ID == object.ID{Kind: "Namespace", Name: name} })
	if i < 0 {
		return nil
	}
	return &p.Nodes[i]
}

// sorted are the Secrets to be brought, by identity.
func (c *carrying) sorted() []carriedSecret {
	list := make([]carriedSecret, 0, len(c.wanted))
	for _, secret := range c.wanted {
		list = append(list, secret)
	}
	slices.SortFunc(list, func(a, b carriedSecret) int { return a.ID().Compare(b.ID()) })
	return list
}

func (c *carrying) close() {
	if c.repo != nil {
		_ = c.repo.Close() // it was only read
	}
}
