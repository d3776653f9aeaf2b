package export_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// plainly is a bare repository whose path has no blanks.
func plainly(t *testing.T) *gitserver.Repository {
	t.Helper()
	repo := bare(t)
	dir := filepath.Join(filepath.Dir(repo.Dir), "live.git")
	if err := os.Rename(repo.Dir, dir); err != nil {
		t.Fatal(err)
	}
	repo.Dir = dir
	return repo
}

// killedWithLock has another process killed while it holds git's lock on the
// branch, in the middle of a push, and returns the lock. The process reads
// packed-refs each time it looks where the branch is: from a pipe, on which it
// waits for us.
func killedWithLock(t *testing.T, repo *gitserver.Repository, cache string) (lock string) {
	t.Helper()
	pipe := filepath.Join(repo.Dir, "packed-refs")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	victim, out := start(t, "victim", repo.Dir, cache)
	lock = filepath.Join(repo.Dir, "refs", "heads", filepath.FromSlash(branch)+".lock")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			_ = victim.Process.Kill()
			t.Fatalf("the victim did not come to push: %s", out)
		}
		reader, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			continue // nobody reads
		}
		_, err = os.Lstat(lock)
		if err != nil {
			reader.Close() // an empty file
			continue
		}
		if err := victim.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = victim.Wait() // killed
		reader.Close()
		if err := os.Remove(pipe); err != nil {
			t.Fatal(err)
		}
		return lock
	}
}

// leftovers are names of ours in a repository.
func leftovers(t *testing.T, repo *gitserver.Repository, cache string) []string {
	t.Helper()
	inside, err := filepath.Glob(filepath.Join(repo.Dir, "rekindle-*"))
	if err != nil {
		t.Fatal(err)
	}
	notes, err := filepath.Glob(filepath.Join(cache, "*.reflock"))
	if err != nil {
		t.Fatal(err)
	}
	return append(inside, notes...)
}

// TestLockOfAKilledPushIsRemoved: it is provably the killed process's own.
func TestLockOfAKilledPushIsRemoved(t *testing.T) {
	repo, opts := plainly(t), options(t)
	lock := killedWithLock(t, repo, opts.CacheDir)
	tree := large()
	tree["live/victim.yaml"] = "round: 0\n"
	pending := gitserver.Open(t, depotOf(t, opts)).Git("rev-parse", "refs/rekindle/pending")
	if r := exported(t, target(repo.Dir), opts, tree); r.Commit != pending {
		t.Errorf("got %+v, want the commit %s of the killed process", r, pending)
	}
	if _, err := os.Lstat(lock); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: %v", lock, err)
	}
	if left := leftovers(t, repo, opts.CacheDir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	same(t, on(repo, branch), tree)
	repo.Git("fsck", "--strict", "--full")
	repo.Git("update-ref", "refs/heads/"+branch, repo.Git("rev-parse", branch)) // git can lock it, too
}

// TestLocksOfOthersStay: of whom nobody knows that they are no more.
func TestLocksOfOthersStay(t *testing.T) {
	for name, by := range map[string]func(t *testing.T, repo *gitserver.Repository, lock, cache string){
		"git's own": func(t *testing.T, _ *gitserver.Repository, lock, _ string) {
			if err := errors.Join(os.MkdirAll(filepath.Dir(lock), 0o700), os.WriteFile(lock, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		},
		"another machine's": func(t *testing.T, repo *gitserver.Repository, _, _ string) {
			killedWithLock(t, repo, t.TempDir())
		},
		"git's own, in the place of ours": func(t *testing.T, repo *gitserver.Repository, lock, cache string) {
			killedWithLock(t, repo, cache)
			if err := errors.Join(os.Remove(lock), os.WriteFile(lock, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		},
		"a villain's note": func(t *testing.T, repo *gitserver.Repository, _, cache string) {
			killedWithLock(t, repo, cache)
			note, err := filepath.Glob(filepath.Join(cache, "*.reflock"))
			if err != nil || len(note) != 1 {
				t.Fatalf("%v %v", note, err)
			}
			if err := os.WriteFile(note[0], []byte("rekindle-lock-../refs/heads/"+branch+".lock"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			repo, opts := plainly(t), options(t)
			lock := filepath.Join(repo.Dir, "refs", "heads", filepath.FromSlash(branch)+".lock")
			by(t, repo, lock, opts.CacheDir)
			opts.Attempts = 1
			tree := large()
			first, err := waiting(t, target(repo.Dir), opts, tree)
			if !errors.Is(err, source.ErrRejected) || !strings.Contains(err.Error(), lock) || !strings.Contains(err.Error(), "remove the file") {
				t.Errorf("got %v", err)
			}
			if _, err := os.Lstat(lock); err != nil {
				t.Error(err)
			}
			if err := os.Remove(lock); err != nil { // as the error says
				t.Fatal(err)
			}
			if r := exported(t, target(repo.Dir), opts, tree); r.Commit != first.Commit {
				t.Errorf("got %+v, want %s, which waited", r, first.Commit)
			}
		})
	}
}

// TestNothingStaysOfALock: neither of a push nor of one that failed.
func TestNothingStaysOfALock(t *testing.T) {
	repo, opts := plainly(t), options(t)
	exported(t, target(repo.Dir), opts, files{"live/x": "1\n"})
	b := open(t, target(repo.Dir), opts)
	defer closed(t, b)
	put(t, b, files{"live/x": "2\n"})
	if _, err := b.Commit(message()); err != nil {
		t.Fatal(err)
	}
	elsewhere := opts
	elsewhere.CacheDir = t.TempDir()
	exported(t, target(repo.Dir), elsewhere, files{"live/x": "3\n"})
	if _, err := b.Push(t.Context()); err != nil { // after it was refused once
		t.Fatal(err)
	}
	if left := leftovers(t, repo, opts.CacheDir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	same(t, on(repo, branch), files{"live/x": "2\n"})
	if info, err := os.Stat(filepath.Join(repo.Dir, "refs", "heads", filepath.FromSlash(branch))); err != nil || info.Sys().(*syscall.Stat_t).Nlink != 1 {
		t.Errorf("the ref has another name: %v", err)
	}
}
