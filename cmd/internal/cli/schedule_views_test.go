package cli

import (
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
	"github.com/rekindle-io/rekindle/schedule/calendar"
	"github.com/rekindle-io/rekindle/schedule/keeper"
)

// What a cluster is by the last run that changed it.
func TestJournaledState(t *testing.T) {
	for _, tc := range []struct {
		recipe  string
		outcome run.Outcome
		alive   bool
		want    api.State
	}{
		{rebuild.Recipe, run.Done, false, api.Awake},
		{rebuild.Recipe, "", true, api.Restoring},
		{rebuild.Recipe, "", false, api.Failed},
		{rebuild.Recipe, run.Failed, false, api.Failed},
		{teardown.Recipe, run.Done, false, api.Asleep},
		{teardown.Recipe, "", true, api.TearingDown},
		{teardown.Recipe, run.Interrupted, false, api.Failed},
		{rebuild.DeleteRecipe, run.Done, false, api.Asleep},
	} {
		if have := journaledState(run.Run{Recipe: tc.recipe, Outcome: tc.outcome}, tc.alive); have != tc.want {
			t.Errorf("%+v: %s", tc, have)
		}
	}
}

// What a list says of a cluster that is not what it should be.
func TestJudge(t *testing.T) {
	asleep := keeper.Status{Decision: calendar.Decision{State: calendar.Asleep}}
	person := &keeper.Deed{To: calendar.Awake, By: "ada", Run: "x"}
	byHand := asleep
	byHand.Sight = &keeper.Sight{Person: person}
	for name, tc := range map[string]struct {
		is     standing
		status keeper.Status
		state  api.State
		apart  string
	}{
		"as it should be": {standing{state: api.Asleep, last: "its last teardown ended done"}, asleep, api.Asleep, ""},
		"by hand":         {standing{state: api.Awake}, byHand, api.Awake, "brought up by ada by hand (run x)"},
		"in between":      {standing{state: api.TearingDown}, byHand, api.TearingDown, ""},
		"half gone":       {standing{state: api.Failed, last: "its last teardown (run x) ended interrupted"}, asleep, api.Failed, "its last teardown (run x) ended interrupted"},
		"never seen":      {standing{state: api.Unknown}, asleep, api.Unknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if state, apart := tc.is.judge(tc.status); state != tc.state || apart != tc.apart {
				t.Errorf("have %s, %q", state, apart)
			}
		})
	}
}

// After a word people are told until when the cluster stays up, when that is
// another time than the word's end.
func TestAfterwards(t *testing.T) {
	now := time.Date(2026, 11, 23, 19, 0, 0, 0, time.UTC)
	word := func(kind api.WordKind, until time.Duration) api.Word {
		return api.Word{Kind: kind, Said: now, Until: now.Add(until)}
	}
	for name, tc := range map[string]struct {
		word     api.Word
		decision api.Decision
		want     string
	}{
		"it ends with the word":   {word(api.Keep, time.Hour), api.Decision{State: api.Awake, Until: now.Add(time.Hour)}, ""},
		"an older one goes on":    {word(api.Keep, time.Hour), api.Decision{State: api.Awake, Until: now.Add(25 * time.Hour)}, "; it stays awake until Tue 20:00"},
		"it stays":                {word(api.Keep, time.Hour), api.Decision{State: api.Awake}, "; it stays awake after that"},
		"a pause":                 {word(api.Pause, time.Hour), api.Decision{State: api.Awake, Hold: true, Until: now.Add(time.Hour)}, ""},
		"taken back":              {api.Word{}, api.Decision{State: api.Awake, Until: now.Add(time.Hour)}, ""},
		"put to sleep":            {word(api.Sleep, time.Hour), api.Decision{State: api.Asleep, Until: now.Add(2 * time.Hour)}, ""},
		"skipped, and the next":   {word(api.Skip, 12*time.Hour), api.Decision{State: api.Awake, Until: now.AddDate(0, 0, 9)}, "; it stays awake until 2 Dec 19:00"},
		"and into the next years": {word(api.Keep, time.Hour), api.Decision{State: api.Awake, Until: now.AddDate(1, 0, 0)}, "; it stays awake until 2027-11-23 19:00"},
	} {
		if have := afterwards(api.Said{Word: tc.word, Decision: tc.decision}, time.UTC, now); have != tc.want {
			t.Errorf("%s: %q, want %q", name, have, tc.want)
		}
	}
}

// A list says which days before the next change an exception empties.
func TestWhy(t *testing.T) {
	tuesday := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	v := planView{Reason: "asleep since 20:00", Apart: "left up", zone: time.UTC,
		Changes: []changeView{{At: tuesday.Add(31 * time.Hour), To: "awake"}},
		Drills:  []changeView{{At: tuesday.Add(30 * time.Hour), To: toDrill}},
		Rests: []changeView{{At: tuesday, To: toRest, Reason: "St. Nobody"},
			{At: tuesday.AddDate(0, 0, 2), Through: tuesday.AddDate(0, 0, 3), To: toRest, Reason: "Christmas"}}}
	if have := v.why(); have != "left up; asleep since 20:00; stays asleep Tue 2026-11-24: St. Nobody" {
		t.Errorf("have %q", have)
	}
	if n := v.next(); n == nil || n.To != toDrill {
		t.Errorf("next is %+v", n)
	}
	if have := v.Rests[1].said(time.UTC); have != "stays asleep Thu 2026-11-26 to Fri 2026-11-27: Christmas" {
		t.Errorf("have %q", have)
	}
}
