package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/testenv/example"
)

// begins walks from the dashboard through all questions about the cluster shop, and
// begins to restore the commit of the example repository that has the tag v1.2.
func (p *person) begins() {
	p.t.Helper()
	p.sees("rekindle › clusters ", "shop")
	p.types("R", "[2 commit]", "(v1.2)")
	p.types("jj", "> cac8a08")
	p.types(enter, "2 cac8a08 › [3 where]", "● local", "as declared")
	p.types(enter, "[4 plan]", "15 objects onto")
	p.types(enter, "[5 confirm]", "nothing is deleted", "rekindle restore shop --at cac8a0886e51")
	p.types(enter, "rebuild shop?", "y yes")
	p.types("y", "[6 run]", "restore of shop")
}

// ends waits for the report of a verified cluster, and leaves.
func (p *person) ends() {
	p.t.Helper()
	p.sees("[7 report]", "✓ verified: the cluster is the commit", "rekindle drift shop")
	p.types("q", "rekindle › clusters ", "1 cluster: 1 awake")
	p.leaves("q")
}

// onlyRun is the one run that the cluster shop had; it has to have ended well.
func (m *machine) onlyRun() run.Run {
	m.t.Helper()
	list, err := m.journal.Runs(m.t.Context(), run.Filter{Cluster: "shop"})
	if err != nil {
		m.t.Fatal(err)
	}
	if len(list) != 1 || list[0].Outcome != run.Done {
		m.t.Fatalf("want one run that is done, have %+v", list)
	}
	return list[0]
}

// A tired person brings a cluster back with the keyboard alone, and no daemon. The
// window changes its size meanwhile.
func TestRebuildByKeystrokes(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.declares(example.Repo(t), "deploy")
	p := m.sits(nil)
	p.sees("rekindle › clusters ", "this process", "○ asleep")
	p.types("R", "[2 commit]", "Sell in Swiss francs, too")
	p.types(escape, "[1 cluster]", "a repository, by hand", "> shop")
	p.types("P", "it will be printed")
	p.types(escape, "1 cluster: 1 asleep")
	p.begins()
	for _, size := range [][2]int{{40, 15}, {120, 40}, {80, 24}} {
		p.resizes(size[0], size[1])
	}
	p.ends()
	if want := "\nrekindle restore shop"; !strings.Contains("\n"+p.s.Text(), want) {
		t.Errorf("the command line was asked for, and is not printed:\n%s", p.s.Text())
	}
	m.onlyRun()
}

// Who detaches leaves the run to the daemon, and finds it again where it stands.
func TestDetachAndComeBack(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.declares(example.Repo(t), "deploy")
	d := m.daemon()
	p := m.sits(nil)
	p.begins()
	p.types("p", "= paused") // so that it waits
	p.types("D", "rekindle › clusters ", "◐ restoring")
	p.leaves("q")

	p = m.sits(nil)
	p.sees("rekindle › clusters ", "◐ restoring")
	p.types("R", "a restore is under way", "follow it")
	p.types(enter, "[6 run]", "= paused")
	p.types("p", "◐ running")
	p.ends()
	if r := m.onlyRun(); !r.Daemon {
		t.Errorf("the run is not the daemon's: %+v", r)
	}
	d.stop()
}

// The daemon is killed in the middle of a run: the UI says so, finds the next one,
// and follows the run to its end.
func TestUILosesItsDaemon(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.declares(example.Repo(t), "deploy")
	d := m.daemon()
	p := m.sits(nil)
	p.begins()
	p.sees("◐ provision")
	d.signal(syscall.SIGKILL)
	d.wait()
	p.sees("✗ no daemon since ")
	p.sees("! the daemon does not answer; this is how it was")
	p.resizes(40, 15)
	p.resizes(80, 24)
	d = m.daemon()
	p.types("\x12") // ctrl+r, though it would look by itself
	p.gone("no daemon since")
	p.ends()
	m.onlyRun()
	d.stop()
}

// Without a terminal, or on one that cannot move its cursor, commands are named.
func TestUIWithoutATerminal(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.must(2, "tui").says(t, "needs a terminal", "rekindle clusters list", "rekindle restore NAME")
	if r := m.must(0); !strings.Contains(r.out, "Usage:") || strings.Contains(r.out, "\x1b") {
		t.Errorf("rekindle alone prints\n%s", r.out)
	}
	for _, test := range []struct {
		args []string
		code int
		says string
	}{{[]string{"tui"}, 2, "rekindle clusters list"}, {nil, 0, "Usage:"}} {
		p := m.sits([]string{"TERM=dumb"}, test.args...)
		if code := p.code(); code != test.code {
			t.Errorf("rekindle %v on a dumb terminal ends with %d, want %d", test.args, code, test.code)
		}
		if raw := p.s.Raw(); !strings.Contains(raw, test.says) || strings.Contains(raw, "\x1b") {
			t.Errorf("rekindle %v on a dumb terminal says %q", test.args, raw)
		}
	}
}

// What a commit message has in it stays on its line, in the colours of the UI; and
// with NO_COLOR there are none.
func TestHostileCommitOnATerminal(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	repo := gitRepo(t, files{"app.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: app}\n"})
	commit(t, repo, files{"app.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: app2}\n"},
		"Innocent \x1b[2J\x1b]0;owned\x07 \x1b[31mred\x1b[0m \u202egnp.exe\n\nIts text \x1b]0;owned\x07\x1b[41m")
	m.declares(repo, "''")
	colour := regexp.MustCompile(`\x1b\[[0-9;]*(3[0-79]|38;[0-9;]*|4[0-79]|48;[0-9;]*|9[0-7]|10[0-7])m`)
	for name, test := range map[string]struct {
		env     []string
		colours bool
	}{"in colours": {nil, true}, "NO_COLOR": {[]string{"NO_COLOR=1"}, false}} {
		p := m.sits(test.env)
		p.sees("○ asleep")
		p.types("R", "[2 commit]", "Innocent", "owned")
		p.resizes(120, 40)
		p.sees("Its text")
		p.types(enter, "[3 where]", "● local")
		p.types(enter, "[4 plan]", "1 object onto")
		p.types(enter, "[5 confirm]", "Innocent", "rekindle restore shop")
		p.types(escape, "[4 plan]")
		p.types("q", "leave the walkthrough?")
		p.types("y", "1 cluster: 1 asleep")
		p.leaves("q")
		raw := p.s.Raw()
		for _, bad := range []string{"\x1b]0;", "\x07 ", "\x1b[2J\x1b]", "\x1b[31mred", "\x1b[41m", "\u202e"} {
			if strings.Contains(raw, bad) {
				t.Errorf("%s: %q reached the terminal", name, bad)
			}
		}
		if colour.MatchString(raw) != test.colours {
			t.Errorf("%s: colours: %q", name, colour.FindString(raw))
		}
	}
}

// With --read-only no key changes anything, and help says why.
func TestReadOnlyUI(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.declares(example.Repo(t), "deploy")
	file := filepath.Join(m.dir, "rekindle.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, string(text)+"    schedule: {zone: UTC, awake: Mon-Fri 07:00-20:00}\n")

	p := m.sits(nil)
	p.sees("rekindle › clusters ", "○ asleep")
	p.types("K", "keep shop up", "for 1 hour") // it would, otherwise
	p.types(escape)
	p.gone("keep shop up")
	p.leaves("q")

	p = m.sits(nil, "tui", "--read-only")
	p.sees("rekindle › clusters ", "read-only · ", "○ asleep")
	p.resizes(120, 60) // so that all of the help is seen
	for _, screen := range []struct{ key, title string }{{"1", "1 cluster: 1 asleep"}, {enter, "clusters › shop "}, {"3", "clusters › schedule "}, {"2", "clusters › runs "}} {
		p.types(screen.key, screen.title)
		// All keys that change something somewhere, and yes to what they might ask.
		p.types("RwzKkxSuUprayy?")
		p.sees("› help", "(not with --read-only)")
		p.types(escape)
		p.gone("› help")
		p.types("1", "1 cluster: 1 asleep")
	}
	p.leaves("q")
	if r, ok := m.newest("shop"); ok {
		t.Errorf("a run was begun: %+v", r)
	}
	if r := m.must(0, "schedule", "explain", "shop"); strings.Contains(r.out, "decided") {
		t.Errorf("a word was recorded:\n%s", r.out)
	}
}

// The UI talks to the daemon of another state directory when it is named.
func TestConnectToAnotherDaemon(t *testing.T) {
	t.Parallel()
	m, other := newMachine(t), newMachine(t)
	m.declares(example.Repo(t), "deploy")
	d := m.daemon()
	p := other.sits(nil, "tui", "--connect", filepath.Join(m.state, "daemon", "api.sock"))
	p.sees("rekindle › clusters ", "shop", "○ asleep")
	p.leaves("q")
	d.stop()
	if code := other.sits(nil, "tui", "--connect", "ftp://nowhere").code(); code != 2 {
		t.Errorf("an address that is none ends with %d", code)
	}
}
