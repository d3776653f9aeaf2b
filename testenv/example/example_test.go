package example

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHistory: the hashes are pinned, so whatever would make them differ
// between machines (umask, configuration, clock) shows here.
func TestHistory(t *testing.T) {
	t.Setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00Z") // must not matter
	t.Setenv("TZ", "Pacific/Auckland")
	repo := Repo(t)
	git := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", repo}, args...)...).Output()
		if err != nil {
			t.Fatalf("git %v: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	want := []string{V1_0, Autoscaled, V1_1, V1_2, FatFinger, Head}
	if diff := cmp.Diff(want, strings.Fields(git("log", "--reverse", "--format=%H", "main"))); diff != "" {
		t.Errorf("commits (-want +have):\n%s", diff)
	}
	for tag, commit := range map[string]string{"v1.0": V1_0, "v1.1": V1_1, "v1.2": V1_2} {
		if have := git("rev-parse", tag+"^{commit}"); have != commit {
			t.Errorf("%s is %s, want %s", tag, have, commit)
		}
	}
	if git("fsck", "--strict") != "" {
		t.Error("git fsck complains")
	}
	if have := git("ls-tree", "--name-only", Head, "deploy/"); strings.Contains(have, "web.yaml") {
		t.Errorf("the fat finger left the web tier alone:\n%s", have)
	}
}
