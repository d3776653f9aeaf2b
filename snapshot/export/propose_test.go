package export_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/export"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

const fix = "adopt/staging"

// desk is a clone in which people work: what it pushes is the source.
type desk struct {
	*gitserver.Repository
	to *gitserver.Repository
}

func newDesk(t *testing.T, to *gitserver.Repository) desk {
	t.Helper()
	d := desk{gitserver.Repo(t), to}
	to.Git("config", "receive.denyCurrentBranch", "ignore")
	d.Write("README.md", "staging\n").Write("deploy/web.yaml", "replicas: 1\n").Write("deploy/run.sh", "#!/bin/sh\n").Write("deploy/old/job.yaml", "a: 1\n")
	// Names around which git's order of files and folders turns.
	d.Write("deploy-x/a.yaml", "a: 1\n").Write("deploy.yaml", "a: 1\n").Write("deploy0", "a\n").Write("a:b.yaml", "a: 1\n")
	if err := errors.Join(os.Chmod(filepath.Join(d.Dir, "deploy/run.sh"), 0o755), os.Symlink("web.yaml", filepath.Join(d.Dir, "deploy/link.yaml")), os.Mkdir(filepath.Join(d.Dir, "deploy/module"), 0o755)); err != nil {
		t.Fatal(err)
	}
	d.Git("update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("1", 40)+",deploy/module")
	d.Commit("first")
	d.push()
	return d
}

func (d desk) push() string {
	d.Git("push", "--quiet", "--force", d.to.Dir, "HEAD:refs/heads/main")
	return d.Git("rev-parse", "HEAD")
}

// propose is a proposal by a machine of its own.
func propose(t *testing.T, repo, onto string, overlay files, opts export.Options) (export.Proposed, error) {
	t.Helper()
	r, err := source.Open(t.Context(), repo, source.Options{CacheDir: t.TempDir(), Getenv: opts.Getenv, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	objects, err := r.Objects(t.Context(), onto)
	if err != nil {
		t.Fatal(err)
	}
	return export.Propose(t.Context(), export.Target{Repo: repo, Branch: fix, Cluster: "staging"}, objects, export.Proposal{
		Onto: onto, Files: overlaid(overlay), Message: export.Message{Subject: "Adopt 1 change", Trailers: []export.Trailer{{Key: export.TrailerDrift, Value: "1"}}},
	}, opts)
}

// gone is what stands for a file that is deleted.
const gone = "(gone)"

func overlaid(f files) map[string][]byte {
	m := map[string][]byte{}
	for path, content := range f {
		m[path] = []byte(content)
		if content == gone {
			m[path] = nil
		}
	}
	return m
}

func proposed(t *testing.T, repo, onto string, overlay files, opts export.Options) export.Proposed {
	t.Helper()
	p, err := propose(t, repo, onto, overlay, opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProposeEverywhere(t *testing.T) {
	for name, place := range places(t) {
		t.Run(name, func(t *testing.T) {
			repo, url, opts := place(t)
			d := newDesk(t, repo)
			onto := d.push()
			overlay := files{"deploy/web.yaml": "replicas: 3\n", "deploy/run.sh": "#!/bin/sh -e\n", "deploy/old/job.yaml": gone, "new/deep/cm.yaml": "b: 1\n", "a:b.yaml": "a: 2\n"}
			p := proposed(t, url, onto, overlay, opts)
			if want := (export.Proposed{Commit: repo.Git("rev-parse", fix), Branch: fix, Created: true}); p != want {
				t.Errorf("got %+v, want %+v", p, want)
			}
			repo.Git("fsck", "--strict", "--full")
			if got := repo.Git("rev-parse", fix+"^@"); got != onto {
				t.Errorf("its parents are %s, want %s", got, onto)
			}
			want := "M\ta:b.yaml\nD\tdeploy/old/job.yaml\nM\tdeploy/run.sh\nM\tdeploy/web.yaml\nA\tnew/deep/cm.yaml"
			if got := repo.Git("diff", "--name-status", "--no-renames", onto, fix); got != want {
				t.Errorf("it changes\n%s\nwant\n%s", got, want)
			}
			for path, mode := range map[string]string{"deploy/run.sh": "100755", "deploy/link.yaml": "120000", "deploy/module": "160000", "new/deep/cm.yaml": "100644"} {
				if got := repo.Git("ls-tree", fix, path); !strings.HasPrefix(got, mode) {
					t.Errorf("%s is %q, want mode %s", path, got, mode)
				}
			}
			if got := repo.Git("log", "-1", "--format=%an: %B", fix); got != "Rekindle: Adopt 1 change\n\nAdopted-From: staging\nSource-Commit: "+onto+"\nDrift: 1\n" {
				t.Errorf("the message is %q", got)
			}
			if repo.Git("rev-parse", "main") != onto {
				t.Error("main has moved")
			}
			goOn(t, repo, d, url, onto, opts, overlay)
		})
	}
}

// goOn proposes again to the branch that has overlay already.
func goOn(t *testing.T, repo *gitserver.Repository, d desk, url, onto string, opts export.Options, overlay files) {
	t.Helper()
	first := repo.Git("rev-parse", fix)
	if p := proposed(t, url, onto, overlay, opts); !p.Unchanged || p.Created || p.Commit != first || repo.Git("rev-parse", fix) != first {
		t.Errorf("the same again: %+v", p)
	}
	less := files{"deploy/web.yaml": "replicas: 4\n"}
	second := proposed(t, url, onto, less, opts).Commit
	if got := repo.Git("rev-parse", fix+"^@"); got != first {
		t.Errorf("the parents of the second are %s, want %s", got, first)
	}
	if got := repo.Git("diff", "--name-status", onto, fix); got != "M\tdeploy/web.yaml" {
		t.Errorf("the branch changes %s", got)
	}
	d.CommitFile("README.md", "moved\n", "the source moves")
	moved := d.push()
	proposed(t, url, moved, less, opts)
	if got := repo.Git("rev-parse", fix+"^@"); got != second+"\n"+moved {
		t.Errorf("the parents of the third are %s", got)
	}
	if got := repo.Git("diff", "--name-status", moved, fix); got != "M\tdeploy/web.yaml" {
		t.Errorf("the branch changes %s", got)
	}
	// The proposal is merged, and there is another.
	d.Git("pull", "--quiet", "--ff-only", repo.Dir, fix)
	merged := d.push()
	proposed(t, url, merged, files{"deploy/web.yaml": "replicas: 5\n"}, opts)
	if got := repo.Git("rev-parse", fix+"^@"); got != merged {
		t.Errorf("the parents of the fourth are %s, want %s", got, merged)
	}
	repo.Git("fsck", "--strict", "--full")
}

func TestProposalsLeaveOthersAlone(t *testing.T) {
	for name, place := range places(t) {
		t.Run(name, func(t *testing.T) {
			repo, url, opts := place(t)
			d := newDesk(t, repo)
			onto := d.push()
			overlay := files{"deploy/web.yaml": "replicas: 3\n"}
			foreign := func(cluster string) {
				t.Helper()
				before := repo.Git("rev-parse", fix)
				_, err := propose(t, url, onto, overlay, opts)
				var e *export.ForeignBranchError
				if !errors.As(err, &e) || !errors.Is(err, export.ErrRefused) || e.Cluster != cluster || repo.Git("rev-parse", fix) != before {
					t.Errorf("got %v", err)
				}
			}
			repo.Git("branch", fix, "main")
			foreign("")
			repo.Git("branch", "-D", fix)
			// An export is no proposal, and a proposal no export.
			exported(t, export.Target{Repo: url, Branch: fix, Cluster: "staging"}, opts, files{"live/x": "1\n"})
			foreign("")
			repo.Git("branch", "-D", fix)
			proposed(t, url, onto, overlay, opts)
			if _, err := export.Open(t.Context(), export.Target{Repo: url, Branch: fix, Cluster: "staging"}, opts); !errors.Is(err, export.ErrRefused) {
				t.Errorf("got %v", err)
			}
			// Somebody goes on by hand.
			d.Git("fetch", "--quiet", repo.Dir, fix)
			d.Git("switch", "--quiet", "--detach", "FETCH_HEAD")
			d.CommitFile("deploy/web.yaml", "replicas: 7\n", "By hand")
			d.Git("push", "--quiet", repo.Dir, "HEAD:refs/heads/"+fix)
			foreign("")
			d.Git("commit", "--quiet", "--amend", "-m", "Adopt", "-m", "Adopted-From: prod")
			d.Git("push", "--quiet", "--force", repo.Dir, "HEAD:refs/heads/"+fix)
			foreign("prod")
		})
	}
}

func TestProposalTouchesNoWorkTree(t *testing.T) {
	repo := gitserver.Repo(t)
	onto := repo.CommitFile("a.yaml", "a: 1\n", "first")
	repo.Write("a.yaml", "a: 2\n").Write("b.yaml", "b: 1\n")
	repo.Git("add", "b.yaml")
	status := repo.Git("status", "--porcelain", "--branch")
	proposed(t, repo.Dir, repo.Git("rev-parse", "HEAD"), files{"a.yaml": "a: 3\n"}, options(t))
	if got := repo.Git("status", "--porcelain", "--branch"); got != status {
		t.Errorf("the status was\n%s\nand is\n%s", status, got)
	}
	repo.Git("stash", "--quiet")
	repo.Git("switch", "--quiet", fix)
	if _, err := propose(t, repo.Dir, repo.Git("rev-parse", "HEAD^"), files{"a.yaml": "a: 4\n"}, options(t)); !errors.Is(err, export.ErrRefused) {
		t.Errorf("onto a branch that is checked out: %v (%s)", err, onto)
	}
}

func TestWhatCannotBeProposed(t *testing.T) {
	repo := bare(t)
	onto := newDesk(t, repo).push()
	for what, overlay := range map[string]files{
		"a link":           {"deploy/link.yaml": "a: 1\n"},
		"a module":         {"deploy/module": gone},
		"below a module":   {"deploy/module/x": "a: 1\n"},
		"below a file":     {"deploy/web.yaml/x": "a: 1\n"},
		"a folder":         {"deploy": "a: 1\n"},
		"what is not":      {"deploy/none.yaml": gone},
		"out of it":        {"../x": "a: 1\n"},
		"git's own":        {".git/config": "a: 1\n"},
		"git's own, below": {"deploy/.GIT/hooks/x": "a: 1\n"},
	} {
		_, err := propose(t, repo.Dir, onto, overlay, options(t))
		var e *export.PathError
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := propose(t, repo.Dir, onto, files{}, options(t)); err == nil {
		t.Error("nothing was proposed")
	}
	if got, _ := repo.Try("rev-parse", "--verify", "--quiet", fix); got != "" {
		t.Errorf("%s is at %s", fix, got)
	}
}

func TestProposalIsRejected(t *testing.T) {
	repo := bare(t)
	onto := newDesk(t, repo).push()
	server := gitserver.ServeHTTP(t, filepath.Dir(repo.Dir))
	url := server.URL + "/live%20state.git"
	hook(t, repo, "pre-receive", "echo 'You are not allowed to push: ask Ada.' >&2; exit 1")
	_, err := propose(t, url, onto, files{"deploy/web.yaml": "a: 1\n"}, options(t))
	var e *export.ProposalError
	if !errors.As(err, &e) || !errors.Is(err, source.ErrRejected) || !strings.Contains(err.Error(), "ask Ada") || e.Attempts != 1 {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(repo.Dir, "refs", "heads", fix)); err == nil {
		t.Error("the branch is there")
	}
}

// TestAnswerToAProposalIsLost has a server take the push and hang up.
func TestAnswerToAProposalIsLost(t *testing.T) {
	repo := bare(t)
	onto := newDesk(t, repo).push()
	c := &cutter{after: -1}
	url := c.http(t, gitserver.ServeHTTP(t, filepath.Dir(repo.Dir)).URL) + "/live%20state.git"
	for _, cut := range []struct {
		after int64
		reply bool
	}{{-1, true}, {40, false}} {
		c.set(cut.after, cut.reply)
		opts := options(t)
		opts.Progress = func(line string) {
			if strings.Contains(line, "trying again") {
				c.set(-1, false)
			}
		}
		p, err := propose(t, url, onto, files{"deploy/web.yaml": fmt.Sprintf("a: %d\n", cut.after)}, opts)
		if err != nil || p.Commit != repo.Git("rev-parse", fix) {
			t.Errorf("got %+v, %v", p, err)
		}
	}
	if n := repo.Git("rev-list", "--count", "main.."+fix); n != "2" {
		t.Errorf("%s commits, want 2", n)
	}
}

// TestChangedTreesAreGits has git make the same change in an index.
func TestChangedTreesAreGits(t *testing.T) {
	repo := gitserver.Repo(t)
	repo.CommitFile("x", "x\n", "first")
	name := rapid.StringMatching(`[ab](-|\.x|0)?`)
	path := rapid.Map(rapid.SliceOfN(name, 1, 3), func(parts []string) string { return strings.Join(parts, "/") })
	rapid.Check(t, func(rt *rapid.T) {
		before := rapid.MapOfN(path, rapid.Just("1\n"), 1, 8).Draw(rt, "before")
		after := rapid.MapOfN(path, rapid.Just("2\n"), 0, 4).Draw(rt, "after")
		delete := rapid.SliceOfN(rapid.SampledFrom(sorted(before)), 0, 3).Draw(rt, "deleted")
		overlay := files(after)
		for _, p := range delete {
			overlay[p] = gone
		}
		clashes := func(list []string) bool {
			return slices.ContainsFunc(list, func(p string) bool {
				return slices.ContainsFunc(list, func(q string) bool { return strings.HasPrefix(q, p+"/") })
			})
		}
		if len(overlay) == 0 || clashes(append(sorted(before), sorted(overlay)...)) {
			rt.SkipNow()
		}
		repo.Git("read-tree", "--empty")
		blob := map[string]string{"1\n": hash(repo, "1\n"), "2\n": hash(repo, "2\n")}
		for p, content := range before {
			repo.Git("update-index", "--add", "--cacheinfo", "100644,"+blob[content]+","+p)
		}
		onto := repo.Git("commit-tree", "-m", "x", repo.Git("write-tree"))
		for p, content := range overlay {
			if content == gone {
				repo.Git("update-index", "--force-remove", p)
			} else {
				repo.Git("update-index", "--add", "--cacheinfo", "100644,"+blob[content]+","+p)
			}
		}
		want := repo.Git("write-tree")
		_, _ = repo.Try("update-ref", "-d", "refs/heads/"+fix)
		p := proposed(t, repo.Dir, onto, overlay, options(t))
		if got := repo.Git("rev-parse", p.Commit+"^{tree}"); got != want {
			rt.Fatalf("git's tree is %s, ours is %s", want, got)
		}
	})
}

func sorted(f map[string]string) []string {
	var list []string
	for p := range f {
		list = append(list, p)
	}
	slices.Sort(list)
	return list
}

func hash(repo *gitserver.Repository, content string) string {
	repo.Write("blob.tmp", content)
	return repo.Git("hash-object", "-w", "blob.tmp")
}
