package rebuild_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/local"
	"github.com/rekindle-io/rekindle/recover/run"
)

// loading is the local provider with images that it could bring.
type loading struct {
	*local.Provider
	have  []string
	asked [][]string
	ids   []string
}

func (l *loading) LoadImages(_ context.Context, s providers.Spec, wanted []string, _ providers.Progress) ([]string, error) {
	l.asked, l.ids = append(l.asked, wanted), append(l.ids, s.ID)
	if l.have == nil {
		return nil, &providers.MissingError{Provider: "local", What: "the image web:1", Remedy: "docker pull web:1"}
	}
	return l.have, nil
}

// The images that a commit's pods name are brought before anything is applied,
// onto a new cluster and in place; one that is lacking ends the restore before
// that.
func TestImagesAreLoaded(t *testing.T) {
	p := newPlace(t)
	loader := &loading{Provider: p.local}
	var err error
	if p.Providers, err = providers.NewRegistry(loader); err != nil {
		t.Fatal(err)
	}
	p.commit(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}], initContainers: [{name: first, image: "first:2"}]}
`)
	var missing *providers.MissingError
	report, _, err := p.try(t, nil)
	if !errors.As(err, &missing) && !strings.Contains(report.Error, "web:1") || report.Kinds != nil {
		t.Fatalf("without the image: %v, %s", err, words(t, report))
	}

	loader.have = []string{"first:2", "web:1"}
	for range 2 { // the second time in place
		var order []string
		_, err := p.Restore(t.Context(), p.req, (&agree{}).consent, func(e run.Event) {
			if e.Type == "images.loaded" || e.Type == "apply.done" {
				order = append(order, e.Type+" "+e.Message)
			}
		})
		if err != nil || len(order) != 2 || !strings.Contains(order[0], "images.loaded") || !strings.Contains(order[0], "first:2, web:1") {
			t.Fatalf("%v: %q", err, order)
		}
	}
	for i, asked := range loader.asked {
		if !slices.Equal(asked, loader.have) || loader.ids[i] == "" {
			t.Errorf("asked for %q onto %q", asked, loader.ids[i])
		}
	}
}
