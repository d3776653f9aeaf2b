package cli_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rekindle-io/rekindle/providers/local"
	"github.com/rekindle-io/rekindle/testenv"
)

var update = flag.Bool("update", false, "write the screens in testdata/screen anew")

// binary is the real rekindle, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "rekindle-cli-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "rekindle")
		build := exec.Command("go", "build", "-o", binary, "github.com/rekindle-io/rekindle/cmd/rekindle")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build rekindle: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// TestScript runs the real binary as a person or a script would. Scripts whose
// names begin with real- work on real clusters of the local provider.
func TestScript(t *testing.T) {
	jobs, others := &jobs{byName: map[string]*exec.Cmd{}}, others{t}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			setUp(t, env)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":   code,
			"await":  await,
			"screen": screen,
			"commit": commit,
			"api":    apiSays,
			"intact": intact,

			"background": jobs.background,
			"interrupt":  jobs.interrupt,
			"ended":      jobs.ended,
			"killed":     jobs.killed,

			"controlplane": others.controlplane,
			"team":         others.team,
			"has":          others.has,
			"silent":       others.silent,
			"edit":         others.edit,
			"githttp":      others.githttp,
		},
		Condition: func(name string) (bool, error) {
			if name != "controlplane" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			_, err := os.Stat(testenv.Binary(t))
			return err == nil, nil
		},
	})
}

// jobs are programs that run beside their scripts.
type jobs struct {
	mu     sync.Mutex
	byName map[string]*exec.Cmd
}

// background starts a program whose output goes to NAME.out and NAME.err:
// background NAME PROGRAM ARGS
func (j *jobs) background(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 || args[1] != "rekindle" {
		ts.Fatalf("usage: background NAME rekindle ARGS")
	}
	cmd := exec.Command(binary, args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = os.Environ()
	for _, name := range []string{"HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "REKINDLE_CONTROLPLANE"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	for suffix, w := range map[string]*io.Writer{".out": &cmd.Stdout, ".err": &cmd.Stderr} {
		f, err := os.Create(ts.MkAbs(args[0] + suffix))
		ts.Check(err)
		ts.Defer(func() { f.Close() })
		*w = f
	}
	ts.Check(cmd.Start())
	ts.Defer(func() { _ = cmd.Process.Kill() })
	j.mu.Lock()
	defer j.mu.Unlock()
	j.byName[ts.Name()+"/"+args[0]] = cmd
}

// interrupt sends SIGINT and wants an exit code: interrupt NAME CODE
func (j *jobs) interrupt(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(j.find(ts, args).Process.Signal(os.Interrupt))
	j.ended(ts, neg, args)
}

// ended waits for the end and wants an exit code: ended NAME CODE
func (j *jobs) ended(ts *testscript.TestScript, _ bool, args []string) {
	cmd := j.find(ts, args)
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	_ = cmd.Wait() // the state says it
	if have := cmd.ProcessState.ExitCode(); have != want {
		ts.Fatalf("%s: exit code %d, want %d; it said:\n%s", args[0], have, want, ts.ReadFile(args[0]+".err"))
	}
}

// killed kills a program that cannot help it: killed NAME
func (j *jobs) killed(ts *testscript.TestScript, _ bool, args []string) {
	cmd := j.find(ts, append(args, ""))
	ts.Check(cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
}

func (j *jobs) find(ts *testscript.TestScript, args []string) *exec.Cmd {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(args) != 2 || j.byName[ts.Name()+"/"+args[0]] == nil {
		ts.Fatalf("usage: interrupt|ended NAME CODE, of a program in the background")
	}
	return j.byName[ts.Name()+"/"+args[0]]
}

func setUp(t *testing.T, env *testscript.Env) {
	state := filepath.Join(env.WorkDir, "state")
	env.Vars = append(env.Vars,
		"PATH="+filepath.Dir(binary)+string(os.PathListSeparator)+os.Getenv("PATH"),
		"HOME="+filepath.Join(env.WorkDir, "home"),
		"XDG_STATE_HOME="+state,
		"XDG_CACHE_HOME="+filepath.Join(env.WorkDir, "cache"),
		"TERM=xterm",
		"USER=ada",
		"REKINDLE="+binary,
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com",
	)
	if strings.HasPrefix(filepath.Base(env.WorkDir), "script-real-") {
		env.Vars = append(env.Vars, "REKINDLE_CONTROLPLANE="+testenv.Binary(t))
	}
	env.Defer(func() { removeClusters(t, filepath.Join(state, "rekindle", "clusters", "local")) })
}

// removeClusters deletes what a script that failed left running.
func removeClusters(t *testing.T, root string) {
	p, err := local.New(local.Options{Root: root, Now: time.Now})
	if err != nil {
		t.Error(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	list, err := p.List(ctx)
	if err != nil {
		t.Error(err)
	}
	for _, c := range list {
		if err := p.Delete(ctx, c.Name, c.ID, nil); err != nil {
			t.Error(err)
		}
	}
}

// code runs a program and wants an exit code: code 2 rekindle plan
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM ARGS")
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		ts.Fatalf("code: %v", err)
	}
	err = ts.Exec(args[1], args[2:]...)
	have := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		have = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if have != want {
		ts.Fatalf("exit code %d, want %d", have, want)
	}
}

// await runs a program until its stdout matches: await PATTERN PROGRAM ARGS
func await(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: await PATTERN PROGRAM ARGS")
	}
	pattern, err := regexp.Compile(args[0])
	if err != nil {
		ts.Fatalf("await: %v", err)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		_ = ts.Exec(args[1], args[2:]...) // what it prints is what counts
		if pattern.MatchString(ts.ReadFile("stdout")) != neg {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s never came", args[0])
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// apiSays asks the daemon until its answer matches: api PATTERN PATH
func apiSays(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: api PATTERN PATH")
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	socket := filepath.Join(ts.Getenv("XDG_STATE_HOME"), "rekindle", "daemon", "api.sock")
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}, DisableKeepAlives: true,
	}}
	var last string
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		resp, err := client.Get("http://daemon" + args[1])
		if err == nil {
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if last = string(body); pattern.MatchString(last) {
				return
			}
		} else {
			last = err.Error()
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s never came; the daemon says %s", args[0], last)
		}
	}
}

// commit commits everything in a folder, making the repository when there is
// none, at a time that makes all SHAs the same every day: commit DIR N MESSAGE
func commit(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: commit DIR N MESSAGE")
	}
	dir := ts.MkAbs(args[0])
	at := "2026-11-20T18:0" + args[1] + ":00Z"
	ts.Setenv("GIT_AUTHOR_DATE", at)
	ts.Setenv("GIT_COMMITTER_DATE", at)
	if _, err := os.Stat(filepath.Join(dir, ".git")); err != nil {
		ts.Check(ts.Exec("git", "init", "-q", "-b", "main", dir))
	}
	ts.Check(ts.Exec("git", "-C", dir, "add", "-A"))
	ts.Check(ts.Exec("git", "-C", dir, "commit", "-q", "-m", args[2]))
}

// intact wants that nothing was left behind: no cluster directory, no process.
func intact(ts *testscript.TestScript, _ bool, _ []string) {
	root := filepath.Join(ts.Getenv("XDG_STATE_HOME"), "rekindle", "clusters", "local")
	entries, err := os.ReadDir(root)
	if err != nil && !os.IsNotExist(err) {
		ts.Fatalf("%v", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			ts.Fatalf("left behind: %s", filepath.Join(root, e.Name()))
		}
	}
	p, err := local.New(local.Options{Root: root, Now: time.Now})
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	left, err := p.Leftovers(ctx)
	ts.Check(err)
	if len(left) > 0 {
		ts.Fatalf("left behind: %v", left)
	}
}

// screen compares what was printed, stderr first, with testdata/screen/NAME.txt;
// what differs from run to run is masked.
func screen(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: screen NAME")
	}
	have := mask(ts.ReadFile("stderr")+ts.ReadFile("stdout"), ts.Getenv("WORK"))
	file := filepath.Join(here, "testdata", "screen", args[0]+".txt")
	if *update {
		ts.Check(os.WriteFile(file, []byte(have), 0o644))
		return
	}
	want, err := os.ReadFile(file)
	ts.Check(err)
	if diff := cmp.Diff(string(want), have); diff != "" {
		ts.Fatalf("%s (-want +have; go test -update writes it anew):\n%s", file, diff)
	}
}

// here is the package's directory: scripts change theirs.
var here = func() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	return dir
}()

// masks hide what differs from run to run, as wide as it was where columns
// depend on it.
var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\d{8}-\d{6}-[0-9a-z]{4}`), "20261120-180000-abcd"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:6443"},
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "0123456789abcdef0123456789abcdef"},
	{regexp.MustCompile(`(just now|\d+ min ago)`), "just now"},
	{regexp.MustCompile(`\d+ MB`), "1000 MB"},
	{regexp.MustCompile(`, at [0-9a-f]{12}\b`), ", at 0123456789ab"}, // a commit of now
	{regexp.MustCompile(`\b[0-9a-f]{12}( on [a-z]|.* --path live)`), "0123456789ab${1}"},
	{regexp.MustCompile(`(rekindle/\S+ is at|has changed since) [0-9a-f]{12}\b`), "$1 0123456789ab"},
	{regexp.MustCompile(`at 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "at 2026-11-20T18:00:00Z"},
	{regexp.MustCompile(`began( +)20\d\d-\d\d-\d\d \d\d:\d\dZ`), "began${1}2026-11-20 18:00Z"},
}

// lengths are times taken, with the spaces before them: in a column they are as
// wide as the column, in a sentence and behind the name of a fact as they come.
var (
	lengths = regexp.MustCompile(` +(\d+\.\d s|\d+m\d\ds)\b`)
	fact    = regexp.MustCompile(`(?m)^(  took +)(\d+\.\d s|\d+m\d\ds)\b`)
)

func mask(text, work string) string {
	if work != "" {
		text = strings.ReplaceAll(text, work, "/home/me")
	}
	text = fact.ReplaceAllString(text, "${1}0.0 s")
	text = lengths.ReplaceAllStringFunc(text, func(s string) string {
		if !strings.HasPrefix(s, "  ") {
			return " 0.0 s"
		}
		return strings.Repeat(" ", len(s)-len("0.0 s")) + "0.0 s"
	})
	for _, m := range masks {
		text = m.pattern.ReplaceAllString(text, m.with)
	}
	return text
}
