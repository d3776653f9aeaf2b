package schedule

import (
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

func TestDaysOnWhichTheClockIsChanged(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for _, tc := range []struct {
		name  string
		day   time.Time
		step  int
		hours int
		cells int
		// odd is the length of the one cell that is not as long as the others, at its
		// index; -1: there is none.
		odd  time.Duration
		oddI int
	}{
		{"plain", time.Date(2026, 11, 23, 0, 0, 0, 0, berlin), 1, 24, 24, 0, -1},
		{"plain, 3 hours", time.Date(2026, 11, 23, 0, 0, 0, 0, berlin), 3, 24, 8, 0, -1},
		{"spring", time.Date(2026, 3, 29, 0, 0, 0, 0, berlin), 1, 23, 23, 0, -1},
		{"spring, 2 hours", time.Date(2026, 3, 29, 0, 0, 0, 0, berlin), 2, 23, 12, time.Hour, 1},
		{"spring, 3 hours", time.Date(2026, 3, 29, 0, 0, 0, 0, berlin), 3, 23, 8, 2 * time.Hour, 0},
		{"autumn", time.Date(2026, 10, 25, 0, 0, 0, 0, berlin), 1, 25, 25, 0, -1},
		{"autumn, 2 hours", time.Date(2026, 10, 25, 0, 0, 0, 0, berlin), 2, 25, 12, 3 * time.Hour, 1},
		{"autumn, 3 hours", time.Date(2026, 10, 25, 0, 0, 0, 0, berlin), 3, 25, 8, 4 * time.Hour, 0},
		{"autumn, a day", time.Date(2026, 10, 25, 0, 0, 0, 0, berlin), 24, 25, 1, 25 * time.Hour, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := daysFrom(tc.day, 1, tc.step)[0]
			if d.hours() != time.Duration(tc.hours)*time.Hour || len(d.cells) != tc.cells {
				t.Fatalf("%s in %d cells, want %d hours in %d", d.hours(), len(d.cells), tc.hours, tc.cells)
			}
			for i, c := range d.cells {
				want := time.Duration(tc.step) * time.Hour
				if i == tc.oddI {
					want = tc.odd
				}
				if have := c.to.Sub(c.from); have != want {
					t.Errorf("cell %d from %s lasts %s, want %s", i, c.from, have, want)
				}
			}
		})
	}
}

func TestMidnightThatIsSkipped(t *testing.T) {
	// In Cairo the clock went from 00:00 to 01:00 on 24 April 2026.
	d := daysFrom(time.Date(2026, 4, 24, 12, 0, 0, 0, zone(t, "Africa/Cairo")), 1, 1)[0]
	if d.from.Hour() != 1 || d.hours() != 23*time.Hour || len(d.cells) != 23 {
		t.Errorf("the day begins at %s and has %d cells in %s", d.from, len(d.cells), d.hours())
	}
}

func TestDaysLeaveNothingOut(t *testing.T) {
	zones := []string{"Europe/Berlin", "UTC", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu", "America/Santiago", "Pacific/Apia"}
	rapid.Check(t, func(rt *rapid.T) {
		z := zone(t, rapid.SampledFrom(zones).Draw(rt, "zone"))
		start := time.Unix(rapid.Int64Range(1_000_000_000, 2_200_000_000).Draw(rt, "start"), 0).In(z)
		step := rapid.SampledFrom(steps[:]).Draw(rt, "step")
		list := daysFrom(start, 8, step)
		if start.Before(list[0].from) || !start.Before(list[0].to) {
			rt.Fatalf("%s is not on its day, %s to %s", start, list[0].from, list[0].to)
		}
		end := list[0].from
		for _, d := range list {
			if !d.from.Equal(end) {
				rt.Fatalf("a day begins at %s, the one before ends at %s", d.from, end)
			}
			if len(d.cells) > 24/step+1 {
				rt.Fatalf("%d cells of %d hours on %s", len(d.cells), step, d.from)
			}
			for _, c := range d.cells {
				if !c.from.Equal(end) || !c.to.After(c.from) || c.to.Sub(c.from) >= 2*time.Duration(step)*time.Hour {
					rt.Fatalf("a cell of %d hours from %s to %s behind %s", step, c.from, c.to, end)
				}
				end = c.to
			}
			if !d.to.Equal(end) {
				rt.Fatalf("the cells end at %s, the day at %s", end, d.to)
			}
		}
	})
}

func TestStepFitsTheWidth(t *testing.T) {
	for width, want := range map[int]int{200: 1, 100: 2, 65: 3, 51: 4, 37: 6, 30: 8, 23: 12, 10: 24} {
		if have := stepFor(width); have != want {
			t.Errorf("%d columns: %d hours, want %d", width, have, want)
		}
	}
}
