package rebuild

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/export"
)

// isCarried tells of a live Secret, which the commit does not have, whether it is
// declared to be carried over, or was.
func isCarried(rules []*capture.Filter, id object.ID, u *unstructured.Unstructured) bool {
	return isSecret(id) && (u.GetAnnotations()[carriedAnnotation] != "" || names(rules, id, u.GetLabels()))
}

// declaredSecrets notes, while a cluster is compared, which of the Secrets that the
// commit does not have are declared all the same.
type declaredSecrets struct {
	rules []*capture.Filter
	mu    sync.Mutex
	seen  map[object.ID]bool
}

var _ drift.Observer = (*declaredSecrets)(nil)

// See implements drift.Observer.
func (c *declaredSecrets) See(s drift.Sighting) error {
	if s.Expected != nil || !s.Verdict.Taken() && s.Verdict.Class != capture.Derived || !isCarried(c.rules, s.ID, s.Live) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[s.ID] = true
	return nil
}

// Listed implements drift.Observer.
func (*declaredSecrets) Listed(object.Kind, error) {}

// account takes them out of what is unexpected, and names them. What a restore made
// by an earlier commit is the inventory's, and does not belong to them.
func (c *declaredSecrets) account(raw *drift.Report) {
	raw.Unexpected = slices.DeleteFunc(raw.Unexpected, func(u drift.Unexpected) bool {
		if u.Restored {
			delete(c.seen, u.ID)
		}
		return c.seen[u.ID]
	})
	for id := range c.seen {
		raw.Carried = append(raw.Carried, id)
	}
	slices.SortFunc(raw.Carried, object.ID.Compare)
}

// copies tells where the encrypted copies are of the Secrets that are to be carried
// over.
type copies struct {
	rules []*capture.Filter
	// branch has them, in words; tree is its last export, nil when every Secret is
	// about to be written into one, encrypted.
	branch string
	all    bool
	tree   *source.Tree
	repo   *source.Repository
}

// copies looks for the last export. A branch that cannot be read is no reason not
// to compare: then nobody knows of a copy, which the note says.
func (d *drifting) copies(ctx context.Context) (*copies, string, error) {
	over := d.req.CarryOver
	rules, err := over.filters()
	if err != nil || !over.any() {
		return &copies{}, "", err
	}
	c := &copies{rules: rules, branch: "carried over from branch " + over.Target.Branch}
	if d.req.Export != nil {
		c.all = len(d.req.Export.Recipients) > 0
		return c, "", nil
	}
	if err := c.open(ctx, d.e.Source, over); err != nil {
		if ctx.Err() != nil {
			return c, "", context.Cause(ctx)
		}
		return c, fmt.Sprintf("which Secrets branch %s has to be carried over is not known: %v", over.Target.Branch, err), nil
	}
	return c, "", nil
}

func (c *copies) open(ctx context.Context, opts source.Options, over *CarryOver) (err error) {
	opts.RequireSigned, opts.AllowedSigners = false, nil // exports are not signed; their branch is checked
	if c.repo, err = source.Open(ctx, over.Target.Repo, opts); err != nil {
		return err
	}
	tip, err := export.Tip(ctx, c.repo, export.Target{Repo: over.Target.Repo, Branch: over.Target.Branch, Cluster: over.Of})
	if err != nil || tip.SHA == "" {
		return err
	}
	c.tree, err = c.repo.Tree(ctx, tip.SHA)
	return err
}

// of says where the copy of a live Secret is, "" when there is none; ok is false
// when it is not to be carried over.
func (c *copies) of(u *unstructured.Unstructured) (where string, ok bool) {
	id := object.ID{Kind: "Secret", Namespace: u.GetNamespace(), Name: u.GetName()}
	if !names(c.rules, id, u.GetLabels()) || bound[kindOf(u)] != "" {
		return "", false
	}
	if c.all {
		return c.branch, true
	}
	if c.tree == nil {
		return "", true
	}
	if f, err := lookAt(c.tree, export.Path(id)); err != nil || !f.sealed {
		return "", true
	}
	return c.branch, true
}

// kindOf is the type of a Secret.
func kindOf(u *unstructured.Unstructured) string {
	kind, _ := u.Object["type"].(string)
	return strings.TrimSpace(kind)
}

func (c *copies) close() {
	if c.repo != nil {
		_ = c.repo.Close() // it was only read
	}
}
