package export_test

import (
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/export"
)

// part proposes some of what could be, as a machine of its own that read the
// repository before meanwhile.
func part(t *testing.T, repo, onto string, overlay files, opts export.Options, meanwhile func()) (p export.Proposed, upon, web string, err error) {
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
	target := export.Target{Repo: repo, Branch: fix, Cluster: "staging"}
	if upon, err = export.GoesOn(t.Context(), target, objects, onto, opts); err != nil {
		return p, upon, web, err
	}
	if upon != "" {
		tree, err := r.Tree(t.Context(), upon)
		if err != nil {
			t.Fatal(err)
		}
		content, err := fs.ReadFile(tree, "deploy/web.yaml")
		if err != nil {
			t.Fatal(err)
		}
		web = string(content)
	}
	if meanwhile != nil {
		meanwhile()
	}
	p, err = export.Propose(t.Context(), target, objects, export.Proposal{
		Onto: onto, Part: true, Upon: upon, Files: overlaid(overlay), Message: export.Message{Subject: "Adopt a part"},
	}, opts)
	return p, upon, web, err
}

func TestPartsComeTogether(t *testing.T) {
	for name, place := range places(t) {
		t.Run(name, func(t *testing.T) {
			repo, url, opts := place(t)
			d := newDesk(t, repo)
			onto := d.push()
			first, upon, _, err := part(t, url, onto, files{"deploy/web.yaml": "replicas: 3\n"}, opts, nil)
			if err != nil || upon != "" || !first.Created {
				t.Fatalf("the first: %+v, upon %q, %v", first, upon, err)
			}
			second, upon, web, err := part(t, url, onto, files{"new.yaml": "a: 1\n", "deploy/old/job.yaml": gone}, opts, nil)
			if err != nil || upon != first.Commit || web != "replicas: 3\n" || second.Created || repo.Git("rev-parse", fix+"^@") != first.Commit {
				t.Fatalf("the second: %+v, upon %q, which says %q, %v", second, upon, web, err)
			}
			if got := repo.Git("diff", "--name-status", "--no-renames", onto, fix); got != "D\tdeploy/old/job.yaml\nM\tdeploy/web.yaml\nA\tnew.yaml" {
				t.Errorf("together they change\n%s", got)
			}
			again, _, _, err := part(t, url, onto, files{"new.yaml": "a: 1\n"}, opts, nil)
			if err != nil || !again.Unchanged || again.Commit != second.Commit {
				t.Errorf("again: %+v, %v", again, err)
			}
			overtaken(t, url, onto, opts, func() string { return repo.Git("rev-parse", fix) })
			tip := repo.Git("rev-parse", fix)
			d.CommitFile("README.md", "moved\n", "the source moves")
			moved := d.push()
			_, _, _, err = part(t, url, moved, files{"new.yaml": "a: 2\n"}, opts, nil)
			var other *export.SupersededError
			if !errors.As(err, &other) || !errors.Is(err, export.ErrRefused) || other.Had != onto || repo.Git("rev-parse", fix) != tip {
				t.Errorf("onto another commit: %v", err)
			}
			d.Git("pull", "--quiet", "--no-rebase", "--no-edit", repo.Dir, fix)
			merged := d.push()
			last, upon, _, err := part(t, url, merged, files{"new.yaml": "a: 3\n"}, opts, nil)
			if err != nil || upon != "" || repo.Git("diff", "--name-status", merged, fix) != "M\tnew.yaml" {
				t.Errorf("after the merge: %+v, upon %q, %v", last, upon, err)
			}
			repo.Git("fsck", "--strict", "--full")
		})
	}
}

// overtaken has another part arrive between the reading and the writing of one.
func overtaken(t *testing.T, url, onto string, opts export.Options, tip func() string) {
	t.Helper()
	var between string
	_, _, _, err := part(t, url, onto, files{"slow.yaml": "a: 1\n"}, opts, func() {
		if _, _, _, err := part(t, url, onto, files{"fast.yaml": "a: 1\n"}, opts, nil); err != nil {
			t.Fatal(err)
		}
		between = tip()
	})
	if !errors.Is(err, source.ErrMoved) || tip() != between {
		t.Errorf("a part that another one overtook: %v", err)
	}
	if _, _, _, err := part(t, url, onto, files{"slow.yaml": "a: 1\n"}, opts, nil); err != nil {
		t.Errorf("run again: %v", err)
	}
}
