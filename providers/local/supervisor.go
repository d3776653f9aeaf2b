package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// commandSupervise is the subcommand of the supervisor, by which its process is
// told from its components'.
const commandSupervise = "supervise"

// startAnew starts the supervisor of a cluster that has none. The channel is
// closed when it ends.
func (p *Provider) startAnew(ctx context.Context, h home, m mark, progress providers.Progress) (<-chan struct{}, error) {
	// What a supervisor left behind would hold the data and the ports.
	if err := killAll(ctx, h, m.ID); err != nil {
		return nil, err
	}
	path, err := p.binary(m.Settings)
	if err != nil {
		return nil, err
	}
	if m.State == providers.StateCreating {
		if err := h.empty(); err != nil {
			return nil, err
		}
	}
	if err := p.prepare(h, m); err != nil {
		return nil, err
	}
	progress.Say(fmt.Sprintf("starting the control plane of %s (Kubernetes %s)", m.Name, Version))
	return p.startSupervisor(path, h, m.ID)
}

// supervised says whether a supervisor of this cluster runs and means to.
func (p *Provider) supervised(h home, id string) (bool, error) {
	found, err := processesOf(h, id)
	if err != nil {
		return false, err
	}
	st := readStatus(h, id)
	for _, pr := range found {
		if pr.command == commandSupervise && pr.pid == st.PID && st.Phase != phaseFailed && st.Phase != phaseStopping {
			return true, nil
		}
	}
	return false, nil
}

// startSupervisor starts it so that it outlives this process: in a session of
// its own, with no terminal, and with an environment that holds nothing of ours.
func (p *Provider) startSupervisor(path string, h home, id string) (<-chan struct{}, error) {
	if err := os.Remove(h.path("run", "status.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := os.MkdirAll(h.path("logs"), 0o700); err != nil {
		return nil, err
	}
	logFile, err := openLog(h.log(commandSupervise))
	if err != nil {
		return nil, err
	}
	defer logFile.Close()

	// Not CommandContext: the process has to outlive every context here.
	cmd := exec.Command(path, commandSupervise, "--dir", string(h)) //nolint:noctx // the process outlives every context here
	cmd.Args[0] = program
	cmd.Dir = "/"
	cmd.Env = []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "TMPDIR=" + os.TempDir(),
		envClusterID + "=" + id, envClusterDir + "=" + string(h),
	}
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.SysProcAttr = detached()
	release, err := p.tether(cmd)
	if err != nil {
		return nil, err
	}
	err = cmd.Start()
	release()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	ended := make(chan struct{})
	go func() { // reaps it where this process lives longer
		_ = cmd.Wait()
		close(ended)
	}()
	return ended, nil
}

// openLog opens the supervisor's log for appending, and begins it anew when it
// has grown large over many starts.
func openLog(path string) (*os.File, error) {
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if info, err := os.Stat(path); err == nil && info.Size() > 1<<20 {
		flags |= os.O_TRUNC
	}
	return os.OpenFile(path, flags, 0o600)
}

// tether ties the supervisor's life to this process where Options.Tethered says
// so: the kernel closes our end of the pipe when we end, however we end.
func (p *Provider) tether(cmd *exec.Cmd) (release func(), err error) {
	if !p.opts.Tethered {
		return func() {}, nil
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Args = append(cmd.Args, "--tether")
	cmd.Stdin = theirs
	p.mu.Lock()
	p.tethers = append(p.tethers, ours)
	p.mu.Unlock()
	return func() { theirs.Close() }, nil
}

// stopGently asks the supervisor to stop everything in order, and ends by force
// what has not left in time.
func (p *Provider) stopGently(ctx context.Context, h home, id string) error {
	deadline, cancel := context.WithTimeout(ctx, p.opts.StopTimeout)
	defer cancel()
	asked := false
	var w witness
	defer w.close()
	for {
		found, err := processesOf(h, id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return w.wait(deadline)
		}
		w.watch(found)
		supervisor := false
		for _, pr := range found {
			if pr.command == commandSupervise {
				supervisor = true
				if !asked {
					if err := pr.signal(syscall.SIGTERM); err != nil {
						return err
					}
				}
			}
		}
		asked = true
		if !supervisor { // nobody is left to stop the rest in order
			return killAll(ctx, h, id)
		}
		select {
		case <-deadline.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return killAll(ctx, h, id)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// notReady says why a cluster does not become ready: what is lacking, and the
// end of the log of the component to blame. A component that died is to blame
// before one that only waits.
func notReady(h home, st status, blame string, cause error) error {
	for _, c := range st.Components {
		if c.Restarts > 0 {
			blame = c.Name
			cause = fmt.Errorf("%w; %s died %d times, last with: %s", cause, c.Name, c.Restarts, c.LastError)
			break
		}
	}
	if blame == "kube-apiserver" && strings.Contains(tail(h.log("etcd"), 1), "failed to publish local member") {
		blame, cause = "etcd", fmt.Errorf("%w: etcd runs and elects no leader", cause)
	}
	if blame == "" {
		blame = commandSupervise
	}
	last := tail(h.log(blame), 6)
	if strings.Contains(last, "no space left on device") || strings.Contains(last, "disk quota exceeded") {
		return fmt.Errorf("the disk of %s is full: free some space and try again (%w)", h, cause)
	}
	if last == "" {
		return fmt.Errorf("%w (log: %s)", cause, h.log(blame))
	}
	return fmt.Errorf("%w\nthe last lines of %s:\n%s", cause, h.log(blame), last)
}

// tail returns the last lines of a log, shortened and indented.
func tail(path string, lines int) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	if len(raw) > 32<<10 {
		raw = raw[len(raw)-32<<10:]
	}
	all := strings.Split(strings.TrimRight(string(raw), "\n"), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	for i, line := range all {
		if len(line) > 300 {
			line = line[:300] + "…"
		}
		all[i] = "  " + line
	}
	return strings.TrimRight(strings.Join(all, "\n"), " ")
}
