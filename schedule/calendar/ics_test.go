package calendar

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// file wraps the lines of events in a calendar.
func file(events ...string) []byte {
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//y//EN\n")
	for _, e := range events {
		b.WriteString("BEGIN:VEVENT\n" + e + "\nEND:VEVENT\n")
	}
	b.WriteString("END:VCALENDAR\n")
	return []byte(b.String())
}

func location(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestICSDays(t *testing.T) {
	for name, test := range map[string]struct {
		events []string
		want   []string
	}{
		"a day": {
			[]string{"DTSTART;VALUE=DATE:20261224\nSUMMARY:Christmas Eve"},
			[]string{"2026-12-24 Christmas Eve"},
		},
		"several days, the end exclusive": {
			[]string{"DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227\nSUMMARY:Christmas"},
			[]string{"2026-12-24..2026-12-26 Christmas"},
		},
		"a duration": {
			[]string{"DTSTART;VALUE=DATE:20261224\nDURATION:P2D"},
			[]string{"2026-12-24..2026-12-25 "},
		},
		"an end at the start": {
			[]string{"DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261224"},
			[]string{"2026-12-24 "},
		},
		"hours in UTC that are the next day here": {
			[]string{"DTSTART:20261224T233000Z\nDTEND:20261225T003000Z"},
			[]string{"2026-12-25 "},
		},
		"hours in another zone": {
			[]string{"DTSTART;TZID=America/New_York:20261224T170000\nDTEND;TZID=America/New_York:20261224T190000"},
			[]string{"2026-12-24..2026-12-25 "},
		},
		"a zone by the name of a program": {
			[]string{"DTSTART;TZID=\"W. Europe Standard Time\":20261224T233000\nDURATION:PT15M"},
			[]string{"2026-12-24 "},
		},
		"a zone with a prefix": {
			[]string{"DTSTART;TZID=/example.org/20250101/America/New_York:20261224T200000\nDURATION:PT1H"},
			[]string{"2026-12-25 "},
		},
		"until midnight is not the next day": {
			[]string{"DTSTART:20261224T080000\nDTEND:20261225T000000"},
			[]string{"2026-12-24 "},
		},
		"every year": {
			[]string{"DTSTART;VALUE=DATE:20241003\nRRULE:FREQ=YEARLY;COUNT=3"},
			[]string{"2024-10-03 ", "2025-10-03 ", "2026-10-03 "},
		},
		"until a day, inclusive": {
			[]string{"DTSTART;VALUE=DATE:20241003\nRRULE:FREQ=YEARLY;UNTIL=20251003"},
			[]string{"2024-10-03 ", "2025-10-03 "},
		},
		"until an instant in UTC": {
			// 15 November 23:00 in Berlin is the last.
			[]string{"DTSTART;TZID=Europe/Berlin:20261113T230000\nDURATION:PT1M\nRRULE:FREQ=DAILY;UNTIL=20261115T220000Z"},
			[]string{"2026-11-13 ", "2026-11-14 ", "2026-11-15 "},
		},
		"the fourth Thursday, without one": {
			[]string{"DTSTART;VALUE=DATE:20241128\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=3\nEXDATE;VALUE=DATE:20251127"},
			[]string{"2024-11-28 ", "2026-11-26 "},
		},
		"at an hour, without one": {
			[]string{"DTSTART;TZID=Europe/Berlin:20261113T230000\nDURATION:PT1M\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE:20261114T220000Z"},
			[]string{"2026-11-13 ", "2026-11-15 "},
		},
		"more dates": {
			[]string{"DTSTART;VALUE=DATE:20261224\nRDATE;VALUE=DATE:20261231,20270101"},
			[]string{"2026-12-24 ", "2026-12-31 ", "2027-01-01 "},
		},
		"one occurrence moved": {
			[]string{
				"UID:a\nDTSTART;VALUE=DATE:20261102\nRRULE:FREQ=WEEKLY;COUNT=3",
				"RECURRENCE-ID;VALUE=DATE:20261109\nUID:a\nDTSTART;VALUE=DATE:20261111",
			},
			[]string{"2026-11-02 ", "2026-11-16 ", "2026-11-11 "},
		},
		"one occurrence called off": {
			[]string{
				"UID:a\nDTSTART;VALUE=DATE:20261102\nRRULE:FREQ=WEEKLY;COUNT=2",
				"RECURRENCE-ID;VALUE=DATE:20261109\nUID:a\nDTSTART;VALUE=DATE:20261109\nSTATUS:CANCELLED",
			},
			[]string{"2026-11-02 "},
		},
		"cancelled": {[]string{"DTSTART;VALUE=DATE:20261224\nSTATUS:CANCELLED"}, nil},
		"over before it began": {
			[]string{"DTSTART;VALUE=DATE:20261224\nRRULE:FREQ=DAILY;UNTIL=20261223"}, nil,
		},
		"folded, escaped, with an alarm": {
			[]string{"DTSTART;VALUE=DATE\n :20261224\nSUMMARY:Heilig\n abend\\, \\nfrei\nDESCRIPTION:" + strings.Repeat("x", 50_000) +
				"\nBEGIN:VALARM\nTRIGGER:-PT15M\nDTSTART:nonsense\nEND:VALARM"},
			[]string{"2026-12-24 Heiligabend, frei"},
		},
		"without events": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := parseICS(file(test.events...), newClock(location(t, "Europe/Berlin")))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range list {
				if s.from == s.to {
					got = append(got, fmt.Sprintf("%s %s", s.from, s.reason))
				} else {
					got = append(got, fmt.Sprintf("%s..%s %s", s.from, s.to, s.reason))
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestICSRefused(t *testing.T) {
	event := func(lines string) []byte { return file(lines) }
	rule := func(r string) []byte { return event("SUMMARY:x\nDTSTART;VALUE=DATE:20260101\nRRULE:" + r) }
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"empty":               {nil, "no iCalendar file"},
		"html":                {[]byte("<html>\n"), "line 1: \"<html>\" outside of a calendar"},
		"cut off":             {[]byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:x"), "ends within VEVENT"},
		"crossed":             {[]byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR"), "line 3: END:VCALENDAR"},
		"too deep":            {[]byte("BEGIN:VCALENDAR\n" + strings.Repeat("BEGIN:X\n", 9)), "line 9: components more than 8 deep"},
		"too large":           {make([]byte, mostICS+1), "at most 1048576"},
		"too many events":     {file(make([]string, mostEvents+1)...), "more than 5000 events"},
		"a line too long":     {event("EXDATE:" + strings.Repeat("2", longestLine)), "EXDATE of more than"},
		"no start":            {event("SUMMARY:x"), `line 4: event "x": DTSTART is missing`},
		"no date":             {event("DTSTART:tomorrow"), `"TOMORROW" is no date`},
		"no such date":        {event("DTSTART:20260230"), `"20260230" is no date`},
		"too long":            {event("DTSTART:20260101\nDTEND:20280101"), "lasts more than 366 days"},
		"hourly":              {rule("FREQ=HOURLY"), "HOURLY: days recur at most daily"},
		"endless in a second": {rule("FREQ=HOURLY;INTERVAL=24;BYHOUR=5"), "at most daily"},
		"each minute":         {rule("FREQ=DAILY;BYMINUTE=1,2"), "several times a day"},
		"never":               {rule("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), "it never happens"},
		"beyond the month":    {rule("FREQ=MONTHLY;BYDAY=53MO"), "there is no +53MO"},
		"easter":              {rule("FREQ=YEARLY;BYEASTER=10000"), "BYEASTER"},
		"a huge interval":     {rule("FREQ=WEEKLY;INTERVAL=9223372036854775807"), "INTERVAL is from 1"},
		"no interval":         {rule("FREQ=WEEKLY;INTERVAL=0"), "INTERVAL is from 1"},
		"nonsense":            {rule("EVERY DAY"), "wrong format"},
		"two rules":           {rule("FREQ=DAILY;COUNT=1\nRRULE:FREQ=DAILY;COUNT=1"), "given twice"},
		"every day for ever":  {file("DTSTART:19700101\nRRULE:FREQ=DAILY"), "more than 20000 occurrences"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseICS(test.content, newClock(time.UTC))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
