package daemon

import (
	"context"
	"encoding/json"
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

func newFacts(store *run.Store) *facts { return &facts{store: store, all: map[string]fact{}} }

func (f *facts) of(cluster string) fact {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all[cluster]
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

// readAll reads the whole journal.
func (f *facts) readAll(ctx context.Context) error {
	runs, err := f.store.Runs(ctx, run.Filter{})
	if err != nil {
		return err
	}
	byCluster := map[string][]run.Run{}
	for _, r := range runs {
		byCluster[r.Cluster] = append(byCluster[r.Cluster], r)
	}
	delete(byCluster, "")
	all := make(map[string]fact, len(byCluster))
	for name, runs := range byCluster {
		all[name] = factOf(runs)
	}
	told := map[string]run.Outcome{}
	for _, r := range runs[:min(len(runs), recent)] {
		told[r.ID] = r.Outcome
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all, f.told = all, told
	return nil
}

// read reads what the journal says of one cluster.
func (f *facts) read(ctx context.Context, cluster string) error {
	runs, err := f.store.Runs(ctx, run.Filter{Cluster: cluster})
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all[cluster] = factOf(runs); len(runs) == 0 {
		delete(f.all, cluster)
	}
	return nil
}

// factOf makes a fact of a cluster's runs, newest first.
func factOf(runs []run.Run) fact {
	var f fact
	for _, r := range runs {
		ref := api.Run{Run: r}.Ref()
		switch {
		case r.Outcome == "" && f.now == nil && f.last == nil:
			f.now = &ref
		case r.Outcome != "" && f.last == nil:
			f.last = &ref
		}
		if f.provider == "" {
			f.provider = r.Provider
		}
		f.takeChange(r)
		f.takeRestore(r)
		f.takeDrift(r)
	}
	slices.Reverse(f.rtos)
	return f
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
		f.rtos = append(f.rtos, rto{run: r.ID, at: r.Ended, took: r.Ended.Sub(r.Created)})
	}
	if f.commit == "" {
		var report struct {
			Commit struct {
				SHA string `json:"sha"`
			} `json:"commit"`
		}
		if json.Unmarshal(r.Result, &report) == nil {
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
