package source_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/testenv/corpora"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// walked reads all pages of a history.
func walked(t testing.TB, r *source.Repository, sha string, q source.LogQuery) (all []source.Logged) {
	t.Helper()
	w, err := source.NewWalk(sha)
	if err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		var page []source.Logged
		if page, more, err = r.Log(t.Context(), w, q); err != nil {
			t.Fatal(err)
		}
		if len(page) > q.Limit {
			t.Fatalf("%d commits, the limit is %d", len(page), q.Limit)
		}
		all = append(all, page...)
	}
	return all
}

func shas(list []source.Logged) (out []string) {
	for _, one := range list {
		out = append(out, one.SHA)
	}
	slices.Sort(out)
	return out
}

// TestTheLogIsGits: all commits, newest first, and by path as git leaves them out.
func TestTheLogIsGits(t *testing.T) {
	bundle := corpora.Path(t, corpora.KubePrometheus)
	r := open(t, bundle, sharedOptions(t))
	git := gitserver.Open(t, filepath.Join(t.TempDir(), "clone"))
	if out, err := gitserver.Open(t, t.TempDir()).Try("clone", "--quiet", bundle, git.Dir); err != nil {
		t.Fatal(err, out)
	}
	head := resolve(t, r, "HEAD").SHA
	lines := func(args ...string) []string {
		out := strings.Fields(git.Git(append([]string{"log", "--format=%H"}, args...)...))
		slices.Sort(out)
		return out
	}
	all := walked(t, r, head, source.LogQuery{Limit: 500})
	if want := lines(head); !slices.Equal(shas(all), want) {
		t.Errorf("%d commits, git has %d", len(all), len(want))
	}
	for i := 1; i < len(all); i++ {
		if all[i].SHA == all[i-1].SHA {
			t.Fatalf("%s comes twice", all[i].SHA)
		}
	}
	const path = "jsonnet/kube-prometheus"
	got := shas(walked(t, r, head, source.LogQuery{Limit: 500, Path: path}))
	if want := lines("--full-history", head, "--", path); !slices.Equal(got, want) {
		t.Errorf("%d commits of %s, git has %d", len(got), path, len(want))
	}
}

func TestTheLogShowsNamesAndFinds(t *testing.T) {
	work := gitserver.Repo(t)
	first := work.CommitFile("a.yaml", "a: 1\n", "Begin\n\nwith \x1b[2J and more")
	work.Git("tag", "v1")
	work.Git("tag", "-a", "-m", "x", "v2", first)
	second := work.CommitFile("b/b.yaml", "b: 1\n", "Second")
	work.Git("branch", "feature/x", second)
	third := work.CommitFile("a.yaml", "a: 2\n", "Third")
	r := open(t, work.Dir, options(t))
	for search, want := range map[string][]string{
		"": {third, second, first}, "THIRD": {third}, "v2": {first}, "Feature/": {second}, "and more": {first},
		strings.ToUpper(second[:9]): {second}, second[3:12]: nil, "nobody said": nil,
	} {
		slices.Sort(want)
		if got := shas(walked(t, r, third, source.LogQuery{Limit: 2, Search: search})); !slices.Equal(got, want) {
			t.Errorf("%q finds %v, want %v", search, got, want)
		}
	}
	all := walked(t, r, third, source.LogQuery{Limit: 10})
	if last := all[2]; fmt.Sprint(last.Tags) != "[v1 v2]" || last.Body != "with \x1b[2J and more" || last.Subject != "Begin" {
		t.Errorf("%+v", last)
	}
	if got := shas(walked(t, r, third, source.LogQuery{Limit: 10, Path: "b"})); !slices.Equal(got, []string{second}) {
		t.Errorf("commits of b: %v", got)
	}
	names, err := r.Names(t.Context())
	if err != nil || fmt.Sprint(names.Tags) != "[v2 v1]" || !slices.Contains(names.Branches, "feature/x") {
		t.Errorf("%+v, %v", names, err)
	}
	w, _ := source.NewWalk(third)
	if err := r.Skip(t.Context(), w, 2); err != nil || w.Read() != 2 {
		t.Fatalf("skipped to %d: %v", w.Read(), err)
	}
	if page, more, err := r.Log(t.Context(), w, source.LogQuery{Limit: 5}); err != nil || more || len(page) != 1 || page[0].SHA != first {
		t.Errorf("behind two: %v, %v, %v", page, more, err)
	}
	if _, err := source.NewWalk("main"); err == nil {
		t.Error("a walk from a branch")
	}
}

func TestTheLogOfAShallowCloneEnds(t *testing.T) {
	work := gitserver.Repo(t)
	work.CommitFile("a.yaml", "a: 1\n", "First")
	work.CommitFile("a.yaml", "a: 2\n", "Second")
	head := work.CommitFile("a.yaml", "a: 3\n", "Third")
	shallow := filepath.Join(t.TempDir(), "shallow")
	work.Git("clone", "--quiet", "--depth=2", "file://"+work.Dir, shallow)
	r := open(t, shallow, options(t))
	for _, path := range []string{"", "a.yaml"} {
		if got := walked(t, r, head, source.LogQuery{Limit: 10, Path: path}); len(got) != 2 {
			t.Errorf("path %q: %d commits", path, len(got))
		}
	}
}

// BenchmarkLogOf50000: the first page of a long history, and all of it.
func BenchmarkLogOf50000(b *testing.B) {
	work := gitserver.Repo(b)
	var in strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&in, "commit refs/heads/main\nmark :%d\ncommitter A <a@example.com> %d +0000\ndata 6\nchange\n", i+1, 1_700_000_000+i*60)
		if i > 0 {
			fmt.Fprintf(&in, "from :%d\n", i)
		}
		text := fmt.Sprint(i)
		fmt.Fprintf(&in, "M 644 inline deploy/%d.yaml\ndata %d\n%s\n", i%100, len(text), text)
	}
	fastImport(b, work.Dir, in.String())
	opts := options(b)
	for _, c := range []struct {
		name string
		q    source.LogQuery
		all  bool
	}{{"first page", source.LogQuery{Limit: 50}, false}, {"all", source.LogQuery{Limit: 500}, true}, {"search", source.LogQuery{Limit: 50, Search: "nothing"}, false},
		{"path", source.LogQuery{Limit: 50, Path: "deploy/7.yaml"}, false}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				r := open(b, work.Dir, opts)
				head := resolve(b, r, "main").SHA
				if c.all {
					walked(b, r, head, c.q)
				} else {
					w, _ := source.NewWalk(head)
					if _, _, err := r.Log(b.Context(), w, c.q); err != nil {
						b.Fatal(err)
					}
				}
				r.Close()
			}
		})
	}
}

func fastImport(b *testing.B, dir, stream string) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), "git", "fast-import", "--quiet")
	cmd.Dir, cmd.Stdin, cmd.Env = dir, strings.NewReader(stream), gitserver.Env(gitserver.Epoch())
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
}
