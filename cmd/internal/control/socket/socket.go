// Package socket makes the listeners of the daemon and tells who is at the other
// end. In go a path or an address with certificates; out come a net.Listener that
// only one daemon at a time can have, and the Peer of each connection.
package socket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// maxPath is the longest path of a socket that every system takes: sun_path of
// unix(7) holds 108 bytes on Linux and 104 elsewhere, with the zero at the end.
const maxPath = 103

// probe is how long somebody who listens may take to accept.
const probe = 2 * time.Second

// RunningError: another daemon has the socket.
type RunningError struct {
	Path string
	// PID is the other daemon's process; 0 when it is not known.
	PID int
}

func (e *RunningError) Error() string {
	if e.PID == 0 {
		return "a daemon serves " + e.Path + " already"
	}
	return fmt.Sprintf("a daemon serves %s already (process %d)", e.Path, e.PID)
}

// Hint says what to do next.
func (e *RunningError) Hint() string { return "stop it first, or choose another socket" }

// PathError: the path cannot be used for a socket.
type PathError struct {
	Path, Problem, Next string
}

func (e *PathError) Error() string { return "socket " + e.Path + ": " + e.Problem }

// Hint says what to do next.
func (e *PathError) Hint() string { return e.Next }

// Listener is a socket of ours in the file system. Close removes it.
type Listener struct {
	*net.UnixListener
	path string
	made fs.FileInfo
	lock *os.File
	once sync.Once
	err  error
}

// Listen takes the socket at path, which must be absolute: mode 0600, in a folder
// that is its owner's alone and is made when it is not there. A lock file beside
// it sees to it that of two daemons that start at once one gets a *RunningError;
// a socket that was left behind is removed only when it is ours and nobody
// answers at it. What else is in the way is a *PathError.
func Listen(ctx context.Context, path string) (*Listener, error) {
	if err := CheckPath(path); err != nil {
		return nil, err
	}
	if err := ownFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	lock, err := takeLock(path)
	if err != nil {
		return nil, err
	}
	l, err := bind(ctx, path)
	if err != nil {
		lock.Close()
		return nil, err
	}
	l.lock = lock
	return l, nil
}

// CheckPath tells whether a socket can be at path at all.
func CheckPath(path string) error {
	switch {
	case !filepath.IsAbs(path) || strings.ContainsRune(path, 0):
		return &PathError{path, "not an absolute path", "write it from the root"}
	case len(path) > maxPath:
		return &PathError{path, fmt.Sprintf("%d bytes long, and the system takes no more than %d", len(path), maxPath),
			"choose a shorter path, for instance below $XDG_RUNTIME_DIR"}
	}
	return nil
}

// ownFolder makes the folder, or tells that nobody else can write or look there.
func ownFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return &PathError{dir, "its folder cannot be made: " + err.Error(), "choose another path"}
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return &PathError{dir, err.Error(), "choose another path"}
	case !info.IsDir():
		return &PathError{dir, "not a folder", "choose another path"}
	case !ours(info):
		return &PathError{dir, "the folder belongs to another user", "choose a folder of your own"}
	case info.Mode().Perm()&0o077 != 0:
		return &PathError{dir, fmt.Sprintf("the folder is open to others (mode %04o)", info.Mode().Perm()),
			"chmod 700 it, or choose a folder of its own for the socket"}
	}
	return nil
}

// takeLock locks the file beside the socket; the kernel gives it back when the
// process ends. The file stays: who removed it could let a second one in.
func takeLock(path string) (*os.File, error) {
	name := path + ".lock"
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, &PathError{name, err.Error(), "choose another path"}
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, &RunningError{Path: path, PID: readPID(f)}
		}
		return nil, &PathError{name, "cannot be locked: " + err.Error(), "choose a path on a local file system"}
	}
	held, err := f.Stat()
	if err == nil {
		var there fs.FileInfo
		if there, err = os.Lstat(name); err == nil && !os.SameFile(held, there) {
			err = errors.New("was replaced meanwhile")
		}
	}
	if err == nil {
		err = writePID(f)
	}
	if err != nil {
		f.Close()
		return nil, &PathError{name, err.Error(), "try again"}
	}
	return f, nil
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func readPID(f *os.File) int {
	b := make([]byte, 16)
	n, _ := f.ReadAt(b, 0) // the end of the file is expected
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	return pid
}

// bind makes the socket. The lock is held.
func bind(ctx context.Context, path string) (*Listener, error) {
	if err := clear(ctx, path); err != nil {
		return nil, err
	}
	var conf net.ListenConfig
	raw, err := conf.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	l := raw.(*net.UnixListener)
	l.SetUnlinkOnClose(false)
	// Until here the folder's mode has kept others out.
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	made, err := os.Lstat(path)
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	return &Listener{UnixListener: l, path: path, made: made}, nil
}

// clear removes a socket that was left behind.
func clear(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &PathError{path, err.Error(), "choose another path"}
	case info.Mode().Type() != fs.ModeSocket:
		return &PathError{path, "something else is there", "move it away, or choose another path"}
	case !ours(info):
		return &PathError{path, "a socket of another user is there", "choose another path"}
	}
	dialer := net.Dialer{Timeout: probe}
	conn, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		conn.Close()
		return &RunningError{Path: path}
	case errors.Is(err, unix.ENOENT):
		return nil
	case !errors.Is(err, unix.ECONNREFUSED):
		// Full, slow or not to be told: somebody may be there.
		return &PathError{path, "a socket is there that was not made by us and is not dead: " + err.Error(),
			"stop what listens there, or choose another path"}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &PathError{path, "a socket that was left behind cannot be removed: " + err.Error(), "remove it"}
	}
	return nil
}

// ours tells whether a file belongs to this process's user.
func ours(info fs.FileInfo) bool {
	st, ok := info.Sys().(*unixStat)
	return ok && int(st.Uid) == os.Geteuid()
}

// Close stops listening, removes the socket unless it is no longer ours, and
// gives the lock back. A second call does nothing.
func (l *Listener) Close() error {
	l.once.Do(func() {
		l.err = l.UnixListener.Close()
		if there, err := os.Lstat(l.path); err == nil && os.SameFile(there, l.made) {
			l.err = errors.Join(l.err, os.Remove(l.path))
		}
		l.err = errors.Join(l.err, l.lock.Close())
	})
	return l.err
}
