package moment

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func zone(t interface{ Fatal(...any) }, name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// What people may write, and when that is.
func TestRead(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	monday := time.Date(2026, 11, 23, 19, 30, 0, 0, berlin)
	spring := time.Date(2027, 3, 27, 22, 0, 0, 0, berlin)   // the night in which 02:00 to 03:00 is skipped
	autumn := time.Date(2026, 10, 24, 22, 30, 0, 0, berlin) // the night in which 02:00 to 03:00 comes twice
	for _, tc := range []struct {
		text string
		now  time.Time
		want string // an instant, or what the error says
	}{
		{"23:00", monday, "2026-11-23T23:00:00+01:00"},
		{"9:00", monday, "2026-11-24T09:00:00+01:00"},
		{"24:00", monday, "2026-11-24T00:00:00+01:00"},
		{"19:30", monday, "2026-11-24T19:30:00+01:00"},
		{"today 24:00", monday, "2026-11-24T00:00:00+01:00"},
		{"tomorrow", monday, "2026-11-24T00:00:00+01:00"},
		{"Tomorrow 09:00", monday, "2026-11-24T09:00:00+01:00"},
		{"tomorrow  9:00", monday, "2026-11-24T09:00:00+01:00"},
		{"2026-12-24", monday, "2026-12-24T00:00:00+01:00"},
		{"2026-12-24 09:00", monday, "2026-12-24T09:00:00+01:00"},
		{"2026-12-24 24:00", monday, "2026-12-25T00:00:00+01:00"},
		{"2026-12-24T09:00", monday, "2026-12-24T09:00:00+01:00"},
		{"2026-12-24T09:00:00Z", monday, "2026-12-24T09:00:00Z"},
		{" 3h ", monday, "2026-11-23T22:30:00+01:00"},
		{"1d", monday, "2026-11-24T19:30:00+01:00"},
		{"2w", monday, "2026-12-07T19:30:00+01:00"},
		{"2W", monday, "2026-12-07T19:30:00+01:00"},

		{"2027-03-28 02:30", spring, "2027-03-28T03:00:00+02:00"},
		{"02:30", spring, "2027-03-28T03:00:00+02:00"},
		{"tomorrow 02:30", spring, "2027-03-28T03:00:00+02:00"},
		{"24h", spring, "2027-03-28T23:00:00+02:00"},
		{"1d", spring, "2027-03-28T22:00:00+02:00"},
		{"2d", spring, "2027-03-29T22:00:00+02:00"},
		{"1w", spring, "2027-04-03T22:00:00+02:00"},
		{"1d", time.Date(2027, 3, 27, 2, 30, 7, 0, berlin), "2027-03-28T03:00:00+02:00"},

		{"7:15", autumn, "2026-10-25T07:15:00+01:00"},
		{"22:30", autumn, "2026-10-25T22:30:00+01:00"},
		{"3h", autumn, "2026-10-25T01:30:00+02:00"},
		{"48h", autumn, "2026-10-26T21:30:00+01:00"},
		{"2d", autumn, "2026-10-26T22:30:00+01:00"},
		{"2:30", autumn, "2026-10-25T02:30:00+02:00"},

		{"-3h", monday, "-3h is no time to come"},
		{"0s", monday, "0s is no time to come"},
		{"0d", monday, "0d is no time to come"},
		{"-1d", monday, "-1d is no time to come"},
		{"2020-01-01 00:00", monday, "2020-01-01 00:00 is over already: it is 2026-11-23 19:30 CET"},
		{"today 09:00", monday, "is over already"},
		{"today", monday, "is over already"},
		{"2020-01-01T00:00:00Z", monday, "is over already"},
		{"yesterday", monday, `"yesterday" is no time`},
		{"next 09:00", monday, "is no time"},
		{"25:00", monday, "is no time"},
		{"24:30", monday, "is no time"},
		{"2026-13-01", monday, "is no time"},
		{"", monday, "is no time"},
		{"tomorrow noon", monday, "is no time"},
		{"9999999d", monday, "is no time"},
		{"1.5d", monday, "is no time"},
	} {
		have, err := Read(tc.text, tc.now)
		switch {
		case err == nil && have.Format(time.RFC3339) != tc.want:
			t.Errorf("%q: %s, want %s", tc.text, have.Format(time.RFC3339), tc.want)
		case err != nil && !strings.Contains(err.Error(), tc.want):
			t.Errorf("%q: %v, want %s", tc.text, err, tc.want)
		case err != nil && !errors.As(err, new(*UnreadableError)) && !errors.As(err, new(*PastError)):
			t.Errorf("%q: %T", tc.text, err)
		}
	}
}

// TestAt: a time that people say is the first instant at which the clock shows it
// or, where the zone skips it, a later one.
func TestAt(t *testing.T) {
	for _, test := range []struct {
		zone         string
		year, day    int
		month        time.Month
		hour, minute int
		want         string
	}{
		{"Europe/Berlin", 2026, 23, 11, 23, 0, "2026-11-23T23:00:00+01:00"},
		{"Europe/Berlin", 2026, 30, 11, 24, 0, "2026-12-01T00:00:00+01:00"},
		{"Europe/Berlin", 2027, 28, 3, 2, 30, "2027-03-28T03:00:00+02:00"},
		{"Europe/Berlin", 2027, 31, 10, 2, 30, "2027-10-31T02:30:00+02:00"},
		{"America/Sao_Paulo", 2017, 15, 10, 0, 30, "2017-10-15T01:00:00-02:00"},
		{"Pacific/Apia", 2011, 30, 12, 12, 0, "2011-12-31T00:00:00+14:00"},
		{"Asia/Manila", 1844, 31, 12, 12, 0, "1845-01-01T00:00:00+08:03"},
		{"UTC", 2027, 28, 3, 2, 30, "2027-03-28T02:30:00Z"},
		{"Europe/Berlin", 9999, 31, 12, 12, 0, "9999-12-31T12:00:00+01:00"},
		{"Europe/Berlin", 4000, 31, 12, 12, 0, "4000-12-31T12:00:00+01:00"},
	} {
		have := At(zone(t, test.zone), test.year, test.month, test.day, test.hour, test.minute)
		if have.Format(time.RFC3339) != test.want {
			t.Errorf("%+v: have %s", test, have.Format(time.RFC3339))
		}
	}
}

// TestAtIsTheFirst: at the instant the clock shows what was meant or more, and
// never before it, as far as a day and a half back.
func TestAtIsTheFirst(t *testing.T) {
	zones := []string{"Europe/Berlin", "UTC", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu", "America/Santiago", "Pacific/Apia"}
	rapid.Check(t, func(rt *rapid.T) {
		z := zone(t, rapid.SampledFrom(zones).Draw(rt, "zone"))
		meant := time.Unix(rapid.Int64Range(1_000_000_000, 2_200_000_000).Draw(rt, "meant"), 0).UTC().Truncate(time.Minute)
		y, m, d := meant.Date()
		at := At(z, y, m, d, meant.Hour(), meant.Minute())
		if asUTC(at).Before(meant) {
			rt.Fatalf("at %s the clock does not show %s yet", at, meant)
		}
		for back := time.Second; back < 36*time.Hour; back += 5 * time.Minute {
			if before := at.Add(-back); !asUTC(before).Before(meant) {
				rt.Fatalf("the clock shows %s at %s already, before %s", meant, before, at)
			}
		}
	})
}

// Whatever is typed, what comes out lies ahead.
func FuzzRead(f *testing.F) {
	for _, text := range []string{"", "23:00", "tomorrow 09:00", "tomorrow ", "2026-12-24 09:00", "3h", "2d", "2w", "-1d", "24:00", "0000-01-01",
		"9999-12-31 24:00", "today", "T", "-t24:00", "9223372036h", "2027-03-28T02:30:00+01:00"} {
		f.Add(text, int64(1806195599))
	}
	f.Add("1d", int64(1792889999))
	berlin := zone(f, "Europe/Berlin")
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		now := time.Unix(unix%(1<<36), 0).In(berlin)
		if at, err := Read(text, now); err == nil && !at.After(now) {
			t.Errorf("%q at %s is %s", text, now, at)
		}
	})
}
