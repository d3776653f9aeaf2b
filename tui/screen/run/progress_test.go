package run

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	journal "github.com/rekindle-io/rekindle/recover/run"
)

func at(seconds int) time.Time {
	return time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC).Add(time.Duration(seconds) * time.Second)
}

// script makes events of a run, numbered, a second apart.
type script struct{ events []journal.Event }

func (s *script) add(typ, step, object, message string, data any) *script {
	ev := journal.Event{Seq: uint64(len(s.events) + 1), Time: at(len(s.events)), Type: typ, Step: step, Object: object, Message: message, Level: journal.LevelInfo}
	if data != nil {
		ev.Data, _ = json.Marshal(data)
	}
	s.events = append(s.events, ev)
	return s
}

func (s *script) ends(step string, state journal.StepState, ms int) *script {
	return s.add(journal.StepEnd, step, "", "", map[string]any{"state": state, "spentMs": ms})
}

func restoring() *script {
	return (&script{}).
		add(journal.RunBegin, "", "", "restore", nil).
		add(journal.StepBegin, "plan", "", "", nil).
		add("plan.made", "plan", "", "4 objects in 2 waves", nil).
		ends("plan", journal.StepDone, 1500).
		add(journal.StepBegin, "apply", "", "", nil).
		add("object.applied", "apply", "Namespace shop", "created", nil).
		add("object.applied", "apply", "Deployment.apps shop/web", "created", nil).
		add("object.warning", "apply", "Deployment.apps shop/web", "deprecated", nil).
		add("object.applied", "apply", "Deployment.apps shop/db", "changed", nil).
		add("object.failed", "apply", "Service shop/web", "(Invalid) port 0", nil).
		ends("apply", journal.StepDone, 5000).
		add(journal.StepBegin, "settle", "", "", nil).
		add("object.settled", "settle", "Namespace shop", "", nil).
		add("object.waiting", "settle", "Deployment.apps shop/web", "0 of 2 ready", nil)
}

func folded(events []journal.Event) *progress {
	p := newProgress()
	for _, ev := range events {
		p.take(ev)
	}
	return p
}

func wantCounts(t *testing.T, p *progress, want map[state]int) {
	t.Helper()
	for st := range states {
		if p.counts[st] != want[st] {
			t.Errorf("%d objects are %s, want %d", p.counts[st], st, want[st])
		}
	}
}

func TestProgressIsFoldedFromEvents(t *testing.T) {
	p := folded(restoring().events)
	wantCounts(t, p, map[state]int{settled: 1, waiting: 1, applied: 1, failed: 1})
	if p.total != 4 || p.objects[p.index["Deployment.apps shop/web"]].warnings != 1 {
		t.Errorf("total %d, objects %+v", p.total, p.objects)
	}
	if s := p.running(); s == nil || s.name != "settle" || s.took(at(15)) != 4*time.Second {
		t.Errorf("the step under way is %+v", s)
	}
	if p.steps[0].spent != 1500*time.Millisecond || p.steps[1].state != journal.StepDone {
		t.Errorf("steps %+v", p.steps)
	}
	if e := p.elapsed(at(20)); e != 20*time.Second {
		t.Errorf("elapsed %s", e)
	}
}

func TestPauseAndSkip(t *testing.T) {
	s := restoring().
		add("run.paused", "settle", "", "by mona", nil).
		add("object.skipped", "settle", "Deployment.apps shop/web", "not needed", nil).
		add("object.waiting", "settle", "Deployment.apps shop/web", "0 of 2 ready", nil).
		add("object.unsettled", "settle", "Deployment.apps shop/web", "deadline", nil)
	p := folded(s.events)
	if !p.paused {
		t.Error("the run is not paused")
	}
	wantCounts(t, p, map[state]int{settled: 1, skipped: 1, applied: 1, failed: 1})
	p = folded(s.add("run.continued", "settle", "", "", nil).add("object.retried", "settle", "Deployment.apps shop/web", "", nil).events)
	if p.paused {
		t.Error("the run is still paused")
	}
	wantCounts(t, p, map[state]int{settled: 1, waiting: 1, applied: 1, failed: 1})
}

func TestAnotherAttemptTriesAgain(t *testing.T) {
	s := restoring().
		ends("settle", journal.Pending, 3000).
		add(journal.RunEnd, "", "", "interrupted: context canceled", map[string]any{"outcome": "interrupted"})
	p := folded(s.events)
	if p.outcome != journal.Interrupted || p.failure != "context canceled" || p.running() != nil {
		t.Errorf("outcome %q, failure %q", p.outcome, p.failure)
	}
	p = folded(s.add(journal.RunResume, "", "", "restore, attempt 2", nil).
		add(journal.StepBegin, "apply", "", "", nil).
		add("object.applied", "apply", "Namespace shop", "unchanged", nil).events)
	if p.outcome != "" || !p.ended.IsZero() {
		t.Errorf("the run goes on, and has outcome %q", p.outcome)
	}
	wantCounts(t, p, map[state]int{applied: 2, waiting: 2})
}

func TestJournaledRunAndItsEventsTellTheSame(t *testing.T) {
	p := newProgress()
	p.load(journal.Run{Created: at(0), Attempts: 1, Steps: []journal.Step{
		{Name: "plan", State: journal.StepDone, SpentMS: 1500, Attempts: 1}, {Name: "apply", State: journal.StepDone, SpentMS: 5000, Attempts: 1},
		{Name: "settle", State: journal.Running, Started: at(11), Attempts: 1}, {Name: "verify", State: journal.Pending}}})
	if s := p.running(); s == nil || s.took(at(15)) != 4*time.Second {
		t.Errorf("before the events the step under way is %+v", s)
	}
	for range 2 { // a stream that is read again tells nothing new
		for _, ev := range restoring().events {
			p.take(ev)
		}
	}
	if p.steps[0].spent != 1500*time.Millisecond || p.steps[2].attempts != 1 || p.steps[3].state != journal.Pending {
		t.Errorf("steps %+v", p.steps)
	}
}

func TestRemainingByWhatIsUsual(t *testing.T) {
	earlier := func(id string, outcome journal.Outcome, apply, settle int64) journal.Run {
		return journal.Run{ID: id, Outcome: outcome, Steps: []journal.Step{
			{Name: "plan", State: journal.StepDone, SpentMS: 1000}, {Name: "apply", State: journal.StepDone, SpentMS: apply},
			{Name: "settle", State: journal.StepDone, SpentMS: settle}, {Name: "verify", State: journal.StepDone, SpentMS: 2000}}}
	}
	u := usualOf("self", []journal.Run{earlier("a", journal.Done, 5000, 10000), earlier("b", journal.Unverified, 6000, 30000),
		earlier("c", journal.Done, 7000, 12000), earlier("d", journal.Failed, 9e6, 9e6), earlier("self", journal.Done, 9e6, 9e6)})
	p := newProgress()
	p.load(journal.Run{Created: at(0), Steps: []journal.Step{{Name: "plan"}, {Name: "apply"}, {Name: "settle"}, {Name: "verify", State: journal.Pending}}})
	for _, ev := range restoring().events {
		p.take(ev)
	}
	if left, late, ok := u.remaining(p, at(15)); !ok || left != 10*time.Second || late != 0 {
		t.Errorf("left %s, late %s, %v; want 8 s of settle and 2 s of verify", left, late, ok)
	}
	if left, late, ok := u.remaining(p, at(30)); !ok || left != 2*time.Second || late != 7*time.Second {
		t.Errorf("left %s, late %s, %v; settle takes 7 s longer than usual", left, late, ok)
	}
	if _, _, ok := usualOf("self", nil).remaining(p, at(15)); ok {
		t.Error("without an earlier run something is said about the end")
	}
}

func TestRateIsOfTheLastSeconds(t *testing.T) {
	var p pace
	for i := range 40 {
		p.count(at(i / 10))
	}
	if r := p.rate(at(3)); r != 10 {
		t.Errorf("%v a second, want 10", r)
	}
	if r := p.rate(at(60)); r != 0 {
		t.Errorf("a minute later it is still %v a second", r)
	}
}

func TestCountsAlwaysAddUp(t *testing.T) {
	types := []string{"object.applied", "object.failed", "object.waiting", "object.settled", "object.unsettled", "object.skipped", "object.retried",
		"object.warning", "object.pruned", "run.paused", "run.begin", "run.resume", "run.end", "step.begin", "step.end", "x"}
	rapid.Check(t, func(t *rapid.T) {
		p := newProgress()
		for i := range rapid.IntRange(0, 60).Draw(t, "events") {
			p.take(journal.Event{Seq: uint64(i + 1), Time: at(i), Type: rapid.SampledFrom(types).Draw(t, "type"),
				Step: rapid.SampledFrom([]string{"apply", "settle"}).Draw(t, "step"), Object: fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "object")),
				Message: rapid.String().Draw(t, "message"), Data: json.RawMessage(rapid.SampledFrom([]string{"", "{", `{"state":"done"}`}).Draw(t, "data"))})
			sum := 0
			for _, n := range p.counts {
				sum += n
			}
			if sum != len(p.objects) || len(p.index) != len(p.objects) {
				t.Fatalf("%v do not add up to %d objects", p.counts, len(p.objects))
			}
		}
	})
}

func BenchmarkTake(b *testing.B) {
	names := make([]string, 30000)
	for i := range names {
		names[i] = fmt.Sprintf("ConfigMap ns-%d/object-%d", i%50, i)
	}
	p := newProgress()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		p.take(journal.Event{Time: at(i / 1000), Type: "object.applied", Level: journal.LevelDebug, Object: names[i%len(names)]})
		i++
	}
}
