package rebuild

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/capture"
)

// Kinds of records that outlive a run.
const (
	clusterRecord  = "cluster"
	baselineRecord = "baseline"
)

// ClusterRecord is what the journal keeps of a cluster that was restored.
type ClusterRecord struct {
	Provider string             `json:"provider"`
	Name     string             `json:"name"`
	ID       string             `json:"id"`
	Settings providers.Settings `json:"settings,omitempty"`
	Run      string             `json:"run"`
	Source   Source             `json:"source"`
	Commit   string             `json:"commit"`
	Made     time.Time          `json:"made"`
	// Borrowed: the cluster is somebody else's.
	Borrowed bool `json:"borrowed,omitempty"`
}

// ClusterRecords returns what the journal knows of clusters, by provider and
// name; some may be gone.
func (e *Engine) ClusterRecords(ctx context.Context) ([]ClusterRecord, error) {
	keys, err := e.Journal.RecordKeys(ctx, clusterRecord)
	if err != nil {
		return nil, err
	}
	records := make([]ClusterRecord, 0, len(keys))
	for _, key := range keys {
		var rec ClusterRecord
		known, err := run.Into(ctx, e.Journal, clusterRecord, key, &rec)
		if err != nil {
			return nil, err
		}
		if known {
			records = append(records, rec)
		}
	}
	return records, nil
}

// removing and provisioned are what the two steps journal before they touch
// anything.
type (
	removing struct {
		ID string `json:"id"`
	}
	provisioned struct {
		ID string `json:"id"`
		// InPlace: the cluster was there before this run.
		InPlace bool `json:"inPlace,omitempty"`
	}
)

// remove deletes the cluster that is there, for --fresh. Which one is journaled
// first, so that a resumed run never deletes another.
func (r *restore) remove(ctx context.Context, s *run.Scope) error {
	if !r.req.Fresh {
		s.Skip("not asked for")
		return nil
	}
	var doomed removing
	known, err := s.Recall(&doomed)
	if err != nil {
		return err
	}
	if !known {
		if r.found == nil {
			s.Skip("there is no cluster of that name")
			return nil
		}
		doomed.ID = r.found.ID
		if err := s.Made(ctx, doomed); err != nil {
			return err
		}
	}
	s.Eventf(run.LevelInfo, "cluster.delete", "deleting cluster %s (%s)", r.req.Cluster, doomed.ID)
	if err := r.provider.Delete(ctx, r.req.Cluster, doomed.ID, progress(s)); err != nil {
		return Guarded(err)
	}
	r.found, r.cluster = nil, nil
	return r.e.forget(ctx, r.req.Provider, r.req.Cluster, doomed.ID)
}

// provision makes the cluster, or takes the one that is there. Its id is
// journaled first: whatever happens then, a resumed run finishes this very
// cluster, and a delete finds it.
func (r *restore) provision(ctx context.Context, s *run.Scope) error {
	var p provisioned
	known, err := s.Recall(&p)
	if err != nil {
		return err
	}
	if !known {
		if p, err = r.conceive(); err != nil {
			return err
		}
		if err := r.clearRemains(ctx, s, p); err != nil {
			return err
		}
		if err := s.Made(ctx, p); err != nil {
			return err
		}
	}
	r.id = p.ID
	issuer := ""
	if r.found != nil {
		issuer = r.found.Issuer
	}
	if !p.InPlace {
		if err := r.e.remember(ctx, r, s.Run().ID); err != nil {
			return err
		}
		r.announce(s)
		spec := providers.Spec{Name: r.req.Cluster, ID: p.ID, Settings: r.req.Settings}
		made, err := r.provider.Create(ctx, spec, progress(s))
		if err != nil {
			return Guarded(err)
		}
		issuer = made.Issuer
	}
	if err := r.connect(ctx); err != nil {
		return err
	}
	if err := r.ready(ctx); err != nil {
		return err
	}
	if err := r.identify(ctx, s.Run().ID, issuer); err != nil {
		return err
	}
	if p.InPlace {
		err = r.e.remember(ctx, r, s.Run().ID)
	} else {
		err = r.recordBaseline(ctx)
	}
	if err != nil {
		return err
	}
	return r.loadImages(ctx, s)
}

// revive brings back a cluster that died between two attempts of a run, with
// the machine that it ran on or by itself. It is started, never made: this run
// made it whole, and what was restored since may be nowhere else.
func (r *restore) revive(ctx context.Context, s *run.Scope) error {
	if r.found == nil {
		return fmt.Errorf("cluster %q (%s) is gone since this run made it: %w: begin a new restore", r.req.Cluster, r.id, providers.ErrNotFound)
	}
	if r.found.State == providers.StateRunning {
		return nil
	}
	can, ok := r.provider.(providers.Hibernator)
	if !ok {
		return unreachable(*r.found)
	}
	s.Eventf(run.LevelWarn, "cluster.revive", "cluster %s is %s: starting it again", r.found.Name, r.found.State)
	if err := can.Start(ctx, r.req.Cluster, r.id, progress(s)); err != nil {
		return Guarded(err)
	}
	if err := r.connect(ctx); err != nil {
		return err
	}
	return r.ready(ctx)
}

// ready waits until the API server answers, within the deadline.
func (r *restore) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.req.Wait)
	defer cancel()
	return r.cluster.Ready(ctx)
}

// conceive decides what provision works on.
func (r *restore) conceive() (provisioned, error) {
	if r.found != nil && r.req.Fresh {
		return provisioned{}, &RefusedError{Reason: fmt.Sprintf("a cluster %q was made by somebody else while the old one was being deleted", r.found.Name),
			Remedy: "look at it, then begin a new restore"}
	}
	if r.found != nil {
		return provisioned{ID: r.found.ID, InPlace: true}, nil
	}
	id, err := newID(r.e.Rand)
	return provisioned{ID: id}, err
}

// clearRemains finishes the delete of an earlier cluster of that name, before
// its record gives way to that of the new one: nobody would find the rest.
func (r *restore) clearRemains(ctx context.Context, s *run.Scope, p provisioned) error {
	old, _, err := r.e.remains(ctx, r.req.Provider, r.req.Cluster, providers.ErrNotFound)
	if p.InPlace || errors.Is(err, providers.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s.Eventf(run.LevelInfo, "cluster.remains", "removing what may be left of the earlier cluster %s (%s)", old.Name, old.ID)
	if err := r.provider.Delete(ctx, old.Name, old.ID, progress(s)); err != nil {
		return err
	}
	return r.e.forget(ctx, r.req.Provider, old.Name, old.ID)
}

// newID returns 128 random bits in hexadecimal.
func newID(chance io.Reader) (string, error) {
	var bits [16]byte
	if _, err := io.ReadFull(chance, bits[:]); err != nil {
		return "", fmt.Errorf("no random bits for a cluster id: %w", err)
	}
	return hex.EncodeToString(bits[:]), nil
}

// progress hands a provider's words on as events.
func progress(s *run.Scope) providers.Progress {
	return func(message string) { s.Eventf(run.LevelInfo, "provider.progress", "%s", message) }
}

// connect opens a connection to the cluster.
func (r *restore) connect(ctx context.Context) (err error) {
	if r.cluster, err = r.e.Reach(ctx, r.provider, r.req.Cluster); err != nil {
		return err
	}
	return r.assure(ctx)
}

// recordBaseline keeps the identities of what the new cluster has before anything
// is applied, and when somebody touched it, so that what is unexpected later, or
// changed, can be told from it.
func (r *restore) recordBaseline(ctx context.Context) error {
	catalogue, err := r.cluster.Discover(ctx)
	if err != nil {
		return err
	}
	birth := capture.Birth{}
	for _, kind := range catalogue.Kinds() {
		if !kind.Can("list") {
			continue
		}
		err := live{r.cluster}.List(ctx, kind, true, func(u *unstructured.Unstructured) error {
			id := object.ID{Group: kind.Group, Kind: kind.Kind, Namespace: u.GetNamespace(), Name: u.GetName()}
			if capture.Made(id, u).Taken() {
				birth[id] = capture.Touched(u)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("list what the new cluster has: %s: %w", kind.Resource, err)
		}
	}
	raw, err := json.Marshal(birth)
	if err != nil {
		return err
	}
	return r.e.Journal.PutRecord(ctx, baselineRecord, r.id, raw)
}

// baseline returns what the cluster of that id had when it was new, or nil when
// nobody recorded it.
func (e *Engine) baseline(ctx context.Context, id string) (capture.Birth, error) {
	if id == "" {
		return nil, nil
	}
	var birth capture.Birth
	known, err := run.Into(ctx, e.Journal, baselineRecord, id, &birth)
	if err != nil || !known {
		return nil, err
	}
	return birth, nil
}

// remember records the cluster in the journal.
func (e *Engine) remember(ctx context.Context, r *restore, runID string) error {
	raw, err := json.Marshal(ClusterRecord{
		Provider: r.req.Provider, Name: r.req.Cluster, ID: r.id, Settings: r.req.Settings,
		Run: runID, Source: r.req.ForJournal().Source, Commit: r.commit.SHA, Made: e.Now().UTC(), Borrowed: r.borrowed(),
	})
	if err != nil {
		return err
	}
	return e.Journal.PutRecord(ctx, clusterRecord, recordKey(r.req.Provider, r.req.Cluster), raw)
}

// forget drops the records of a cluster that is gone.
func (e *Engine) forget(ctx context.Context, provider, name, id string) error {
	return errors.Join(
		e.Journal.DeleteRecord(ctx, clusterRecord, recordKey(provider, name)),
		e.Journal.DeleteRecord(ctx, baselineRecord, id),
	)
}

func recordKey(provider, name string) string { return provider + "/" + name }
