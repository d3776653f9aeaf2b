package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// quietly returns an app without a terminal, and what it prints.
func quietly() (*app, *bytes.Buffer) {
	var out bytes.Buffer
	return &app{Process: Process{Terminal: &terminal.Terminal{Err: &out, Out: &out}}}, &out
}

func ending(step string, state run.StepState, message string) run.Event {
	data, _ := json.Marshal(map[string]any{"state": state, "spentMs": 1500})
	return run.Event{Step: step, Type: run.StepEnd, Level: run.LevelInfo, Data: data, Message: message}
}

func TestASettleThatDidNotSettleIsNotTicked(t *testing.T) {
	a, out := quietly()
	w := a.watch(rebuild.Request{Prune: true})
	defer w.stop()
	of := func(typ, name string, level run.Level) run.Event {
		return run.Event{Step: "settle", Type: typ, Object: name, Level: level, Message: "why"}
	}
	w.observe(run.Event{Step: "settle", Type: run.StepBegin})
	for _, name := range []string{"Pod a", "Pod b", "Pod c"} {
		w.observe(of("object.waiting", name, run.LevelDebug))
	}
	w.observe(of("object.settled", "Pod a", run.LevelDebug))
	if have := w.health(); have != "1 of 3 healthy, waiting for Pod b" {
		t.Errorf("in between it says %q", have)
	}
	w.observe(of("object.unsettled", "Pod b", run.LevelWarn))
	w.observe(of("object.unsettled", "Pod c", run.LevelWarn))
	w.observe(of("object.settled", "Pod c", run.LevelDebug)) // when it was looked at again
	w.observe(ending("settle", run.StepDone, ""))
	w.observe(ending("prune", run.Skipped, "skipped: 1 object was not applied"))
	want := `  ! Pod b: why
  ! Pod c: why
! settle       1.5 s  waiting until all is healthy, 2 objects, 1 not healthy
! prune        1.5 s  pruning, skipped: 1 object was not applied
`
	if out.String() != want {
		t.Errorf("have\n%s\nwant\n%s", out, want)
	}
}

// A cluster that is there is not made, and one that is deleted first is.
func TestInPlaceIsNoMaking(t *testing.T) {
	found := func(state string) run.Event {
		return run.Event{Step: "target", Type: "target.found", Message: "cluster dev exists (" + state + ")"}
	}
	for name, tc := range map[string]struct {
		events []run.Event
		want   string
	}{
		"none":      {nil, "making the cluster"},
		"in place":  {[]run.Event{found("running")}, "taking the cluster that is there"},
		"half made": {[]run.Event{found("creating")}, "making the cluster"},
		"anew":      {[]run.Event{found("running"), {Step: "remove", Type: "cluster.delete"}}, "making the cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			a, out := quietly()
			w := a.watch(rebuild.Request{})
			defer w.stop()
			for _, ev := range append(tc.events, ending("provision", run.StepDone, "")) {
				w.observe(ev)
			}
			if want := "✓ provision    1.5 s  " + tc.want + "\n"; !strings.HasSuffix(out.String(), want) {
				t.Errorf("have %q, want %q", out, want)
			}
		})
	}
}

func TestInPlaceShowsWhatIsTakenOverAndWhatIsOnItsWayOut(t *testing.T) {
	a, out := quietly()
	id := func(name string) object.ID { return object.ID{Kind: "ConfigMap", Namespace: "shop", Name: name} }
	a.printInPlace(rebuild.InPlace{Cluster: providers.Cluster{Name: "dev", Provider: "local"}, Drift: &drift.Report{
		Changed: []drift.Change{{ID: id("both"), Fields: []drift.Field{{Path: "data.a", Have: "1", Want: "2"}}},
			{ID: id("going"), Terminating: true}},
		Adopted: []object.ID{id("both"), id("theirs")},
	}, TakenOver: []rebuild.TakenOver{{ID: id("both"), From: "helm"}, {ID: id("theirs"), From: "kubectl"}},
		GivenBack: []object.ID{id("given")}, Prune: true})
	want := `Cluster dev exists (local). Restoring - onto it would:
  change 2 objects
    ~ ConfigMap shop/both
        data.a: 1 → 2
        taken over from helm
    ~ ConfigMap shop/going
        is being deleted: it is made again once it is gone
  take over 1 object that others made
    ~ ConfigMap shop/theirs, taken over from kubectl
  give back 1 object that others made
    ~ ConfigMap shop/given
`
	if out.String() != want {
		t.Errorf("have\n%s\nwant\n%s", out, want)
	}
}

func TestReportNamesWhatWasLeftOutAndWhatCouldNotBeListed(t *testing.T) {
	a, out := quietly()
	a.printReport(&rebuild.Report{
		Cluster: "dev", Verified: true, Outcome: run.Done, Fingerprint: "aaaa", Live: "bbbb",
		NotApplied: []rebuild.NotApplied{{ID: object.ID{Kind: "Job", Name: "x"}, Reason: "nobody serves it"}},
		Drift:      &drift.Report{Unlisted: map[string]string{"widgets.example.com": "its webhook is down"}},
	})
	for _, want := range []string{"verified, 1 object left out\n", "fingerprint  bbbb\n", "widgets.example.com\n", "its webhook is down\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if strings.Contains(out.String(), "aaaa") {
		t.Errorf("two fingerprints in\n%s", out)
	}
}
