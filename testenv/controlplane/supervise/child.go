package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/rekindle-io/rekindle/testenv/controlplane/layout"
)

// EnvGate tells a component to wait until its standard input ends. It is then
// loaded and initialised, and begins the moment the API server is ready.
const EnvGate = "REKINDLE_GATE"

const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 10 * time.Second
	// steadyAfter is how long a component lives before its earlier deaths are
	// forgotten.
	steadyAfter = 30 * time.Second
	// killAfter is how long a component may take to leave on SIGTERM.
	killAfter = 8 * time.Second
)

// spawner starts processes from one thread that lives as long as the
// supervisor. The kernel kills the children when that thread dies
// (PR_SET_PDEATHSIG), and it is the thread that counts, not the process.
type spawner struct{ requests chan func() }

func newSpawner(ctx context.Context) *spawner {
	s := &spawner{requests: make(chan func())}
	go func() {
		runtime.LockOSThread() // never unlocked: see above
		for {
			select {
			case f := <-s.requests:
				f()
			case <-ctx.Done():
				return
			}
		}
	}()
	return s
}

func (s *spawner) start(cmd *exec.Cmd) error {
	result := make(chan error, 1)
	s.requests <- func() { result <- cmd.Start() }
	return <-result
}

// child is one component that is kept alive.
type child struct {
	component
	dir     layout.Dir
	id      string
	spawner *spawner
	opened  <-chan struct{} // closed when gated components may begin
	changed func()          // called after each change of state
	log     *slog.Logger

	stop context.CancelFunc
	done chan struct{}

	mu    sync.Mutex
	state layout.Component
}

// keep runs the component until ctx ends and starts it again whenever it dies.
func (c *child) keep(ctx context.Context) {
	defer close(c.done)
	backoff := firstBackoff
	out := &logFile{Logger: lumberjack.Logger{Filename: c.dir.Log(c.name), MaxSize: 10, MaxBackups: 1}}
	defer out.Close()
	for {
		started := time.Now()
		err := c.once(ctx, out)
		if ctx.Err() != nil {
			return
		}
		if time.Since(started) > steadyAfter {
			backoff = firstBackoff
		}
		c.died(err)
		c.log.Warn("component died, starting it again", "component", c.name, "error", err, "in", backoff)
		select {
		case <-ctx.Done():
			return
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// once starts the component and waits until it has gone; when ctx ends it is
// asked to leave, and made to leave after a while.
func (c *child) once(ctx context.Context, out io.Writer) error {
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = append([]string{layout.Program, c.name}, c.args...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "HOME="+c.dir.Path("run"))
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = killAfter
	if c.gated {
		gate, release, err := os.Pipe()
		if err != nil {
			return err
		}
		defer gate.Close()
		cmd.Stdin = gate
		cmd.Env = append(cmd.Env, EnvGate+"=1")
		go func() {
			select {
			case <-c.opened:
			case <-ctx.Done():
			}
			release.Close()
		}()
	}
	if err := c.spawner.start(cmd); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	c.running(cmd.Process.Pid)
	err := cmd.Wait()
	if err == nil {
		err = errors.New("ended by itself")
	}
	return err
}

func (c *child) running(pid int) {
	c.mu.Lock()
	c.state.PID, c.state.Started = pid, time.Now()
	c.mu.Unlock()
	c.changed()
}

func (c *child) died(err error) {
	c.mu.Lock()
	c.state.PID = 0
	c.state.Restarts++
	c.state.LastError = err.Error()
	c.mu.Unlock()
	c.changed()
}

func (c *child) snapshot() layout.Component {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// logFile is a log of bounded size. It never fails: a component must not die
// because the disk that holds its log is full.
type logFile struct{ lumberjack.Logger }

func (l *logFile) Write(p []byte) (int, error) {
	_, _ = l.Logger.Write(p)
	return len(p), nil
}
