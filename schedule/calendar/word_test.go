package calendar

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// office is awake on weekdays from 07:00 to 20:00.
func office(t testing.TB) *Calendar {
	return mustParse(t, Spec{Zone: "Europe/Berlin", Awake: []string{"Mon-Fri 07:00-20:00"}, Except: []Exception{
		{From: "2026-12-24", To: "2026-12-25", Reason: "Christmas"},
		{From: "2026-12-27", State: Awake, Reason: "Launch"},
	}})
}

// at reads "23 20:00", a time in November 2026, in Berlin; the 23rd was a
// Monday. "12-24 20:00" is in December.
func at(t testing.TB, text string) time.Time {
	t.Helper()
	if text == "" {
		return time.Time{}
	}
	if !strings.Contains(text, "-") {
		text = "11-" + text
	}
	when, err := time.ParseInLocation("2006-1-2 15:04", "2026-"+text, location(t, "Europe/Berlin"))
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// said is a word, bound.
func said(t testing.TB, c *Calendar, kind WordKind, when, until string) Word {
	t.Helper()
	w, err := c.Bind(Word{Kind: kind, Said: at(t, when), Until: at(t, until), By: "ada", Why: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// expectation is a Decision, with times as at reads them.
type expectation struct {
	now          string
	state        State
	hold         bool
	since, until string
	reason       string
}

func (want expectation) check(t *testing.T, c *Calendar, words []Word, f Facts) {
	t.Helper()
	d := c.Decide(at(t, want.now), words, f)
	if d.State != want.state || d.Hold != want.hold || !d.Since.Equal(at(t, want.since)) || !d.Until.Equal(at(t, want.until)) {
		t.Errorf("at %s: %s %v since %s until %s, want %+v", want.now, d.State, d.Hold, d.Since, d.Until, want)
	}
	if d.Expired != strings.HasSuffix(want.reason, " is over") {
		t.Errorf("at %s: expired is %v", want.now, d.Expired)
	}
	if d.Reason != want.reason {
		t.Errorf("at %s: %q, want %q", want.now, d.Reason, want.reason)
	}
}

const officeHours = "Mon-Fri 07:00-20:00 (Europe/Berlin)"

func TestWords(t *testing.T) {
	c := office(t)
	word := func(kind WordKind, when, until string) Word { return said(t, c, kind, when, until) }
	for name, test := range map[string]struct {
		words []Word
		want  []expectation
	}{
		"none": {nil, []expectation{
			{"23 19:59", Awake, false, "23 07:00", "23 20:00", "awake since 07:00: " + officeHours},
			{"23 20:00", Asleep, false, "23 20:00", "24 07:00", "asleep since 20:00: " + officeHours},
			{"29 12:00", Asleep, false, "27 20:00", "30 07:00", "asleep since Fri 20:00: " + officeHours},
			{"12-24 12:00", Asleep, false, "12-23 20:00", "12-27 00:00", "asleep since Wed 20:00: " + officeHours + "; 2026-12-24 to 2026-12-25 asleep: Christmas"},
			{"12-27 12:00", Awake, false, "12-27 00:00", "12-28 00:00", "awake since 00:00: 2026-12-27 awake: Launch (Europe/Berlin)"},
			{"12-28 01:00", Asleep, false, "12-28 00:00", "12-28 07:00", "asleep since 00:00: 2026-12-27 awake: Launch (Europe/Berlin)"},
		}},
		"a keep into the night": {[]Word{word(Keep, "23 16:00", "23 23:00")}, []expectation{
			{"23 15:59", Awake, false, "23 07:00", "23 23:00", "awake since 07:00: " + officeHours},
			{"23 21:00", Awake, false, "23 16:00", "23 23:00", "kept by ada until 23:00: demo"},
			{"23 23:00", Asleep, false, "23 23:00", "24 07:00", "asleep since 23:00, when the keep of ada ended: " + officeHours},
			{"24 19:00", Awake, false, "24 07:00", "24 20:00", "awake since 07:00: " + officeHours},
		}},
		"a keep that ends in the awake time": {[]Word{word(Keep, "23 10:00", "23 12:00")}, []expectation{
			{"23 11:00", Awake, false, "23 10:00", "23 20:00", "kept by ada until 12:00: demo"},
			{"23 12:00", Awake, false, "23 10:00", "23 20:00", "awake since 07:00: " + officeHours},
			{"23 20:00", Asleep, false, "23 20:00", "24 07:00", "asleep since 20:00: " + officeHours},
		}},
		"a keep of a cluster that sleeps": {[]Word{word(Keep, "28 10:00", "28 12:00")}, []expectation{
			{"28 11:00", Awake, false, "28 10:00", "28 12:00", "kept by ada until 12:00: demo"},
			{"28 12:00", Asleep, false, "28 12:00", "30 07:00", "asleep since 12:00, when the keep of ada ended: " + officeHours},
		}},
		"a wake at the weekend": {[]Word{word(Wake, "28 10:00", "")}, []expectation{
			{"29 10:00", Awake, false, "28 10:00", "30 20:00", "woken by ada Sat 10:00 until Mon 20:00: demo"},
			{"30 08:00", Awake, false, "30 07:00", "30 20:00", "woken by ada Sat 10:00 until 20:00: demo"},
			{"30 20:00", Asleep, false, "30 20:00", "12-1 07:00", "asleep since 20:00, when the wake of ada ended: " + officeHours},
		}},
		"a wake in the awake time changes nothing": {[]Word{word(Wake, "23 10:00", "")}, []expectation{
			{"23 19:59", Awake, false, "23 10:00", "23 20:00", "woken by ada 10:00 until 20:00: demo"},
			{"23 20:00", Asleep, false, "23 20:00", "24 07:00", "asleep since 20:00, when the wake of ada ended: " + officeHours},
		}},
		"a wake at the very teardown": {[]Word{word(Wake, "23 20:00", "")}, []expectation{
			{"23 20:00", Awake, false, "23 20:00", "24 20:00", "woken by ada 20:00 until Tue 20:00: demo"},
		}},
		"a sleep in the awake time": {[]Word{word(Sleep, "23 12:00", "")}, []expectation{
			{"23 11:59", Awake, false, "23 07:00", "23 12:00", "awake since 07:00: " + officeHours},
			{"23 12:00", Asleep, false, "23 12:00", "24 07:00", "put to sleep by ada 12:00 until Tue 07:00: demo"},
			{"24 07:00", Awake, false, "24 07:00", "24 20:00", "awake since 07:00, when the sleep of ada ended: " + officeHours},
		}},
		"a sleep in the asleep time is said anew": {[]Word{word(Sleep, "28 12:00", "")}, []expectation{
			{"28 13:00", Asleep, false, "28 12:00", "30 07:00", "put to sleep by ada 12:00 until Mon 07:00: demo"},
		}},
		"a skip": {[]Word{word(Skip, "23 15:00", "")}, []expectation{
			{"23 23:00", Awake, false, "23 15:00", "24 20:00", "teardown skipped by ada until Tue 07:00: demo"},
			{"24 07:00", Awake, false, "24 07:00", "24 20:00", "awake since 07:00: " + officeHours},
			{"24 20:00", Asleep, false, "24 20:00", "25 07:00", "asleep since 20:00: " + officeHours},
		}},
		"a skip twice is one": {[]Word{word(Skip, "23 15:00", ""), word(Skip, "23 16:00", "")}, []expectation{
			{"23 23:00", Awake, false, "23 16:00", "24 20:00", "teardown skipped by ada until Tue 07:00: demo"},
			{"24 20:00", Asleep, false, "24 20:00", "25 07:00", "asleep since 20:00: " + officeHours},
		}},
		"a skip in the night that is skipped is of the next": {[]Word{word(Skip, "23 15:00", ""), word(Skip, "23 22:00", "")}, []expectation{
			{"23 23:00", Awake, false, "23 15:00", "25 20:00", "teardown skipped by ada until Tue 07:00: demo"},
			{"24 23:00", Awake, false, "24 20:00", "25 20:00", "teardown skipped by ada until Wed 07:00: demo"},
		}},
		"a skip of a cluster that sleeps does not wake it": {[]Word{word(Skip, "28 12:00", "")}, []expectation{
			{"28 13:00", Asleep, false, "27 20:00", "30 07:00", "asleep since Fri 20:00: " + officeHours},
			{"30 21:00", Awake, false, "30 20:00", "12-1 20:00", "teardown skipped by ada until Tue 07:00: demo"},
		}},
		"the newest wins, and the older goes on": {[]Word{word(Keep, "23 10:00", "25 12:00"), word(Sleep, "23 18:00", "")}, []expectation{
			{"23 19:00", Asleep, false, "23 18:00", "24 07:00", "put to sleep by ada 18:00 until Tue 07:00: demo"},
			{"24 21:00", Awake, false, "24 07:00", "25 20:00", "kept by ada until Wed 12:00: demo"},
		}},
		"a sleep that was interrupted goes on from there": {[]Word{word(Sleep, "23 12:00", ""), word(Keep, "23 13:00", "23 15:00")}, []expectation{
			{"23 14:00", Awake, false, "23 13:00", "23 15:00", "kept by ada until 15:00: demo"},
			{"23 15:00", Asleep, false, "23 15:00", "24 07:00", "put to sleep by ada 12:00 until Tue 07:00: demo"},
		}},
		"a shorter keep takes the place of the longer": {[]Word{word(Keep, "23 15:00", "23 23:00"), word(Keep, "23 16:00", "23 21:00")}, []expectation{
			{"23 15:30", Awake, false, "23 15:00", "23 21:00", "kept by ada until 16:00: demo"},
			{"23 20:30", Awake, false, "23 16:00", "23 21:00", "kept by ada until 21:00: demo"},
			{"23 22:00", Asleep, false, "23 21:00", "24 07:00", "asleep since 21:00, when the keep of ada ended: " + officeHours},
		}},
		"a longer wake goes on after a keep": {[]Word{word(Wake, "28 10:00", ""), word(Keep, "28 11:00", "28 12:00")}, []expectation{
			{"28 11:30", Awake, false, "28 11:00", "30 20:00", "kept by ada until 12:00: demo"},
			{"28 12:30", Awake, false, "28 11:00", "30 20:00", "woken by ada 10:00 until Mon 20:00: demo"},
		}},
		"a pause that is shortened": {[]Word{word(Pause, "23 12:00", ""), word(Pause, "23 13:00", "24 12:00")}, []expectation{
			{"23 14:00", Awake, true, "23 07:00", "23 20:00", "paused by ada until Tue 12:00: demo; awake since 07:00: " + officeHours},
			{"24 12:00", Awake, false, "24 12:00", "24 20:00", "awake since 12:00, when the pause of ada ended: " + officeHours},
		}},
		"said at once, the last wins": {[]Word{word(Wake, "28 10:00", ""), word(Sleep, "28 10:00", "")}, []expectation{
			{"28 10:00", Asleep, false, "28 10:00", "30 07:00", "put to sleep by ada 10:00 until Mon 07:00: demo"},
		}},
		"on a day of sleep": {[]Word{word(Wake, "12-24 10:00", "")}, []expectation{
			{"12-25 10:00", Awake, false, "12-24 10:00", "12-28 00:00", "woken by ada Thu 10:00 until Mon 00:00: demo"},
		}},
		"on a day awake": {[]Word{word(Sleep, "12-27 10:00", "")}, []expectation{
			{"12-27 11:00", Asleep, false, "12-27 10:00", "12-28 07:00", "put to sleep by ada 10:00 until Mon 07:00: demo"},
		}},
		"a pause beats all": {[]Word{word(Pause, "23 12:00", "24 12:00"), word(Sleep, "23 13:00", "")}, []expectation{
			{"23 12:30", Awake, true, "23 07:00", "23 13:00", "paused by ada until Tue 12:00: demo; awake since 07:00: " + officeHours},
			{"23 14:00", Asleep, true, "23 13:00", "24 07:00", "paused by ada until Tue 12:00: demo; put to sleep by ada 13:00 until Tue 07:00: demo"},
			{"24 11:00", Awake, true, "24 07:00", "24 12:00", "paused by ada until 12:00: demo; awake since 07:00, when the sleep of ada ended: " + officeHours},
			{"24 12:00", Awake, false, "24 12:00", "24 20:00", "awake since 12:00, when the pause of ada ended: " + officeHours},
		}},
		"a pause without end": {[]Word{word(Pause, "23 12:00", "")}, []expectation{
			{"29 12:00", Asleep, true, "27 20:00", "30 07:00", "paused by ada: demo; asleep since Fri 20:00: " + officeHours},
		}},
		"what is missed in a pause is due when it ends": {[]Word{word(Pause, "27 12:00", "28 09:00")}, []expectation{
			{"28 10:00", Asleep, false, "28 09:00", "30 07:00", "asleep since 09:00, when the pause of ada ended: " + officeHours},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, want := range test.want {
				want.check(t, c, test.words, Facts{})
			}
		})
	}
}

// TestDeciding: which of many words still matter, for those who look at them.
func TestDeciding(t *testing.T) {
	c := office(t)
	word := func(kind WordKind, when, until string) Word { return said(t, c, kind, when, until) }
	unbound := Word{Kind: Wake, Said: at(t, "23 13:00")}
	for name, test := range map[string]struct {
		words []Word
		now   string
		want  string
	}{
		"none":                 {nil, "23 14:00", ""},
		"many keeps are one":   {[]Word{word(Keep, "23 10:00", "23 23:00"), word(Keep, "23 11:00", "23 22:00"), word(Keep, "23 12:00", "23 21:00")}, "23 14:00", "keep 21:00"},
		"over":                 {[]Word{word(Keep, "23 10:00", "23 12:00"), word(Wake, "23 10:30", "")}, "23 20:00", ""},
		"covered":              {[]Word{word(Keep, "23 10:00", "23 12:00"), word(Wake, "23 11:00", "")}, "23 11:30", "wake 20:00"},
		"interrupted":          {[]Word{word(Keep, "23 10:00", "23 23:00"), word(Wake, "23 11:00", "")}, "23 11:30", "keep 23:00 wake 20:00"},
		"to come":              {[]Word{word(Skip, "28 12:00", "")}, "28 13:00", "skip 07:00"},
		"under a pause":        {[]Word{word(Keep, "23 10:00", "23 23:00"), word(Pause, "23 11:00", "")}, "23 12:00", "keep 23:00 pause"},
		"by the calendar":      {[]Word{unbound}, "23 14:00", "wake 20:00"},
		"taken back before it": {[]Word{{Kind: Skip, Said: at(t, "28 12:00"), From: at(t, "30 20:00"), Until: at(t, "28 13:00")}}, "28 12:30", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var have []string
			for _, w := range c.Deciding(test.words, at(t, test.now)) {
				have = append(have, string(w.Kind))
				if !w.Until.IsZero() {
					have = append(have, w.Until.In(c.Zone()).Format("15:04"))
				}
			}
			if strings.Join(have, " ") != test.want {
				t.Errorf("have %q, want %q", have, test.want)
			}
		})
	}
}

// TestCause: what people read of a decision that is to come.
func TestCause(t *testing.T) {
	c := office(t)
	keep := []Word{said(t, c, Keep, "23 16:00", "23 23:00")}
	mortal := mustParse(t, Spec{TTL: time.Hour})
	for want, d := range map[string]Decision{
		officeHours: c.Decide(at(t, "23 20:00"), nil, Facts{}),
		"when the keep of ada ended: " + officeHours: c.Decide(at(t, "23 23:00"), keep, Facts{}),
		"kept by ada until 23:00: demo":              c.Decide(at(t, "23 20:00"), keep, Facts{}),
		"its time to live of 1h is over":             mortal.Decide(at(t, "23 20:00"), nil, Facts{Made: at(t, "23 18:00")}),
	} {
		if d.Cause() != want {
			t.Errorf("%q, want %q", d.Cause(), want)
		}
	}
}

// TestWordsOutliveTheirSchedule: a bound word ends when it was said to, also
// when the schedule was changed since; an unbound one by the new schedule.
func TestWordsOutliveTheirSchedule(t *testing.T) {
	w := said(t, office(t), Wake, "28 10:00", "")
	later := mustParse(t, Spec{Zone: "Europe/Berlin", Awake: []string{"daily 09:00-11:00"}})
	expectation{"28 12:00", Awake, false, "28 10:00", "30 20:00", "woken by ada 10:00 until Mon 20:00: demo"}.check(t, later, []Word{w}, Facts{})
	w.Until = time.Time{}
	expectation{"28 10:30", Awake, false, "28 10:00", "28 11:00", "woken by ada 10:00 until 11:00: demo"}.check(t, later, []Word{w}, Facts{})
}

func TestBindRefuses(t *testing.T) {
	now := at(t, "23 12:00")
	always := mustParse(t, Spec{Zone: "UTC", Awake: []string{"daily 00:00-24:00"}})
	for _, test := range []struct {
		calendar *Calendar
		word     Word
		want     string
	}{
		{office(t), Word{Kind: Keep, Said: now}, "keep: until when?"},
		{office(t), Word{Kind: Keep, Said: now, Until: now}, "keep until 12:00: that is over already"},
		{office(t), Word{Kind: Keep, Said: now, Until: now.AddDate(0, 0, -1)}, "keep until Sun 12:00: that is over already"},
		{office(t), Word{Kind: Pause, Said: now, Until: now.AddDate(-1, 0, 0)}, "pause until Sun 23 Nov 2025 12:00: that is over already"},
		{office(t), Word{Kind: Wake}, "wake: the time at which it was said is missing"},
		{office(t), Word{Kind: "nap", Said: now}, `unknown word "nap": use keep, skip, wake, sleep or pause`},
		{always, Word{Kind: Skip, Said: now}, "skip: the schedule has no teardown to come"},
	} {
		if _, err := test.calendar.Bind(test.word); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %s", test.word, err, test.want)
		}
	}
}

func TestTTL(t *testing.T) {
	spec := Spec{Zone: "Europe/Berlin", Awake: []string{"Mon-Fri 07:00-20:00"}, TTL: 8 * time.Hour}
	c := mustParse(t, spec)
	made := func(text string) Facts { return Facts{Made: at(t, text)} }
	over := "its time to live of 8h is over"
	for name, test := range map[string]struct {
		words []Word
		facts Facts
		want  []expectation
	}{
		"counts from the event that woke it": {nil, made("23 06:50"), []expectation{
			{"23 14:59", Awake, false, "23 07:00", "23 15:00", "awake since 07:00: " + officeHours},
			{"23 15:00", Asleep, false, "23 15:00", "24 07:00", "asleep since 15:00: " + over},
			{"23 20:00", Asleep, false, "23 20:00", "24 07:00", "asleep since 20:00: " + officeHours},
		}},
		"and from when it was made": {nil, made("23 09:00"), []expectation{
			{"23 16:59", Awake, false, "23 07:00", "23 17:00", "awake since 07:00: " + officeHours},
			{"23 17:00", Asleep, false, "23 17:00", "24 07:00", "asleep since 17:00: " + over},
		}},
		"is not made again at once": {nil, Facts{Expired: at(t, "23 15:00")}, []expectation{
			{"23 16:00", Asleep, false, "23 15:00", "24 07:00", "asleep since 15:00: " + over},
			{"24 07:00", Awake, false, "24 07:00", "24 20:00", "awake since 07:00: " + officeHours},
		}},
		"a wake counts anew": {[]Word{said(t, c, Wake, "23 16:00", "")}, made("23 07:00"), []expectation{
			{"23 15:30", Asleep, false, "23 15:00", "23 16:00", "asleep since 15:00: " + over},
			{"23 17:00", Awake, false, "23 16:00", "23 20:00", "woken by ada 16:00 until 20:00: demo"},
		}},
		"a wake is no keep": {[]Word{said(t, c, Wake, "28 08:00", "")}, made("28 08:05"), []expectation{
			{"28 12:00", Awake, false, "28 08:00", "28 16:05", "woken by ada 08:00 until Mon 20:00: demo"},
			{"28 17:00", Asleep, false, "28 16:05", "30 07:00", "asleep since 16:05: " + over},
		}},
		"a keep beats it": {[]Word{said(t, c, Keep, "23 12:00", "23 17:00")}, made("23 07:00"), []expectation{
			{"23 16:00", Awake, false, "23 12:00", "23 17:00", "kept by ada until 17:00: demo"},
			{"23 17:00", Asleep, false, "23 17:00", "24 07:00", "asleep since 17:00: " + over},
		}},
		"after a night that was skipped it counts anew": {[]Word{said(t, c, Skip, "23 14:00", "")}, made("23 07:00"), []expectation{
			{"24 06:00", Awake, false, "23 14:00", "24 15:00", "teardown skipped by ada until 07:00: demo"},
			{"24 07:00", Awake, false, "24 07:00", "24 15:00", "awake since 07:00: " + officeHours},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, want := range test.want {
				want.check(t, c, test.words, test.facts)
			}
		})
	}
}

// TestWithoutSchedule: what has no schedule is left alone, but for its TTL.
func TestWithoutSchedule(t *testing.T) {
	none, mortal := mustParse(t, Spec{}), mustParse(t, Spec{Zone: "Europe/Berlin", TTL: 90 * time.Minute})
	there := Facts{Made: at(t, "23 12:00")}
	expectation{"23 12:30", Asleep, true, "", "", "no schedule: nothing brings it up"}.check(t, none, nil, Facts{})
	expectation{"23 12:30", Awake, true, "", "", "no schedule: it stays until somebody takes it down"}.check(t, none, nil, there)
	expectation{"23 12:30", Awake, false, "", "23 13:30", "awake until 13:30: time to live of 1h30m"}.check(t, mortal, nil, there)
	expectation{"23 13:30", Asleep, false, "23 13:30", "", "asleep since 13:30: its time to live of 1h30m is over"}.check(t, mortal, nil, there)
	expectation{"23 12:30", Asleep, false, "", "", "asleep: nothing brings it up, there is a time to live of 1h30m and no schedule"}.check(t, mortal, nil, Facts{})
	keep := []Word{said(t, mortal, Keep, "23 12:10", "23 18:00")}
	expectation{"23 14:00", Awake, false, "23 12:10", "23 18:00", "kept by ada until 18:00: demo"}.check(t, mortal, keep, there)
	sleep := []Word{said(t, none, Sleep, "23 12:10", "")}
	d := none.Decide(at(t, "29 12:00"), sleep, there)
	if d.State != Asleep || d.Hold || !d.Until.IsZero() || d.Word != &sleep[0] {
		t.Errorf("%+v", d)
	}
	if none.Scheduled() || mortal.Scheduled() || !office(t).Scheduled() {
		t.Error("only an office is scheduled")
	}
}

// TestJobsAndDaysOfSleep: cron lines that keep a cluster up from Monday to
// Friday, with holidays at either end and in the middle.
func TestJobsAndDaysOfSleep(t *testing.T) {
	week := Spec{Zone: "Europe/Berlin", Recreate: []string{"0 7 * * 1"}, Teardown: []string{"0 20 * * 5"}}
	for name, test := range map[string]struct {
		except []Exception
		want   []string
	}{
		"none": {nil, []string{"2026-11-23 07:00 +0100 awake", "2026-11-27 20:00 +0100 asleep"}},
		"Monday": {
			[]Exception{{From: "2026-11-23"}},
			[]string{"2026-11-24 07:00 +0100 awake", "2026-11-27 20:00 +0100 asleep"},
		},
		"Wednesday and Thursday": {
			[]Exception{{From: "2026-11-25", To: "2026-11-26"}},
			[]string{"2026-11-23 07:00 +0100 awake", "2026-11-25 00:00 +0100 asleep", "2026-11-27 07:00 +0100 awake", "2026-11-27 20:00 +0100 asleep"},
		},
		"Friday": {
			[]Exception{{From: "2026-11-27"}},
			[]string{"2026-11-23 07:00 +0100 awake", "2026-11-27 00:00 +0100 asleep"},
		},
		"the week": {[]Exception{{From: "2026-11-23", To: "2026-11-29"}}, nil},
		"Sunday awake": {
			[]Exception{{From: "2026-11-29", State: Awake}},
			[]string{"2026-11-23 07:00 +0100 awake", "2026-11-27 20:00 +0100 asleep", "2026-11-29 00:00 +0100 awake"},
		},
		"the later holds": {
			[]Exception{{From: "2026-11-23", To: "2026-11-25"}, {From: "2026-11-24", State: Awake}},
			[]string{"2026-11-24 00:00 +0100 awake", "2026-11-25 00:00 +0100 asleep", "2026-11-26 07:00 +0100 awake", "2026-11-27 20:00 +0100 asleep"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			spec := week
			spec.Except = test.except
			got := list(mustParse(t, spec).Events(at(t, "23 00:00"), at(t, "30 00:00")))
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// TestTeardownsAlone: each is an event, and what a person woke goes at the next.
func TestTeardownsAlone(t *testing.T) {
	c := mustParse(t, Spec{Zone: "Europe/Berlin", Teardown: []string{"0 20 * * *"}})
	cause := "teardown 0 20 * * * (Europe/Berlin)"
	expectation{"23 12:00", Asleep, false, "22 20:00", "", "asleep since Sun 20:00: " + cause}.check(t, c, nil, Facts{})
	wake := []Word{said(t, c, Wake, "23 12:00", "")}
	expectation{"23 19:59", Awake, false, "23 12:00", "23 20:00", "woken by ada 12:00 until 20:00: demo"}.check(t, c, wake, Facts{})
	expectation{"23 20:00", Asleep, false, "23 20:00", "", "asleep since 20:00, when the wake of ada ended: " + cause}.check(t, c, wake, Facts{})
	skip := []Word{wake[0], said(t, c, Skip, "23 13:00", "")}
	expectation{"24 12:00", Awake, false, "23 20:00", "24 20:00", "teardown skipped by ada until 20:00: demo"}.check(t, c, skip, Facts{})
	if got := c.Decide(at(t, "23 12:00"), nil, Facts{}).Again; !got.Equal(at(t, "23 20:00")) {
		t.Errorf("again at %s", got)
	}
}

// TestDays: what the CLI tells about days on which nothing happens.
func TestDays(t *testing.T) {
	got := office(t).Days(at(t, "12-20 00:00"), at(t, "12-27 00:00"))
	want := "2026-12-24 to 2026-12-25 asleep: Christmas|2026-12-27 awake: Launch"
	if strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestRests: days on which a cluster stays asleep and of which no event tells.
func TestRests(t *testing.T) {
	windows := func(lines ...string) Spec { return Spec{Zone: "Europe/Berlin", Awake: lines} }
	week := Spec{Zone: "Europe/Berlin", Recreate: []string{"0 7 * * 1"}, Teardown: []string{"0 20 * * 5"}}
	for name, test := range map[string]struct {
		spec     Spec
		from, to string
		want     string
	}{
		"a Tuesday":        {windows("Mon-Fri 07:00-20:00"), "2026-11-24", "", "11-24..11-24"},
		"a weekend":        {windows("Mon-Fri 07:00-20:00"), "2026-11-28", "2026-11-29", ""},
		"a fortnight":      {windows("Mon-Fri 07:00-20:00"), "2026-11-21", "2026-12-05", "11-23..11-30"},
		"before the span":  {windows("daily 07:00-20:00"), "2026-11-20", "2026-11-22", ""},
		"over midnight":    {windows("daily 22:00-02:00"), "2026-11-24", "", "11-24..11-24"},
		"an event tells":   {windows("daily 00:00-24:00"), "2026-11-24", "", ""},
		"a Monday by cron": {week, "2026-11-23", "", "11-23..11-23"},
		"a day in between": {week, "2026-11-25", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			test.spec.Except = []Exception{{From: test.from, To: test.to, Reason: "St. Nobody"}}
			var have []string
			for _, r := range mustParse(t, test.spec).Rests(at(t, "23 00:00"), at(t, "30 00:00")) {
				have = append(have, r.From.Format("01-02")+".."+r.To.Format("01-02"))
				if r.Reason != "St. Nobody" {
					t.Errorf("%+v", r)
				}
			}
			if strings.Join(have, " ") != test.want {
				t.Errorf("have %q, want %q", have, test.want)
			}
		})
	}
	if r := mustParse(t, Spec{}).Rests(at(t, "23 00:00"), at(t, "30 00:00")); r != nil {
		t.Errorf("without a schedule: %v", r)
	}
}

// TestManyAsk: one calendar is asked from many sides, of all times.
func TestManyAsk(t *testing.T) {
	c := office(t)
	start := at(t, "23 00:00")
	var asking sync.WaitGroup
	for worker := range 4 {
		asking.Go(func() {
			for i := range 500 {
				now := start.Add(time.Duration(i*(worker+1)) * 17 * time.Minute)
				fresh, d := c.state(now), c.Decide(now, nil, Facts{})
				if d.State != fresh {
					t.Errorf("%s: %s, want %s", now, d.State, fresh)
				}
			}
		})
	}
	asking.Wait()
}

// TestGoneByTTL: the decision stays the same when the cluster is gone.
func TestGoneByTTL(t *testing.T) {
	c := mustParse(t, Spec{Zone: "Europe/Berlin", Awake: []string{"Mon-Fri 07:00-20:00"}, TTL: 8 * time.Hour})
	now := at(t, "23 16:00")
	for _, words := range [][]Word{nil, {said(t, c, Keep, "23 12:00", "23 15:30")}} {
		before := c.Decide(now, words, Facts{Made: at(t, "23 07:05")})
		after := c.Decide(now, words, Facts{Expired: before.Since})
		if before != after || !before.Expired {
			t.Errorf("%+v became %+v", before, after)
		}
	}
}
