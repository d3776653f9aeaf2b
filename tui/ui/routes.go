package ui

import (
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// Routes make the screens that other screens open. The app fills all of them in;
// in tests those that are not needed stay nil: see Go.
type Routes struct {
	// Clusters is the dashboard; Cluster is one cluster.
	Clusters func() Screen
	Cluster  func(name string) Screen
	// Runs is the history, Run one run, Compare two of them side by side.
	Runs    func(f run.Filter) Screen
	Run     func(id string) Screen
	Compare func(a, b string) Screen
	// Drift shows how a cluster differs from a commit.
	Drift func(cluster string) Screen
	// Schedule shows the week, of all clusters when none is named.
	Schedule func(cluster string) Screen
	// Rebuild is the walkthrough; what the target leaves out is asked.
	Rebuild func(t api.Target) Screen
}
