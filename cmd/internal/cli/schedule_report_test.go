package cli

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

var monday = time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)

func at(hour float64) time.Time { return monday.Add(time.Duration(hour * float64(time.Hour))) }

func restored(hour float64) run.Run {
	return run.Run{Recipe: rebuild.Recipe, Cluster: "dev", Provider: "kind", Created: at(hour), Ended: at(hour + 0.2), Outcome: run.Done,
		Steps: []run.Step{{Name: "provision", State: run.StepDone, Made: json.RawMessage(`{}`), Ended: at(hour + 0.1)}}}
}

func tornDown(recipe string, hour float64) run.Run {
	return run.Run{Recipe: recipe, Cluster: "dev", Provider: "kind", Created: at(hour - 0.1), Ended: at(hour + 0.1), Outcome: run.Done,
		Steps: []run.Step{{Name: "delete", State: run.StepDone, Ended: at(hour)}}}
}

func TestHoursThatAClusterWasDown(t *testing.T) {
	refused := tornDown(rebuild.TeardownRecipe, 15)
	refused.Outcome, refused.Steps = run.Refused, nil
	untouched := restored(30)
	untouched.Outcome, untouched.Steps = run.Failed, nil
	elsewhere := tornDown(rebuild.DeleteRecipe, 10)
	elsewhere.Provider = "local"
	priced := config.Cluster{Name: "dev", Provider: "kind", Price: &config.Price{Hour: 0.5, Currency: "EUR"}}
	for _, tc := range []struct {
		name  string
		since float64
		runs  []run.Run // oldest first
		want  rested
	}{
		{"nothing is known", 0, nil, rested{}},
		{"two nights", 0, []run.Run{restored(7), tornDown(rebuild.TeardownRecipe, 20), restored(31), tornDown(rebuild.TeardownRecipe, 44)},
			rested{From: at(7), Hours: 41, DownHours: 15, Downs: 2, Cost: 13, Saved: 7.5}},
		{"what was before the span counts as how it was", 24, []run.Run{restored(7), tornDown(rebuild.TeardownRecipe, 20), restored(31)},
			rested{From: at(24), Hours: 24, DownHours: 7, Cost: 8.5, Saved: 3.5}},
		{"deleted by hand", 0, []run.Run{restored(7), tornDown(rebuild.DeleteRecipe, 20)},
			rested{From: at(7), Hours: 41, DownHours: 28, Downs: 1, Cost: 6.5, Saved: 14}},
		{"what was refused, never began or was another cluster", 0, []run.Run{restored(7), elsewhere, refused, untouched},
			rested{From: at(7), Hours: 41, Cost: 20.5}},
		{"restored in place", 0, []run.Run{restored(7), restored(20), restored(30)}, rested{From: at(7), Hours: 41, Cost: 20.5}},
		{"torn down when nobody knew of it", 0, []run.Run{tornDown(rebuild.TeardownRecipe, 20)},
			rested{From: at(20), Hours: 28, DownHours: 28, Saved: 14}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var newestFirst []run.Run
			for _, r := range tc.runs {
				newestFirst = append([]run.Run{r}, newestFirst...)
			}
			tc.want.Cluster, tc.want.Provider, tc.want.Price, tc.want.Currency = "dev", "kind", 0.5, "EUR"
			have := rest(priced, newestFirst, at(tc.since), at(48))
			if diff := cmp.Diff(tc.want, have, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Errorf("(-want +have)\n%s", diff)
			}
		})
	}
}

// Minute by minute it comes to the same.
func TestHoursThatAClusterWasDownAreThoseOfASlowCount(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const end = 100
		since := rapid.IntRange(0, end).Draw(rt, "since")
		var runs []run.Run
		state := map[int]bool{} // by hour
		for hour := range end {
			switch rapid.SampledFrom([]string{"", "", "", "up", "down"}).Draw(rt, "deed") {
			case "up":
				runs, state[hour] = append([]run.Run{restored(float64(hour))}, runs...), true
			case "down":
				runs, state[hour] = append([]run.Run{tornDown(rebuild.TeardownRecipe, float64(hour))}, runs...), false
			}
		}
		var up, known bool
		var hours, down float64
		for hour := range end {
			if is, ok := state[hour]; ok {
				up, known = is, true
			}
			if known && hour >= since {
				if hours++; !up {
					down++
				}
			}
		}
		have := rest(config.Cluster{Name: "dev", Provider: "kind"}, runs, at(float64(since)), at(end))
		want := rested{Cluster: "dev", Provider: "kind", From: have.From, Hours: hours, DownHours: down, Downs: have.Downs}
		if diff := cmp.Diff(want, have, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
			rt.Fatalf("(-want +have)\n%s", diff)
		}
	})
}
