package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/schedule/keeper"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

const (
	// countPatience is how long a warning of a teardown waits until the live changes
	// are counted, countsAtOnce how many clusters are compared for warnings at once.
	countPatience = 20 * time.Second
	countsAtOnce  = 2
)

// liveChanges are the differences between a cluster that is about to go and what
// was restored last, nil when they could not be counted in a short while: nobody
// is warned late, or not at all, because of a number.
func (d *daemon) liveChanges(ctx context.Context, n keeper.Notice) *show.Counts {
	if n.Kind != keeper.NoticeTeardown {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, countPatience)
	defer cancel()
	select {
	case d.counts <- struct{}{}:
		defer func() { <-d.counts }()
	case <-ctx.Done():
		return nil
	}
	found, err := backend{d, d.desk}.Drift(ctx, api.DriftQuery{Cluster: n.Cluster})
	if err != nil {
		d.Log.Info("daemon: live changes cannot be counted before a teardown", "cluster", n.Cluster, "error", err)
		return nil
	}
	return &found.Counts
}

// liveWords say what counts mean for who reads a warning; revision is what comes
// back.
func liveWords(cluster, revision string, c *show.Counts) string {
	switch {
	case c == nil:
		return ""
	case c.Changed+c.Missing+c.Unexpected == 0:
		return "\nIt has no live changes"
	}
	return fmt.Sprintf("\nIt has live changes, which come back only as far as %s has them: %d changed, %d missing, %d unexpected.\n"+
		"rekindle drift %s shows them, rekindle drift adopt %s writes them into the source", revision, c.Changed, c.Missing, c.Unexpected, cluster, cluster)
}
