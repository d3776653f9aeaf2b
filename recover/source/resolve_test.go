package source_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/testenv/corpora"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

func TestRevisionsResolveAsInGit(t *testing.T) {
	work := gitserver.Repo(t)
	for i := range 6 {
		work.CommitFile("app.yaml", fmt.Sprintf("a: %d\n", i), fmt.Sprintf("commit %d", i))
	}
	work.Git("tag", "v1.0", "HEAD~4")
	work.Git("tag", "-a", "v1.1", "-m", "annotated", "HEAD~3")
	work.Git("tag", "-a", "v1.1-again", "-m", "a tag of a tag", "v1.1")
	work.Git("checkout", "--quiet", "-b", "feature/x", "HEAD~2")
	work.CommitFile("feature.yaml", "f: 1\n", "feature")
	work.Git("checkout", "--quiet", "main")
	work.Git("merge", "--quiet", "--no-ff", "-m", "merged", "feature/x")
	work.Git("tag", "pkg@2026-01-01", "HEAD~2")
	full := work.Git("rev-parse", "HEAD~1")
	root := t.TempDir()
	work.Mirror(root, "app.git")
	clone := t.TempDir()
	work.Git("clone", "--quiet", work.Dir, clone)
	remote := gitserver.ServeHTTP(t, root).URL + "/app.git"
	for _, repo := range []string{work.Dir, remote, clone} {
		r := open(t, repo, options(t))
		for _, revision := range []string{"main", "HEAD", "@", "HEAD~3", "HEAD^2", "HEAD^2~0", "HEAD^0", "v1.0", "v1.1", "v1.1^{}", "v1.1-again", "v1.1~1",
			"refs/heads/main", "heads/main", "tags/v1.1", full, full[:7], strings.ToUpper(full[:9]), full[:4] + full[4:8] + "^", "v1.0-1-g" + full[:10], "pkg@2026-01-01", "pkg@2026-01-01~1"} {
			want := work.Git("rev-parse", revision+"^{commit}")
			if got := resolve(t, r, revision); got.SHA != want || got.Revision != revision {
				t.Errorf("%s of %s: got %+v, git says %s", revision, repo, got, want)
			}
		}
		want := work.Git("rev-parse", "feature/x")
		for _, revision := range []string{"feature/x", "origin/feature/x"} {
			if repo == work.Dir && revision != "feature/x" {
				continue // it has no remote
			}
			if got := resolve(t, r, revision); got.SHA != want {
				t.Errorf("%s of %s: got %+v, git says %s", revision, repo, got, want)
			}
		}
	}
}

func TestTimesResolveAlongFirstParents(t *testing.T) {
	work := gitserver.Repo(t) // at 12:00, 13:00, 14:00 …
	first := work.CommitFile("a", "1", "first")
	second := work.CommitFile("a", "2", "second")
	work.Git("checkout", "--quiet", "-b", "side")
	side := work.CommitFile("b", "1", "on the side at 14:00")
	work.Git("checkout", "--quiet", "main")
	work.Git("merge", "--quiet", "--no-ff", "-m", "merged at 15:00", "side")
	merged := work.Git("rev-parse", "HEAD")
	r := open(t, work.Dir, options(t))
	for revision, want := range map[string]string{
		"main@2026-01-01T12:00Z":         first,
		"main@2026-01-01T12:59:59Z":      first,
		"main@2026-01-01T13:00Z":         second,
		"main@2026-01-01T14:30Z":         second, // the side came in at 15:00
		"side@2026-01-01T14:30Z":         side,
		"main@{2026-01-01T15:00Z}":       merged,
		"@2026-01-01T16:00+01:00":        merged,
		"@{2026-01-01 14:00 +0100}":      second,
		"@2026-01-01":                    merged,
		"HEAD@2026-06-01":                merged,
		"main@2026-01-01T15:00Z~1":       second,
		"main@2026-01-01T15:00Z^2":       side,
		first + "@2026-01-01T15:00Z":     first,
		"refs/heads/main@2026-01-01":     merged,
		"main@2026-01-01T08:00:00-05:00": second,
	} {
		c := resolve(t, r, revision)
		if c.SHA != want || c.At.IsZero() {
			t.Errorf("%s: got %+v, want %s", revision, c, want)
		}
	}
	var unknown *source.UnknownRevisionError
	if _, err := r.Resolve(t.Context(), "main@2025-12-31"); !errors.As(err, &unknown) || !strings.Contains(err.Error(), first) {
		t.Errorf("before the first commit: %v", err)
	}
	var refused *source.RevisionError
	if _, err := r.Resolve(t.Context(), "main@2031-01-01"); !errors.As(err, &refused) {
		t.Errorf("in the future: %v", err)
	}
}

func TestUnknownRevisionSuggests(t *testing.T) {
	work := gitserver.Repo(t)
	blob := ""
	work.CommitFile("a", "1", "first")
	blob = work.Git("rev-parse", "HEAD:a")
	for _, tag := range []string{"v1.4.0", "v1.4.1", "v2.0.0"} {
		work.Git("tag", tag)
	}
	work.Git("tag", "a-file", blob)
	work.Git("branch", "release/2026")
	r := open(t, work.Dir, options(t))
	for revision, says := range map[string]string{
		"v1.4.2":           "v1.4.0",
		"mainn":            `"main"`,
		"relaese/2026":     `"release/2026"`,
		"main~7":           "goes back 0 commits",
		"main^2":           "",
		"dea":              "4 digits",
		"deadbeef":         "",
		blob[:10]:          "",
		"nothing-like-any": "",
	} {
		var unknown *source.UnknownRevisionError
		_, err := r.Resolve(t.Context(), revision)
		if !errors.As(err, &unknown) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), work.Dir) {
			t.Errorf("%s: got %v", revision, err)
		}
	}
	var refused *source.RevisionError
	if _, err := r.Resolve(t.Context(), "a-file"); !errors.As(err, &refused) || !strings.Contains(err.Error(), "blob") {
		t.Errorf("a tag of a file: %v", err)
	}
}

func TestAmbiguousRevisionListsCandidates(t *testing.T) {
	r := open(t, corpora.Path(t, corpora.KubePrometheus), sharedOptions(t))
	git := cloned(t, corpora.KubePrometheus)
	seen := map[string]string{}
	var a, b string
	for _, sha := range strings.Split(git.Git("rev-list", "--all"), "\n") {
		if other, ok := seen[sha[:4]]; ok {
			a, b = other, sha
			break
		}
		seen[sha[:4]] = sha
	}
	if a == "" {
		t.Fatal("no two of the corpus' commits share four digits")
	}
	_, err := r.Resolve(t.Context(), a[:4])
	var ambiguous *source.AmbiguousError
	if !errors.As(err, &ambiguous) {
		t.Fatalf("got %v", err)
	}
	for _, sha := range []string{a, b} {
		if !strings.Contains(err.Error(), sha) || !strings.Contains(err.Error(), resolve(t, r, sha).Subject[:10]) {
			t.Errorf("%v does not name %s with its subject", err, sha)
		}
	}
}

func TestTagAndBranchOfOneName(t *testing.T) {
	work := gitserver.Repo(t)
	work.CommitFile("a", "1", "first")
	work.Git("tag", "same")
	work.Git("branch", "same")
	r := open(t, work.Dir, options(t))
	resolve(t, r, "same")
	work.CommitFile("a", "2", "second")
	work.Git("branch", "--force", "same")
	var ambiguous *source.AmbiguousError
	_, err := open(t, work.Dir, options(t)).Resolve(t.Context(), "same")
	if !errors.As(err, &ambiguous) || !strings.Contains(err.Error(), "refs/tags/same") || !strings.Contains(err.Error(), "refs/heads/same") {
		t.Errorf("got %v", err)
	}
}
