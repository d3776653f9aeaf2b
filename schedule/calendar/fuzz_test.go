package calendar

import (
	"testing"
	"time"

	"github.com/robfig/cron/v3"
)

func FuzzWindow(f *testing.F) {
	for _, seed := range []string{"Mon-Fri 07:00-20:00", "Sat 10:00-02:00", "daily 00:00-24:00", "Fri-Mon,Wed 9:00-17:00", "weekends 1:00-1:01", "Mon 7-20", "–", "Mon 24:00-24:00"} {
		f.Add(seed)
	}
	now := time.Date(2026, 3, 25, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(Spec{Zone: "Europe/Berlin", Awake: []string{text}})
		if err != nil {
			return
		}
		w, err := parseWindow(text)
		if err != nil || w.start < 0 || w.start >= day || w.end <= w.start || w.end-w.start > day {
			t.Fatalf("%+v %v", w, err)
		}
		alternate(t, c, now, now.AddDate(0, 0, 14))
	})
}

// FuzzCron also holds our own search against that of the library, in UTC.
func FuzzCron(f *testing.F) {
	for _, seed := range []string{"0 20 * * 1-5", "@daily", "@every 1h", "TZ=UTC 0 0 * * *", "0 0 29 2 0", "*/7 */5 1-7 * mon", "0 0 30 2 *", "5/10 ? ? feb,apr sun", ", * * * *"} {
		f.Add(seed, int64(1_790_000_000))
	}
	f.Fuzz(func(t *testing.T, text string, from int64) {
		j, err := parseJob(text)
		if err != nil {
			return
		}
		from %= 4e9
		c := mustParse(t, Spec{Zone: "Europe/Berlin", Recreate: []string{text}})
		at := time.Unix(from, 0).UTC()
		c.Events(at, at.AddDate(0, 0, 2))
		w := wall(from)
		spec, err := cron.ParseStandard(text)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			next, ok := j.next(w)
			if want := spec.Next(time.Unix(int64(w), 0).UTC()); !ok || !want.IsZero() && want.Unix() != int64(next) {
				t.Fatalf("%q after %d: %d %v, want %s", text, w, next, ok, want)
			}
			if last, ok := j.last(next); !ok || last != next || !j.matches(next) {
				t.Fatalf("%q at %d: last is %d", text, next, last)
			}
			if last, ok := j.last(next - 1); ok && last > w {
				t.Fatalf("%q: %d lies between %d and %d", text, last, w, next)
			}
			w = next
		}
	})
}

// alternate checks that events change the state.
func alternate(t *testing.T, c *Calendar, from, to time.Time) {
	t.Helper()
	state := c.Decide(from.Add(-1), nil, Facts{}).State
	at := from.Add(-1)
	for _, e := range c.Events(from, to) {
		if e.To == state || !e.At.After(at) || c.Decide(e.At, nil, Facts{}).State != e.To {
			t.Fatalf("%s at %s, then %+v", state, at, e)
		}
		state, at = e.To, e.At
	}
}

func FuzzICS(f *testing.F) {
	for _, seed := range [][]byte{
		file("SUMMARY:x\nDTSTART;VALUE=DATE:20261224"),
		file("UID:a\nDTSTART;TZID=America/New_York:20261224T170000\nDURATION:P1DT2H\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;WKST=SU;UNTIL=20270101T000000Z\nEXDATE:20261226T220000Z"),
		file("DTSTART:20240229\nRRULE:FREQ=YEARLY;BYWEEKNO=53,-1;BYSETPOS=-1;COUNT=5\nRDATE;VALUE=PERIOD:20260101T000000Z/PT1H"),
		file("UID:a\nDTSTART:20260101\nRRULE:FREQ=MONTHLY;BYDAY=-5FR,5SA;BYMONTHDAY=-1,31", "RECURRENCE-ID:20260105\nUID:a\nDTSTART:20260106\nSTATUS:CANCELLED"),
		file("DTSTART:20260101\nRRULE:FREQ=YEARLY;BYYEARDAY=-366,366;BYMONTH=12"),
		[]byte("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n DTSTART\r\n ;VALUE=DATE:2026\r\n 1224\r\nEND:VEVENT\r\nEND:VCALENDAR"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		c, err := Parse(Spec{Zone: "Europe/Berlin", Awake: []string{"daily 07:00-20:00"}, Except: []Exception{{ICS: content, Name: "x.ics"}, {From: "2026-12-26", State: Awake}}})
		if err != nil {
			return
		}
		for i, r := range c.days.ranges {
			if r.from > r.to || i > 0 && c.days.ranges[i-1].to >= r.from {
				t.Fatalf("%+v", c.days.ranges)
			}
		}
		from := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
		alternate(t, c, from, from.AddDate(0, 2, 0))
	})
}
