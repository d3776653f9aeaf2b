package daemon

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
)

// facts is what the journal says of each cluster, kept in memory: dashboards ask
// often, and schedules go by it.
type facts struct {
	store *run.Store
	mu    sync.Mutex
	all   map[string]fact
	// looked are comparisons that no run journaled, the newest of each cluster.
	looked map[string]api.Drift
	// told are the outcomes of the newest runs when all were read.
	told map[string]run.Outcome
}

// fact is what the journal says of one cluster.
type fact struct {
	// now is the run that has no outcome yet, last the newest that has.
	now, last *api.RunRef
	provider  string
	commit    string
	rtos      []rto // oldest first
	drift     *api.Drift
	// changed is the newest run that changed the cluster, by provider.
	changed map[string]change
}

// change is a run that changed what there is of a cluster.
type change struct {
	run, recipe, by string
	outcome         run.Outcome
	at              time.Time
	// leaving: it is a teardown that has begun what cannot be undone and not ended.
	leaving bool
}

// rto is how long one restore took.
type rto struct {
	run  string
	at   time.Time
	took time.Duration
}

// keptRTOs is how many are kept of each cluster.
const keptRTOs = 30

func newFacts(store *run.Store) *facts {
	return &facts{store: store, all: map[string]fact{}, looked: map[string]api.Drift{}}
}

func (f *facts) of(cluster string) fact {
	f.mu.Lock()
	defer f.mu.Unlock()
	is := f.all[cluster]
	if seen, looked := f.looked[cluster]; looked && (is.drift == nil || is.drift.At.Before(seen.At)) {
		is.drift = &seen
	}
	return is
}

// look takes down what a comparison found that no run journaled.
func (f *facts) look(cluster string, seen api.Drift) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked[cluster] = seen
}

func (f *facts) names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for name := range f.all {
		names = append(names, name)
	}
	return names
}

// readAll reads the whole journal, one run after another: a thousand reports at
// once would be all that the daemon ever needs memory for.
func (f *facts) readAll(ctx context.Context) error {
	all, told := map[string]fact{}, map[string]run.Outcome{}
	err := f.store.Each(ctx, run.Filter{}, func(r run.Run) bool {
		if len(told) < recent {
			told[r.ID] = r.Outcome
		}
		if r.Cluster != "" {
			one := all[r.Cluster]
			one.take(r)
			all[r.Cluster] = one
		}
		return true
	})
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all, f.told = all, told
	return nil
}

// read reads what the journal says of one cluster.
func (f *facts) read(ctx context.Context, cluster string) error {
	var runs int
	var is fact
	err := f.store.Each(ctx, run.Filter{Cluster: cluster}, func(r run.Run) bool {
		runs++
		is.take(r)
		return true
	})
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all[cluster] = is; runs == 0 {
		delete(f.all, cluster)
	}
	return nil
}

// take takes over what a run says; runs come newest first.
func (f *fact) take(r run.Run) {
	switch {
	case r.Outcome == "" && f.now == nil && f.last == nil:
		ref := api.Run{Run: r}.Ref()
		f.now = &ref
	case r.Outcome != "" && f.last == nil:
		ref := api.Run{Run: r}.Ref()
		f.last = &ref
	}
	if f.provider == "" {
		f.provider = r.Provider
	}
	f.takeChange(r)
	f.takeRestore(r)
	f.takeDrift(r)
}

func (f *fact) takeChange(r run.Run) {
	if _, newer := f.changed[r.Provider]; newer || !rebuild.Touched(r) {
		return
	}
	if f.changed == nil {
		f.changed = map[string]change{}
	}
	f.changed[r.Provider] = change{run: r.ID, recipe: r.Recipe, by: r.By, outcome: r.Outcome, at: r.Created,
		leaving: r.Recipe == teardown.Recipe && r.Outcome.Unfinished() && teardown.Begun(r)}
}

func (f *fact) takeRestore(r run.Run) {
	if r.Recipe != rebuild.Recipe || r.Outcome != run.Done {
		return
	}
	if len(f.rtos) < keptRTOs && r.Attempts <= 1 { // between two attempts may lie a night
		f.rtos = slices.Insert(f.rtos, 0, rto{run: r.ID, at: r.Ended, took: r.Ended.Sub(r.Created)})
	}
	if f.commit == "" {
		if report, err := rebuild.ReportOf(r); err == nil {
			f.commit = report.Commit.SHA
		}
	}
}

// takeDrift takes over what the newest comparison found, when its run kept it.
func (f *fact) takeDrift(r run.Run) {
	if r.Recipe != rebuild.DriftRecipe && r.Recipe != rebuild.AdoptRecipe || f.drift != nil || r.Outcome == "" {
		return
	}
	report, err := rebuild.ReportOf(r)
	if err != nil || report.Findings == nil { // it did not come to a comparison
		return
	}
	f.drift = &api.Drift{Run: r.ID, At: r.Ended, Commit: report.Commit.SHA,
		Changed: report.Counts.Changed, Missing: report.Counts.Missing, Unexpected: report.Counts.Unexpected}
	if report.Score != nil {
		part := float64(report.Score.Score) / 100
		f.drift.Recoverable = &part
	}
}
