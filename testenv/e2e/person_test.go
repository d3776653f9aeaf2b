package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/testenv/screen"
)

// patience is how long a person waits for something on the screen.
const patience = 3 * time.Minute

// person sits at a terminal with rekindle on it.
type person struct {
	t *testing.T
	s *screen.Screen
}

// sits starts rekindle on a terminal of 80x24 cells. What is in env holds over what
// the machine has.
func (m *machine) sits(env []string, args ...string) *person {
	m.t.Helper()
	cmd := exec.Command(rekindle, args...)
	cmd.Dir = m.dir
	cmd.Env = append(append(m.env[:len(m.env):len(m.env)], "TERM=xterm-256color", "NO_COLOR=", "CI=", "USER=ada"), env...)
	s, err := screen.Start(cmd, 80, 24)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(s.Close)
	return &person{m.t, s}
}

func (p *person) await(what string, is func(text string) bool) {
	p.t.Helper()
	err := errors.New("it took too long")
	ctx, cancel := context.WithTimeoutCause(p.t.Context(), patience, err)
	defer cancel()
	if err := p.s.Await(ctx, what, is); err != nil {
		p.t.Fatal(err)
	}
}

// sees waits until all the texts stand on the screen.
func (p *person) sees(texts ...string) {
	p.t.Helper()
	p.await(fmt.Sprintf("%q", texts), func(screen string) bool {
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				return false
			}
		}
		return true
	})
}

// gone waits until a text does not stand on the screen any more.
func (p *person) gone(text string) {
	p.t.Helper()
	p.await(fmt.Sprintf("a screen without %q", text), func(screen string) bool { return !strings.Contains(screen, text) })
}

// types types keys, and waits until all the texts stand on the screen.
func (p *person) types(keys string, texts ...string) {
	p.t.Helper()
	if err := p.s.Type(keys); err != nil {
		p.t.Fatalf("%v; the screen:\n%s", err, p.s.Text())
	}
	p.sees(texts...)
}

// Keys that are no letters.
const (
	enter  = "\r"
	escape = "\x1b"
)

// leaves types keys that end the program, and looks whether the terminal is as it was.
func (p *person) leaves(keys string) {
	p.t.Helper()
	if err := p.s.Type(keys); err != nil {
		p.t.Fatal(err)
	}
	if code := p.code(); code != 0 {
		p.t.Errorf("the UI ended with %d; the screen:\n%s", code, p.s.Text())
	}
	raw := p.s.Raw()
	for name, mode := range map[string][2]string{
		"the alternate screen": {"\x1b[?1049h", "\x1b[?1049l"},
		"a hidden cursor":      {"\x1b[?25l", "\x1b[?25h"},
		"the mouse":            {"\x1b[?1002h", "\x1b[?1002l"},
		"bracketed paste":      {"\x1b[?2004h", "\x1b[?2004l"},
	} {
		on, off := strings.LastIndex(raw, mode[0]), strings.LastIndex(raw, mode[1])
		if on < 0 || off < on {
			p.t.Errorf("the terminal was not restored: %s is left on", name)
		}
	}
	p.unharmed()
}

// unharmed fails the test when the program told of a crash.
func (p *person) unharmed() {
	p.t.Helper()
	if raw := p.s.Raw(); strings.Contains(raw, "panic") || strings.Contains(raw, "goroutine ") {
		p.t.Errorf("the UI crashed:\n%s", p.s.Text())
	}
}

// code waits for the program's end.
func (p *person) code() int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	code, err := p.s.Wait(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	return code
}

// resizes makes the terminal another size, and waits until the UI fills just that.
func (p *person) resizes(columns, rows int) {
	p.t.Helper()
	if err := p.s.Resize(columns, rows); err != nil {
		p.t.Fatal(err)
	}
	p.await(fmt.Sprintf("a screen of %dx%d", columns, rows), func(screen string) bool { return fills(screen, columns, rows) })
}

// fills tells whether the UI's first and last lines are those of the screen, from
// one edge to the other; the very last cell is blank.
func fills(screen string, columns, rows int) bool {
	lines := strings.Split(screen, "\n")
	last := []rune(lines[len(lines)-1])
	return len(lines) == rows && strings.HasPrefix(lines[0], "rekindle › ") && len([]rune(lines[0])) == columns &&
		len(last) == columns-1 && strings.HasSuffix(string(last), "? help")
}

// declares writes a rekindle.yaml with the cluster shop of a repository's folder.
func (m *machine) declares(repo, folder string) {
	m.t.Helper()
	text := fmt.Sprintf("clusters:\n  shop:\n    source: {repo: %s, path: %s, revision: main}\n    provider: local\n", repo, folder)
	writeFile(m.t, filepath.Join(m.dir, "rekindle.yaml"), text)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// daemon starts one, and waits until it serves.
func (m *machine) daemon() *job {
	m.t.Helper()
	j := m.start("daemon", "--log-level", "info")
	eventually(m.t, "a daemon", func() bool {
		if j.over() {
			m.t.Fatalf("the daemon ended:\n%s", j.err.String())
		}
		return strings.Contains(j.err.String(), "daemon: ready")
	})
	return j
}

// stop ends a daemon in an orderly way.
func (j *job) stop() {
	j.t.Helper()
	j.signal(syscall.SIGTERM)
	j.wait()
}
