package calendar

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWindowText(t *testing.T) {
	for text, want := range map[string]string{
		"Mon-Fri 07:00-20:00":               "Mon Tue Wed Thu Fri 420-1200",
		"mon - friday 7:00 - 20:00":         "Mon Tue Wed Thu Fri 420-1200",
		"FRI-MON 07:00-20:00":               "Sun Mon Fri Sat 420-1200",
		"Mon,Wed , Thurs 09:00-17:00":       "Mon Wed Thu 540-1020",
		"Sat 10:00-02:00":                   "Sat 600-1560",
		"daily 00:00-24:00":                 "Sun Mon Tue Wed Thu Fri Sat 0-1440",
		"Weekdays 8:30-24:00":               "Mon Tue Wed Thu Fri 510-1440",
		"weekends 20:00-00:00":              "Sun Sat 1200-1440",
		"Mon-Tue,Sat-Sun 1:05-1:06":         "Sun Mon Tue Sat 65-66",
		"Mon-Mon 07:00-08:00":               "Mon 420-480",
		"Tues.,Weds 23:59-00:01":            "Tue Wed 1439-1441",
		"\tMonday\t07:00-08:00 ":            "Mon 420-480",
		"":                                  "an empty window: write it like",
		"Mon-Fri":                           "no hours in",
		"07:00-20:00":                       `column 1: no days before the hours: write it like "Mon-Fri 07:00-20:00", or "daily 07:00-20:00"`,
		"Mon-Fry 07:00-20:00":               `column 5: unknown day "Fry", did you mean "Fri"?`,
		"Mittwoch 07:00-20:00":              `column 1: unknown day "Mittwoch": use Mon, Tue`,
		"Mon,,Tue 07:00-20:00":              "column 5: a day is missing",
		"Mon- 07:00-20:00":                  "column 5: a day is missing",
		"Mon 07:00":                         `column 5: "07:00" has no end`,
		"Mon 7-20":                          `column 5: "7" is no time of day, did you mean "7:00"?`,
		"Mon 07:00-25:00":                   `column 11: "25:00" is no time of day: the day goes from 00:00 to 24:00`,
		"Mon 07:60-08:00":                   `column 5: "07:60" is no time`,
		"Mon 07:00-24:01":                   `column 11: "24:01" is no time`,
		"Mon 07:00-07:00":                   "column 5: the window 07:00-07:00 is empty; for the whole day write 00:00-24:00",
		"Mon 24:00-07:00":                   "column 5: a window cannot begin at 24:00: write 00:00 on the day after",
		"Mon 07:00-20:00-21:00":             `column 11: "20:00-21:00" is no time`,
		"Mon 07:00-20:00 Europe/Berlin":     `"20:00 Europe/Berlin" is no time`,
		"Mon 07:00-8pm":                     `column 11: "8pm" is no time`,
		"Mon 7:0-8:00":                      `column 5: "7:0" is no time`,
		"Mon " + strings.Repeat("1", 1000):  "a window of 1004 bytes: at most 1000",
		"Mon \u0661\u0662:00-20:00":         "unknown day",
		"Mon 0999999999999999999:00-20:00":  "is no time of day",
		"Mon–Fri 07:00–20:00":               "Mon Tue Wed Thu Fri 420-1200",
		"Mon to Fri 07:00-20:00":            `column 1: unknown day "Mon to Fri", did you mean "Mon"?`,
		"Mon-Fri-Sun 07:00-20:00":           `column 5: unknown day "Fri-Sun"`,
		"T 07:00-20:00":                     `unknown day "T"`,
		"Mon 07:00-20:00, Tue 08:00-21:00 ": `is no time of day`,
	} {
		w, err := parseWindow(text)
		if err != nil {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %s", text, err, want)
			}
			continue
		}
		var days []string
		for d, on := range w.days {
			if on {
				days = append(days, time.Weekday(d).String()[:3])
			}
		}
		got := strings.Join(days, " ") + " " + strings.Join([]string{minutes(w.start), minutes(w.end)}, "-")
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func minutes(w wall) string { return strconv.Itoa(int(w / minute)) }

func TestCronText(t *testing.T) {
	for text, want := range map[string]string{
		"0 20 * * 1-5":                        "",
		"  0 20\t*  * mon-fri ":               "",
		"@daily":                              "",
		"0 0 29 2 0":                          "",
		"0 0 30 2 1":                          "", // Mondays in February too
		"*/15 8-18/2 1,15 * ?":                "",
		"":                                    "an empty cron line",
		"@every 4h":                           "@every counts from the start of the daemon",
		"TZ=UTC 0 20 * * *":                   "a time zone of its own",
		"CRON_TZ=":                            "a time zone of its own",
		"@dayly":                              `unknown word "@dayly", did you mean "@daily"?`,
		"@reboot":                             `unknown word "@reboot": use @yearly`,
		"0 20 * *":                            "expected exactly 5 fields, found 4",
		"0 0 20 * * *":                        "expected exactly 5 fields, found 6",
		"0 24 * * *":                          "end of range (24) above maximum (23)",
		"0 20 * * 7":                          "above maximum (6)",
		"0 0 30 2 *":                          `"0 0 30 2 *" never comes: no such day exists`,
		"0 0 31 4,6,9,11 *":                   "never comes",
		"0 , * * *":                           "a field without a value",
		"0 0 , * *":                           "never comes",
		"0 0 1 1 " + strings.Repeat("1", 999): "at most 1000",
	} {
		_, err := parseJob(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestInvalid(t *testing.T) {
	for name, test := range map[string]struct {
		spec Spec
		want []string
	}{
		"no zone":          {Spec{Awake: []string{"daily 08:00-18:00"}}, []string{"zone: a schedule needs a time zone, like Europe/Berlin or UTC"}},
		"no zone for days": {Spec{Except: []Exception{{From: "2026-12-24"}}}, []string{"zone: a schedule needs a time zone, like Europe/Berlin or UTC"}},
		"the machine's":    {Spec{Zone: "Local"}, []string{`zone: "Local" depends on the machine that reads it: name the zone, like Europe/Berlin`}},
		"a path":           {Spec{Zone: "../../etc/passwd"}, []string{`zone: unknown time zone "../../etc/passwd": use a name of the IANA database, like Europe/Berlin or UTC`}},
		"an abbreviation":  {Spec{Zone: "Berlin"}, []string{`zone: unknown time zone "Berlin": use a name of the IANA database, like Europe/Berlin or UTC`}},
		"both kinds": {
			Spec{Zone: "UTC", Awake: []string{"daily 08:00-18:00"}, Teardown: []string{"@daily"}},
			[]string{"awake: windows and cron lines exclude each other: write either awake, or teardown and recreate"},
		},
		"several": {
			Spec{Zone: "UTC", Awake: []string{"daily 08:00-18:00", "x"}, TTL: -1},
			[]string{`awake[1]: no hours in "x": write it like "Mon-Fri 07:00-20:00"`, "ttl: -1ns is too short to make a cluster: give it a minute at least"},
		},
		"never asleep": {
			Spec{Zone: "UTC", Teardown: []string{"0 8 * * *"}, Recreate: []string{"0 * * * *"}},
			[]string{"teardown: each falls on the minute of a recreate, which wins: the cluster never sleeps"},
		},
		"cron lines": {
			Spec{Zone: "UTC", Teardown: []string{"@daily", "@never"}, Recreate: []string{"@every 1h"}},
			[]string{
				`teardown[1]: unknown word "@never": use @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, or five fields`,
				`recreate[0]: @every counts from the start of the daemon, not by the clock: write the hours, like "0 */4 * * *"`,
			},
		},
		"exceptions": {
			Spec{Zone: "UTC", Except: []Exception{
				{}, {From: "24.12.2026"}, {From: "2026-02-30"}, {From: "2026-12-24", To: "2026-12-23"}, {From: "2026-01-01", To: "2036-12-31"},
				{From: "2026-12-24", State: "off"}, {From: "2026-12-24", ICS: []byte{}}, {ICS: []byte("x"), Name: "x.ics"}, {From: "9999-01-01"},
			}},
			[]string{
				"except[0].from: a day is missing: write it like 2026-12-24",
				`except[1].from: there is no day "24.12.2026": write it like 2026-12-24`,
				`except[2].from: there is no day "2026-02-30": write it like 2026-12-24`,
				"except[3].to: 2026-12-23 lies before 2026-12-24",
				"except[4].to: more than 3660 days: change the schedule itself",
				`except[5].state: unknown state "off": use asleep or awake`,
				"except[6]: either days or a file, not both",
				`except[7].ics: x.ics: line 1: "x" outside of a calendar: is this an iCalendar file?`,
				"except[8].from: the year of 9999-01-01 is not between 1970 and 2199",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(test.spec)
			var invalid *InvalidError
			if !errors.As(err, &invalid) {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(test.want, strings.Split(invalid.Error(), "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
