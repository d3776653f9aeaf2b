package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/testenv/example"
)

// steps of a restore in their order; remove has nothing to do here.
var steps = []string{"source", "target", "render", "check", "remove", "provision", "plan", "apply", "prune", "settle", "verify"}

// victim is a restore that is killed again and again.
type victim struct {
	*machine
	cluster string
	repo    string
	path    string
	at      string // main when empty
	// flags are more of the restore, consent those of the resume as well.
	flags, consent []string
	previous       string // the run of the restore before this one
	kills          []string
	uids           map[string]string // of the objects that were there after the last kill
}

// command is what a person types after the last kill: the restore itself as
// long as no run of it was journaled, else resume.
func (v *victim) command() []string {
	if r, ok := v.begun(); ok {
		return append([]string{"runs", "resume", r.ID, "--json"}, v.consent...)
	}
	return slices.Concat([]string{"restore", "--repo", v.repo, "--path", v.path, "--at", cmp.Or(v.at, "main"), "--provider", "local",
		"--name", v.cluster, "--json"}, v.flags, v.consent)
}

// begun is the run of the restore, once it is journaled.
func (v *victim) begun() (run.Run, bool) {
	r, ok := v.newest(v.cluster)
	return r, ok && r.ID != v.previous
}

// next makes the victim another restore of the same cluster.
func (v *victim) next(at string, consent []string, flags ...string) {
	v.t.Helper()
	r, _ := v.newest(v.cluster)
	v.previous, v.at, v.flags, v.consent, v.kills = r.ID, at, flags, consent, nil
}

// strike lets the restore go on until when returns, and kills it then. False:
// it was faster, and is done.
func (v *victim) strike(when func(*job)) bool {
	v.t.Helper()
	j := v.start(v.command()...)
	when(j)
	j.signal(syscall.SIGKILL)
	r := j.wait()
	if r.code == 0 {
		return false
	}
	if r.code != -1 {
		r.want(v.t, 0)
	}
	at := "before the journal"
	if now, ok := v.begun(); ok {
		if at = running(now); at == "" {
			at = "between steps"
		}
		if now.Outcome == run.Done {
			return false // killed with nothing left to do but to print
		}
		if now.Outcome != "" {
			v.t.Errorf("killed in %q, and the journal says %s", at, now.Outcome)
		}
	}
	v.kills = append(v.kills, fmt.Sprintf("%s+%dms", at, r.took.Milliseconds()))
	v.look()
	return true
}

// look compares the objects with those that were there before.
func (v *victim) look() {
	v.t.Helper()
	now := v.restoredUIDs(v.cluster)
	if _, ok := v.connect(v.cluster); ok {
		v.sameObjects(v.uids, now)
		v.uids = now
	}
	for _, p := range v.processes() {
		if other, twice := v.component(v.cluster, p.command, p.pid); twice && p.cluster == v.cluster {
			v.t.Errorf("%s runs twice: processes %d and %d", p.command, p.pid, other.pid)
		}
	}
}

// finish lets the restore end and wants a verified cluster, of which there is
// one, with what was there before the last kill still in it. It returns the
// fingerprint of the cluster.
func (v *victim) finish() string {
	v.t.Helper()
	args := v.command()
	if r, ok := v.begun(); ok && r.Outcome == run.Done {
		args = []string{"runs", "show", r.ID, "--json"} // it was done when it was killed
	}
	report := v.must(0, args...).report(v.t)
	if !report.Verified {
		v.t.Errorf("after kills at %v: not verified: %s", v.kills, report.Error)
	}
	v.look()
	if have := slices.DeleteFunc(v.clusters(), func(name string) bool { return name == v.cluster }); len(have) > 0 {
		v.t.Errorf("after kills at %v there are other clusters: %v", v.kills, have)
	}
	records, err := v.journal.RecordKeys(v.t.Context(), "cluster")
	if err != nil || !slices.Equal(records, []string{"local/" + v.cluster}) {
		v.t.Errorf("after kills at %v the journal knows the clusters %v (%v)", v.kills, records, err)
	}
	return report.Live
}

// remove deletes the cluster and wants that nothing is left.
func (v *victim) remove() {
	v.t.Helper()
	v.must(0, "clusters", "delete", v.cluster, "--confirm", v.cluster)
	if left := v.clusters(); len(left) > 0 {
		v.t.Errorf("after kills at %v and delete there is left: %v", v.kills, left)
	}
	if left := v.processes(); len(left) > 0 {
		v.t.Errorf("after kills at %v and delete there run: %+v", v.kills, left)
	}
}

// reaches returns when the run is in the step, or past it, or has ended.
func (v *victim) reaches(step string) func(*job) {
	before := steps[:slices.Index(steps, step)]
	attempt := 0
	if r, ok := v.begun(); ok {
		attempt = r.Attempts
	}
	return func(j *job) {
		eventually(v.t, "step "+step, func() bool {
			if j.over() {
				return true
			}
			r, ok := v.begun()
			now := running(r)
			return ok && r.Attempts > attempt && now != "" && !slices.Contains(before, now)
		})
	}
}

// TestKilledAtEachStep kills one and the same restore at the beginning of each
// of its steps, while another one goes undisturbed; then one in place.
func TestKilledAtEachStep(t *testing.T) {
	t.Parallel()
	for round := range rounds(t) {
		smaller := estate()
		delete(smaller, "teams/team-5.yaml")
		repo := gitRepo(t, smaller, estate())
		calm := &victim{machine: newMachine(t), cluster: "calm", repo: repo}
		undisturbed := calm.start(calm.command()...)

		v := &victim{machine: newMachine(t), cluster: "victim", repo: repo}
		for _, step := range steps {
			v.strike(v.reaches(step))
		}
		live := v.finish()
		t.Logf("round %d: killed at %v", round, v.kills)
		if want := undisturbed.wait().want(t, 0).report(t).Live; live != want || live == "" {
			t.Errorf("after kills at %v the fingerprint is %s, undisturbed it is %s", v.kills, live, want)
		}

		// The same for a change in place: an older commit that lacks a team.
		kept := maps.Clone(v.uids)
		maps.DeleteFunc(kept, func(id, _ string) bool { return strings.Contains(id, "team-5") })
		v.next("main~1", []string{"--yes"}, "--prune")
		for _, step := range steps {
			// What is pruned is no longer to be there after the next kill.
			v.uids = kept
			v.strike(v.reaches(step))
		}
		v.uids = kept
		v.finish()
		t.Logf("round %d, in place: killed at %v", round, v.kills)
		if !maps.Equal(v.uids, kept) {
			t.Errorf("after kills at %v there are %d objects, want the %d that both commits have", v.kills, len(v.uids), len(kept))
		}
		v.remove()
		calm.remove()
	}
}

// TestKilledAnytime kills restores at random instants of random steps.
func TestKilledAnytime(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("REKINDLE_E2E_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("REKINDLE_E2E_SEED=%d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	fingerprints := map[string]bool{}
	for round := range rounds(t) {
		v := &victim{machine: newMachine(t), cluster: "victim", repo: example.Repo(t), path: "overlays/staging", at: "v1.2"}
		for range 4 {
			step := chance.IntN(len(steps))
			reached := v.reaches(steps[step])
			within := []time.Duration{5 * time.Millisecond, 100 * time.Millisecond, 3 * time.Second}
			if steps[step] != "provision" {
				within = within[:2] // the others are short
			}
			delay := time.Duration(chance.Int64N(int64(within[chance.IntN(len(within))])))
			if !v.strike(func(j *job) {
				reached(j)
				select {
				case <-time.After(delay):
				case <-j.ended:
				}
			}) {
				break
			}
		}
		fingerprints[v.finish()] = true
		t.Logf("round %d: killed at %v", round, v.kills)
		v.remove()
	}
	if len(fingerprints) != 1 {
		t.Errorf("one commit, %d fingerprints: %v", len(fingerprints), fingerprints)
	}
}
