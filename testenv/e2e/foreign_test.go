package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestForeign: what bears no mark of ours, or the mark of another cluster, is
// neither restored onto nor deleted, whatever was typed.
func TestForeign(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.ignoreFiles = true
	repo := gitRepo(t, files{"c.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: default}\n"})
	elsewhere := t.TempDir()
	for name, hold := range map[string]func(path string) error{
		"directory": func(path string) error { return os.MkdirAll(path, 0o755) },
		"empty-mark": func(path string) error {
			if err := os.MkdirAll(path, 0o755); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(path, "cluster.json"), nil, 0o644)
		},
		"link": func(path string) error {
			mark := `{"schema":1,"provider":"local","name":"link","id":"0123456789abcdef0123456789abcdef","state":"running"}`
			if err := os.WriteFile(filepath.Join(elsewhere, "cluster.json"), []byte(mark), 0o644); err != nil {
				return err
			}
			return os.Symlink(elsewhere, path)
		},
	} {
		path := filepath.Join(m.root(), name)
		if err := os.MkdirAll(m.root(), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := hold(path); err != nil {
			t.Fatal(err)
		}
		precious := filepath.Join(path, "precious")
		if err := os.WriteFile(precious, []byte("do not touch"), 0o644); err != nil {
			t.Fatal(err)
		}
		restore := []string{"restore", "--repo", repo, "--provider", "local", "--name", name}
		for _, args := range [][]string{
			restore, append(restore, "--yes"), append(restore, "--fresh", "--confirm", name),
			{"clusters", "delete", name, "--confirm", name},
		} {
			m.must(5, args...).says(t, path)
			if have, err := os.ReadFile(precious); err != nil || string(have) != "do not touch" {
				t.Fatalf("rekindle %v touched what is not its own: %q, %v", args, have, err)
			}
		}
	}
	if left := m.processes(); len(left) > 0 {
		t.Errorf("there run: %+v", left)
	}
}

// TestTaken: between a kill and the resume somebody else took the name, with a
// cluster that is being made, and with one that runs. The resume refuses; it
// never works on the other cluster.
func TestTaken(t *testing.T) {
	t.Parallel()
	v := &victim{machine: newMachine(t), cluster: "taken", repo: gitRepo(t, estate())}
	v.strike(func(j *job) {
		eventually(t, "a half-made cluster", func() bool {
			_, err := os.Stat(filepath.Join(v.root(), "taken", "controlplane.json"))
			return err == nil || j.over()
		})
	})
	path := filepath.Join(v.root(), "taken", "cluster.json")
	ours, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	theirs := strings.Replace(string(ours), v.id(), "ffffffffffffffffffffffffffffffff", 1)
	if err := os.WriteFile(path, []byte(theirs), 0o600); err != nil {
		t.Fatal(err)
	}
	v.must(5, v.command()...).says(t, "taken")
	if have, err := os.ReadFile(path); err != nil || string(have) != theirs {
		t.Errorf("the mark of the other cluster is now %s (%v)", have, err)
	}
	if err := os.WriteFile(path, ours, 0o600); err != nil {
		t.Fatal(err)
	}

	v.strike(v.reaches("apply"))
	run, _ := v.begun()
	v.must(0, "clusters", "delete", "taken", "--confirm", "taken")
	// With the cluster gone, there is nothing to go on with.
	v.run("runs", "resume", run.ID).want(t, 5).says(t, "older than", "taken")
	other := files{"c.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: theirs, namespace: default}\n"}
	v.must(0, "restore", "--repo", gitRepo(t, other), "--provider", "local", "--name", "taken")
	before := v.restoredUIDs("taken")
	v.must(5, "runs", "resume", run.ID, "--yes").says(t, "taken")
	if after := v.restoredUIDs("taken"); !maps.Equal(before, after) {
		t.Errorf("the other cluster had %v and has %v", before, after)
	}
	v.remove()
}

// TestDeleteKilled: a delete that was cut off at any instant is finished by the
// next one, or by the restore that makes the cluster anew, even when nothing of
// the cluster runs any more.
func TestDeleteKilled(t *testing.T) {
	t.Parallel()
	for range rounds(t) {
		v := &victim{machine: newMachine(t), cluster: "doomed", repo: gitRepo(t, estate())}
		v.finish()
		for _, p := range v.processes() { // a control plane that is dead as a doornail
			if p.command == "supervise" {
				kill(t, p)
			}
		}
		eventually(t, "the end of all components", func() bool { return len(v.processes()) == 0 })
		v.must(0, "clusters", "show", "doomed")

		v.slowToRemove()
		v.deleteUntil("the directory is on its way", func() bool { return !slices.Contains(v.clusters(), "doomed") })
		if left := v.clusters(); len(left) == 0 {
			t.Error("the kill came too late to show anything")
		}
		v.must(0, "clusters", "delete", "doomed", "--confirm", "doomed")
		v.nothingLeft()

		v.half()
		v.slowToRemove()
		v.deleteUntil("the mark says so", func() bool {
			raw, err := os.ReadFile(filepath.Join(v.root(), "doomed", "cluster.json"))
			var mark struct{ State string }
			return err != nil || json.Unmarshal(raw, &mark) == nil && mark.State == "deleting"
		})

		// Making it anew is killed while it removes the old one, and while it makes
		// the new one; it is the old one alone that goes.
		v.next("main", nil, "--fresh", "--confirm", "doomed")
		v.uids = nil
		for _, step := range []string{"remove", "provision", "plan"} {
			v.strike(v.reaches(step))
		}
		old := v.id()
		v.finish()
		t.Logf("fresh: killed at %v", v.kills)
		if v.id() != old {
			t.Errorf("a resume made the cluster anew: it was %s and is %s", old, v.id())
		}
		if have := v.clusters(); len(have) != 1 {
			t.Errorf("after a fresh restore there are %v", have)
		}
		v.remove()
	}
}

// id is what the cluster's mark says.
func (v *victim) id() string {
	v.t.Helper()
	raw, err := os.ReadFile(filepath.Join(v.root(), v.cluster, "cluster.json"))
	if err != nil {
		v.t.Fatal(err)
	}
	var mark struct{ ID string }
	if err := json.Unmarshal(raw, &mark); err != nil {
		v.t.Fatal(err)
	}
	return mark.ID
}

// half leaves a cluster that was killed while it was made, of a run of its own.
func (v *victim) half() {
	v.t.Helper()
	j := v.start("restore", "--repo", v.repo, "--provider", "local", "--name", v.cluster)
	eventually(v.t, "a half-made cluster", func() bool {
		_, err := os.Stat(filepath.Join(v.root(), v.cluster, "controlplane.json"))
		return err == nil || j.over()
	})
	j.signal(syscall.SIGKILL)
	j.wait().want(v.t, -1)
}

// slowToRemove makes the removal of the cluster's files take a while.
func (v *victim) slowToRemove() {
	v.t.Helper()
	dir := filepath.Join(v.root(), v.cluster, "etcd", "many")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		v.t.Fatal(err)
	}
	for i := range 5000 {
		if err := os.WriteFile(filepath.Join(dir, "file-"+strconv.Itoa(i)), nil, 0o600); err != nil {
			v.t.Fatal(err)
		}
	}
}

// deleteUntil deletes the cluster and kills that as soon as when is true.
func (v *victim) deleteUntil(what string, when func() bool) {
	v.t.Helper()
	j := v.start("clusters", "delete", v.cluster, "--confirm", v.cluster)
	eventually(v.t, what, func() bool { return when() || j.over() })
	j.signal(syscall.SIGKILL)
	j.wait()
}

// nothingLeft wants neither files nor processes.
func (v *victim) nothingLeft() {
	v.t.Helper()
	if files, procs := v.clusters(), v.processes(); len(files)+len(procs) > 0 {
		v.t.Errorf("left are %v, %+v", files, procs)
	}
}
