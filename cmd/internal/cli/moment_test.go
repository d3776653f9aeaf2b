package cli

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// What is typed behind --until is read in the schedule's zone, and what cannot be
// read is a mistake of usage with a hint.
func TestUntilWhen(t *testing.T) {
	now := time.Date(2026, 11, 23, 18, 30, 0, 0, time.UTC)
	at, err := untilWhen("23:00", now, zoneOf("Europe/Berlin"))
	if err != nil || at.Format(time.RFC3339) != "2026-11-23T23:00:00+01:00" {
		t.Errorf("23:00: %s, %v", at, err)
	}
	for text, want := range map[string]string{
		"yesterday":        `--until "yesterday" is no time`,
		"-3h":              "--until -3h is no time to come",
		"2020-01-01 00:00": "--until 2020-01-01 00:00 is over already: it is 2026-11-23 19:30 CET",
	} {
		_, err := untilWhen(text, now, zoneOf("Europe/Berlin"))
		var usage *usageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), want) || usage.next != howTimes {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
