package daemon

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/control/client"
	"github.com/rekindle-io/rekindle/cmd/internal/control/socket"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// insideAddress is what people are told of the engine in their own process.
const insideAddress = "this process"

// Inner is the engine inside of this process, spoken to like a daemon. It has no
// socket, and it starts nothing by itself: schedules are shown and words recorded,
// for a daemon that runs beside it or comes later. What it is told to start it does
// in this process.
type Inner struct {
	*client.Client
	d      *daemon
	leave  func()
	served chan error
}

// Inside begins an engine in this process; Leave ends it. Of the options Socket,
// Hangups and Getenv are not used. Without a rekindle.yaml (Load gives
// config.ErrNone) no cluster is declared.
func Inside(ctx context.Context, o Options) (*Inner, error) {
	o.Tick = o.tick()
	engine := *o.Rebuild
	engine.Source.Progress = nil // the terminal is another's
	o.Rebuild = &engine
	c, err := o.Load()
	if errors.Is(err, config.ErrNone) {
		o.File, c, err = "", &config.Config{}, nil
	}
	if err != nil {
		return nil, err
	}
	d, end := newDaemon(ctx, o)
	d.inside = true
	d.keeper = newOnlooker(d)
	if err := d.prepare(ctx, c); err != nil {
		end()
		return nil, err
	}
	serving, stop := context.WithCancel(ctx)
	pipe := socket.NewPipe(o.Rebuild.Executor.By)
	in := &Inner{d: d, served: make(chan error, 1)}
	in.leave = func() { stop(); end() }
	in.Client = client.Over(pipe.Dial, insideAddress, client.Options{Chance: o.Rand})
	go func() { in.served <- d.server.Serve(serving, pipe) }()
	d.work.Go(func() { _ = d.keeper.Run(d.life) })
	d.work.Go(d.watchJournal)
	if o.File != "" {
		d.work.Go(d.watchFile)
	}
	return in, nil
}

// Live are the runs that this process executes now, newest first. When Leave ends
// them, they are interrupted and can be resumed.
func (in *Inner) Live(ctx context.Context) ([]api.Run, error) {
	all, err := in.d.Runs(ctx, run.Filter{Unfinished: true})
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(r api.Run) bool {
		return !r.Live || r.Process.PID != os.Getpid() || r.Process.Host != host
	}), nil
}

// Wait returns when nothing is under way any more, or with ctx's error.
func (in *Inner) Wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		in.d.jobs.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Leave ends the engine. What is under way is cut off in an orderly way.
func (in *Inner) Leave() error {
	in.leave()
	in.Close()
	err := <-in.served
	in.d.work.Wait()
	in.d.post.close()
	return err
}
