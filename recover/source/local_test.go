package source_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

func TestLocalShapes(t *testing.T) {
	work := gitserver.Repo(t)
	work.CommitFile("deploy/app.yaml", "a: 1\n", "one")
	sha := work.CommitFile("deploy/app.yaml", "a: 2\n", "two")
	base := t.TempDir()
	bare, linked, gc := filepath.Join(base, "bare.git"), filepath.Join(base, "linked"), filepath.Join(base, "packed")
	borrowing := filepath.Join(base, "borrowing")
	work.Git("clone", "--quiet", "--bare", ".", bare)
	work.Git("worktree", "add", "--quiet", "-b", "side", linked)
	work.Git("clone", "--quiet", "--shared", ".", borrowing)
	work.Git("clone", "--quiet", "--no-local", ".", gc)
	gitserver.Open(t, gc).Git("gc", "--quiet")
	super := gitserver.Repo(t)
	super.Git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", work.Dir, "sub")
	super.Commit("with a submodule")
	cut := filepath.Join(base, "cut.git") // git was killed while it wrote a branch
	work.Git("clone", "--quiet", "--bare", ".", cut)
	if err := os.WriteFile(filepath.Join(cut, "refs", "heads", "half.lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, repo := range map[string]string{
		"with a lock": cut, "work tree": work.Dir, ".git folder": work.Dir + "/.git", "bare": bare, "linked work tree": linked, "its .git file": linked + "/.git",
		"packed": gc, "shared objects": borrowing, "submodule": super.Dir + "/sub", "file address": "file://" + bare, "relative": relative(t, bare),
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t, repo, options(t))
			if got := resolve(t, r, "HEAD").SHA; got != sha {
				t.Errorf("HEAD is %s, want %s", got, sha)
			}
			if got := resolve(t, r, "main~1").Subject; got != "one" {
				t.Errorf("main~1 is %q", got)
			}
			if b, err := treeAt(t, r, sha).ReadFile("deploy/app.yaml"); string(b) != "a: 2\n" || err != nil {
				t.Errorf("app.yaml is %q, %v", b, err)
			}
		})
	}
}

func relative(t *testing.T, path string) string {
	t.Helper()
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

func TestLocalRepositoryIsNeverWrittenTo(t *testing.T) {
	work := gitserver.Repo(t)
	work.CommitFile("app.yaml", "a: 1\n", "one")
	work.Git("gc", "--quiet")
	work.CommitFile("app.yaml", "a: 2\n", "two")
	before := snapshot(t, work.Dir)
	opts := options(t)
	r := open(t, work.Dir, opts)
	treeAt(t, r, "main~1")
	if _, err := r.Resolve(t.Context(), "no-such-thing"); err == nil {
		t.Error("no-such-thing was found")
	}
	if after := snapshot(t, work.Dir); after != before {
		t.Errorf("the repository changed:\n%s\n%s", before, after)
	}
	if entries, err := os.ReadDir(opts.CacheDir); err != nil || len(entries) > 0 {
		t.Errorf("a local repository was copied: %v, %v", entries, err)
	}
}

// snapshot is a text that changes when anything below dir does.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&all, "%s %v %v", path, info.Mode(), info.ModTime())
		if !d.IsDir() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&all, " %x", sha256.Sum256(b))
		}
		all.WriteString("\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestWhatIsNoRepositoryIsTold(t *testing.T) {
	work := gitserver.Repo(t)
	work.CommitFile("deploy/app.yaml", "a: 1\n", "one")
	plain, file := t.TempDir(), filepath.Join(t.TempDir(), "archive.tar")
	if err := os.WriteFile(file, []byte("tar"), 0o600); err != nil {
		t.Fatal(err)
	}
	lost := t.TempDir()
	if err := os.WriteFile(filepath.Join(lost, ".git"), []byte("gitdir: /nowhere/at/all\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sha256Repo := t.TempDir()
	work.Git("init", "--quiet", "--object-format=sha256", sha256Repo)
	for name, tt := range map[string]struct {
		repo string
		kind error
		says string
	}{
		"absent":         {filepath.Join(plain, "x"), source.ErrNotRepository, "no such file"},
		"plain folder":   {plain, source.ErrNotRepository, "no git repository"},
		"folder inside":  {work.Dir + "/deploy", source.ErrNotRepository, work.Dir},
		"file":           {file, source.ErrNotRepository, "not a git bundle"},
		"lost work tree": {lost, source.ErrNotRepository, "worktree repair"},
		"sha256":         {sha256Repo, source.ErrUnsupported, "sha256"},
		"git protocol":   {"git://127.0.0.1/x", source.ErrNotRepository, "git://"},
	} {
		_, err := source.Open(t.Context(), tt.repo, options(t))
		if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestEmptyRepository(t *testing.T) {
	r := open(t, gitserver.Repo(t).Dir, options(t))
	if _, err := r.Resolve(t.Context(), "main"); !errors.Is(err, source.ErrEmpty) {
		t.Errorf("got %v", err)
	}
}

func TestShallowAndPartialClonesSayWhatToFetch(t *testing.T) {
	work := gitserver.Repo(t)
	first := work.CommitFile("app.yaml", "a: 1\n", "one")
	work.Git("tag", "v1")
	work.CommitFile("app.yaml", "a: 2\n", "two")
	work.CommitFile("app.yaml", "a: 3\n", "three")
	work.Git("config", "uploadpack.allowFilter", "true")
	shallow, partial := filepath.Join(t.TempDir(), "shallow"), filepath.Join(t.TempDir(), "partial")
	work.Git("clone", "--quiet", "--depth=1", "file://"+work.Dir, shallow)
	work.Git("clone", "--quiet", "--filter=blob:none", "--bare", "file://"+work.Dir, partial)
	root := t.TempDir()
	work.Git("clone", "--quiet", "--depth=1", "--bare", "file://"+work.Dir, filepath.Join(root, "shallow.git"))
	server := gitserver.ServeHTTP(t, root)
	for _, repo := range []string{shallow, server.URL + "/shallow.git"} {
		r := open(t, repo, options(t))
		if b, err := treeAt(t, r, "main").ReadFile("app.yaml"); string(b) != "a: 3\n" || err != nil {
			t.Errorf("the newest commit is there: %q, %v", b, err)
		}
		for _, revision := range []string{"main~1", "main@2026-01-01T12:30Z", "v1", first, first[:8]} {
			if _, err := r.Resolve(t.Context(), revision); err == nil || !strings.Contains(err.Error(), "git fetch --unshallow") {
				t.Errorf("%s of %s: %v", revision, repo, err)
			}
		}
	}
	_, err := treeAt(t, open(t, partial, options(t)), "main").ReadFile("app.yaml")
	if !errors.Is(err, source.ErrHistory) || !strings.Contains(err.Error(), "--refetch") {
		t.Errorf("a file that a partial clone lacks: %v", err)
	}
}

func TestDamagedLocalRepositoryIsTold(t *testing.T) {
	work := gitserver.Repo(t)
	work.CommitFile("app.yaml", "a: 1\n", "one")
	blob := work.Git("rev-parse", "HEAD:app.yaml")
	if err := os.Remove(filepath.Join(work.Dir, ".git", "objects", blob[:2], blob[2:])); err != nil {
		t.Fatal(err)
	}
	_, err := treeAt(t, open(t, work.Dir, options(t)), "main").ReadFile("app.yaml")
	if !errors.Is(err, source.ErrCorrupt) || !strings.Contains(err.Error(), blob) {
		t.Errorf("a missing file: %v", err)
	}
	// Another object's content under this name: git itself would not notice
	// before fsck.
	work.Write("evil.yaml", "a: evil\n")
	evil := work.Git("hash-object", "-w", "evil.yaml")
	if err := os.Rename(filepath.Join(work.Dir, ".git", "objects", evil[:2], evil[2:]), filepath.Join(work.Dir, ".git", "objects", blob[:2], blob[2:])); err != nil {
		t.Fatal(err)
	}
	_, err = treeAt(t, open(t, work.Dir, options(t)), "main").ReadFile("app.yaml")
	if !errors.Is(err, source.ErrCorrupt) || !strings.Contains(err.Error(), "match") {
		t.Errorf("a swapped file: %v", err)
	}
}

func TestBundleShapes(t *testing.T) {
	work := gitserver.Repo(t)
	work.CommitFile("app.yaml", "a: 1\n", "one")
	work.Git("tag", "-a", "v1", "-m", "first")
	sha := work.CommitFile("app.yaml", "a: 2\n", "two")
	work.Git("branch", "other", "HEAD~1")
	bundle := func(name string, version string, what ...string) string {
		file := filepath.Join(t.TempDir(), name)
		work.Git(append([]string{"bundle", "create", "--quiet", "--version=" + version, file}, what...)...)
		return file
	}
	for _, file := range []string{bundle("v2", "2", "--all"), bundle("v3", "3", "--all"), bundle("nohead", "3", "main", "v1"), bundle("head", "2", "HEAD", "v1")} {
		r := open(t, file, options(t))
		if got := resolve(t, r, "HEAD").SHA; got != sha {
			t.Errorf("%s: HEAD is %s, want %s", file, got, sha)
		}
		if got := resolve(t, r, "v1").Subject; got != "one" {
			t.Errorf("%s: v1 is %q", file, got)
		}
	}

	whole, err := os.ReadFile(bundle("cut", "2", "--all"))
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.bundle")
	if err := os.WriteFile(cut, whole[:len(whole)-40], 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := gitserver.Open(t, t.TempDir())
	foreign.Git("init", "--quiet", "--object-format=sha256")
	foreign.CommitFile("x", "x", "x")
	foreign.Git("bundle", "create", "--quiet", "sha256.bundle", "HEAD")
	for name, tt := range map[string]struct {
		file string
		kind error
		says string
	}{
		"incremental": {bundle("thin", "2", "main~1..main"), source.ErrHistory, "--all"},
		"filtered":    {bundle("filtered", "3", "--filter=blob:none", "--all"), source.ErrHistory, "leaves objects out"},
		"cut":         {cut, source.ErrCorrupt, "git bundle verify"},
		"sha256":      {foreign.Dir + "/sha256.bundle", source.ErrUnsupported, "sha256"},
	} {
		opts := options(t)
		_, err := source.Open(t.Context(), tt.file, opts)
		if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v", name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(opts.CacheDir, "*.git")); len(left) > 0 {
			t.Errorf("%s: left behind: %v", name, left)
		}
	}
}
