package source_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/testenv/corpora"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// options are those of a machine without any credentials, in 2027.
func options(t testing.TB, env ...string) source.Options {
	return source.Options{
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

// sharedOptions keep the corpora's mirrors from one test to the next.
func sharedOptions(t testing.TB) source.Options {
	opts := options(t)
	opts.CacheDir = os.Getenv(envSharedCache)
	return opts
}

func open(t testing.TB, repo string, opts source.Options) *source.Repository {
	t.Helper()
	r, err := source.Open(t.Context(), repo, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func resolve(t testing.TB, r *source.Repository, revision string) source.Commit {
	t.Helper()
	c, err := r.Resolve(t.Context(), revision)
	if err != nil {
		t.Fatalf("Resolve(%q): %v", revision, err)
	}
	return c
}

func treeAt(t testing.TB, r *source.Repository, revision string) *source.Tree {
	t.Helper()
	tree, err := r.Tree(t.Context(), resolve(t, r, revision).SHA)
	if err != nil {
		t.Fatalf("Tree(%q): %v", revision, err)
	}
	return tree
}

// cloned is the corpus as a bare repository of the real git.
func cloned(t testing.TB, name string) *gitserver.Repository {
	t.Helper()
	host := gitserver.Repo(t)
	dir := t.TempDir() + "/clone.git"
	host.Git("clone", "--quiet", "--bare", corpora.Path(t, name), dir)
	return gitserver.Open(t, dir)
}

func TestEveryCorpusOpensAsBundle(t *testing.T) {
	for _, name := range corpora.All() {
		t.Run(name, func(t *testing.T) {
			r := open(t, corpora.Path(t, name), sharedOptions(t))
			c := resolve(t, r, "main")
			if c.SHA != resolve(t, r, "HEAD").SHA || c.Ref != "refs/heads/main" {
				t.Errorf("main is %+v, HEAD another commit", c)
			}
			if _, err := fs.ReadDir(treeAt(t, r, "main"), "."); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAllCommitsOfKubePrometheusResolveAsGitSays(t *testing.T) {
	git := cloned(t, corpora.KubePrometheus)
	r := open(t, corpora.Path(t, corpora.KubePrometheus), sharedOptions(t))
	lines := strings.Split(git.Git("log", "--all", "--format=%H %ct %s"), "\n")
	if len(lines) != 1018 {
		t.Fatalf("git knows %d commits, not 1018", len(lines))
	}
	for _, line := range lines {
		f := strings.SplitN(line, " ", 3)
		c := resolve(t, r, f[0])
		if c.SHA != f[0] || fmt.Sprint(c.Time.Unix()) != f[1] || !strings.HasPrefix(f[2], strings.TrimSuffix(c.Subject, "…")) {
			t.Fatalf("got %+v, git says %s", c, line)
		}
		if short := resolve(t, r, f[0][:12]); short.SHA != f[0] {
			t.Fatalf("%s resolves to %s", f[0][:12], short.SHA)
		}
	}
}

func TestTreesListAsGitDoes(t *testing.T) {
	for _, name := range corpora.All() {
		t.Run(name, func(t *testing.T) {
			git := cloned(t, name)
			r := open(t, corpora.Path(t, name), sharedOptions(t))
			commits := strings.Split(git.Git("rev-list", "main"), "\n")
			for i := 0; i < len(commits); i += max(1, len(commits)/8) {
				compareListing(t, git, r, commits[i])
			}
		})
	}
}

// compareListing compares names, types, sizes and contents with git's own.
func compareListing(t *testing.T, git *gitserver.Repository, r *source.Repository, sha string) {
	t.Helper()
	tree := treeAt(t, r, sha)
	var got []string
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b, err := tree.ReadFile(path)
		if err == nil && int64(len(b)) != info.Size() {
			t.Errorf("%s: %d bytes read, size is %d", path, len(b), info.Size())
		}
		got = append(got, fmt.Sprintf("%d %s", info.Size(), path))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, line := range strings.Split(git.Git("ls-tree", "-r", "--long", "--full-tree", sha), "\n") {
		meta, path, _ := strings.Cut(line, "\t")
		want = append(want, strings.Fields(meta)[3]+" "+path)
	}
	if len(want) == 0 {
		t.Fatal("git lists nothing")
	}
	gotSet := map[string]bool{}
	for _, g := range got {
		gotSet[g] = true
	}
	for _, w := range want {
		if !gotSet[w] {
			t.Errorf("%s lacks %q", sha, w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s has %d files, git says %d", sha, len(got), len(want))
	}
}

func TestTreeIsAFileSystem(t *testing.T) {
	r := open(t, corpora.Path(t, corpora.MicroservicesDemo), sharedOptions(t))
	tree := treeAt(t, r, "main")
	if err := fstest.TestFS(tree, "helm-chart/Chart.yaml", "kustomize/base/kustomization.yaml"); err != nil {
		t.Error(err)
	}
	b, err := tree.ReadFile("helm-chart/Chart.yaml")
	if err != nil || !bytes.Contains(b, []byte("apiVersion")) {
		t.Errorf("Chart.yaml is %q, %v", b, err)
	}
}
