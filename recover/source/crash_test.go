package source_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

const (
	// envVictim has the test binary resolve "ADDRESS CACHE" and end.
	envVictim = "REKINDLE_TEST_VICTIM"
	// envSharedCache holds the corpora, indexed once for all tests.
	envSharedCache = "REKINDLE_TEST_CACHE"
)

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if url, cache, ok := strings.Cut(os.Getenv(envVictim), " "); ok {
		os.Exit(victim(url, cache))
	}
	dir, err := os.MkdirTemp("", "source")
	if err != nil {
		panic(err)
	}
	os.Setenv(envSharedCache, dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// victim resolves main of a repository, unless it is killed before.
func victim(url, cache string) int {
	ctx := context.Background()
	r, err := source.Open(ctx, url, source.Options{CacheDir: cache, Getenv: func(string) string { return "" }, Now: time.Now})
	if err == nil {
		_, err = r.Resolve(ctx, "main")
	}
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return 1
	}
	return 0
}

func TestKilledFetchSpoilsNothing(t *testing.T) {
	work, server, url := served(t)
	opts := options(t)
	for _, when := range []string{"during the first clone", "during a later fetch"} {
		server.Set(gitserver.HangInPack)
		victim := exec.Command(os.Args[0])
		victim.Env = append(os.Environ(), envVictim+"="+url+" "+opts.CacheDir)
		out, err := victim.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := victim.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan string, 1)
		go func() {
			var said strings.Builder
			for lines := bufio.NewScanner(out); lines.Scan(); {
				said.WriteString(lines.Text() + "\n")
			}
			ended <- said.String()
		}()
		select {
		case <-server.Reached():
		case said := <-ended:
			t.Fatalf("%s: the victim ended by itself: %s", when, said)
		}
		if err := victim.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := victim.Wait(); err == nil {
			t.Fatal("the victim ended well, so nothing was tested")
		}

		server.Set(gitserver.None)
		want := work.Git("rev-parse", "main")
		if got := resolve(t, open(t, url, opts), "main").SHA; got != want {
			t.Errorf("%s: main is %s, want %s", when, got, want)
		}
		if left := leftovers(t, opts.CacheDir); len(left) > 0 {
			t.Errorf("%s: left behind: %v", when, left)
		}
		work.CommitFile("app.yaml", when, when)
		work.Git("push", "--quiet", "origin", "main")
	}
}

func leftovers(t *testing.T, cache string) (left []string) {
	t.Helper()
	for _, pattern := range []string{".new-*", "*.git/objects/pack/tmp_*", "*.git/.tmp_*"} {
		found, err := filepath.Glob(filepath.Join(cache, pattern))
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, found...)
	}
	return left
}

func TestDamagedMirrorIsRebuilt(t *testing.T) {
	work, _, url := served(t)
	want := work.Git("rev-parse", "main")
	bundle := filepath.Join(t.TempDir(), "app.bundle")
	work.Git("bundle", "create", "--quiet", bundle, "--all")
	flip := func(path string) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 0xff
		must(t, os.Chmod(path, 0o600))
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, damage := range map[string]func(git string){
		"pack":       func(git string) { flip(only(t, git, "objects/pack/*.pack")) },
		"index":      func(git string) { flip(only(t, git, "objects/pack/*.idx")) },
		"pack gone":  func(git string) { must(t, os.Remove(only(t, git, "objects/pack/*.pack"))) },
		"index gone": func(git string) { must(t, os.Remove(only(t, git, "objects/pack/*.idx"))) },
		"pack cut":   func(git string) { must(t, os.Truncate(only(t, git, "objects/pack/*.pack"), 30)) },
		"pack empty": func(git string) { must(t, os.Truncate(only(t, git, "objects/pack/*.pack"), 0)) },
		"HEAD":       func(git string) { must(t, os.Truncate(filepath.Join(git, "HEAD"), 0)) },
		"packed-refs": func(git string) {
			must(t, os.WriteFile(filepath.Join(git, "packed-refs"), []byte("\x00\x01 rubbish\n"), 0o600))
		},
		"config gone": func(git string) { must(t, os.Remove(filepath.Join(git, "config"))) },
		"all gone":    func(git string) { must(t, errors.Join(os.RemoveAll(git), os.Mkdir(git, 0o700))) },
	} {
		for _, repo := range []string{url, bundle} {
			t.Run(name+" "+filepath.Base(repo), func(t *testing.T) {
				opts := options(t)
				resolve(t, open(t, repo, opts), "main")
				damage(only(t, opts.CacheDir, "*.git"))
				r := open(t, repo, opts)
				if got := resolve(t, r, want).SHA; got != want {
					t.Errorf("main is %s, want %s", got, want)
				}
				if b, err := treeAt(t, r, want).ReadFile("app.yaml"); string(b) != "a: 2\n" || err != nil {
					t.Errorf("app.yaml is %q, %v", b, err)
				}
			})
		}
	}
}

// A mirror that is too large to be verified whole is found out when it is read.
func TestDamageMetLaterIsHealedNextTime(t *testing.T) {
	_, _, url := served(t)
	opts := options(t)
	r := open(t, url, opts)
	sha := resolve(t, r, "main").SHA
	pack := only(t, only(t, opts.CacheDir, "*.git"), "objects/pack/*.pack")
	b, err := os.ReadFile(pack)
	if err != nil {
		t.Fatal(err)
	}
	for i := 12; i < len(b)-20; i++ {
		b[i] = 0xff
	}
	if err := os.WriteFile(pack, b, 0o600); err != nil { // the open file changes too
		t.Fatal(err)
	}
	if _, err = r.Tree(t.Context(), sha); err == nil {
		_, err = treeAt(t, r, sha).ReadFile("app.yaml")
	}
	if !errors.Is(err, source.ErrCorrupt) || !strings.Contains(err.Error(), "try again") || !strings.Contains(err.Error(), url) {
		t.Fatalf("got %v", err)
	}
	if b, err := treeAt(t, open(t, url, opts), sha).ReadFile("app.yaml"); string(b) != "a: 2\n" || err != nil {
		t.Errorf("app.yaml is %q, %v", b, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func only(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s in %s: %v, %v", pattern, dir, found, err)
	}
	return found[0]
}

func TestMirrorIsPrivateAndReadableByGit(t *testing.T) {
	work, _, url := served(t)
	opts := options(t)
	opts.CacheDir = filepath.Join(t.TempDir(), "deep", "mirrors")
	resolve(t, open(t, url, opts), "main")
	info, err := os.Stat(opts.CacheDir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v: want mode 0700", info.Mode(), err)
	}
	mirror := gitserver.Open(t, only(t, opts.CacheDir, "*.git"))
	mirror.Git("fsck", "--strict", "--full")
	if got, want := mirror.Git("rev-parse", "HEAD"), work.Git("rev-parse", "main"); got != want {
		t.Errorf("git reads HEAD as %s, want %s", got, want)
	}
}

func TestUnwritableCacheIsTold(t *testing.T) {
	_, _, url := served(t)
	opts := options(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	opts.CacheDir = filepath.Join(file, "mirrors")
	r, err := source.Open(t.Context(), url, opts)
	if err == nil {
		_, err = r.Resolve(t.Context(), "main")
	}
	if err == nil || !strings.Contains(err.Error(), opts.CacheDir) {
		t.Errorf("got %v", err)
	}
}
