// Package daemon is what runs all day: it keeps declared clusters in the states
// that their schedules and people want, serves the API, and tells people what
// happened. In go the engine that all recipes share, the journal, and a function
// that reads rekindle.yaml; it returns when its context ends.
//
// It holds nothing that may not die with it: what was decided and begun is in the
// journal, so that after kill -9 the next daemon goes on where this one was.
package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/control/server"
	"github.com/rekindle-io/rekindle/cmd/internal/control/socket"
	"github.com/rekindle-io/rekindle/cmd/internal/desk"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
	"github.com/rekindle-io/rekindle/schedule/calendar"
	"github.com/rekindle-io/rekindle/schedule/keeper"
)

// Options are the parts that a daemon is made of. All are required, but Tick and
// what says so.
type Options struct {
	Rebuild *rebuild.Engine
	Store   *run.Store
	// Load reads rekindle.yaml anew; File is its path.
	Load func() (*config.Config, error)
	File string
	// Socket is where it listens.
	Socket string
	// Hangups asks for rekindle.yaml to be read again; may be nil.
	Hangups <-chan os.Signal
	Now     func() time.Time
	// Tick is how often the clock and the journal are looked at; 1 s when 0.
	Tick    time.Duration
	Rand    io.Reader
	Log     *slog.Logger
	Version string
	// ExitCode gives the command line's exit code for an error.
	ExitCode func(error) int
	// Tell writes the reports of runs as the command line shows them; may be nil.
	Tell desk.Teller
	// Getenv finds the service manager that started the daemon, if one did.
	Getenv func(string) string
}

func (o Options) tick() time.Duration { return cmp.Or(o.Tick, time.Second) }

// daemon is one that runs.
type daemon struct {
	Options
	config  atomic.Pointer[config.Config]
	keeper  keeping
	server  *server.Server
	facts   *facts
	metrics *metrics
	changes *touched
	post    post
	desk    *desk.Desk
	// counts bounds the comparisons that are made for warnings.
	counts chan struct{}
	// life ends when the daemon stops; after does not, for what is told then.
	life, after context.Context //nolint:containedctx // runs outlive the request that began them, not the daemon
	work        sync.WaitGroup
	// inside: it is the engine of somebody's own process, and keeps nothing. jobs
	// are what is under way for clients.
	inside bool
	jobs   sync.WaitGroup
	// reloading: one at a time.
	reloading sync.Mutex
}

// Run is a daemon's life: it returns nil when ctx has ended and everything that
// went on was stopped in an orderly way, to be taken up by the next daemon. It
// refuses to begin where another daemon has the socket.
func Run(ctx context.Context, o Options) error {
	o.Tick = o.tick()
	d, end := newDaemon(ctx, o)
	defer end()
	c, err := o.Load()
	if err != nil {
		return err
	}
	lease, err := keeper.Hold(ctx, o.Store.Leases(), o.Now())
	var held *run.HeldError
	if errors.As(err, &held) {
		return &RunningError{held.Holder}
	}
	if err != nil {
		return err
	}
	defer func() { _ = lease.Release() }() // it ends with the process anyway
	listeners, err := d.listen(ctx, c)
	if err != nil {
		return err
	}
	defer func() {
		for _, l := range listeners {
			l.Close()
		}
	}()
	d.keeper = keeper.New(keeper.Options{
		World: world{d}, Records: o.Store, Now: o.Now, Tick: o.Tick, Log: o.Log,
		MaxRuns: int(c.Daemon.MaxRuns), MaxTeardowns: int(c.Daemon.MaxTeardowns),
		Notify: d.notice, Changed: func(name string) { d.changes.touch(name) },
	})
	if err := d.prepare(ctx, c); err != nil {
		return err
	}
	return d.live(ctx, end, listeners)
}

func newDaemon(ctx context.Context, o Options) (d *daemon, end func()) {
	life, end := context.WithCancel(ctx)
	return &daemon{Options: o, life: life, after: context.WithoutCancel(ctx), facts: newFacts(o.Store), metrics: newMetrics(), changes: newTouched(),
		counts: make(chan struct{}, countsAtOnce)}, end
}

// prepare reads the journal, and puts a configuration in force.
func (d *daemon) prepare(ctx context.Context, c *config.Config) (err error) {
	if err := d.Store.Check(ctx); err != nil {
		return err
	}
	if err := d.facts.readAll(ctx); err != nil {
		return err
	}
	d.desk = desk.New(d.Rebuild, d.Store, d.config.Load, d.Tell)
	if d.server, err = server.New(backend{d, d.desk}, server.Options{
		Version: d.Version, Now: d.Now, Chance: d.Rand, Log: d.Log, Metrics: d.metrics.handler(d), ExitCode: d.ExitCode, Keys: d.Store,
	}); err != nil {
		return err
	}
	return d.declare(ctx, c)
}

// keeping is what the daemon needs of whoever knows the schedule.
type keeping interface {
	Names() []string
	Declared(name string) (keeper.Cluster, error)
	Set(ctx context.Context, declared []keeper.Cluster) error
	Status(name string) (keeper.Status, error)
	Say(ctx context.Context, name string, w calendar.Word) (calendar.Word, calendar.Decision, error)
	Unsay(ctx context.Context, name string, kind calendar.WordKind) (calendar.Decision, error)
	Touched(name string)
	Run(ctx context.Context) error
}

// RunningError: another daemon works with the same state directory.
type RunningError struct{ Holder run.Holder }

func (e *RunningError) Error() string {
	return fmt.Sprintf("a daemon runs here already (process %d on %s, since %s)", e.Holder.PID, e.Holder.Host, e.Holder.Since.Format(time.RFC3339))
}

// Hint says what to do next.
func (*RunningError) Hint() string {
	return "stop it first, or give this one a state directory of its own (--state-dir)"
}

// Outcome makes it a refusal.
func (*RunningError) Outcome() run.Outcome { return run.Refused }

// live serves and keeps until ctx ends.
func (d *daemon) live(ctx context.Context, end func(), listeners []net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- d.server.Serve(ctx, listeners...) }()
	d.work.Go(func() { _ = d.keeper.Run(d.life) })
	d.work.Go(d.watchJournal)
	d.work.Go(d.watchFile)
	d.resumeLost()
	d.Log.Info("daemon: ready", "clusters", len(d.config.Load().Clusters), "socket", d.Socket, "version", d.Version)
	stopNotifying := d.tellManager()
	err := <-served // ctx has ended, or a listener failed
	stopNotifying()
	end()
	d.work.Wait()
	d.post.close()
	d.Log.Info("daemon: stopped")
	if err != nil {
		return fmt.Errorf("the API: %w", err)
	}
	return nil
}

// listen takes the socket, which no other daemon may have, and the address for
// other machines when there is one.
func (d *daemon) listen(ctx context.Context, c *config.Config) ([]net.Listener, error) {
	local, err := socket.Listen(ctx, d.Socket)
	if err != nil {
		return nil, err
	}
	listeners := []net.Listener{local}
	if l := c.Daemon.Listen; l != nil {
		remote, err := socket.ListenTLS(ctx, l.Address, socket.Files{Cert: l.Certificate, Key: l.Key, CA: l.ClientCA})
		if err != nil {
			return nil, errors.Join(err, local.Close())
		}
		listeners = append(listeners, remote)
	}
	return listeners, nil
}

// declared returns a cluster as it is declared now, with the file that does.
func (d *daemon) declared(name string) (*config.Config, config.Cluster, error) {
	c := d.config.Load()
	cluster, err := c.Cluster(name)
	return c, cluster, err
}

// as is the engine for somebody's runs.
func (d *daemon) as(by string) *rebuild.Engine {
	engine, executor := *d.Rebuild, *d.Rebuild.Executor
	executor.By, executor.Daemon = by, !d.inside
	engine.Executor = &executor
	return &engine
}

// teardowns is the teardown engine for somebody's runs.
func (d *daemon) teardowns(by string) *teardown.Engine {
	return &teardown.Engine{Rebuild: d.as(by), Until: d.until, Warn: d.warn}
}

// until waits until the clock, which may jump, shows t.
func (d *daemon) until(ctx context.Context, t time.Time) error {
	return d.untilDropped(ctx, t, func(context.Context) error { return nil })
}

// untilDropped also ends when what is waited for is not wanted any more: who asks
// then is told why.
func (d *daemon) untilDropped(ctx context.Context, t time.Time, wanted func(context.Context) error) error {
	for {
		left := t.Sub(d.Now())
		if left <= 0 || wanted(ctx) != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(min(left, d.Tick)):
		}
	}
}
