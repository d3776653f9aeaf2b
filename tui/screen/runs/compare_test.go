package runs

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

func runOf(steps ...string) run.Run {
	r := run.Run{}
	for _, name := range steps {
		r.Steps = append(r.Steps, run.Step{Name: name, State: run.StepDone, Attempts: 1, SpentMS: int64(len(name)) * 1000})
	}
	return r
}

func TestStepsOfBothRuns(t *testing.T) {
	for _, tc := range []struct{ a, b, want string }{
		{"source apply verify", "source apply verify", "source apply verify"},
		{"source apply verify", "source convert apply settle verify", "source +convert apply +settle verify"},
		{"source apply", "", "-source -apply"},
		{"", "source apply", "+source +apply"},
		{"look delete", "source apply", "+source +apply -look -delete"},
		{"source apply", "apply source", "source apply"},
	} {
		var have []string
		for _, p := range stepsOf(runOf(strings.Fields(tc.a)...), runOf(strings.Fields(tc.b)...)) {
			switch {
			case p.a == nil:
				have = append(have, "+"+p.name)
			case p.b == nil:
				have = append(have, "-"+p.name)
			default:
				have = append(have, p.name)
			}
		}
		if have := strings.Join(have, " "); have != tc.want {
			t.Errorf("%q and %q: %q, want %q", tc.a, tc.b, have, tc.want)
		}
	}
}

func TestDifferenceOfSteps(t *testing.T) {
	a, b := runOf("apply"), runOf("apply")
	b.Steps[0].SpentMS = 12_000
	if d, known := stepsOf(a, b)[0].difference(); !known || d != 7*time.Second {
		t.Errorf("%s, %t", d, known)
	}
	b.Steps[0].State = run.Running
	if _, known := stepsOf(a, b)[0].difference(); known {
		t.Error("a step that runs has a length")
	}
}

func TestStepsAreAllThereOnce(t *testing.T) {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom(strings.Fields("source target render check remove provision plan apply settle prune verify")), 0, 11, rapid.ID[string])
	rapid.Check(t, func(rt *rapid.T) {
		a, b := names.Draw(rt, "a"), names.Draw(rt, "b")
		seenA, seenB := 0, 0
		var order []string
		for _, p := range stepsOf(runOf(a...), runOf(b...)) {
			if p.a != nil {
				seenA++
				order = append(order, p.name)
			}
			if p.b != nil {
				seenB++
			}
		}
		if seenA != len(a) || seenB != len(b) || !slices.Equal(order, a) {
			rt.Fatalf("%v and %v give %v", a, b, order)
		}
	})
}

func TestKindsThatDifferComeFirst(t *testing.T) {
	list := kindsOf([]api.KindCount{{Kind: "ConfigMap", Objects: 3}, {Kind: "Secret", Objects: 1}}, []api.KindCount{{Kind: "ConfigMap", Objects: 3}, {Kind: "Secret", Objects: 2}, {Kind: "Pod", Objects: 1}})
	var have []string
	for _, k := range list {
		have = append(have, k.kind)
	}
	if want := []string{"Pod", "Secret", "ConfigMap"}; !slices.Equal(have, want) {
		t.Errorf("%v, want %v", have, want)
	}
}

func TestFindingsOfOneAlone(t *testing.T) {
	a := []api.Finding{{What: "skipped", Object: "Pod a"}, {What: "missing", Object: "Pod b"}}
	b := []api.Finding{{What: "skipped", Object: "Pod a", Text: "in other words"}, {What: "skipped", Object: "Pod b"}}
	if have := only(a, b); len(have) != 1 || have[0].Object != "Pod b" || have[0].What != "missing" {
		t.Errorf("%v", have)
	}
}

func TestCommands(t *testing.T) {
	for _, tc := range []struct {
		run  api.Run
		want string
	}{
		{api.Run{Run: run.Run{ID: "x1", Recipe: "restore", Cluster: "dev", Outcome: run.Done}}, "rekindle runs show x1\nrekindle restore dev"},
		{api.Run{Run: run.Run{ID: "x1", Recipe: "restore", Cluster: "dev", Outcome: run.Failed}}, "rekindle runs show x1\nrekindle runs resume x1"},
		{api.Run{Run: run.Run{ID: "x1", Recipe: "strange", Cluster: "dev", Outcome: run.Done}}, "rekindle runs show x1"},
		{api.Run{Run: run.Run{ID: "x1", Recipe: "drift", Cluster: "a'; rm -rf /", Outcome: run.Done}}, "rekindle runs show x1\nrekindle drift 'a'\\''; rm -rf /'"},
		{api.Run{Run: run.Run{ID: "-x", Recipe: "drill", Cluster: "$(id)", Outcome: run.Done}}, "rekindle runs show '-x'\nrekindle drill '$(id)'"},
	} {
		if have := commands("rekindle", tc.run); have != tc.want {
			t.Errorf("%q, want %q", have, tc.want)
		}
	}
}
