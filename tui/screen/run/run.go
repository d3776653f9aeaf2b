// Package run is the screen of one run, of any recipe: its steps, what becomes of
// its objects, its events as they happen, and in the end its report. A person
// steers from here: pauses, tries an object again, gives one up, aborts.
//
// In go the run's ID and a Daemon; the screen reads the run's events from the first
// on, so that it shows the same whenever it is opened.
package run

import (
	"context"

	"github.com/rekindle-io/rekindle/recover/api"
	journal "github.com/rekindle-io/rekindle/recover/run"
)

// Daemon is what the screen asks; see tui.Daemon.
type Daemon interface {
	Run(ctx context.Context, typed string) (api.Run, error)
	Runs(ctx context.Context, f journal.Filter) (api.RunList, error)
	Report(ctx context.Context, typed string) (api.RunReport, error)
	Start(ctx context.Context, req api.StartRequest) (api.Run, error)
	Resume(ctx context.Context, typed string) (api.Run, error)
	Order(ctx context.Context, typed string, order api.Order) error
	Abort(ctx context.Context, typed string) (api.Run, error)
	Follow(ctx context.Context, typed string, since uint64, each func(journal.Event) error) error
	Look(ctx context.Context, cluster, object string) (api.ObjectLook, error)
}
