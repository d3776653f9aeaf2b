package export

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// TestTreesAreGits has git build the same trees from an index.
func TestTreesAreGits(t *testing.T) {
	repo := gitserver.Repo(t)
	blob := plumbing.NewHash(repo.Git("hash-object", "-w", "/dev/null"))
	name := rapid.StringMatching(`[ab](-|\.|[a-c0])?[a-c]`)
	rapid.Check(t, func(t *rapid.T) {
		files := map[string]plumbing.Hash{}
		for _, parts := range rapid.SliceOfN(rapid.SliceOfN(name, 1, 4), 1, 12).Draw(t, "paths") {
			files[strings.Join(parts, "/")] = blob
		}
		b := newTreeBuilder(files, nil)
		root, err := b.build()
		if err != nil {
			for path := range files {
				for other := range files {
					if strings.HasPrefix(other, path+"/") {
						return // rightly refused
					}
				}
			}
			t.Fatal(err)
		}
		var index strings.Builder
		for path := range files {
			fmt.Fprintf(&index, "100644 %s\t%s\n", blob, path)
		}
		if got := gitTree(t, repo.Dir, index.String()); got != root.String() {
			t.Fatalf("git's tree of %v is %s, ours is %s", b.paths, got, root)
		}
	})
}

func gitTree(t *rapid.T, dir, index string) string {
	file := filepath.Join(dir, "index.test")
	defer os.Remove(file)
	out := ""
	for _, args := range [][]string{{"update-index", "--add", "--index-info"}, {"write-tree"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(index)
		cmd.Env = append(gitserver.Env(gitserver.Epoch()), "GIT_INDEX_FILE="+file)
		b, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		out = strings.TrimSpace(string(b))
	}
	return out
}

func TestTrailer(t *testing.T) {
	for message, want := range map[string]string{
		"Export\n\nCluster: a\nDrift: 2\n":           "a",
		"Export\n\nBody.\n\nDrift: 2\nCluster: a b":  "a b",
		"Export\n\nCluster: a\n\nSigned-off-by: x\n": "",
		"Cluster: a":                      "",
		"Export\n\nCluster: a\nand prose": "",
		"":                                "",
		"Export\n\nCluster: a\n\n\n":      "a",
		"Export\n\nCluster:a\n":           "",
		"Export\n\nthe Cluster: a\n":      "",
		"Merge branch x\n\n* x:\n  Export\n\nCluster: b\n\n": "b",
	} {
		if got := trailer(message, TrailerCluster); got != want {
			t.Errorf("%q: got %q, want %q", message, got, want)
		}
	}
}

func FuzzTrailer(f *testing.F) {
	f.Add("Export", "Body", "a", "2")
	f.Add("x", "Cluster: b", "a: b", "Cluster: c")
	f.Fuzz(func(t *testing.T, subject, body, cluster, value string) {
		_ = trailer(body, TrailerCluster)
		m := Message{Subject: subject, Body: body, Trailers: []Trailer{{TrailerDrift, value}}}
		if m.check() != nil || (Target{Repo: "/x", Branch: "b", Cluster: cluster}).check() != nil {
			return
		}
		if got := trailer(m.text(Trailer{TrailerCluster, cluster}), TrailerCluster); got != cluster {
			t.Fatalf("%q: got %q, want %q", m.text(Trailer{TrailerCluster, cluster}), got, cluster)
		}
	})
}

func FuzzCheckPath(f *testing.F) {
	for _, path := range []string{"a/b", "../a", "/a", ".git", "a/.GIT", "a\x00b", "a//b", "é/ü"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if CheckPath(path) == nil && (!filepath.IsLocal(path) || filepath.Clean(path) != path || strings.Contains(strings.ToLower(path)+"/", ".git/") && strings.HasPrefix("/"+strings.ToLower(path), "/.git/")) {
			t.Fatalf("%q passed", path)
		}
	})
}

// forged puts a commit that looks like an export of the cluster onto a branch.
func forged(t *testing.T, repo *gitserver.Repository, tree string) {
	t.Helper()
	commit := repo.Git("commit-tree", tree, "-m", "Export\n\nCluster: staging")
	repo.Git("update-ref", "refs/heads/b", commit)
}

func TestHostileBranch(t *testing.T) {
	repo := gitserver.Repo(t)
	blob := repo.Git("hash-object", "-w", "/dev/null")
	mktree := func(lines ...string) string {
		file := filepath.Join(t.TempDir(), "tree")
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-c", "git mktree < '"+file+"'")
		cmd.Dir = repo.Dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	bomb := "100644 blob " + blob + "\tf"
	tree := mktree(bomb)
	for range 10 {
		var lines []string
		for i := range 10 {
			lines = append(lines, fmt.Sprintf("040000 tree %s\td%d", tree, i))
		}
		tree = mktree(lines...)
	}
	deep := mktree(bomb)
	for range 100 {
		deep = mktree("040000 tree " + deep + "\td")
	}
	link := mktree("120000 blob "+blob+"\tlink", "160000 commit "+strings.Repeat("1", 40)+"\tmodule", "100755 blob "+blob+"\tprogram", "100644 blob "+blob+"\tfile:x")
	for name, tt := range map[string]struct{ tree, want string }{
		"ten billion files":  {tree, "no export has"},
		"a hundred folders":  {deep, "no export has"},
		"links and programs": {link, ""},
	} {
		t.Run(name, func(t *testing.T) {
			forged(t, repo, tt.tree)
			opts := Options{CacheDir: t.TempDir(), Getenv: func(string) string { return "" }, Now: time.Now}
			b, err := Open(t.Context(), Target{Repo: repo.Dir, Branch: "b", Cluster: "staging"}, opts)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			if err := b.Put("live/x", nil); err != nil {
				t.Fatal(err)
			}
			r, err := b.Commit(Message{Subject: "Export", Keep: func(string) bool { return true }})
			if err != nil || r.Files != 5 || r.Added != 1 || r.Kept != 0 {
				t.Fatalf("got %+v, %v: what people put there stays as it is", r, err)
			}
			if _, err := b.Push(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := repo.Git("ls-tree", "-r", tt.tree) // and one file
			if got := repo.Git("ls-tree", "-r", "b", "link", "module", "program", "file:x"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if got := repo.Git("ls-tree", "--name-only", "b", "live/"); got != "live/x" {
				t.Errorf("got %s", got)
			}
		})
	}
}
