package source_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/testenv/corpora"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

func symlink(t *testing.T, work *gitserver.Repository, target, name string) {
	t.Helper()
	path := filepath.Join(work.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func TestSymlinksStayInsideTheTree(t *testing.T) {
	work := gitserver.Repo(t)
	work.Write("base/app.yaml", "a: 1\n")
	symlink(t, work, "../base/app.yaml", "prod/app.yaml")
	symlink(t, work, "base", "alias")
	symlink(t, work, "alias/../prod/app.yaml", "twice.yaml")
	symlink(t, work, ".", "base/self")
	for name, target := range map[string]string{
		"absolute": "/etc/passwd", "outside": "../../etc/passwd", "deep/outside": "../../../x", "sneaky": "../base/../../x",
		"circle-a": "circle-b", "circle-b": "circle-a", "self": "self", "dangling": "base/none.yaml", "through-file": "base/app.yaml/x",
	} {
		symlink(t, work, target, "bad/"+name)
	}
	work.Commit("links")
	tree := treeAt(t, open(t, work.Dir, options(t)), "main")

	for _, name := range []string{"prod/app.yaml", "alias/app.yaml", "twice.yaml", "base/self/self/app.yaml"} {
		if b, err := tree.ReadFile(name); string(b) != "a: 1\n" || err != nil {
			t.Errorf("%s is %q, %v", name, b, err)
		}
		if info, err := tree.Stat(name); err != nil || !info.Mode().IsRegular() || info.Size() != 5 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if target, err := tree.ReadLink("alias"); target != "base" || err != nil {
		t.Errorf("alias leads to %q, %v", target, err)
	}
	if entries, err := tree.ReadDir("alias"); err != nil || len(entries) != 2 {
		t.Errorf("alias has %v, %v", entries, err)
	}
	bad, err := tree.ReadDir("bad")
	if err != nil || len(bad) != 9 {
		t.Fatalf("%v, %v", bad, err)
	}
	for _, e := range bad {
		name := "bad/" + e.Name()
		if e.Name() == "deep" {
			name += "/outside"
		}
		_, err := tree.ReadFile(name)
		var link *source.SymlinkError
		if !errors.As(err, &link) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		missing := e.Name() == "dangling" || e.Name() == "through-file"
		if errors.Is(err, fs.ErrNotExist) != missing {
			t.Errorf("%s: %v: is ErrNotExist %v", name, err, !missing)
		}
		if e.Type() != fs.ModeSymlink && e.Name() != "deep" {
			t.Errorf("%s is listed as %v", name, e.Type())
		}
	}
}

func TestTreeWithLinksIsAFileSystem(t *testing.T) {
	work := gitserver.Repo(t)
	work.Write("base/app.yaml", "a: 1\n").Write("run.sh", "exit\n").Write("strange \x1b[31m name\t\n.yaml", "b: 1\n").Write("ünïcode/ß.yaml", "c: 1\n").Write("empty", "")
	if err := os.Chmod(filepath.Join(work.Dir, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	symlink(t, work, "base/app.yaml", "link.yaml")
	symlink(t, work, "base", "folder")
	work.Commit("all kinds")
	tree := treeAt(t, open(t, work.Dir, options(t)), "main")
	if err := fstest.TestFS(tree, "base/app.yaml", "run.sh", "link.yaml", "ünïcode/ß.yaml", "empty"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"/base", "../x", "base/../run.sh", "base//app.yaml", "", "base/", "./base", "a\xffb"} {
		if _, err := tree.Open(name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := tree.ReadFile("base/app.yaml/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a path through a file: %v", err)
	}
}

func TestSubmoduleIsToldOnlyWhenAskedFor(t *testing.T) {
	lib := gitserver.Repo(t)
	lib.CommitFile("x.yaml", "x: 1\n", "lib")
	work := gitserver.Repo(t)
	work.Git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", lib.Dir, "vendor/lib")
	work.CommitFile("app.yaml", "a: 1\n", "with a submodule")
	tree := treeAt(t, open(t, work.Dir, options(t)), "main")
	var names []string
	if err := fs.WalkDir(tree, ".", func(path string, _ fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	}); err != nil {
		t.Error(err)
	}
	if got := strings.Join(names, " "); got != ". .gitmodules app.yaml vendor vendor/lib" {
		t.Errorf("the tree is %s", got)
	}
	for _, name := range []string{"vendor/lib/x.yaml", "vendor/lib"} {
		_, err := tree.ReadFile(name)
		var sub *source.SubmoduleError
		if !errors.As(err, &sub) || sub.Commit != lib.Git("rev-parse", "HEAD") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLFSAndHugeFiles(t *testing.T) {
	work := gitserver.Repo(t)
	work.Write("big.yaml", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n")
	work.Write("about.md", "version https://git-lfs.github.com/spec/v1 is what a pointer begins with\n")
	work.Write("huge.yaml", strings.Repeat("a: 1\n", 1000))
	work.Commit("large things")
	opts := options(t)
	opts.MaxFileSize = 4999
	tree := treeAt(t, open(t, work.Dir, opts), "main")
	var lfs *source.LFSError
	if _, err := tree.ReadFile("big.yaml"); !errors.As(err, &lfs) || lfs.Size != "12345" {
		t.Errorf("a pointer: %v", err)
	}
	if _, err := tree.Open("big.yaml"); !errors.As(err, &lfs) {
		t.Errorf("a pointer opened: %v", err)
	}
	if _, err := tree.ReadFile("about.md"); err != nil {
		t.Errorf("a text about pointers: %v", err)
	}
	var large *source.TooLargeError
	if _, err := tree.ReadFile("huge.yaml"); !errors.As(err, &large) || large.Size != 5000 || large.Limit != 4999 {
		t.Errorf("a huge file: %v", err)
	}
	if info, err := tree.Stat("huge.yaml"); err != nil || info.Size() != 5000 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestHostileTreesAreRefused(t *testing.T) {
	work := gitserver.Repo(t)
	work.CommitFile("app.yaml", "a: 1\n", "one")
	blob, err := hex.DecodeString(work.Git("rev-parse", "HEAD:app.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	entry := func(mode, name string) string { return mode + " " + name + "\x00" + string(blob) }
	r := open(t, work.Dir, options(t)) // made before: loose objects are listed when first asked for
	for name, raw := range map[string]string{
		"up":        entry("100644", ".."),
		"dot":       entry("100644", "."),
		"git":       entry("40000", ".git"),
		"Git":       entry("40000", ".GiT"),
		"slash":     entry("100644", "a/b"),
		"twice":     entry("100644", "a") + entry("100644", "a"),
		"latin":     entry("100644", "caf\xe9"),
		"cut":       entry("100644", "a")[:20],
		"no mode":   "a\x00",
		"bad mode":  entry("1006449", "a"),
		"blob-dir":  entry("40000", "dir"),
		"no object": "100644 a\x00" + strings.Repeat("\x01", 20),
	} {
		t.Run(name, func(t *testing.T) {
			sha := work.RawTree([]byte(raw))
			r := open(t, work.Dir, options(t))
			tree, err := r.Tree(t.Context(), sha)
			if err == nil {
				err = fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
					if err == nil && !d.IsDir() {
						_, err = tree.ReadFile(path)
					}
					return err
				})
			}
			var hostile *source.HostileNameError
			if !errors.As(err, &hostile) && !errors.Is(err, source.ErrCorrupt) {
				t.Errorf("got %v", err)
			}
		})
	}
	resolve(t, r, "main")
}

func TestCommitWithoutFiles(t *testing.T) {
	work := gitserver.Repo(t)
	work.Commit("nothing yet")
	tree := treeAt(t, open(t, work.Dir, options(t)), "main")
	if entries, err := tree.ReadDir("."); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestTreesAreReadConcurrently(t *testing.T) {
	r := open(t, corpora.Path(t, corpora.MicroservicesDemo), sharedOptions(t))
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			c, err := r.Resolve(t.Context(), fmt.Sprintf("HEAD~%d", i*5))
			if err != nil {
				t.Error(err)
				return
			}
			tree, err := r.Tree(t.Context(), c.SHA)
			if err != nil {
				t.Error(err)
				return
			}
			files := 0
			err = fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					files++
					_, err = tree.ReadFile(path)
				}
				return err
			})
			if err != nil || files < 10 {
				t.Errorf("%s: %d files, %v", c.SHA, files, err)
			}
		})
	}
	all.Wait()
}

func TestAbsentFolderKnowsItsHistory(t *testing.T) {
	work := gitserver.Repo(t)
	work.CommitFile("readme", "1", "first")
	before := work.CommitFile("readme", "2", "before")
	added := work.CommitFile("deploy/prod/app.yaml", "a: 1\n", "add prod")
	last := work.CommitFile("readme", "3", "last with prod")
	work.Git("rm", "--quiet", "-r", "deploy/prod")
	removed := work.CommitFile("deploy/production/app.yaml", "a: 1\n", "rename prod")
	work.CommitFile("readme", "4", "newest")
	r := open(t, work.Dir, options(t))

	folder := func(revision, path string) (fs.FS, error) {
		return r.Folder(t.Context(), resolve(t, r, revision).SHA, path)
	}
	sub, err := folder(last, "deploy/prod")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := fs.ReadFile(sub, "app.yaml"); string(b) != "a: 1\n" || err != nil {
		t.Errorf("app.yaml is %q, %v", b, err)
	}
	var absent *source.PathAbsentError
	_, err = folder("main", "deploy/prod")
	if !errors.As(err, &absent) || absent.Removed == nil || absent.Removed.SHA != removed || absent.Last.SHA != last || absent.Nearest[0] != "deploy/production" {
		t.Errorf("removed: %v (%+v)", err, absent)
	}
	_, err = folder(before, "deploy/prod")
	if !errors.As(err, &absent) || absent.Added == nil || absent.Added.SHA != added || absent.Parent != "." {
		t.Errorf("too early: %v (%+v)", err, absent)
	}
	_, err = folder("main", "never/was")
	if !errors.As(err, &absent) || absent.Added != nil || absent.Removed != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("never: %v (%+v)", err, absent)
	}
	for _, path := range []string{"/deploy", "../x", "deploy/", ""} {
		if _, err := folder("main", path); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: %v", path, err)
		}
	}
	if _, err := folder("main", "readme"); err == nil || !strings.Contains(err.Error(), "not a folder") {
		t.Errorf("a file: %v", err)
	}
	if whole, err := folder("main", "."); err != nil || fstest.TestFS(whole, "readme") != nil {
		t.Errorf("the root: %v", err)
	}
}
