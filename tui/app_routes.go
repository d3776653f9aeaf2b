package tui

import (
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/screen/cluster"
	"github.com/rekindle-io/rekindle/tui/screen/clusters"
	"github.com/rekindle-io/rekindle/tui/screen/drift"
	"github.com/rekindle-io/rekindle/tui/screen/rebuild"
	runscreen "github.com/rekindle-io/rekindle/tui/screen/run"
	"github.com/rekindle-io/rekindle/tui/screen/runs"
	"github.com/rekindle-io/rekindle/tui/screen/schedule"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// routes are all screens, each with what opens the others.
func routes(env ui.Env, d Daemon) ui.Routes {
	r := &ui.Routes{}
	r.Clusters = func() ui.Screen { return clusters.New(env, d, *r) }
	r.Cluster = func(name string) ui.Screen { return cluster.New(env, d, *r, name) }
	r.Runs = func(f run.Filter) ui.Screen { return runs.New(env, d, *r, f) }
	r.Run = func(id string) ui.Screen { return runscreen.New(env, d, *r, id) }
	r.Compare = func(a, b string) ui.Screen { return runs.NewCompare(env, d, *r, a, b) }
	r.Drift = func(name string) ui.Screen { return drift.New(env, d, *r, name, "") }
	r.Schedule = func(name string) ui.Screen { return schedule.New(env, d, *r, name) }
	r.Rebuild = func(t api.Target) ui.Screen { return rebuild.New(env, d, *r, t) }
	return *r
}
