package e2e

import (
	"strconv"
	"syscall"
	"testing"
)

// TestComponentsDie kills components of the control plane in the middle of
// three restores of one cluster. The supervisor starts them again; the restore
// gets through, or ends in its deadline and can be resumed.
func TestComponentsDie(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	second := estate()
	second["more.yaml"] = "apiVersion: v1\nkind: Namespace\nmetadata: {name: more}\n---\n" + deployment("more", "web", "")
	third := estate()
	for n := range 300 {
		third["more-"+string(rune('a'+n%26))+string(rune('a'+n/26))+".yaml"] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c-" + string(rune('a'+n%26)) + string(rune('a'+n/26)) + ", namespace: team-0}\n"
	}
	repo := gitRepo(t, estate(), second, third)
	for _, c := range []struct{ at, step, component string }{
		{"main~2", "apply", "kube-apiserver"},
		{"main~1", "settle", "kube-apiserver"},
		{"main", "apply", "etcd"},
	} {
		j := m.start("restore", "--repo", repo, "--at", c.at, "--provider", "local", "--name", "frail", "--wait", "90s", "--yes", "--prune", "--json")
		eventually(t, c.step, func() bool {
			r, _ := m.newest("frail")
			s, _ := r.Step(c.step)
			return j.over() || r.Outcome == "" && s != nil && s.Attempts > 0
		})
		if j.over() {
			j.wait().want(t, 0)
			t.Fatalf("%s: the restore was over before it was reached", c.step)
		}
		p, ok := m.component("frail", c.component, 0)
		if !ok {
			t.Fatalf("no %s among %+v", c.component, m.processes())
		}
		kill(t, p)
		r := j.wait()
		t.Logf("%s killed in %s: exit code %d after %s", c.component, c.step, r.code, r.took)
		if r.code != 0 {
			if r.code != 1 && r.code != 4 {
				r.want(t, 0)
			}
			now, _ := m.newest("frail")
			r = m.must(0, "runs", "resume", now.ID, "--json")
		}
		if report := r.report(t); !report.Verified {
			t.Errorf("%s killed in %s: not verified: %s", c.component, c.step, report.Error)
		}
	}
	m.must(0, "clusters", "delete", "frail", "--confirm", "frail")
}

// TestEverythingDies: the restore and all processes of its cluster end at the
// same instant, as when a machine is switched off. A resume brings the cluster
// back and finishes; a restore that merely loses its cluster ends, in a minute.
func TestEverythingDies(t *testing.T) {
	t.Parallel()
	// No pods: kwok takes up a node again when its old lease has run out, 40 s later.
	repo := files{"definition.yaml": definition, "namespace.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: team}\n"}
	for i := range 200 {
		repo["c-"+strconv.Itoa(i)+".yaml"] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c-" + strconv.Itoa(i) + ", namespace: team}\n" +
			"---\napiVersion: shop.example.com/v1\nkind: Queue\nmetadata: {name: q-" + strconv.Itoa(i) + ", namespace: team}\n"
	}
	v := &victim{machine: newMachine(t), cluster: "frail", repo: gitRepo(t, repo)}
	for _, step := range []string{"provision", "apply", "settle"} {
		reached := v.reaches(step)
		v.strike(func(j *job) {
			reached(j)
			j.signal(syscall.SIGKILL)
			v.killCluster()
		})
	}
	v.finish()
	t.Logf("killed at %v", v.kills)
	was := v.id()

	if rounds(t) > 1 { // a minute: so long an API server may be away
		v.next("main", []string{"--yes"})
		reached := v.reaches("plan")
		j := v.start(v.command()...)
		reached(j)
		v.killCluster()
		j.wait().want(t, 1).says(t, "rekindle runs resume")
		v.finish()
	}
	if v.id() != was {
		t.Errorf("the cluster was %s and is %s", was, v.id())
	}
	v.remove()
}

// killCluster ends all processes of the cluster at once.
func (v *victim) killCluster() {
	v.t.Helper()
	eventually(v.t, "the end of the cluster's processes", func() bool {
		left := v.processes()
		for _, p := range left {
			_ = syscall.Kill(p.pid, syscall.SIGKILL) // another may have ended it
		}
		return len(left) == 0
	})
}
