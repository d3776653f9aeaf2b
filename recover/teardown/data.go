package teardown

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/ignore/glob"
	"github.com/rekindle-io/rekindle/snapshot/recoverability"
)

// claimGlob matches namespace and name, each by a glob.
type claimGlob struct{ namespace, name glob.Glob }

func parseGlobs(texts []string) ([]claimGlob, error) {
	var globs []claimGlob
	for _, text := range texts {
		namespace, name, ok := strings.Cut(text, "/")
		if !ok || namespace == "" || name == "" {
			return nil, fmt.Errorf("accepted loss %q: write namespace/name, such as shop/cache-*", text)
		}
		var g claimGlob
		var err, err2 error
		g.namespace, err = glob.Parse(namespace)
		g.name, err2 = glob.Parse(name)
		if err := errors.Join(err, err2); err != nil {
			return nil, fmt.Errorf("accepted loss %q: %w", text, err)
		}
		globs = append(globs, g)
	}
	return globs, nil
}

// acceptsAll tells whether whatever is there may be lost, known or not.
func (t *teardown) acceptsAll() bool {
	return t.req.AllowDataLoss || slices.Contains(t.req.AcceptLoss, "*/*")
}

func (t *teardown) accepts(id object.ID) bool {
	return t.req.AllowDataLoss || slices.ContainsFunc(t.accepted, func(g claimGlob) bool {
		return g.namespace.Match(id.Namespace) && g.name.Match(id.Name)
	})
}

// losses lists the claims whose data nothing saves, and refuses those whose loss
// nobody accepted. Rules that leave claims out of an export do not count here: the
// data goes all the same.
func (t *teardown) losses(ctx context.Context, s *run.Scope, cluster *kube.Cluster) ([]Loss, error) {
	ctx, cancel := context.WithTimeout(ctx, t.req.Waits.Export)
	defer cancel()
	catalogue, err := cluster.Discover(ctx)
	if err != nil {
		return nil, err
	}
	survey := recoverability.New(recoverability.Options{})
	var mu sync.Mutex
	seen := map[schema.GroupKind]bool{}
	for _, kind := range catalogue.Kinds() {
		gk := kind.GroupKind()
		if !recoverability.TellsOfData(gk) || !kind.Can("list") || seen[gk] {
			continue
		}
		seen[gk] = true
		err := cluster.List(ctx, kind, kube.ListOptions{}, func(u *unstructured.Unstructured) error {
			mu.Lock()
			defer mu.Unlock()
			return survey.See(drift.Sighting{ID: object.IDOf(u), Kind: kind, Live: u})
		})
		if err != nil && recoverability.Saves(gk) { // claims only look worse without it
			s.Eventf(run.LevelWarn, "check.unread", "what %s save is not known: %v", kind.Resource, err)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("whose data would be lost cannot be told: %w", err)
		}
	}
	return t.acceptable(s, survey.Report(nil).Unsaved(), "data that nothing saves", "save it")
}

// acceptable makes losses of findings, and refuses those that nobody accepted; the
// best that can be done about them is save.
func (t *teardown) acceptable(s *run.Scope, findings []recoverability.Finding, what, save string) ([]Loss, error) {
	var losses []Loss
	var refused []string
	for _, f := range findings {
		if f.Object == nil {
			continue
		}
		losses = append(losses, Loss{Object: *f.Object, Size: f.Size, Why: f.What})
		accepted := t.accepts(*f.Object)
		level, word := run.LevelWarn, "its loss is accepted: "
		if !accepted {
			level, word = run.LevelError, "it would be lost: "
			refused = append(refused, f.Object.String())
		}
		s.Event(run.Event{Level: level, Type: "check.loss", Object: f.Object.String(), Message: word + f.What})
	}
	if len(refused) == 0 {
		return losses, nil
	}
	return losses, &rebuild.RefusedError{
		Reason: fmt.Sprintf("%s would be lost: %s", what, few(refused)),
		Remedy: save + ", say who does with the annotation " + recoverability.SavedBy + ", or accept the loss with --accept-loss NAMESPACE/NAME",
	}
}

// few names the first of many.
func few(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
