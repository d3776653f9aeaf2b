package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The marks of a process of ours are two variables in the environment that it
// was started with: the random id of its cluster and the directory. A pid alone
// means nothing. The names equal those of testenv/controlplane/layout.
const (
	program       = "rekindle-controlplane" // argv[0]
	envClusterID  = "REKINDLE_CLUSTER_ID"
	envClusterDir = "REKINDLE_CLUSTER_DIR"
)

// supported says why this operating system cannot run local clusters.
func supported() error { return nil }

// process is one that bears the marks.
type process struct {
	pid     int
	command string // "supervise", "etcd", …
	id, dir string // of its cluster
}

// processes returns those of ours whose cluster id passes the filter. A dead
// process has no environment any more, so zombies do not count.
func processes(match func(id string) bool) ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var found []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if pr, ok := identify(pid); ok && match(pr.id) {
			found = append(found, pr)
		}
	}
	return found, nil
}

// processesOf returns those of the cluster with that id in that directory. In a
// copy of a state directory the same id is there twice: processes that belong
// to another directory, which still exists, are not this cluster's.
func processesOf(h home, id string) ([]process, error) {
	found, err := processes(func(other string) bool { return other == id })
	return slices.DeleteFunc(found, func(pr process) bool { return !sameDir(pr.dir, h) }), err
}

func sameDir(dir string, h home) bool {
	if dir == string(h) {
		return true
	}
	there, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true // the directory was moved
	}
	here, hereErr := os.Stat(string(h))
	return err == nil && hereErr == nil && os.SameFile(there, here)
}

// identify reads the marks of a process; ok is false for one that is not ours.
func identify(pid int) (pr process, ok bool) {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	environ, err := os.ReadFile(filepath.Join(proc, "environ"))
	if err != nil || !bytes.Contains(environ, []byte(envClusterID+"=")) {
		return process{}, false
	}
	cmdline, err := os.ReadFile(filepath.Join(proc, "cmdline"))
	if err != nil {
		return process{}, false
	}
	pr = process{pid: pid, command: command(strings.Split(string(bytes.TrimRight(cmdline, "\x00")), "\x00"))}
	for entry := range strings.SplitSeq(string(environ), "\x00") {
		switch key, value, _ := strings.Cut(entry, "="); key {
		case envClusterID:
			pr.id = value
		case envClusterDir:
			pr.dir = value
		}
	}
	return pr, pr.id != "" && pr.dir != ""
}

// command is the subcommand that a command line of ours names, be the binary
// run through a script; for any other it is the program.
func command(args []string) string {
	for i, arg := range args[:len(args)-1] {
		if filepath.Base(arg) == program {
			return args[i+1]
		}
	}
	return filepath.Base(args[0])
}

// signal sends sig to the process if it still bears the marks. The handle (a
// pidfd) is opened before the marks are read again, so that the signal cannot
// reach another process that got the same pid in between.
func (pr process) signal(sig syscall.Signal) error {
	handle, err := os.FindProcess(pr.pid)
	if err != nil {
		return nil //nolint:nilerr // it is gone
	}
	defer func() { _ = handle.Release() }()
	if now, ok := identify(pr.pid); !ok || now.id != pr.id {
		return nil
	}
	if err := handle.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal process %d (%s): %w", pr.pid, pr.command, err)
	}
	return nil
}

// killAll ends every process of a cluster at once and waits until they are
// gone. The supervisor goes first: it would start the others again.
func killAll(ctx context.Context, h home, id string) error {
	var w witness
	defer w.close()
	for {
		found, err := processesOf(h, id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return w.wait(ctx)
		}
		w.watch(found)
		for _, supervisors := range []bool{true, false} {
			for _, pr := range found {
				if (pr.command == commandSupervise) == supervisors {
					err = errors.Join(err, pr.signal(syscall.SIGKILL))
				}
			}
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("processes of cluster %s do not end: %w", id, context.Cause(ctx))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// witness sees processes to their very end. One that is dying bears no marks any
// more, and on a busy machine still holds its ports and files for a while.
type witness struct{ handles map[int]int } // pidfds, by pid

// watch begins to watch those that it does not watch yet.
func (w *witness) watch(found []process) {
	for _, pr := range found {
		if _, there := w.handles[pr.pid]; there {
			continue
		}
		handle, err := unix.PidfdOpen(pr.pid, 0)
		if err != nil {
			continue // it is gone, or the kernel is too old to say
		}
		if now, ok := identify(pr.pid); ok && now.id != pr.id {
			_ = unix.Close(handle) // the pid was given to another
			continue
		}
		if w.handles == nil {
			w.handles = map[int]int{}
		}
		w.handles[pr.pid] = handle
	}
}

// wait returns once all that were watched have ended.
func (w *witness) wait(ctx context.Context) error {
	for pid, handle := range w.handles {
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}, 20) //nolint:gosec // a descriptor
			if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
				break
			}
			if ctx.Err() != nil {
				return fmt.Errorf("process %d does not end: %w", pid, context.Cause(ctx))
			}
		}
	}
	return nil
}

func (w *witness) close() {
	for _, handle := range w.handles {
		_ = unix.Close(handle)
	}
}

// detached makes a process that neither the terminal nor its signals reach.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// renameNew moves a directory to a name that nothing holds: fs.ErrExist when
// something does, be it an empty directory.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	// A file system that cannot do that; we are the only ones who lose the race.
	if _, err := os.Lstat(to); err == nil {
		return os.ErrExist
	}
	return os.Rename(from, to)
}

// freeSpace is how many bytes an ordinary user can still write below dir.
func freeSpace(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return st.Bavail * uint64(st.Bsize), nil
}
