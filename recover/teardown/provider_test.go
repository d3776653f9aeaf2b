package teardown_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/fake"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
)

// A provider that hangs, then fails, then leaves something: each ends in time and
// is said, and the same run comes to its end.
func TestProviderTroubles(t *testing.T) {
	w := newWorld(t)
	w.restore()
	w.maker.remove = func(ctx context.Context, _, _ string) error {
		<-ctx.Done()
		return ctx.Err()
	}
	report, err := w.Teardown(t.Context(), w.request(func(req *teardown.Request) {
		req.Waits.Delete, req.Waits.Leftovers = 6*time.Second, 4*time.Second
	}), nil)
	if outcomeOf(err) != run.Failed || report.Deleted || !strings.Contains(err.Error(), "not deleted within 6s") {
		t.Fatalf("hanging: %v", err)
	}
	exported := w.tip()
	tries := 0
	w.maker.remove = func(context.Context, string, string) error {
		if tries++; tries < 3 {
			return errors.New("DependencyViolation")
		}
		return nil
	}
	disk := providers.Leftover{What: "disk vol-1", ID: report.ID}
	others := providers.Leftover{What: "disk vol-2", Cluster: "dev", ID: "of another"}
	w.maker.leftovers = func(context.Context) ([]providers.Leftover, error) { return []providers.Leftover{others, disk}, nil }
	report, err = w.Resume(t.Context(), report.Run, nil)
	var left *teardown.LeftoversError
	if !errors.As(err, &left) || tries != 3 || !report.Deleted || len(report.Leftovers) != 1 || report.Leftovers[0] != disk {
		t.Fatalf("%v: %s", err, words(t, report))
	}
	kept := providers.Leftover{What: "disk vol-1", ID: report.ID, Kept: true, Why: "it is to outlive its cluster"}
	asked := 0
	w.maker.leftovers = func(context.Context) ([]providers.Leftover, error) {
		if asked++; asked == 1 {
			return nil, errors.New("throttled")
		}
		return []providers.Leftover{others, kept}, nil
	}
	w.maker.remove = func(context.Context, string, string) error {
		t.Error("deleted twice")
		return nil
	}
	report, err = w.Resume(t.Context(), report.Run, nil)
	if err != nil || len(report.Leftovers) > 0 || !slices.Equal(report.Kept, []providers.Leftover{kept}) || report.Export.Commit != exported || w.tip() != exported {
		t.Errorf("%v: %s", err, words(t, report))
	}
	if stays := report.Stays(); !slices.Equal(stays, []string{"disk vol-1: it is to outlive its cluster"}) {
		t.Errorf("stays %q", stays)
	}
	w.maker.leftovers = nil
	w.gone()
}

// What is not ours is not touched, whatever its name.
func TestForeign(t *testing.T) {
	w := newWorld(t)
	somewhere := fake.NewWorld(time.Now)
	registry, err := providers.NewRegistry(fake.New(somewhere), borrowing{fake.New(somewhere)})
	if err != nil {
		t.Fatal(err)
	}
	w.Rebuild.Providers = registry
	ours := func(req *teardown.Request) { req.Provider = fake.ProviderName }
	record := func(id string) {
		raw, err := json.Marshal(rebuild.ClusterRecord{Provider: fake.ProviderName, Name: "dev", ID: id})
		if err == nil {
			err = w.store.PutRecord(t.Context(), "cluster", "fake/dev", raw)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.refused(func(req *teardown.Request) { req.Provider = "borrowed" }); outcomeOf(err) != run.Refused || !strings.Contains(err.Error(), "somebody else's") {
		t.Errorf("a borrowed cluster: %v", err)
	}
	somewhere.AddForeign("dev")
	if err := w.refused(ours); outcomeOf(err) != run.Refused || !errors.As(err, new(*providers.ForeignError)) {
		t.Errorf("no mark of ours: %v", err)
	}
	other := fake.NewWorld(time.Now)
	if w.Rebuild.Providers, err = providers.NewRegistry(fake.New(other)); err != nil {
		t.Fatal(err)
	}
	if _, err := fake.New(other).Create(t.Context(), providers.Spec{Name: "dev", ID: "theirs"}, nil); err != nil {
		t.Fatal(err)
	}
	record("ours")
	if err := w.refused(ours); outcomeOf(err) != run.Refused || !errors.As(err, new(*providers.TakenError)) {
		t.Errorf("another id: %v", err)
	}
	if calls := other.Calls(); len(calls) != 1 {
		t.Errorf("the provider was told to %v", calls)
	}
}

// borrowing is a provider of somebody else's clusters.
type borrowing struct{ *fake.Provider }

func (borrowing) Name() string  { return "borrowed" }
func (borrowing) Borrows() bool { return true }

// A cluster that somebody else removed, or whose delete was cut off, is cleared
// away by its recorded id: there is nothing to export any more.
func TestGoneAlready(t *testing.T) {
	w := newWorld(t)
	w.restore()
	c, err := w.local.Find(t.Context(), "dev")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.local.Delete(t.Context(), "dev", c.ID, nil); err != nil {
		t.Fatal(err)
	}
	w.Proceed = func(context.Context, teardown.Warning) error { return errors.New("nobody is to be asked") }
	if report := w.down(nil); report.ID != c.ID || report.Absent {
		t.Errorf("%s", words(t, report))
	}
}
