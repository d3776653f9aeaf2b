package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rekindle-io/rekindle/testenv"
	"github.com/rekindle-io/rekindle/testenv/example"
)

// disk mounts a small disk of its own below dir; the test is skipped where that
// is not permitted.
func disk(t *testing.T, size string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENOSYS) {
		t.Skipf("a disk that fills up needs the right to mount one: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestNoDisk: without room for the journal or for a cluster, and on a disk that
// cannot be written, a restore says so and makes nothing.
func TestNoDisk(t *testing.T) {
	t.Parallel()
	repo := gitRepo(t, estate())
	for _, c := range []struct {
		name, size string
		readOnly   bool
		says       []string
	}{
		{"full", "16k", false, []string{"no space left", "hint:"}},
		{"small", "60m", false, []string{"MB", "free"}},
		{"read-only", "1m", true, []string{"read-only", "hint:"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := disk(t, c.size)
			m := newMachineAt(t, t.TempDir(), dir)
			if c.readOnly {
				if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
					t.Fatal(err)
				}
			}
			r := m.must(1, "restore", "--repo", repo, "--provider", "local", "--name", "roomy").says(t, c.says...)
			if strings.Contains(r.err, "provision") && c.name != "small" {
				t.Errorf("it went as far as provision:\n%s", r.err)
			}
			if made := m.clusters(); len(made) > 0 {
				t.Errorf("it made %v", made)
			}
			if left := m.processes(); len(left) > 0 {
				t.Errorf("there run %+v", left)
			}
		})
	}
}

// TestDiskFillsUp: the disk fills up in the middle. The failure is named, and
// once there is room a resume finishes.
func TestDiskFillsUp(t *testing.T) {
	t.Parallel()
	dir := disk(t, "500m")
	v := &victim{machine: newMachineAt(t, t.TempDir(), dir), cluster: "cramped", repo: example.Repo(t), path: "overlays/staging", at: "v1.2"}
	j := v.start(v.command()...)
	eventually(t, "the supervisor", func() bool { _, ok := v.component("cramped", "supervise", 0); return ok || j.over() })
	filler := ""
	eventually(t, "the end", func() bool { // full it stays, whatever is given up in between
		filler = testenv.FillDisk(t, dir)
		return j.over()
	})
	r := j.wait().want(t, 1)
	r.says(t, "MB are free", "rekindle runs resume")
	// A resume says the same, and a look still works.
	v.run("runs", "list").want(t, 0)
	v.run(v.command()...).want(t, 1).says(t, "MB", "free")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	v.finish()
	// A full disk must not keep a cluster from being deleted.
	testenv.FillDisk(t, dir)
	if r := v.run("clusters", "delete", "cramped", "--confirm", "cramped"); r.code != 0 {
		r.says(t, "no space left")
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		v.must(0, "clusters", "delete", "cramped", "--confirm", "cramped")
	}
	v.nothingLeft()
}
