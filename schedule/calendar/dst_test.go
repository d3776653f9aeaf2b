package calendar

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// list writes events as "2026-03-29 03:00 +0200 awake".
func list(events []Event) []string {
	var lines []string
	for _, e := range events {
		lines = append(lines, e.At.Format("2006-01-02 15:04 -0700 ")+string(e.To))
	}
	return lines
}

// TestNightsOfChange: a time in the skipped hour happens right after it, one in
// the repeated hour once, at its first occurrence.
func TestNightsOfChange(t *testing.T) {
	for name, test := range map[string]struct {
		zone               string
		awake              []string
		teardown, recreate []string
		except             []Exception
		day                string // the events of this and the next day
		want               []string
	}{
		"Berlin in spring, a window from within the gap": {
			zone: "Europe/Berlin", awake: []string{"Sun 02:30-06:00"}, day: "2026-03-28",
			want: []string{"2026-03-29 03:00 +0200 awake", "2026-03-29 06:00 +0200 asleep"},
		},
		"Berlin in spring, a window within the gap is none": {
			zone: "Europe/Berlin", awake: []string{"Sun 02:10-02:40"}, day: "2026-03-28",
		},
		"Berlin in spring, a window until within the gap": {
			zone: "Europe/Berlin", awake: []string{"Sat 10:00-02:30"}, day: "2026-03-28",
			want: []string{"2026-03-28 10:00 +0100 awake", "2026-03-29 03:00 +0200 asleep"},
		},
		"Berlin in spring, jobs within the gap in their order": {
			zone: "Europe/Berlin", teardown: []string{"40 2 * * *"}, recreate: []string{"20 2 * * *"}, day: "2026-03-29",
			want: []string{"2026-03-30 02:20 +0200 awake", "2026-03-30 02:40 +0200 asleep"},
		},
		"Berlin in spring, a job within the gap": {
			zone: "Europe/Berlin", teardown: []string{"30 2 * * *"}, recreate: []string{"0 7 * * *"}, day: "2026-03-29",
			want: []string{
				"2026-03-29 03:00 +0200 asleep", "2026-03-29 07:00 +0200 awake",
				"2026-03-30 02:30 +0200 asleep", "2026-03-30 07:00 +0200 awake",
			},
		},
		"Berlin in autumn, a window from within the hour that comes twice": {
			zone: "Europe/Berlin", awake: []string{"Sun 02:30-06:00"}, day: "2026-10-24",
			want: []string{"2026-10-25 02:30 +0200 awake", "2026-10-25 06:00 +0100 asleep"},
		},
		"Berlin in autumn, a window until within it": {
			zone: "Europe/Berlin", awake: []string{"Sat 10:00-02:30"}, day: "2026-10-24",
			want: []string{"2026-10-24 10:00 +0200 awake", "2026-10-25 02:30 +0200 asleep"},
		},
		"Berlin in autumn, a window until the end of it": {
			zone: "Europe/Berlin", awake: []string{"Sun 02:00-03:00"}, day: "2026-10-24",
			want: []string{"2026-10-25 02:00 +0200 awake", "2026-10-25 03:00 +0100 asleep"},
		},
		"Berlin in autumn, jobs in both hours once": {
			zone: "Europe/Berlin", teardown: []string{"*/30 2 * * *"}, recreate: []string{"15 2 * * *"}, day: "2026-10-24",
			want: []string{
				"2026-10-24 02:15 +0200 awake", "2026-10-24 02:30 +0200 asleep",
				"2026-10-25 02:15 +0200 awake", "2026-10-25 02:30 +0200 asleep",
			},
		},
		"New York in spring": {
			zone: "America/New_York", awake: []string{"daily 02:30-03:30"}, day: "2026-03-08",
			want: []string{
				"2026-03-08 03:00 -0400 awake", "2026-03-08 03:30 -0400 asleep",
				"2026-03-09 02:30 -0400 awake", "2026-03-09 03:30 -0400 asleep",
			},
		},
		"Lord Howe skips half an hour": {
			zone: "Australia/Lord_Howe", awake: []string{"Sun 02:15-02:45"}, day: "2026-10-03",
			want: []string{"2026-10-04 02:30 +1100 awake", "2026-10-04 02:45 +1100 asleep"},
		},
		"Lord Howe repeats half an hour": {
			zone: "Australia/Lord_Howe", awake: []string{"Sun 01:45-02:15"}, day: "2026-04-04",
			want: []string{"2026-04-05 01:45 +1100 awake", "2026-04-05 02:15 +1030 asleep"},
		},
		"Troll skips two hours": {
			zone: "Antarctica/Troll", awake: []string{"Sun 01:30-04:00"}, day: "2026-03-28",
			want: []string{"2026-03-29 03:00 +0200 awake", "2026-03-29 04:00 +0200 asleep"},
		},
		"Sao Paulo skipped midnight": {
			zone: "America/Sao_Paulo", awake: []string{"Sun 00:00-00:30", "Sun 02:00-24:00"}, day: "2018-11-03",
			want: []string{"2018-11-04 02:00 -0200 awake"},
		},
		"Sao Paulo skipped midnight, a window until then": {
			zone: "America/Sao_Paulo", awake: []string{"Sat 20:00-24:00"}, day: "2018-11-03",
			want: []string{"2018-11-03 20:00 -0300 awake", "2018-11-04 01:00 -0200 asleep"},
		},
		"Sao Paulo skipped midnight, a day of sleep": {
			zone: "America/Sao_Paulo", awake: []string{"daily 00:00-24:00"}, day: "2018-11-03",
			except: []Exception{{From: "2018-11-03"}},
			want:   []string{"2018-11-03 00:00 -0300 asleep", "2018-11-04 01:00 -0200 awake"},
		},
		"Sao Paulo had 23 o'clock twice": {
			zone: "America/Sao_Paulo", awake: []string{"Sat 23:30-00:30"}, day: "2018-02-17",
			want: []string{"2018-02-17 23:30 -0200 awake", "2018-02-18 00:30 -0300 asleep"},
		},
		"Sao Paulo had 23 o'clock twice, until midnight": {
			zone: "America/Sao_Paulo", awake: []string{"Sat 20:00-24:00"}, day: "2018-02-17",
			want: []string{"2018-02-17 20:00 -0200 awake", "2018-02-18 00:00 -0300 asleep"},
		},
		"Cairo skips midnight": {
			zone: "Africa/Cairo", awake: []string{"Thu 22:00-00:30"}, day: "2026-04-23",
			want: []string{"2026-04-23 22:00 +0200 awake", "2026-04-24 01:00 +0300 asleep"},
		},
		"St. John's turned its clock at a minute past midnight": {
			zone: "America/St_Johns", awake: []string{"Sat 23:00-00:30"}, day: "2010-11-06",
			want: []string{"2010-11-06 23:00 -0230 awake", "2010-11-07 00:30 -0330 asleep"},
		},
		"Casablanca turns back for Ramadan": {
			zone: "Africa/Casablanca", awake: []string{"Sun 02:30-06:00"}, day: "2026-02-14",
			want: []string{"2026-02-15 02:30 +0100 awake", "2026-02-15 06:00 +0000 asleep"},
		},
		"Casablanca skips after Ramadan": {
			zone: "Africa/Casablanca", awake: []string{"Sun 02:30-06:00"}, day: "2026-03-21",
			want: []string{"2026-03-22 03:00 +0100 awake", "2026-03-22 06:00 +0100 asleep"},
		},
		"Apia had no 30 December": {
			zone: "Pacific/Apia", awake: []string{"daily 07:00-20:00"}, day: "2011-12-29",
			want: []string{
				"2011-12-29 07:00 -1000 awake", "2011-12-29 20:00 -1000 asleep",
				"2011-12-31 07:00 +1400 awake", "2011-12-31 20:00 +1400 asleep",
			},
		},
		"Apia, a night into the lost day and one out of it": {
			zone: "Pacific/Apia", awake: []string{"Thu 20:00-04:00", "Fri 20:00-04:00"}, day: "2011-12-29",
			want: []string{"2011-12-29 20:00 -1000 awake", "2011-12-31 04:00 +1400 asleep"},
		},
		"Apia, jobs on the lost day": {
			zone: "Pacific/Apia", teardown: []string{"0 20 * * *"}, recreate: []string{"0 7 * * *"}, day: "2011-12-29",
			want: []string{
				"2011-12-29 07:00 -1000 awake", "2011-12-29 20:00 -1000 asleep",
				"2011-12-31 07:00 +1400 awake", "2011-12-31 20:00 +1400 asleep",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := mustParse(t, Spec{Zone: test.zone, Awake: test.awake, Teardown: test.teardown, Recreate: test.recreate, Except: test.except})
			from, err := time.ParseInLocation(time.DateOnly, test.day, c.Zone())
			if err != nil {
				t.Fatal(err)
			}
			to := from.AddDate(0, 0, 2)
			if test.zone == "Pacific/Apia" {
				to = from.Add(48 * time.Hour) // three dates
			}
			if diff := cmp.Diff(test.want, list(c.Events(from, to))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestClockOfOneDirection: at many minutes of the wall clock in years with all
// sorts of changes, its instant is the first at which the zone shows that
// minute or a later one.
func TestClockOfOneDirection(t *testing.T) {
	for _, name := range append(oddZones, "America/St_Johns", "Asia/Gaza", "Asia/Manila", "America/Juneau") {
		zone := location(t, name)
		c := newClock(zone)
		for _, year := range []int{1867, 2011, 2018, 2026, 2040, 2120} {
			latest := wall(math.MinInt64)
			for at := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).In(zone); at.Year() == year; at = at.Add(37 * time.Minute) {
				shown := wallOf(at)
				w := c.reached(at)
				if latest = max(latest, shown); at.YearDay() > 2 && w < latest {
					t.Fatalf("%s: at %s the clock had reached %d, not %d", name, at, latest, w)
				}
				if first := c.instant(w); first.After(at) {
					t.Fatalf("%s: %d reached at %s, but comes at %s", name, w, at, first)
				}
				if next := c.instant(w + 1); !next.After(at) {
					t.Fatalf("%s: %d not reached at %s, but comes at %s", name, w+1, at, next)
				}
			}
		}
	}
}

// TestLastDayOfALeapYear: ZoneBounds errs there, and must not keep us for ever.
func TestLastDayOfALeapYear(t *testing.T) {
	c := mustParse(t, Spec{Zone: "Europe/Berlin", Awake: []string{"daily 07:00-20:00"}})
	for _, year := range []string{"2040", "2096", "2160"} {
		from, err := time.ParseInLocation(time.DateOnly, year+"-12-31", c.Zone())
		if err != nil {
			t.Fatal(err)
		}
		want := []string{year + "-12-31 07:00 +0100 awake", year + "-12-31 20:00 +0100 asleep"}
		if diff := cmp.Diff(want, list(c.Events(from, from.AddDate(0, 0, 1)))); diff != "" {
			t.Error(diff)
		}
	}
}
