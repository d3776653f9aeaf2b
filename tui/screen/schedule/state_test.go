package schedule

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/api"
)

var monday = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func hour(n int) time.Time { return monday.Add(time.Duration(n) * time.Hour) }

// office is a day that is awake from 7 to 20.
func office(d *api.Decision) api.Schedule {
	return api.Schedule{From: monday, To: hour(48), Decision: d, Events: []api.Event{
		{At: hour(7), To: api.Awake, Reason: "office"}, {At: hour(20), To: api.Asleep, Reason: "office"},
		{At: hour(31), To: api.Awake, Reason: "2026-11-24 awake: the release"}, {At: hour(48 - 2), To: api.Asleep, Reason: "office"},
	}}
}

// holiday is office with a second day that an exception empties.
func holiday(d *api.Decision) api.Schedule {
	s := office(d)
	s.Events, s.Rests = s.Events[:2], []api.Rest{{From: hour(24), To: hour(48), Reason: "St. Nobody"}}
	return s
}

// drawn are the signs of cells of step hours.
func drawn(list []span, step int) string {
	var out []rune
	for n := 0; n < 48; n += step {
		out = append(out, sign(list, cell{hour(n), hour(n + step)}))
	}
	return string(out)
}

func TestSpans(t *testing.T) {
	awake := &api.Decision{State: api.Awake, Since: hour(7), Until: hour(20), Reason: "awake since Mon 07:00: office"}
	for name, tc := range map[string]struct {
		schedule api.Schedule
		words    []api.Word
		step     int
		want     string
	}{
		"no schedule":                   {api.Schedule{From: monday, To: hour(48)}, nil, 6, "        "},
		"office":                        {office(awake), nil, 4, "·/███··/▒▒▒\\"},
		"office, finely":                {office(awake), nil, 1, "·······█████████████···········▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒··"},
		"several in a cell":             {office(awake), nil, 24, "xx"},
		"kept":                          {office(awake), []api.Word{{Kind: api.Keep, Said: hour(8), Until: hour(24)}}, 1, "·······█████████████▓▓▓▓·······▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒··"},
		"skip begins when it may":       {office(awake), []api.Word{{Kind: api.Skip, Said: hour(8), From: hour(20), Until: hour(31)}}, 4, "·/███▓▓▓▒▒▒\\"},
		"put to sleep":                  {office(&api.Decision{State: api.Asleep, Until: hour(31), Since: hour(12), Word: &api.Word{Kind: api.Sleep, Said: hour(12)}}), nil, 4, "·/█░░░░/▒▒▒\\"},
		"paused for good":               {office(&api.Decision{State: api.Awake, Hold: true, Word: &api.Word{Kind: api.Pause}}), []api.Word{{Kind: api.Pause, Said: hour(12)}}, 4, "·/█========="},
		"emptied":                       {holiday(awake), nil, 4, "·/███·------"},
		"kept on a day that is emptied": {holiday(awake), []api.Word{{Kind: api.Keep, Said: hour(13), From: hour(28), Until: hour(36)}}, 4, "·/███·-▓▓---"},
		"always":                        {api.Schedule{From: monday, To: hour(48), Decision: &api.Decision{State: api.Awake, Reason: "always"}}, nil, 24, "██"},
	} {
		t.Run(name, func(t *testing.T) {
			if have := drawn(spans(tc.schedule, tc.words, hour(12)), tc.step); have != tc.want {
				t.Errorf("%q, want %q", have, tc.want)
			}
		})
	}
}

func TestSpansHaveNoGaps(t *testing.T) {
	instant := rapid.Custom(func(t *rapid.T) time.Time {
		return hour(0).Add(time.Duration(rapid.IntRange(-600, 4000).Draw(t, "minute")) * time.Minute)
	})
	state := rapid.SampledFrom([]api.State{api.Awake, api.Asleep})
	rapid.Check(t, func(rt *rapid.T) {
		s := api.Schedule{From: monday, To: hour(48), Decision: &api.Decision{State: state.Draw(rt, "state"), Since: instant.Draw(rt, "since")}}
		if rapid.Bool().Draw(rt, "until") {
			s.Decision.Until = instant.Draw(rt, "until")
		}
		for at := monday; ; {
			at = at.Add(time.Duration(rapid.IntRange(1, 900).Draw(rt, "minutes")) * time.Minute)
			if !at.Before(s.To) {
				break
			}
			s.Events = append(s.Events, api.Event{At: at, To: state.Draw(rt, "to")})
		}
		var words []api.Word
		for range rapid.IntRange(0, 4).Draw(rt, "words") {
			words = append(words, api.Word{Kind: rapid.SampledFrom(api.WordKinds()).Draw(rt, "kind"), Said: instant.Draw(rt, "said"), Until: instant.Draw(rt, "until")})
		}
		list := spans(s, words, instant.Draw(rt, "now"))
		end := s.From
		for _, p := range list {
			if !p.from.Equal(end) || !p.to.After(p.from) {
				rt.Fatalf("a span from %s to %s behind %s", p.from, p.to, end)
			}
			end = p.to
		}
		if !end.Equal(s.To) {
			rt.Fatalf("the last ends at %s", end)
		}
		for range 20 {
			at := instant.Draw(rt, "cell")
			if sign(list, cell{at, at.Add(3 * time.Hour)}) == 0 {
				rt.Fatal("a cell without a sign")
			}
		}
	})
}
