package socket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/control/socket"
)

// dir is a short private folder: t.TempDir may be too long for a socket.
func dir(t testing.TB) string {
	t.Helper()
	d, err := os.MkdirTemp("", "rk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(d) })
	return d
}

func listen(t testing.TB, path string) *socket.Listener {
	t.Helper()
	l, err := socket.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestASocketIsItsOwnersAlone(t *testing.T) {
	d := filepath.Join(dir(t), "made", "too")
	path := filepath.Join(d, "s")
	l := listen(t, path)
	for path, want := range map[string]os.FileMode{d: 0o700, path: 0o600, path + ".lock": 0o600} {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %04o, want %04o", path, info.Mode().Perm(), want)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("a second close: %v", err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
	listen(t, path)
}

func TestASecondDaemonIsRefused(t *testing.T) {
	path := filepath.Join(dir(t), "s")
	listen(t, path)
	_, err := socket.Listen(t.Context(), path)
	var running *socket.RunningError
	if !errors.As(err, &running) || running.PID != os.Getpid() {
		t.Fatalf("got %v", err)
	}
	if _, err := net.Dial("unix", path); err != nil {
		t.Errorf("the first is not reached any more: %v", err)
	}
}

func TestOfManyThatStartAtOnceOneGetsTheSocket(t *testing.T) {
	path := filepath.Join(dir(t), "s")
	leave(t, path)
	for round := range 20 {
		var (
			wait sync.WaitGroup
			mu   sync.Mutex
			won  []*socket.Listener
		)
		for range 8 {
			wait.Go(func() {
				l, err := socket.Listen(t.Context(), path)
				var running *socket.RunningError
				if err != nil && !errors.As(err, &running) {
					t.Errorf("round %d: %v", round, err)
				}
				if err == nil {
					mu.Lock()
					won = append(won, l)
					mu.Unlock()
				}
			})
		}
		wait.Wait()
		if len(won) != 1 {
			t.Fatalf("round %d: %d listen", round, len(won))
		}
		if _, err := net.Dial("unix", path); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if err := won[0].Close(); err != nil {
			t.Fatal(err)
		}
		if round%2 == 0 {
			leave(t, path)
		}
	}
}

// leave makes a socket at which nobody listens, as a killed process does.
func leave(t *testing.T, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
}

func TestASocketThatWasLeftBehindIsReplaced(t *testing.T) {
	path := filepath.Join(dir(t), "s")
	leave(t, path)
	listen(t, path)
}

func TestAKilledDaemonLeavesNothingInTheWay(t *testing.T) {
	path := filepath.Join(dir(t), "s")
	child := self(t, "listen", path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 9)
	if _, err := io.ReadFull(out, b); err != nil || string(b) != "listening" {
		t.Fatalf("%q, %v", b, err)
	}
	_, err = socket.Listen(t.Context(), path)
	var running *socket.RunningError
	if !errors.As(err, &running) || running.PID != child.Process.Pid {
		t.Fatalf("beside process %d: %v", child.Process.Pid, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	listen(t, path)
}

func TestWhatIsInTheWayStays(t *testing.T) {
	for name, put := range map[string]func(t *testing.T, path string){
		"a file":          func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte("precious"), 0o600)) },
		"a folder":        func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o700)) },
		"a link":          func(t *testing.T, path string) { must(t, os.Symlink("/dev/null", path)) },
		"a living socket": func(t *testing.T, path string) { hold(t, path) },
		"a lock that is a link": func(t *testing.T, path string) {
			must(t, os.WriteFile(path+".victim", []byte("precious"), 0o600))
			must(t, os.Symlink(path+".victim", path+".lock"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir(t), "s")
			put(t, path)
			before := tree(t, filepath.Dir(path))
			_, err := socket.Listen(t.Context(), path)
			var inTheWay *socket.PathError
			var running *socket.RunningError
			if !errors.As(err, &inTheWay) && !errors.As(err, &running) {
				t.Fatalf("got %v", err)
			}
			after := tree(t, filepath.Dir(path))
			delete(after, "s.lock")
			delete(before, "s.lock")
			if fmt.Sprint(before) != fmt.Sprint(after) {
				t.Errorf("before %v, after %v", before, after)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func hold(t *testing.T, path string) {
	l, err := net.Listen("unix", path)
	must(t, err)
	t.Cleanup(func() { l.Close() })
}

// tree is what is in a folder: types and contents.
func tree(t *testing.T, dir string) map[string]string {
	list, err := os.ReadDir(dir)
	must(t, err)
	out := map[string]string{}
	for _, e := range list {
		content := ""
		if e.Type().IsRegular() {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			must(t, err)
			content = string(b)
		}
		out[e.Name()] = e.Type().String() + " " + content
	}
	return out
}

func TestPathsThatCannotBe(t *testing.T) {
	d := dir(t)
	open := filepath.Join(d, "open")
	must(t, os.Mkdir(open, 0o755))
	must(t, os.WriteFile(filepath.Join(d, "file"), nil, 0o600))
	for name, c := range map[string]struct{ path, want string }{
		"relative":       {"s", "absolute"},
		"empty":          {"", "absolute"},
		"with a zero":    {"/tmp/a\x00b", "absolute"},
		"too long":       {"/" + strings.Repeat("a", 103), "no more than 103"},
		"open folder":    {filepath.Join(open, "s"), "open to others (mode 0755)"},
		"file as folder": {filepath.Join(d, "file", "s"), "folder cannot be made"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := socket.Listen(t.Context(), c.path)
			var p *socket.PathError
			if !errors.As(err, &p) || !strings.Contains(err.Error(), c.want) || p.Hint() == "" {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	longest := "/" + strings.Repeat("a", 102)
	if err := socket.CheckPath(longest); err != nil {
		t.Errorf("%d bytes: %v", len(longest), err)
	}
}

func TestAFolderOfSomebodyElseIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("another user's folder can only be made as root")
		return
	}
	d := filepath.Join(dir(t), "theirs")
	must(t, os.Mkdir(d, 0o700))
	must(t, os.Chown(d, 65534, 65534))
	_, err := socket.Listen(t.Context(), filepath.Join(d, "s"))
	if err == nil || !strings.Contains(err.Error(), "another user") {
		t.Errorf("got %v", err)
	}
	own := dir(t)
	leave(t, filepath.Join(own, "s"))
	must(t, os.Lchown(filepath.Join(own, "s"), 65534, 65534))
	_, err = socket.Listen(t.Context(), filepath.Join(own, "s"))
	if err == nil || !strings.Contains(err.Error(), "socket of another user") {
		t.Errorf("got %v", err)
	}
}

func TestASocketThatWasReplacedIsNotRemoved(t *testing.T) {
	path := filepath.Join(dir(t), "s")
	l := listen(t, path)
	must(t, os.Remove(path))
	hold(t, path)
	must(t, l.Close())
	if _, err := net.Dial("unix", path); err != nil {
		t.Errorf("the other's socket is gone: %v", err)
	}
}

func TestTheKernelTellsWhoIsThere(t *testing.T) {
	path := filepath.Join(dir(t), "s")
	l := listen(t, path)
	conn, err := net.Dial("unix", path)
	must(t, err)
	defer conn.Close()
	there, err := l.Accept()
	must(t, err)
	defer there.Close()
	p, err := socket.PeerOf(there)
	if err != nil || p.UID != os.Geteuid() || p.PID != os.Getpid() || p.Name == "" || p.Via != "unix" {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestAnotherUserIsAStranger(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("another user can only be had as root")
		return
	}
	d := dir(t)
	path := filepath.Join(d, "s")
	l := listen(t, path)
	// What is tested is the credentials, not the modes that keep others out before.
	must(t, os.Chmod(d, 0o755))
	must(t, os.Chmod(path, 0o666))
	exe, err := os.Executable()
	must(t, err)
	copied := filepath.Join(d, "child")
	b, err := os.ReadFile(exe)
	must(t, err)
	must(t, os.WriteFile(copied, b, 0o755))
	child := exec.CommandContext(t.Context(), copied)
	child.Env = []string{"SOCKET_TEST=dial", "SOCKET_PATH=" + path}
	child.Dir = d
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	var out bytes.Buffer
	child.Stdout, child.Stderr = &out, &out
	must(t, child.Start())
	t.Cleanup(func() { _ = child.Wait() })
	must(t, l.SetDeadline(time.Now().Add(20*time.Second)))
	conn, err := l.Accept()
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	defer conn.Close()
	p, err := socket.PeerOf(conn)
	if !errors.Is(err, socket.ErrStranger) || p.UID != 65534 {
		t.Errorf("got %+v, %v", p, err)
	}
}

// self is this test binary in a part of its own; see TestMain.
func self(t *testing.T, part, path string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	child := exec.CommandContext(t.Context(), exe)
	child.Env = append(os.Environ(), "SOCKET_TEST="+part, "SOCKET_PATH="+path)
	return child
}

func TestMain(m *testing.M) {
	path := os.Getenv("SOCKET_PATH")
	switch os.Getenv("SOCKET_TEST") {
	case "listen":
		if _, err := socket.Listen(context.Background(), path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Print("listening")
		select {} // until it is killed
	case "dial":
		conn, err := net.Dial("unix", path)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		_, _ = conn.Read(make([]byte, 1)) // until the other side hangs up
		os.Exit(0)
	}
	os.Exit(m.Run())
}
