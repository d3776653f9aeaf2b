package export_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/export"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

const branch = "rekindle/staging"

// options are those of a machine of its own, with these variables set.
func options(t testing.TB, env ...string) export.Options {
	return export.Options{
		CacheDir: t.TempDir(),
		Getenv: func(key string) string {
			for _, kv := range env {
				if k, v, _ := strings.Cut(kv, "="); k == key {
					return v
				}
			}
			return ""
		},
		Now: func() time.Time { return time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC) },
	}
}

func target(repo string) export.Target {
	return export.Target{Repo: repo, Branch: branch, Cluster: "staging"}
}

// bare is an empty bare repository that takes pushes over http.
func bare(t testing.TB) *gitserver.Repository {
	t.Helper()
	host := gitserver.Repo(t)
	dir := filepath.Join(t.TempDir(), "live state.git")
	host.Git("init", "--quiet", "--bare", "--initial-branch=main", dir)
	r := gitserver.Open(t, dir)
	r.Git("config", "http.receivepack", "true")
	r.Git("config", "uploadpack.allowFilter", "true")
	r.Git("config", "receive.fsckObjects", "true")
	return r
}

func open(t testing.TB, to export.Target, opts export.Options) *export.Branch {
	t.Helper()
	b, err := export.Open(t.Context(), to, opts)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type files map[string]string

func put(t testing.TB, b *export.Branch, tree files) {
	t.Helper()
	for path, content := range tree {
		if err := b.Put(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
}

func message() export.Message {
	return export.Message{Subject: "Export staging", Body: "Two objects drifted.", Trailers: []export.Trailer{{Key: export.TrailerDrift, Value: "2"}}}
}

// exported is a whole export.
func exported(t testing.TB, to export.Target, opts export.Options, tree files) export.Result {
	t.Helper()
	b := open(t, to, opts)
	defer closed(t, b)
	put(t, b, tree)
	if _, err := b.Commit(message()); err != nil {
		t.Fatal(err)
	}
	r, err := b.Push(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func closed(t testing.TB, b *export.Branch) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// on is what git says that the branch holds.
func on(repo *gitserver.Repository, ref string) files {
	tree := files{}
	archive := tar.NewReader(strings.NewReader(repo.Git("archive", "--format=tar", ref)))
	for {
		h, err := archive.Next()
		if err != nil {
			return tree // the end: what lacks is seen by who compares
		}
		if h.Typeflag == tar.TypeReg {
			content, _ := io.ReadAll(archive)
			tree[h.Name] = string(content)
		}
	}
}

func same(t testing.TB, got, want files) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the branch holds\n%v\nwant\n%v", got, want)
	}
}

// places are all ways to reach a repository.
func places(t *testing.T) map[string]func(t *testing.T) (*gitserver.Repository, string, export.Options) {
	t.Helper()
	return map[string]func(*testing.T) (*gitserver.Repository, string, export.Options){
		"http with basic auth": func(t *testing.T) (*gitserver.Repository, string, export.Options) {
			repo := bare(t)
			server := gitserver.ServeHTTP(t, filepath.Dir(repo.Dir))
			server.RequireAuth("robot", "s3cret")
			return repo, server.URL + "/live%20state.git", options(t, source.EnvToken+"=s3cret", source.EnvUser+"=robot")
		},
		"ssh": func(t *testing.T) (*gitserver.Repository, string, export.Options) {
			repo := bare(t)
			server := gitserver.ServeSSH(t, filepath.Dir(repo.Dir))
			return repo, server.URL("live state.git"), options(t, source.EnvSSHKey+"="+server.ClientKey, source.EnvKnownHosts+"="+server.KnownHosts)
		},
		"bare on this machine": func(t *testing.T) (*gitserver.Repository, string, export.Options) {
			repo := bare(t)
			return repo, repo.Dir, options(t)
		},
		"work tree on this machine": func(t *testing.T) (*gitserver.Repository, string, export.Options) {
			repo := gitserver.Repo(t)
			return repo, repo.Dir, options(t)
		},
		"linked work tree": func(t *testing.T) (*gitserver.Repository, string, export.Options) {
			repo := gitserver.Repo(t)
			repo.Commit("first")
			linked := filepath.Join(t.TempDir(), "linked")
			repo.Git("worktree", "add", "--quiet", "-b", "side", linked)
			return repo, linked, options(t)
		},
	}
}

func TestExportEverywhere(t *testing.T) {
	for name, place := range places(t) {
		t.Run(name, func(t *testing.T) {
			repo, url, opts := place(t)
			to := target(url)
			first := files{"README.md": "staging\n", "live/shop/deployment.apps/web.yaml": "a: 1\n", "live/shop/service/web.yaml": "b: 1\n"}
			r := exported(t, to, opts, first)
			if want := (export.Result{Commit: repo.Git("rev-parse", branch), Tree: repo.Git("rev-parse", branch+"^{tree}"), Files: 3, Added: 3}); r != want {
				t.Errorf("got %+v, want %+v", r, want)
			}
			same(t, on(repo, branch), first)
			want := "Export staging\n\nTwo objects drifted.\n\nCluster: staging\nDrift: 2\n"
			if got := repo.Git("log", "-1", "--format=%B", branch); got != want {
				t.Errorf("the message is %q", got)
			}
			if got := repo.Git("log", "-1", "--format=%an <%ae> %cI|%(trailers:key=Cluster,valueonly)", branch); got != "Rekindle <rekindle@localhost> 2027-01-01T00:00:00+00:00|staging\n" {
				t.Errorf("got %q", got)
			}

			if again := exported(t, to, opts, first); !again.Unchanged || again.Waiting || again.Commit != r.Commit || repo.Git("rev-parse", branch) != r.Commit {
				t.Errorf("the same files again: %+v", again)
			}
			second := files{"README.md": "staging\n", "live/shop/deployment.apps/web.yaml": "a: 2\n", "live/shop/config-map/x.yaml": "c: 1\n"}
			r2 := exported(t, to, opts, second)
			if r2.Files != 3 || r2.Added != 1 || r2.Changed != 1 || r2.Deleted != 1 {
				t.Errorf("got %+v", r2)
			}
			same(t, on(repo, branch), second)
			if got := repo.Git("rev-parse", branch+"^"); got != r.Commit {
				t.Errorf("the parent is %s", got)
			}
			// Another machine, without the cache.
			elsewhere := opts
			elsewhere.CacheDir = t.TempDir()
			third := files{"README.md": "staging\n", "live/shop/deployment.apps/web.yaml": "a: 3\n", "live/shop/config-map/x.yaml": "c: 1\n"}
			exported(t, to, elsewhere, third)
			exported(t, to, opts, second)
			same(t, on(repo, branch), second)
			repo.Git("fsck", "--strict", "--full")
			if n := repo.Git("rev-list", "--count", branch); n != "4" {
				t.Errorf("%s commits, want 4", n)
			}
		})
	}
}

func TestWorkTreeIsNotTouched(t *testing.T) {
	repo := gitserver.Repo(t)
	repo.CommitFile("a.yaml", "a: 1\n", "first")
	repo.Write("a.yaml", "a: 2\n").Write("b.yaml", "b: 1\n")
	repo.Git("add", "b.yaml")
	index, err := os.ReadFile(filepath.Join(repo.Dir, ".git", "index"))
	if err != nil {
		t.Fatal(err)
	}
	status, head := repo.Git("status", "--porcelain", "--branch"), repo.Git("rev-parse", "HEAD")
	exported(t, target(repo.Dir), options(t), files{"live/x": "1\n"})
	after, err := os.ReadFile(filepath.Join(repo.Dir, ".git", "index"))
	if err != nil || string(after) != string(index) {
		t.Errorf("the index changed: %v", err)
	}
	if got := repo.Git("status", "--porcelain", "--branch"); got != status || repo.Git("rev-parse", "HEAD") != head {
		t.Errorf("status is now %q", got)
	}
	same(t, on(repo, branch), files{"live/x": "1\n"})

	refused := func() {
		t.Helper()
		_, err := export.Open(t.Context(), target(repo.Dir), options(t))
		var out *export.CheckedOutError
		if !errors.As(err, &out) || !errors.Is(err, export.ErrRefused) || !strings.Contains(err.Error(), "git switch") {
			t.Errorf("got %v", err)
		}
	}
	repo.Git("switch", "--quiet", "--force", branch)
	refused()
	repo.Git("switch", "--quiet", "main")
	repo.Git("worktree", "add", "--quiet", filepath.Join(t.TempDir(), "linked"), branch)
	refused()
}

func TestForeignBranchIsLeftAlone(t *testing.T) {
	repo := bare(t)
	work := gitserver.Repo(t)
	opts := options(t)
	exported(t, target(repo.Dir), opts, files{"live/x": "1\n"})
	other := target(repo.Dir)
	other.Cluster = "production"
	_, err := export.Open(t.Context(), other, opts)
	var foreign *export.ForeignBranchError
	if !errors.As(err, &foreign) || foreign.Cluster != "staging" || foreign.Want != "production" {
		t.Errorf("got %v", err)
	}
	work.Git("pull", "--quiet", repo.Dir, branch)
	for _, msg := range []string{"I fixed it", "I fixed it\n\nCluster: staging\nand more prose", "Cluster: staging"} {
		byHand := work.CommitFile("live/x", msg, msg)
		work.Git("push", "--quiet", repo.Dir, "HEAD:"+branch)
		_, err = export.Open(t.Context(), target(repo.Dir), opts)
		if !errors.As(err, &foreign) || foreign.Commit != byHand || foreign.Author != "Ada" || !errors.Is(err, export.ErrRefused) {
			t.Errorf("%q: got %v", msg, err)
		}
		if got := repo.Git("rev-parse", branch); got != byHand {
			t.Errorf("the branch is at %s", got)
		}
	}
}

// TestFilesOfPeopleStay: an amended export keeps its trailers, and what was added
// to it is no export's to delete.
func TestFilesOfPeopleStay(t *testing.T) {
	repo := bare(t)
	opts := options(t)
	exported(t, target(repo.Dir), opts, files{"README.md": "x\n", "live/x": "1\n", "live/y": "1\n", "patches/x": "1\n"})
	work := gitserver.Repo(t)
	work.Git("pull", "--quiet", repo.Dir, branch)
	work.Write("notes.md", "Ask Ada.\n").Write("docs/live/x", "x\n")
	work.Git("add", ".")
	work.Git("commit", "--quiet", "--amend", "--no-edit")
	work.Git("push", "--quiet", "--force", repo.Dir, "HEAD:"+branch)
	r := exported(t, target(repo.Dir), opts, files{"live/x": "2\n"})
	if r.Kept != 0 || r.Deleted != 3 || r.Files != 3 {
		t.Errorf("got %+v", r)
	}
	same(t, on(repo, branch), files{"live/x": "2\n", "notes.md": "Ask Ada.\n", "docs/live/x": "x\n"})
}

func TestMassDeletionIsRefused(t *testing.T) {
	repo := bare(t)
	opts := options(t)
	tree := files{"README.md": "x\n"}
	for i := range 40 {
		tree[fmt.Sprintf("live/a/%d.yaml", i)] = "x\n"
		tree[fmt.Sprintf("live/b/%d.yaml", i)] = "x\n"
	}
	exported(t, target(repo.Dir), opts, tree)
	few := files{"live/a/0.yaml": "y\n"}
	b := open(t, target(repo.Dir), opts)
	defer closed(t, b)
	put(t, b, few)
	_, err := b.Commit(message())
	var mass *export.MassDeletionError
	if !errors.As(err, &mass) || mass.Deleted != 79 || mass.Total != 80 || !errors.Is(err, export.ErrRefused) {
		t.Fatalf("got %v", err)
	}
	kept := message()
	kept.Keep = func(path string) bool { return strings.HasPrefix(path, "live/") }
	r, err := b.Commit(kept)
	if err != nil || r.Kept != 79 || r.Changed != 1 || r.Deleted != 1 || r.Files != 80 {
		t.Fatalf("got %+v, %v", r, err)
	}
	if _, err := b.Push(t.Context()); err != nil {
		t.Fatal(err)
	}
	closed(t, b)
	forced := open(t, target(repo.Dir), opts)
	defer closed(t, forced)
	put(t, forced, few)
	force := message()
	force.Force = true
	if r, err := forced.Commit(force); err != nil || r.Deleted != 79 {
		t.Fatalf("got %+v, %v", r, err)
	}
	if _, err := forced.Push(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, on(repo, branch), few)
}

func TestManyPutAtOnce(t *testing.T) {
	repo := bare(t)
	b := open(t, target(repo.Dir), options(t))
	defer closed(t, b)
	tree := large()
	var all sync.WaitGroup
	for range 4 { // each puts everything: the same content twice is fine
		all.Go(func() { put(t, b, tree) })
	}
	all.Wait()
	if s := b.Stats(); s.Files != len(tree) || s.New != len(tree) {
		t.Errorf("got %+v", s)
	}
	m := message()
	m.Body = "hostile\x00\x1b[2J\n\nCluster: other"
	if _, err := b.Commit(m); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Push(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, on(repo, branch), tree)
	repo.Git("fsck", "--strict", "--full")
	exported(t, target(repo.Dir), options(t), tree)
}

func TestPutRefuses(t *testing.T) {
	b := open(t, target(bare(t).Dir), options(t))
	defer closed(t, b)
	for _, path := range []string{"", "/etc/passwd", "a/../b", "./a", "a//b", "a/", ".git/config", "x/.GIT/hooks/x", "a/GIT~1", "a\\b", "C:x", "a\nb", "a\x1b[0m", "a/\u200d.git", "a.", "a ", "\xff", strings.Repeat("a/", 600) + "b"} {
		var bad *export.PathError
		if err := b.Put(path, nil); !errors.As(err, &bad) {
			t.Errorf("%q: got %v", path, err)
		}
	}
	put(t, b, files{"live/a": "1"})
	put(t, b, files{"live/a": "1"})
	if err := b.Put("live/a", []byte("2")); err == nil {
		t.Error("a path was put twice with different content")
	}
	put(t, b, files{"live/a/b": "1"})
	if _, err := b.Commit(message()); err == nil || !strings.Contains(err.Error(), "below another file") {
		t.Errorf("got %v", err)
	}
}

// TestNothingLeftIsRefused: also of a small cluster, all at once does not go by
// itself.
func TestNothingLeftIsRefused(t *testing.T) {
	repo, opts := bare(t), options(t)
	exported(t, target(repo.Dir), opts, files{"README.md": "x\n", "live/x": "1\n"})
	b := open(t, target(repo.Dir), opts)
	defer closed(t, b)
	put(t, b, files{"README.md": "nothing\n"})
	_, err := b.Commit(message())
	var mass *export.MassDeletionError
	if !errors.As(err, &mass) || mass.Deleted != 1 || mass.Total != 1 || !strings.Contains(err.Error(), "(live/x);") {
		t.Fatalf("got %v", err)
	}
	force := message()
	force.Force = true
	if r, err := b.Commit(force); err != nil || r.Deleted != 1 {
		t.Fatalf("got %+v, %v", r, err)
	}
}

// TestReplace: who puts a file may prefer the one that the branch has, also the
// one that it has got meanwhile.
func TestReplace(t *testing.T) {
	for name, place := range places(t) {
		t.Run(name, func(t *testing.T) {
			repo, url, opts := place(t)
			opts.Contents = true
			to := target(url)
			exported(t, to, opts, files{"live/a": "as good\n", "live/b": "1\n", "live/c": "1\n"})
			b := open(t, to, opts)
			defer closed(t, b)
			put(t, b, files{"live/a": "A\n", "live/b": "2\n", "live/c": "1\n"})
			m := message()
			asked := map[string]string{}
			m.Replace = func(path string, was func() ([]byte, error)) (bool, error) {
				content, err := was()
				asked[path] += string(content)
				return string(content) != "as good\n", err
			}
			if r, err := b.Commit(m); err != nil || r.Changed != 1 || fmt.Sprint(asked) != "map[live/a:as good\n live/b:1\n]" {
				t.Fatalf("got %+v, %v, asked about %q", r, err, asked)
			}
			elsewhere := opts
			elsewhere.CacheDir = t.TempDir()
			exported(t, to, elsewhere, files{"live/a": "another\n", "live/b": "as good\n", "live/c": "2\n"})
			if _, err := b.Push(t.Context()); err != nil {
				t.Fatal(err)
			}
			same(t, on(repo, branch), files{"live/a": "A\n", "live/b": "as good\n", "live/c": "1\n"})

			refusing := open(t, to, elsewhere)
			defer closed(t, refusing)
			put(t, refusing, files{"live/a": "B\n", "live/b": "B\n", "live/c": "B\n"})
			var all []string
			no := errors.New("not these")
			m.Replace = func(path string, _ func() ([]byte, error)) (bool, error) { all = append(all, path); return true, no }
			if _, err := refusing.Commit(m); !errors.Is(err, no) || len(all) != 3 {
				t.Errorf("got %v after %v", err, all)
			}
		})
	}
}

// TestClonesThatLackThings: a clone without history will do, and one without files
// says which one it would have to show.
func TestClonesThatLackThings(t *testing.T) {
	origin := bare(t)
	origin.Git("config", "uploadpack.allowAnySHA1InWant", "true")
	for i := range 3 {
		exported(t, target(origin.Dir), options(t), files{"live/a": fmt.Sprintln(i), "live/b": "1\n"})
	}
	clone := func(flag string) *gitserver.Repository {
		dir := filepath.Join(t.TempDir(), "clone")
		origin.Git("clone", "--quiet", "--bare", flag, "--branch", branch, "--single-branch", "file://"+origin.Dir, dir)
		return gitserver.Open(t, dir)
	}
	shallow := clone("--depth=1")
	if r := exported(t, target(shallow.Dir), options(t), files{"live/a": "4\n", "live/b": "1\n"}); r.Changed != 1 || r.Deleted != 0 {
		t.Errorf("got %+v", r)
	}
	same(t, on(shallow, branch), files{"live/a": "4\n", "live/b": "1\n"})
	shallow.Git("fsck", "--strict", "--full")
	shallow.Git("push", "--quiet", origin.Dir, branch)
	same(t, on(origin, branch), files{"live/a": "4\n", "live/b": "1\n"})

	// The other way: the server's repository is the shallow one.
	server := gitserver.ServeHTTP(t, filepath.Dir(shallow.Dir))
	shallow.Git("config", "http.receivepack", "true")
	exported(t, target(server.URL+"/clone"), options(t), files{"live/a": "5\n", "live/b": "1\n"})
	same(t, on(shallow, branch), files{"live/a": "5\n", "live/b": "1\n"})

	partial := clone("--filter=blob:none")
	b := open(t, target(partial.Dir), options(t))
	defer closed(t, b)
	put(t, b, files{"live/a": "6\n", "live/b": "1\n"})
	m := message()
	m.Replace = func(_ string, was func() ([]byte, error)) (bool, error) { _, err := was(); return true, err }
	if _, err := b.Commit(m); !errors.Is(err, source.ErrHistory) || !strings.Contains(err.Error(), "live/a") || !strings.Contains(err.Error(), "--refetch") {
		t.Errorf("got %v", err)
	}
	m.Replace = nil
	if _, err := b.Commit(m); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Push(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := partial.Git("show", branch+":live/a"); got != "6" && got != "6\n" {
		t.Errorf("got %q", got)
	}
}

// TestOtherFormatsAreRefused: what is written must be what git reads there.
func TestOtherFormatsAreRefused(t *testing.T) {
	host := gitserver.Repo(t)
	for _, flag := range []string{"--ref-format=reftable", "--object-format=sha256"} {
		dir := filepath.Join(t.TempDir(), "other.git")
		if out, err := host.Try("init", "--quiet", "--bare", flag, dir); err != nil {
			t.Logf("this git knows no %s: %s", flag, out)
			continue
		}
		if _, err := export.Open(t.Context(), target(dir), options(t)); !errors.Is(err, source.ErrUnsupported) {
			t.Errorf("%s: got %v", flag, err)
		}
	}
}
