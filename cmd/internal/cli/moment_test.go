package cli

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// What people may write behind --until, and when that is.
func TestMoment(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	monday := time.Date(2026, 11, 23, 19, 30, 0, 0, berlin)
	march := time.Date(2027, 3, 27, 22, 0, 0, 0, berlin) // the night in which 02:00 to 03:00 is skipped
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
		{"2026-12-24", monday, "2026-12-24T00:00:00+01:00"},
		{"2026-12-24 09:00", monday, "2026-12-24T09:00:00+01:00"},
		{"2026-12-24T09:00", monday, "2026-12-24T09:00:00+01:00"},
		{"2026-12-24T09:00:00Z", monday, "2026-12-24T09:00:00Z"},
		{" 3h ", monday, "2026-11-23T22:30:00+01:00"},
		{"1d", monday, "2026-11-24T19:30:00+01:00"},
		{"2w", monday, "2026-12-07T19:30:00+01:00"},
		{"2027-03-28 02:30", march, "2027-03-28T03:00:00+02:00"},
		{"02:30", march, "2027-03-28T03:00:00+02:00"},
		{"tomorrow 02:30", march, "2027-03-28T03:00:00+02:00"},
		{"-3h", monday, "-3h is no time to come"},
		{"0s", monday, "0s is no time to come"},
		{"-1d", monday, "-1d is no time to come"},
		{"2020-01-01 00:00", monday, "is over already: it is 2026-11-23 19:30 CET"},
		{"today 09:00", monday, "is over already"},
		{"2020-01-01T00:00:00Z", monday, "is over already"},
		{"yesterday", monday, `"yesterday" is no time`},
		{"next 09:00", monday, "is no time"},
		{"25:00", monday, "is no time"},
		{"2026-13-01", monday, "is no time"},
		{"", monday, "is no time"},
		{"tomorrow noon", monday, "is no time"},
	} {
		have, err := moment(tc.text, tc.now, berlin)
		var usage *usageError
		switch {
		case err == nil && have.Format(time.RFC3339) != tc.want:
			t.Errorf("%q: %s, want %s", tc.text, have.Format(time.RFC3339), tc.want)
		case err != nil && (!errors.As(err, &usage) || !strings.Contains(err.Error(), tc.want) || usage.next == ""):
			t.Errorf("%q: %v, want %s", tc.text, err, tc.want)
		}
	}
}

// Whatever is typed, what comes out lies ahead.
func FuzzMoment(f *testing.F) {
	for _, text := range []string{"23:00", "tomorrow 09:00", "2026-12-24 09:00", "3h", "2w", "24:00", "0000-01-01", "9999-12-31 24:00", "today", "T", "-t24:00"} {
		f.Add(text)
	}
	now := time.Date(2027, 3, 28, 0, 59, 59, 0, time.UTC)
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if at, err := moment(text, now, zone); err == nil && !at.After(now) {
			t.Errorf("%q is %s", text, at)
		}
	})
}
