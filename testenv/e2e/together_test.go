package e2e

import (
	"testing"

	"github.com/rekindle-io/rekindle/testenv/example"
)

// TestTogether: two clusters are restored at once; who comes second to one of
// them is told who is at it, and breaks nothing.
func TestTogether(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	repo := example.Repo(t)
	one := &victim{machine: m, cluster: "one", repo: repo, path: "overlays/staging", at: "v1.2"}
	two := &victim{machine: m, cluster: "two", repo: repo, path: "overlays/staging", at: "v1.2"}
	restore := one.command()
	reached := one.reaches("provision")
	first := m.start(restore...)
	other := m.start(two.command()...)
	reached(first)
	begun, _ := m.newest("one")

	m.must(5, restore...).says(t, begun.ID)
	m.must(5, "runs", "resume", begun.ID).says(t, begun.ID)
	m.must(5, "clusters", "delete", "one", "--confirm", "one").says(t, begun.ID)
	if now, _ := m.newest("one"); now.ID != begun.ID {
		t.Errorf("the second began a run of its own, %s", now.ID)
	}

	a, b := first.wait().want(t, 0).report(t), other.wait().want(t, 0).report(t)
	if !a.Verified || !b.Verified || a.Live != b.Live {
		t.Errorf("one commit on two clusters: verified %v and %v, fingerprints %s and %s", a.Verified, b.Verified, a.Live, b.Live)
	}
	if a.ID == b.ID {
		t.Errorf("both clusters are %s", a.ID)
	}
	m.must(0, "clusters", "delete", "one", "--confirm", "one")
	m.must(0, "clusters", "delete", "two", "--confirm", "two")
}
