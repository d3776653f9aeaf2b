package cli_test

import (
	"bytes"
	"errors"
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

	"github.com/creack/pty"

	"github.com/rekindle-io/rekindle/testenv"
)

// screenOf is what a program on a terminal of 80 columns has written so far.
type screenOf struct {
	t    *testing.T
	file *os.File
	cmd  *exec.Cmd

	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

// onTerminal starts rekindle on a terminal.
func onTerminal(t *testing.T, dir string, args ...string) *screenOf {
	t.Helper()
	return onTerminalOf(t, "xterm", dir, args...)
}

// onTerminalOf starts rekindle on a terminal of a kind, as TERM names it.
func onTerminalOf(t *testing.T, kind, dir string, args ...string) *screenOf {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TERM="+kind, "NO_COLOR=", "HOME="+dir, "XDG_STATE_HOME="+filepath.Join(dir, "state"),
		"XDG_CACHE_HOME="+filepath.Join(dir, "cache"), "REKINDLE_CONTROLPLANE="+testenv.Binary(t))
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	s := &screenOf{t: t, file: f, cmd: cmd, more: make(chan struct{}, 1)}
	go s.read()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = f.Close()
	})
	return s
}

func (s *screenOf) read() {
	buffer := make([]byte, 4096)
	for {
		n, err := s.file.Read(buffer)
		s.mu.Lock()
		s.text.Write(buffer[:n])
		s.mu.Unlock()
		select {
		case s.more <- struct{}{}:
		default:
		}
		if err != nil { // EIO when the program is gone
			close(s.more)
			return
		}
	}
}

func (s *screenOf) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// until waits for a text on the screen.
func (s *screenOf) until(text string) {
	s.t.Helper()
	deadline := time.After(time.Minute)
	for !strings.Contains(s.String(), text) {
		select {
		case _, open := <-s.more:
			if !open && !strings.Contains(s.String(), text) {
				s.t.Fatalf("it ended without %q; the screen:\n%s", text, s)
			}
		case <-deadline:
			s.t.Fatalf("%q never came; the screen:\n%s", text, s)
		}
	}
}

func (s *screenOf) types(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.file, text); err != nil {
		s.t.Fatal(err)
	}
}

// code waits for the end and returns the exit code.
func (s *screenOf) code() int {
	s.t.Helper()
	err := s.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	for range s.more {
		// until the last words were read
	}
	return s.cmd.ProcessState.ExitCode()
}

// repository makes a repository with one commit for each content of one file.
func repository(t *testing.T, contents ...string) string {
	t.Helper()
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=Ada", "-c", "user.email=ada@example.com"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q", "-b", "main")
	for _, content := range contents {
		if err := os.WriteFile(filepath.Join(dir, "app.yaml"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		git("add", "-A")
		git("commit", "-q", "-m", "Paint it")
	}
	return dir
}

const colour = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: default}\ndata: {color: "

// TestQuestionsOnATerminal restores, changes in place and deletes with a person
// at the keyboard.
func TestQuestionsOnATerminal(t *testing.T) {
	dir := t.TempDir()
	t.Cleanup(func() { removeClusters(t, filepath.Join(dir, "state", "rekindle", "clusters", "local")) })
	repo := repository(t, colour+"red}\n", colour+"blue}\n")
	restore := func(at string, more ...string) *screenOf {
		return onTerminal(t, dir, append([]string{"restore", "--repo", repo, "--at", at, "--provider", "local", "--name", "dev", "--wait", "1m"}, more...)...)
	}

	s := restore("HEAD~1")
	s.until("making the cluster")
	if code := s.code(); code != 0 {
		t.Fatalf("exit code %d; the screen:\n%s", code, s)
	}
	s.until(": \x1b[32mverified\x1b[0m")

	t.Run("no", func(t *testing.T) {
		s := restore("HEAD")
		s.until("data.color: red → blue")
		s.until("Change cluster dev? [y/N] ")
		s.types("n\r")
		if code := s.code(); code != 5 {
			t.Errorf("exit code %d, want 5", code)
		}
		s.until("not agreed")
	})
	t.Run("interrupted at the question", func(t *testing.T) {
		s := restore("HEAD")
		s.until("[y/N] ")
		s.types("\x03") // Ctrl-C
		if code := s.code(); code != 130 {
			t.Errorf("exit code %d, want 130; the screen:\n%s", code, s)
		}
		s.until("rekindle runs resume")
	})
	t.Run("yes", func(t *testing.T) {
		s := restore("HEAD")
		s.until("[y/N] ")
		s.types("y\r")
		if code := s.code(); code != 0 {
			t.Errorf("exit code %d, want 0; the screen:\n%s", code, s)
		}
	})
	t.Run("another name", func(t *testing.T) {
		s := onTerminal(t, dir, "clusters", "delete", "dev")
		s.until("Type the cluster's name (dev) to go on: ")
		s.types("prod\r")
		if code := s.code(); code != 5 {
			t.Errorf("exit code %d, want 5", code)
		}
		s.until("nothing was deleted")
	})
	t.Run("the name", func(t *testing.T) {
		s := onTerminal(t, dir, "clusters", "delete", "dev")
		s.until("to go on: ")
		s.types("dev\r")
		if code := s.code(); code != 0 {
			t.Errorf("exit code %d, want 0; the screen:\n%s", code, s)
		}
		s.until("deleted dev")
	})
}

// TestADumbTerminalIsToldEachStepOnce: where no line can be redrawn, nothing is
// said twice and nothing is coloured.
func TestADumbTerminalIsToldEachStepOnce(t *testing.T) {
	dir := t.TempDir()
	t.Cleanup(func() { removeClusters(t, filepath.Join(dir, "state", "rekindle", "clusters", "local")) })
	repo := repository(t, colour+"red}\n")
	s := onTerminalOf(t, "dumb", dir, "restore", "--repo", repo, "--provider", "local", "--name", "dev", "--wait", "1m")
	if code := s.code(); code != 0 {
		t.Fatalf("exit code %d; the screen:\n%s", code, s)
	}
	if strings.Contains(s.String(), "\x1b") {
		t.Errorf("there are control sequences: %q", s)
	}
	for _, what := range []string{"making the cluster", "applying", "waiting until all is healthy"} {
		if n := strings.Count(s.String(), what); n != 1 {
			t.Errorf("%q is said %d times; the screen:\n%s", what, n, s)
		}
	}
	if code := onTerminalOf(t, "dumb", dir, "clusters", "delete", "dev", "--confirm", "dev").code(); code != 0 {
		t.Errorf("delete: exit code %d", code)
	}
}

// TestSignals: one asks for an orderly end, which a plan that waits for a server
// comes to soon, with the exit code for it.
func TestSignals(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // never answers
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, times := range []int{1, 2} {
		s := onTerminal(t, t.TempDir(), "plan", "--repo", "http://"+listener.Addr().String()+"/r.git")
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for range times {
			if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
		}
		if code := s.code(); code != 130 {
			t.Errorf("%d signals: exit code %d, want 130; the screen:\n%s", times, code, s)
		}
	}
}
