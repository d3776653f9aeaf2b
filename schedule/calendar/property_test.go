package calendar

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// oddZones are those whose clocks do what others do not: half hours, gaps at
// midnight, a day left out, summer time in winter, two hours at once, none.
var oddZones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Antarctica/Troll",
	"America/Sao_Paulo", "Africa/Cairo", "Africa/Casablanca", "Europe/Dublin", "Asia/Kathmandu", "Asia/Tehran",
	"Pacific/Kiritimati", "America/Asuncion", "Pacific/Chatham", "America/Caracas",
}

// drawn is a random case: the package's view and the model's.
type drawn struct {
	*model
	spec     Spec
	calendar *Calendar
}

func draw(t *rapid.T) drawn {
	c := drawn{model: &model{except: map[int]State{}}}
	c.spec.Zone = rapid.SampledFrom(oddZones).Draw(t, "zone")
	zone, err := time.LoadLocation(c.spec.Zone)
	if err != nil {
		t.Fatal(err)
	}
	c.zone = zone
	length := time.Duration(rapid.IntRange(7, 60).Draw(t, "days")) * 24 * time.Hour
	if rapid.IntRange(0, 19).Draw(t, "long") == 0 {
		length = 3653 * 24 * time.Hour
	}
	from := time.Date(2009, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 3000).Draw(t, "from"))
	if when := transitions(zone, from); len(when) > 0 && length < 100*24*time.Hour {
		from = rapid.SampledFrom(when).Draw(t, "near").Add(-length / 2).Truncate(quarter)
	}
	c.drawSchedule(t)
	c.drawExceptions(t, from, length)
	if c.calendar, err = Parse(c.spec); err != nil {
		if strings.Contains(err.Error(), "never sleeps") || strings.Contains(err.Error(), "never comes") {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	before := 70 * 24 * time.Hour
	if len(c.teardown)+len(c.recreate) > 0 {
		before = 800 * 24 * time.Hour
	}
	c.walk(from, before, length)
	c.drawWords(t, length)
	c.bind()
	return c
}

// transitions are the next changes of a zone's clock.
func transitions(zone *time.Location, from time.Time) []time.Time {
	var list []time.Time
	for t := from; len(list) < 6; {
		_, end := t.In(zone).ZoneBounds()
		if end.IsZero() {
			break
		}
		list, t = append(list, end), end
	}
	return list
}

func (c *drawn) drawSchedule(t *rapid.T) {
	kind := rapid.SampledFrom([]string{"windows", "windows", "jobs", "jobs", "teardown", "recreate", "none"}).Draw(t, "kind")
	if kind == "windows" {
		for range rapid.IntRange(1, 4).Draw(t, "windows") {
			w, text := drawWindow(t)
			c.windows, c.spec.Awake = append(c.windows, w), append(c.spec.Awake, text)
		}
	}
	if kind == "jobs" || kind == "teardown" {
		for range rapid.IntRange(1, 2).Draw(t, "teardowns") {
			j, text := drawJob(t, "teardown")
			c.teardown, c.spec.Teardown = append(c.teardown, j), append(c.spec.Teardown, text)
		}
	}
	if kind == "jobs" || kind == "recreate" {
		for range rapid.IntRange(1, 2).Draw(t, "recreates") {
			j, text := drawJob(t, "recreate")
			c.recreate, c.spec.Recreate = append(c.recreate, j), append(c.spec.Recreate, text)
		}
	}
	if kind == "none" {
		c.spec.Except = []Exception{{From: "1980-01-01"}}
		c.except[3652] = Asleep
	}
}

func (c *drawn) drawExceptions(t *rapid.T, from time.Time, length time.Duration) {
	first := int(from.Unix() / 86400)
	for range rapid.IntRange(0, 6).Draw(t, "exceptions") {
		day := first + rapid.IntRange(-20, int(length/24/time.Hour)).Draw(t, "day")
		last := day + rapid.SampledFrom([]int{0, 0, 0, 1, 2, 14}).Draw(t, "more days")
		state := rapid.SampledFrom([]State{Awake, Asleep, Asleep}).Draw(t, "state")
		x := Exception{From: date(day).String(), To: date(last).String(), State: state, Reason: "drawn"}
		if rapid.Bool().Draw(t, "ics") {
			compact := func(d int) string { return date(d).utc().Format("20060102") }
			x = Exception{State: state, Name: "x.ics", ICS: file(fmt.Sprintf(
				"SUMMARY:drawn\nDTSTART;VALUE=DATE:%s\nDTEND;VALUE=DATE:%s", compact(day), compact(last+1)))}
		}
		c.spec.Except = append(c.spec.Except, x)
		for d := day; d <= last; d++ {
			c.except[d] = state
		}
	}
}

func (c *drawn) drawWords(t *rapid.T, length time.Duration) {
	at := func(label string, upTo time.Duration) time.Time {
		return c.from.Add(time.Duration(rapid.IntRange(0, int(upTo/quarter)-1).Draw(t, label)) * quarter)
	}
	for range rapid.IntRange(0, 8).Draw(t, "words") {
		w := Word{Kind: rapid.SampledFrom([]WordKind{Keep, Skip, Wake, Sleep, Pause}).Draw(t, "kind"), Said: at("said", length)}
		if w.Kind == Keep || w.Kind == Pause && rapid.Bool().Draw(t, "lifted") {
			w.Until = w.Said.Add(time.Duration(rapid.IntRange(1, 400).Draw(t, "for")) * quarter)
		}
		c.words = append(c.words, w)
	}
	if rapid.Bool().Draw(t, "ttl") {
		c.ttl = time.Duration(rapid.IntRange(1, 300).Draw(t, "quarters")) * quarter
		c.calendar.ttl = c.ttl
		switch rapid.IntRange(0, 2).Draw(t, "facts") {
		case 0:
			c.facts.Made = at("made", length).Add(quarter)
		case 1:
			c.facts.Expired = at("expired", length).Add(quarter)
		}
	}
}

// TestDecideEqualsModel: over up to ten years of random schedules, zones,
// exceptions and words, every event and decision is that of a model that
// looks at the clock every quarter of an hour.
func TestDecideEqualsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := draw(t)
		c.checkEvents(t)
		said := c.checkBind(t)
		answers := c.answers()
		for range 60 {
			i := rapid.IntRange(0, len(answers)-1).Draw(t, "at")
			if rapid.Bool().Draw(t, "near") {
				i = c.near(t, i)
			}
			c.checkDecision(t, said, answers, i)
		}
	})
}

// near is a quarter at or just before one in which something happens.
func (c *drawn) near(t *rapid.T, i int) int {
	list := []int{i}
	for _, w := range c.bound {
		for _, at := range []time.Time{w.from, w.until} {
			if i := c.index(at); !at.IsZero() && i > 0 && i < len(c.base) {
				list = append(list, i, i-1)
			}
		}
	}
	for ; i > 0; i-- {
		if c.event[i] {
			list = append(list, i, i-1)
			break
		}
	}
	return rapid.SampledFrom(list).Draw(t, "which")
}

// checkEvents: the events are those of the model, no more, no fewer, each
// changes the state, and Next tells the same.
func (c *drawn) checkEvents(t *rapid.T) {
	list := c.calendar.Events(c.from.Add(1), c.time(len(c.base)))
	single := len(c.teardown) == 0 != (len(c.recreate) == 0)
	k := 0
	for i := range c.base {
		if !c.event[i] {
			continue
		}
		if k == len(list) || !list[k].At.Equal(c.time(i)) || list[k].To != c.base[i] {
			t.Fatalf("event %d: want %s at %s, got %+v", k, c.base[i], c.time(i).In(c.zone), list[k:min(k+3, len(list))])
		}
		k++
	}
	if k != len(list) {
		t.Fatalf("an event too many: %+v", list[k])
	}
	for i, e := range list {
		if e.Reason == "" || e.Reason[0] == ' ' {
			t.Fatalf("%+v has no reason", e)
		}
		if i > 0 && (!e.At.After(list[i-1].At) || e.To == list[i-1].To && !single) {
			t.Fatalf("%+v after %+v", e, list[i-1])
		}
		if i < 50 {
			if n, ok := c.calendar.Next(e.At.Add(-1)); !ok || n != e {
				t.Fatalf("Next before %+v is %+v", e, n)
			}
			before, after := c.calendar.Decide(e.At.Add(-1), nil, Facts{}), c.calendar.Decide(e.At, nil, Facts{})
			if after.State != e.To || !after.Since.Equal(e.At) || before.State == e.To && !single {
				t.Fatalf("%+v: before %+v, after %+v", e, before, after)
			}
		}
	}
}

// checkBind binds every other word: the others are left to Decide. Both must
// end when the model says so.
func (c *drawn) checkBind(t *rapid.T) []Word {
	end := c.time(len(c.base))
	said := make([]Word, len(c.words))
	for i, w := range c.words {
		b, err := c.calendar.Bind(w)
		if err != nil {
			t.Fatalf("%+v: %v", w, err)
		}
		from := b.From
		if from.IsZero() {
			from = b.Said
		}
		want := c.bound[i]
		known := !want.until.IsZero() && b.Until.Equal(want.until) || want.until.IsZero() && (b.Until.IsZero() || !b.Until.Before(end))
		if !known || !from.Equal(want.from) {
			t.Fatalf("%s said %s: bound from %s until %s, want from %s until %s", w.Kind, w.Said, from, b.Until, want.from, want.until)
		}
		if said[i] = w; i%2 == 0 {
			said[i] = b
			c.takeBack(t, &said[i], &c.bound[i])
		}
	}
	return said
}

// takeBack ends some words before their time.
func (c *drawn) takeBack(t *rapid.T, w *Word, b *modelWord) {
	if rapid.IntRange(0, 3).Draw(t, "taken back") > 0 {
		return
	}
	end := w.Said.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "after")) * quarter)
	if b.until.IsZero() || end.Before(b.until) {
		w.Until, b.until = end, end
		if !b.until.After(b.from) {
			b.from = b.until.Add(100 * 366 * 24 * time.Hour)
		}
	}
}

func (c *drawn) checkDecision(t *rapid.T, said []Word, answers []modelAnswer, i int) {
	at, want := c.time(i), answers[i]
	got := c.calendar.Decide(at.Add(time.Duration(rapid.IntRange(0, int(quarter-1)).Draw(t, "within"))), said, c.facts)
	word := -1
	for k := range said {
		if got.Word == &said[k] {
			word = k
		}
	}
	if got.State != want.state || got.Hold != want.hold || word != want.word {
		t.Fatalf("%s: got %+v (word %d), want %+v", at.In(c.zone), got, word, want)
	}
	if want.since >= 0 && !got.Since.Equal(c.time(want.since)) {
		t.Fatalf("%s: %s since %s, want %s", at.In(c.zone), got.State, got.Since, c.time(want.since).In(c.zone))
	}
	if got.Reason == "" {
		t.Fatal("no reason")
	}
	if got.Word != nil && !slices.ContainsFunc(c.calendar.Deciding(said, at), func(w Word) bool {
		return w.Kind == got.Word.Kind && w.Said.Equal(got.Word.Said)
	}) {
		t.Fatalf("%s: %+v decides, and is not said to", at.In(c.zone), *got.Word)
	}
	c.checkFuture(t, got, answers, i)
	later := min(len(answers)-1, i+rapid.SampledFrom([]int{0, 1, 40, 400}).Draw(t, "later"))
	if _, known := c.calendar.last(at); known {
		all := c.calendar.Decide(c.time(later), said, c.facts)
		live := c.calendar.Decide(c.time(later), c.calendar.Live(said, at), c.facts)
		if all.State != live.State || all.Hold != live.Hold || !all.Since.Equal(live.Since) || !all.Until.Equal(live.Until) {
			t.Fatalf("%s: with all words %+v, with those live at %s %+v", c.time(later).In(c.zone), all, at.In(c.zone), live)
		}
	}
}

// checkFuture: nothing changes before Again, and State and Hold exactly at
// Until.
func (c *drawn) checkFuture(t *rapid.T, got Decision, answers []modelAnswer, i int) {
	now := answers[i]
	if got.Until.IsZero() && c.ttl > 0 && len(c.teardown) == 0 && len(c.recreate) > 0 {
		return // too far away to tell
	}
	for k := i + 1; k < len(answers); k++ {
		at, then := c.time(k), answers[k]
		if then != now && (got.Again.IsZero() || at.Before(got.Again)) {
			t.Fatalf("again at %s, but at %s %+v becomes %+v", got.Again, at.In(c.zone), now, then)
		}
		if changed := then.state != now.state || then.hold != now.hold; changed || got.Until.Equal(at) {
			if !changed || !got.Until.Equal(at) {
				t.Fatalf("at %s until %s, but changed at %s: %v", c.time(i).In(c.zone), got.Until, at.In(c.zone), changed)
			}
			return
		}
	}
	if !got.Until.IsZero() && got.Until.Before(c.time(len(answers))) {
		t.Fatalf("until %s, but nothing changes then", got.Until)
	}
}
