package export_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/export"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// envOther has the test binary be another process: "ROLE URL CACHE".
const envOther = "REKINDLE_TEST_OTHER"

func TestMain(m *testing.M) {
	if args := strings.Fields(os.Getenv(envOther)); len(args) == 3 {
		if err := other(args[0], args[1], args[2]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// other exports some files; in the role "full disk" no file may get large. In
// other roles the name is written into a file, in ten exports one after another.
func other(role, url, cache string) error {
	ctx := context.Background()
	opts := export.Options{CacheDir: cache, Getenv: func(string) string { return "" }, Now: time.Now, Attempts: 50}
	rounds, tree := 10, files{}
	if role == "victim" || role == "full" {
		rounds, tree = 1, large()
	}
	if role == "full" {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 30_000, Max: 30_000}); err != nil {
			return err
		}
	}
	for round := range rounds {
		tree["live/"+role+".yaml"] = fmt.Sprintf("round: %d\n", round)
		if err := once(ctx, target(url), opts, tree); err != nil {
			return err
		}
	}
	return nil
}

func once(ctx context.Context, to export.Target, opts export.Options, tree files) (err error) {
	b, err := export.Open(ctx, to, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	for path, content := range tree {
		if err := b.Put(path, []byte(content)); err != nil {
			return err
		}
	}
	m := message()
	m.Keep = func(string) bool { return true } // what the other one writes
	if _, err := b.Commit(m); err != nil {
		return err
	}
	_, err = b.Push(ctx)
	return err
}

func start(t *testing.T, role, url, cache string) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envOther+"="+role+" "+url+" "+cache)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

func TestTwoProcessesRace(t *testing.T) {
	for _, where := range []string{"http", "local", "one cache"} {
		t.Run(where, func(t *testing.T) {
			repo := bare(t)
			if err := os.Rename(repo.Dir, filepath.Join(filepath.Dir(repo.Dir), "live.git")); err != nil {
				t.Fatal(err)
			}
			repo.Dir = filepath.Join(filepath.Dir(repo.Dir), "live.git")
			url := repo.Dir
			if where == "http" {
				url = gitserver.ServeHTTP(t, filepath.Dir(repo.Dir)).URL + "/live.git"
			}
			caches := []string{t.TempDir(), t.TempDir()}
			if where == "one cache" {
				caches[1] = caches[0]
			}
			a, outA := start(t, "a", url, caches[0])
			b, outB := start(t, "b", url, caches[1])
			if err := errors.Join(a.Wait(), b.Wait()); err != nil {
				t.Fatalf("%v\n%s%s", err, outA, outB)
			}
			same(t, on(repo, branch), files{"live/a.yaml": "round: 9\n", "live/b.yaml": "round: 9\n"})
			if n := repo.Git("rev-list", "--count", branch); n != "20" {
				t.Errorf("%s commits, want 20: each round of each", n)
			}
			if n := repo.Git("rev-list", "--count", "--min-parents=2", branch); n != "0" {
				t.Errorf("%s merges", n)
			}
			repo.Git("fsck", "--strict", "--full")
		})
	}
}

func TestKilledExportIsRepairedByTheNext(t *testing.T) {
	repo := bare(t)
	server := gitserver.ServeHTTP(t, filepath.Dir(repo.Dir))
	url := server.URL + "/live%20state.git"
	opts := options(t)
	server.Set(gitserver.Hang)
	victim, out := start(t, "victim", url, opts.CacheDir)
	kill := func() {
		<-server.Reached()
		if err := victim.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := victim.Wait(); err == nil {
			t.Fatalf("the victim ended well, so nothing was tested: %s", out)
		}
	}
	kill() // while it opened
	server.Set(gitserver.None)
	hook(t, repo, "pre-receive", "touch '"+filepath.Join(repo.Dir, "reached")+"'; while [ -e '"+filepath.Join(repo.Dir, "reached")+"' ]; do sleep 0.05; done; exit 1")
	victim, out = start(t, "victim", url, opts.CacheDir)
	deadline := time.Now().Add(time.Minute)
	for _, err := os.Stat(filepath.Join(repo.Dir, "reached")); err != nil; _, err = os.Stat(filepath.Join(repo.Dir, "reached")) {
		if time.Now().After(deadline) {
			t.Fatalf("the victim did not push: %s", out)
		}
		time.Sleep(time.Millisecond)
	}
	if err := victim.Process.Kill(); err != nil { // while it pushed
		t.Fatal(err)
	}
	_ = victim.Wait() // killed
	for _, name := range []string{"reached", "hooks/pre-receive"} {
		if err := os.Remove(filepath.Join(repo.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	pending := gitserver.Open(t, depotOf(t, opts)).Git("rev-parse", "refs/rekindle/pending")
	tree := large()
	tree["live/victim.yaml"] = "round: 0\n"
	if r := exported(t, target(url), opts, tree); r.Commit != pending {
		t.Errorf("got %+v, want the commit %s of the killed process", r, pending)
	}
	same(t, on(repo, branch), tree)
	if left, err := filepath.Glob(filepath.Join(opts.CacheDir, ".new-*")); len(left) > 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if left, err := filepath.Glob(filepath.Join(depotOf(t, opts), "objects", "pack", "tmp*")); len(left) > 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func depotOf(t *testing.T, opts export.Options) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(opts.CacheDir, "*.git"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	return found[0]
}

func TestFullDisk(t *testing.T) {
	repo := bare(t)
	url := gitserver.ServeHTTP(t, filepath.Dir(repo.Dir)).URL + "/live%20state.git"
	opts := options(t)
	full, out := start(t, "full", url, opts.CacheDir)
	if err := full.Wait(); err == nil || !strings.Contains(out.String(), "check free space") || !strings.Contains(out.String(), opts.CacheDir) {
		t.Errorf("got %v: %s", err, out)
	}
	if refs := repo.Git("for-each-ref"); refs != "" {
		t.Errorf("pushed %s", refs)
	}
	exported(t, target(url), opts, large())
	same(t, on(repo, branch), large())
}

func TestDamagedDepotIsMadeAnew(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"packs cut": func(t *testing.T, dir string) {
			packs, _ := filepath.Glob(filepath.Join(dir, "objects", "pack", "*.pack"))
			for _, p := range packs {
				if err := os.Truncate(p, 40); err != nil {
					t.Fatal(err)
				}
			}
		},
		"packs gone": func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, "objects", "pack")); err != nil {
				t.Fatal(err)
			}
		},
		"config gone": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "config")); err != nil {
				t.Fatal(err)
			}
		},
		"refs rubbish": func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "packed-refs"), []byte("rubbish\x00\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"empty": func(t *testing.T, dir string) {
			if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			repo := bare(t)
			url := gitserver.ServeHTTP(t, filepath.Dir(repo.Dir)).URL + "/live%20state.git"
			opts := options(t)
			exported(t, target(url), opts, large())
			damage(t, depotOf(t, opts))
			tree := large()
			tree["live/x"] = "1\n"
			if r := exported(t, target(url), opts, tree); r.Added != 1 || r.Changed+r.Deleted != 0 {
				t.Errorf("got %+v", r)
			}
			same(t, on(repo, branch), tree)
		})
	}
}

// TestManyExportsDoNotPileUp also has a server that cannot leave files out.
func TestManyExportsDoNotPileUp(t *testing.T) {
	repo := bare(t)
	repo.Git("config", "uploadpack.allowFilter", "false")
	url := gitserver.ServeHTTP(t, filepath.Dir(repo.Dir)).URL + "/live%20state.git"
	opts := options(t)
	for i := range 3 {
		exported(t, target(url), opts, files{"live/a": fmt.Sprintln(i), "live/b/c": "1\n"})
	}
	packs := func() []string {
		found, err := filepath.Glob(filepath.Join(depotOf(t, opts), "objects", "pack", "*.pack"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	pack := packs()[0]
	for i := range 64 {
		for _, ext := range []string{".pack", ".idx"} {
			other := filepath.Join(filepath.Dir(pack), fmt.Sprintf("pack-%040x%s", i, ext))
			if err := os.Link(strings.TrimSuffix(pack, ".pack")+ext, other); err != nil {
				t.Fatal(err)
			}
		}
	}
	if r := exported(t, target(url), opts, files{"live/a": "x\n", "live/b/c": "1\n"}); r.Changed != 1 || r.Files != 2 || len(packs()) != 2 {
		t.Errorf("got %+v and %d packs, want the tip's and the new one", r, len(packs()))
	}
	if n := repo.Git("rev-list", "--count", branch); n != "4" {
		t.Errorf("%s commits", n)
	}
	depot := gitserver.Open(t, depotOf(t, opts))
	if got, want := depot.Git("rev-parse", "refs/rekindle/tip"), repo.Git("rev-parse", branch); got != want {
		t.Errorf("the depot's tip is %s, want %s", got, want)
	}
	if got := depot.Git("rev-list", "--count", "refs/rekindle/tip"); got != "2" {
		t.Errorf("git reads %s commits in the depot, want two of a shallow history", got)
	}
}

func TestContentsComeWhenTheyAreAskedFor(t *testing.T) {
	repo := bare(t)
	url := gitserver.ServeHTTP(t, filepath.Dir(repo.Dir)).URL + "/live%20state.git"
	exported(t, target(url), options(t), files{"live/a": "1\n", "live/b": "1\n"})
	for _, contents := range []bool{false, true} {
		opts := options(t)
		opts.Contents = contents
		exported(t, target(url), opts, files{"live/a": "1\n", "live/b": "1\n"})
		depot := gitserver.Open(t, depotOf(t, opts))
		if _, err := depot.Try("cat-file", "-e", repo.Git("rev-parse", branch+":live/a")); (err == nil) != contents {
			t.Errorf("contents %v: %v", contents, err)
		}
	}
}

func TestCacheCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	opts := options(t)
	opts.CacheDir = filepath.Join(file, "exports")
	if _, err := export.Open(t.Context(), target(bare(t).Dir), opts); !errors.Is(err, source.ErrCache) || !strings.Contains(err.Error(), opts.CacheDir) {
		t.Errorf("got %v", err)
	}
}

func TestSecondProcessWaits(t *testing.T) {
	repo, opts := bare(t), options(t)
	b := open(t, target(repo.Dir), opts)
	defer closed(t, b)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := export.Open(ctx, target(repo.Dir), opts); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v", err)
	}
}
