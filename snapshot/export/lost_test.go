package export_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/snapshot/export"
)

// TestABranchThatIsGone: what an export has pushed and is not there any more is a
// loss, and begun anew only when that is said.
func TestABranchThatIsGone(t *testing.T) {
	for name, place := range places(t) {
		t.Run(name, func(t *testing.T) {
			repo, url, opts := place(t)
			to := target(url)
			first := exported(t, to, opts, files{"live/a": "1\n"})
			repo.Git("update-ref", "-d", "refs/heads/"+branch)
			for range 2 { // a refusal is no answer
				_, err := export.Open(t.Context(), to, opts)
				var lost *export.LostBranchError
				if !errors.As(err, &lost) || lost.Commit != first.Commit || !errors.Is(err, export.ErrRefused) || !strings.Contains(err.Error(), first.Commit[:12]) {
					t.Fatalf("got %v", err)
				}
			}
			if tip, err := export.Last(t.Context(), to, opts); err != nil || tip != "" {
				t.Errorf("who only looks: %q, %v", tip, err)
			}
			anew := opts
			anew.Anew = true
			b := open(t, to, anew)
			if b.Lost() != first.Commit {
				t.Errorf("lost %q, want %s", b.Lost(), first.Commit)
			}
			put(t, b, files{"live/a": "2\n"})
			if r, err := b.Commit(message()); err != nil || !r.Waiting {
				t.Fatalf("got %+v, %v", r, err)
			}
			closed(t, b)
			second := exported(t, to, opts, files{"live/a": "2\n"}) // what waits goes on without a word
			same(t, on(repo, branch), files{"live/a": "2\n"})
			if n := repo.Git("rev-list", "--count", branch); n != "1" {
				t.Errorf("%s commits", n)
			}
			if third := open(t, to, opts); third.Lost() != "" || second.Commit == first.Commit {
				t.Errorf("lost %q", third.Lost())
			} else {
				closed(t, third)
			}
			other := opts
			other.CacheDir = t.TempDir()
			repo.Git("update-ref", "-d", "refs/heads/"+branch)
			exported(t, to, other, files{"live/a": "3\n"}) // who has never seen it misses nothing
		})
	}
}
