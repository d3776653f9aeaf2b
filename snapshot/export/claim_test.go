package export_test

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLockOfAKilledProposalIsRemoved: what a process leaves that is killed in the
// middle of a push. Of whose lock that is nobody else can tell, and it stays.
func TestLockOfAKilledProposalIsRemoved(t *testing.T) {
	repo, opts := plainly(t), options(t)
	onto := newDesk(t, repo).push()
	proposed(t, repo.Dir, onto, files{"deploy/web.yaml": "replicas: 3\n"}, opts)
	held, err := filepath.Glob(filepath.Join(opts.CacheDir, "*-proposal-*.lock"))
	if err != nil || len(held) != 1 || len(leftovers(t, repo, opts.CacheDir)) > 0 {
		t.Fatalf("got %v, %v", held, err)
	}
	lock := filepath.Join(repo.Dir, "refs", "heads", filepath.FromSlash(fix)+".lock")
	killed := func(note string) {
		own := filepath.Join(repo.Dir, "rekindle-lock-"+rand.Text())
		if err := errors.Join(os.WriteFile(note, []byte(filepath.Base(own)), 0o600), os.WriteFile(own, nil, 0o600), os.Link(own, lock)); err != nil {
			t.Fatal(err)
		}
	}
	killed(strings.TrimSuffix(held[0], ".lock") + ".reflock")
	p := proposed(t, repo.Dir, onto, files{"deploy/web.yaml": "replicas: 4\n"}, opts)
	if got := repo.Git("rev-parse", fix); got != p.Commit {
		t.Errorf("the branch is at %s, want %+v", got, p)
	}
	if left := leftovers(t, repo, opts.CacheDir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	repo.Git("update-ref", "refs/heads/"+fix, p.Commit) // git can lock it, too

	killed(filepath.Join(t.TempDir(), "of another machine"))
	if p, err := propose(t, repo.Dir, onto, files{"deploy/web.yaml": "replicas: 5\n"}, opts); err == nil || !strings.Contains(err.Error(), lock) {
		t.Errorf("got %+v, %v", p, err)
	}
}
