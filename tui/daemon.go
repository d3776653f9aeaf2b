// Package tui is the terminal UI: a dashboard of all clusters, a walkthrough that
// rebuilds one, and screens for drift, schedules and runs. It sees the world through
// Daemon alone and draws what that tells; each screen is a package of its own below
// tui/screen, what they share is in tui/ui.
package tui

import (
	"context"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// Daemon is what the UI asks. Every method may take as long as a network does, ends
// with ctx and is called from commands, never from Update or View. Errors have a
// text for people; those with a Hint() string say what to do next.
//
// The daemon and the engine inside of this process are both behind it: see
// cmd/internal/control.
type Daemon interface {
	// Address is whom this talks to, for people: a socket, a URL, "this process".
	Address() string
	Version(ctx context.Context) (api.Version, error)

	Clusters(ctx context.Context) (api.ClusterList, error)
	Cluster(ctx context.Context, name string) (api.Cluster, error)
	Schedule(ctx context.Context, name string, from, to time.Time) (api.Schedule, error)
	Say(ctx context.Context, name string, word api.WordRequest) (api.Said, error)
	Unsay(ctx context.Context, name string, kind api.WordKind) (api.Decision, error)

	Runs(ctx context.Context, f run.Filter) (api.RunList, error)
	Run(ctx context.Context, typed string) (api.Run, error)
	Report(ctx context.Context, typed string) (api.RunReport, error)
	Start(ctx context.Context, req api.StartRequest) (api.Run, error)
	Resume(ctx context.Context, typed string) (api.Run, error)
	Order(ctx context.Context, typed string, order api.Order) error
	Abort(ctx context.Context, typed string) (api.Run, error)
	// Follow hands over a run's events behind since, and more as they come, until
	// nothing more is to be expected. It survives a daemon that is restarted.
	Follow(ctx context.Context, typed string, since uint64, each func(run.Event) error) error
	// Changes hands over what changes anywhere: see Watch of the control client.
	Changes(ctx context.Context, each func(api.Change) error) error

	Log(ctx context.Context, q api.LogQuery) (api.Log, error)
	Compare(ctx context.Context, q api.CompareQuery) (api.Comparison, error)
	Providers(ctx context.Context) ([]api.Provider, error)
	Plan(ctx context.Context, t api.Target) (api.Planned, error)
	Drift(ctx context.Context, q api.DriftQuery) (api.DriftReport, error)
	Ignore(ctx context.Context, cluster string, rule api.Ignore) (api.Ignoring, error)
	Look(ctx context.Context, cluster, object string) (api.ObjectLook, error)
}
