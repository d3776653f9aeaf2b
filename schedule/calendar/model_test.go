package calendar

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// The reference model walks through time in quarters of an hour and looks at
// the clock on the wall, as a person would. It shares no code with the package
// but the types of its answers, and knows the schedule as it was drawn, not as
// it was parsed.

const quarter = 15 * time.Minute

// modelWindow is open from start until end, in minutes of the day.
type modelWindow struct {
	days       []int // 0 is Sunday
	start, end int
}

// modelJob comes at these minutes of the day, on these days.
type modelJob struct {
	hours, minutes []int
	weekdays       []int // nil: any
	monthday       int   // 0: any
	month          int   // 0: any
}

type model struct {
	zone               *time.Location
	windows            []modelWindow
	teardown, recreate []modelJob
	except             map[int]State // by day since 1970
	words              []Word        // as they were said
	ttl                time.Duration
	facts              Facts

	from  time.Time
	base  []State // of the calendar alone, for each quarter since from
	event []bool  // whether the calendar has an event there

	bound []modelWord
}

// modelWord is a word with its bounds: until zero is beyond the horizon.
type modelWord struct {
	Word
	index       int
	from, until time.Time
	replaced    bool
}

// walk fills base and event from a time on, after a while in which the state
// of cron lines settles.
func (m *model) walk(from time.Time, before, length time.Duration) {
	m.from = from
	shown := -1 // the latest quarter that the wall clock has shown
	jobs := modelJobs{m: m}
	var was State
	for t := from.Add(-before); t.Before(from.Add(length)); t = t.Add(quarter) {
		local := t.In(m.zone)
		now := int(time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), 0, 0, time.UTC).Unix() / 60)
		if shown < 0 {
			shown = now - 15
		}
		fired := false
		for shown < now {
			shown += 15
			fired = jobs.minute(shown) || fired
		}
		is := jobs.state(shown)
		if len(m.teardown)+len(m.recreate) == 0 {
			is, fired = m.window(shown), false
		}
		if !t.Before(from) {
			m.base = append(m.base, is)
			single := len(m.teardown) == 0 || len(m.recreate) == 0
			says := Asleep
			if len(m.teardown) == 0 {
				says = Awake
			}
			m.event = append(m.event, was != is || single && fired && is == says)
		}
		was = is
	}
	m.event[0] = false // not known
}

// window is the state at a minute of the wall clock by windows.
func (m *model) window(minute int) State {
	if len(m.windows) == 0 && m.except[minute/1440] != Asleep {
		return Awake
	}
	for _, d := range []int{minute/1440 - 1, minute / 1440} {
		if m.except[d] == Awake && d == minute/1440 {
			return Awake
		}
		if m.except[d] == Asleep {
			continue
		}
		for _, w := range m.windows {
			end := w.end
			if end <= w.start {
				end += 1440
			}
			if slices.Contains(w.days, weekday(d)) && minute >= d*1440+w.start && minute < d*1440+end {
				return Awake
			}
		}
	}
	return Asleep
}

func weekday(d int) int { return (d + 4) % 7 }

// modelJobs are the cron lines as they take turns.
type modelJobs struct {
	m       *model
	up      bool
	pending bool // a recreate is put off
	clock   int  // of the last recreate
}

// minute lets one minute of the wall clock pass, and says whether a line came.
func (j *modelJobs) minute(minute int) bool {
	asleep := j.m.except[minute/1440] == Asleep
	if asleep && j.up {
		j.up, j.pending = false, true
	}
	comes := func(list []modelJob) bool {
		return slices.ContainsFunc(list, func(job modelJob) bool { return job.comes(minute) })
	}
	down, up := comes(j.m.teardown), comes(j.m.recreate)
	switch {
	case up:
		j.clock, j.up, j.pending = minute%1440, !asleep, asleep
	case down:
		j.up, j.pending = false, false
	}
	if j.pending && !asleep && minute%1440 >= j.clock {
		j.up, j.pending = true, false
	}
	return up || down
}

func (j *modelJobs) state(minute int) State {
	if x, ok := j.m.except[minute/1440]; ok {
		return x
	}
	if j.up {
		return Awake
	}
	return Asleep
}

func (j modelJob) comes(minute int) bool {
	d := time.Unix(int64(minute)*60, 0).UTC()
	return slices.Contains(j.hours, d.Hour()) && slices.Contains(j.minutes, d.Minute()) &&
		(j.weekdays == nil || slices.Contains(j.weekdays, int(d.Weekday()))) &&
		(j.monthday == 0 || j.monthday == d.Day()) && (j.month == 0 || j.month == int(d.Month()))
}

func (m *model) index(t time.Time) int { return int(t.Sub(m.from) / quarter) }

func (m *model) time(i int) time.Time { return m.from.Add(time.Duration(i) * quarter) }

// nextTo is the first event to s after t, zero: beyond the horizon.
func (m *model) nextTo(s State, t time.Time) time.Time {
	for i := m.index(t) + 1; i < len(m.base); i++ {
		if m.event[i] && (s == "" || m.base[i] == s) {
			return m.time(i)
		}
	}
	return time.Time{}
}

// bind gives the words their bounds, and drops what cannot be told.
func (m *model) bind() {
	var kept []Word
	for _, w := range m.words {
		b := modelWord{w, len(kept), w.Said, w.Until, false}
		switch w.Kind {
		case Wake:
			b.until = m.nextTo(Asleep, w.Said)
		case Sleep:
			b.until = m.nextTo(Awake, w.Said)
		case Skip:
			teardown := m.nextTo(Asleep, w.Said)
			if teardown.IsZero() {
				continue
			}
			b.until = m.nextTo("", teardown)
			if m.base[m.index(w.Said)] == Asleep {
				b.from = teardown
			}
		}
		kept = append(kept, w)
		m.bound = append(m.bound, b)
	}
	m.words = kept
}

// modelAnswer is what the model would answer at a quarter.
type modelAnswer struct {
	state State
	hold  bool
	word  int // index, -1: none
	since int // quarter, -1: not known
}

// replace ends words where a newer one of their kind begins to hold.
func (m *model) replace() {
	before := slices.Clone(m.bound)
	for i := range m.bound {
		w := &m.bound[i]
		for k, n := range before {
			newer := n.Said.After(w.Said) || n.Said.Equal(w.Said) && k > i
			if n.Kind != w.Kind || !newer || !w.until.IsZero() && !n.from.Before(w.until) {
				continue
			}
			w.until, w.replaced = n.from, true
			if !w.until.After(w.from) {
				w.from = w.until.Add(100 * 366 * 24 * time.Hour)
			}
		}
	}
}

// answers is all that the model has to say.
func (m *model) answers() []modelAnswer {
	m.replace()
	list := make([]modelAnswer, len(m.base))
	lastAwake := time.Time{}
	since := -1
	for i := range list {
		t := m.time(i)
		if m.event[i] && m.base[i] == Awake {
			lastAwake = t
		}
		a := modelAnswer{state: m.base[i], word: -1}
		for _, w := range m.bound {
			holds := !t.Before(w.from) && (w.until.IsZero() || t.Before(w.until))
			switch {
			case !holds:
			case w.Kind == Pause:
				a.hold = true
			case a.word < 0 || !w.Said.Before(m.bound[a.word].Said):
				a.word = w.index
			}
		}
		if a.word >= 0 {
			a.state = Awake
			if m.words[a.word].Kind == Sleep {
				a.state = Asleep
			}
		}
		if a.state == Awake && m.ttl > 0 && (a.word < 0 || m.words[a.word].Kind == Wake) && m.tooOld(t, lastAwake) {
			a.state = Asleep
		}
		anew := i > 0 && a.state != list[i-1].state || m.event[i] && m.base[i] == a.state
		for _, w := range m.bound {
			if w.Kind == Pause {
				anew = anew || w.until.Equal(t) && !w.replaced
			} else {
				anew = anew || w.from.Equal(t) && (w.Kind == Sleep) == (a.state == Asleep)
			}
		}
		if anew {
			since = i
		}
		a.since = since
		for _, w := range m.bound {
			if w.Kind == Pause && !t.Before(w.from) && (w.until.IsZero() || t.Before(w.until)) &&
				(a.word < 0 || m.words[a.word].Kind != Pause || !w.Said.Before(m.words[a.word].Said)) {
				a.word = w.index
			}
		}
		list[i] = a
	}
	return list
}

func (m *model) tooOld(t, lastAwake time.Time) bool {
	woken := lastAwake
	for _, w := range m.bound {
		if w.Kind == Wake && !w.Said.After(t) && w.Said.After(woken) {
			woken = w.Said
		}
	}
	if m.facts.Made.IsZero() {
		return !m.facts.Expired.IsZero() && !t.Before(m.facts.Expired) && m.facts.Expired.After(woken)
	}
	if woken.Before(m.facts.Made) {
		woken = m.facts.Made
	}
	return !t.Before(woken.Add(m.ttl))
}

// What follows draws schedules and writes them as people do.

func clockText(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }

func drawQuarter(t *rapid.T, label string) int { return rapid.IntRange(0, 95).Draw(t, label) * 15 }

func drawWeekdays(t *rapid.T) (days []int, text string) {
	full := []string{"Sun", "mon", "TUESDAY", "Wednesday", "Thu", "fri", "Sat"}
	switch rapid.IntRange(0, 4).Draw(t, "days") {
	case 0:
		return []int{0, 1, 2, 3, 4, 5, 6}, "daily"
	case 1:
		return []int{1, 2, 3, 4, 5}, "Mon-Fri"
	case 2:
		from, length := rapid.IntRange(0, 6).Draw(t, "first"), rapid.IntRange(0, 6).Draw(t, "more")
		for i := range length + 1 {
			days = append(days, (from+i)%7)
		}
		return days, full[from] + " - " + full[(from+length)%7]
	}
	days = rapid.SliceOfNDistinct(rapid.IntRange(0, 6), 1, 4, rapid.ID).Draw(t, "list")
	var names []string
	for _, d := range days {
		names = append(names, full[d])
	}
	return days, strings.Join(names, ",")
}

func drawWindow(t *rapid.T) (modelWindow, string) {
	days, text := drawWeekdays(t)
	w := modelWindow{days, drawQuarter(t, "start"), drawQuarter(t, "end")}
	if w.start == w.end {
		w.start, w.end = 0, 1440
	}
	return w, text + " " + clockText(w.start) + "-" + clockText(w.end)
}

func drawJob(t *rapid.T, label string) (modelJob, string) {
	hours := rapid.SliceOfNDistinct(rapid.IntRange(0, 23), 1, 3, rapid.ID).Draw(t, label+" hours")
	minutes := rapid.SliceOfNDistinct(rapid.SampledFrom([]int{0, 15, 30, 45}), 1, 2, rapid.ID).Draw(t, label+" minutes")
	j := modelJob{hours: hours, minutes: minutes}
	fields := []string{join(minutes), join(hours), "*", "*", "*"}
	switch rapid.IntRange(0, 5).Draw(t, label+" days") {
	case 0:
		j.monthday = rapid.IntRange(1, 31).Draw(t, label+" day")
		fields[2] = fmt.Sprint(j.monthday)
	case 1:
		j.month = rapid.IntRange(1, 12).Draw(t, label+" month")
		fields[3] = fmt.Sprint(j.month)
	case 2, 3, 4:
		j.weekdays = rapid.SliceOfNDistinct(rapid.IntRange(0, 6), 1, 5, rapid.ID).Draw(t, label+" weekdays")
		fields[4] = join(j.weekdays)
	}
	return j, strings.Join(fields, " ")
}

func join(list []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(list), "[]"), " ", ",")
}
