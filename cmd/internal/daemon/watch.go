package daemon

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/schedule/keeper"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// observe takes the events of the daemon's own runs.
func (d *daemon) observe(ev run.Event) {
	d.server.Observe(ev)
	if ev.Type == rebuild.DriftCompared {
		d.drifted(ev)
	}
	if ev.Type != run.RunBegin && ev.Type != run.RunResume {
		return // how a run ended is in the journal only after its last event
	}
	if r, err := d.Store.Run(d.life, ev.Run); err == nil { // or the watch of the journal finds it
		d.Log.Info("run: begins", "cluster", r.Cluster, "recipe", r.Recipe, "run", r.ID, "by", r.By, "attempt", r.Attempts)
		d.seen(r)
	}
}

// drifted tells people how a cluster differs from its commit, when it does.
func (d *daemon) drifted(ev run.Event) {
	var c show.Counts
	r, err := d.Store.Run(d.life, ev.Run)
	if err != nil || json.Unmarshal(ev.Data, &c) != nil || c.Changed+c.Missing+c.Unexpected == 0 {
		return
	}
	d.notice(keeper.Notice{Kind: keeper.NoticeDrift, Cluster: r.Cluster, Time: d.Now(), Run: r.ID,
		Text: fmt.Sprintf("differs from its commit: %d changed, %d missing, %d unexpected", c.Changed, c.Missing, c.Unexpected)})
}

// ended tells of a run of the daemon's own that has ended, "" for none.
func (d *daemon) ended(id string) {
	if id == "" {
		return
	}
	if r, err := d.Store.Run(d.after, id); err == nil {
		d.metrics.ended(r)
		d.Log.Info("run: ended", "cluster", r.Cluster, "recipe", r.Recipe, "run", r.ID, "by", r.By, "outcome", r.Outcome,
			"seconds", r.Ended.Sub(r.Created).Round(time.Millisecond).Seconds())
		d.seen(r)
	}
}

// over is ended for a run that the schedule did not begin: its cluster is looked at
// again.
func (d *daemon) over(id string) {
	d.ended(id)
	if r, err := d.Store.Run(d.after, id); err == nil && r.Cluster != "" {
		d.keeper.Touched(r.Cluster)
	}
}

// seen tells those who watch of a run that has begun or ended.
func (d *daemon) seen(r run.Run) {
	if known, err := d.alive(d.after, r); err == nil {
		brief := known.Brief()
		d.server.Publish(api.Change{Kind: api.RunChanged, Name: r.ID, Run: &brief})
	}
	if r.Cluster == "" {
		return
	}
	if err := d.facts.read(d.after, r.Cluster); err != nil {
		d.Log.Warn("daemon: the journal cannot be read", "error", err)
	}
	d.changes.touch(r.Cluster)
}

// watchJournal notices the runs of other processes, and tells those who watch
// of clusters that have changed.
func (d *daemon) watchJournal() {
	ticker := time.NewTicker(d.Tick)
	defer ticker.Stop()
	last, known := stamp{}, d.facts.told // what happened since they were read is told of
	for {
		select {
		case <-d.life.Done():
			return
		case <-d.changes.more:
			d.publishClusters()
			continue
		case <-ticker.C:
		}
		if now := d.journalStamp(); now != last {
			last = now
			known = d.readForeign(known)
		}
	}
}

// publishClusters tells those who watch how clusters stand now.
func (d *daemon) publishClusters() {
	for name := range d.changes.take() {
		c, ok := d.cluster(name)
		if !ok {
			d.server.Publish(api.Change{Kind: api.ClusterGone, Name: name})
			continue
		}
		d.server.Publish(api.Change{Kind: api.ClusterChanged, Name: name, Cluster: &c})
	}
}

// recent is how many runs are looked at for those of other processes.
const recent = 50

// readForeign tells of runs that began or ended in other processes, and returns
// the outcomes that were told of. known are those of before.
func (d *daemon) readForeign(known map[string]run.Outcome) map[string]run.Outcome {
	runs, err := d.Store.Runs(d.life, run.Filter{Limit: recent})
	if err != nil {
		return known // it is read again at its next change
	}
	told := make(map[string]run.Outcome, len(runs))
	for _, r := range runs {
		told[r.ID] = r.Outcome
		if was, seen := known[r.ID]; r.Daemon && !d.inside || seen && was == r.Outcome {
			continue
		}
		d.seen(r)
		if r.Outcome != "" {
			d.keeper.Touched(r.Cluster)
		}
	}
	return told
}

func (d *daemon) journalStamp() stamp {
	var fi fs.FileInfo
	fi, err := os.Stat(d.Store.Path())
	if err != nil {
		return stamp{}
	}
	return stamp{fi.Size(), fi.ModTime(), fi.Mode()}
}
