package calendar

import (
	"testing"
	"time"
)

func mustParse(t testing.TB, spec Spec) *Calendar {
	t.Helper()
	c, err := Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// benchmarked are calendars as they are in use, and two that are hard.
func benchmarked() map[string]Spec {
	return map[string]Spec{
		"windows":    {Zone: "Europe/Berlin", Awake: []string{"Mon-Fri 07:00-20:00", "Sat 10:00-02:00"}, TTL: 48 * time.Hour},
		"cron":       {Zone: "Europe/Berlin", Teardown: []string{"0 20 * * 1-5"}, Recreate: []string{"0 7 * * 1-5"}},
		"always":     {Zone: "Europe/Berlin", Awake: []string{"daily 00:00-24:00"}},
		"yearly":     {Zone: "Europe/Berlin", Teardown: []string{"0 0 29 2 *"}, Recreate: []string{"0 0 1 3 *"}},
		"exceptions": {Zone: "Europe/Berlin", Awake: []string{"Mon-Fri 07:00-20:00"}, Except: []Exception{{ICS: file("SUMMARY:x\nDTSTART:20000101\nRRULE:FREQ=WEEKLY;BYDAY=WE")}}},
	}
}

func BenchmarkDecide(b *testing.B) {
	now := time.Date(2026, 11, 18, 21, 3, 0, 0, time.UTC)
	for name, spec := range benchmarked() {
		c := mustParse(b, spec)
		for kind, words := range map[string][]Word{
			"": nil,
			"/words": {
				{Kind: Keep, Said: now.Add(-time.Hour), Until: now.Add(time.Hour), By: "ada", Why: "demo"},
				{Kind: Pause, Said: now.Add(-time.Hour), Until: now.Add(-time.Minute)},
				{Kind: Wake, Said: now.Add(-3 * time.Hour), Until: now.Add(-2 * time.Hour)},
			},
		} {
			b.Run(name+kind, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					c.Decide(now, words, Facts{Made: now.Add(-14 * time.Hour)})
				}
			})
		}
	}
}

func BenchmarkNext(b *testing.B) {
	now := time.Date(2026, 11, 18, 21, 3, 0, 0, time.UTC)
	for name, spec := range benchmarked() {
		c := mustParse(b, spec)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Next(now)
			}
		})
	}
}

func BenchmarkEventsOfAWeek(b *testing.B) {
	now := time.Date(2026, 11, 18, 21, 3, 0, 0, time.UTC)
	for name, spec := range benchmarked() {
		c := mustParse(b, spec)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Events(now, now.AddDate(0, 0, 7))
			}
		})
	}
}
