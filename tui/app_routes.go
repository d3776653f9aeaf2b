package tui

import (
	"github.com/rekindle-io/rekindle/tui/screen/cluster"
	"github.com/rekindle-io/rekindle/tui/screen/clusters"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// routes are all screens, each with what opens the others.
func routes(env ui.Env, d Daemon) ui.Routes {
	r := &ui.Routes{}
	r.Clusters = func() ui.Screen { return clusters.New(env, d, *r) }
	r.Cluster = func(name string) ui.Screen { return cluster.New(env, d, *r, name) }
	return *r
}
