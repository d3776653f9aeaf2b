package calendar

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/rekindle-io/rekindle/recover/nearest"
)

// job is one line of Spec.Teardown or Spec.Recreate.
type job struct {
	text string
	*cron.SpecSchedule
}

const (
	// star is the library's mark of a field that was left open: days match
	// by date and by weekday when one of them is open, by either when both
	// are given.
	star = 1 << 63
	// rare is how many days may lie between two times of a job: 29 February
	// on a given weekday can be 40 years away.
	rare = 41 * 366
)

// parseJob reads a cron line of five fields, or @daily and its like.
func parseJob(text string) (job, error) {
	text = strings.TrimSpace(text)
	j := job{text: strings.Join(strings.Fields(text), " ")}
	if err := refuseJob(text); err != nil {
		return j, err
	}
	parsed, err := cron.ParseStandard(text)
	if err != nil {
		return j, fmt.Errorf("%w: write minute, hour, day of month, month, day of week, like \"0 20 * * 1-5\"", err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return j, fmt.Errorf("%q has no times of day", text)
	}
	j.SpecSchedule = spec
	if spec.Minute&^star == 0 || spec.Hour&^star == 0 {
		return j, errors.New("a field without a value: write * for any")
	}
	if _, ok := j.next(0); !ok {
		return j, fmt.Errorf("%q never comes: no such day exists", j.text)
	}
	return j, nil
}

// refuseJob says what of the library's syntax makes no sense here.
func refuseJob(text string) error {
	switch word := strings.ToLower(text); {
	case text == "":
		return errors.New("an empty cron line: write it like \"0 20 * * 1-5\"")
	case len(text) > longestText:
		return fmt.Errorf("a cron line of %d bytes: at most %d", len(text), longestText)
	case strings.HasPrefix(word, "tz=") || strings.HasPrefix(word, "cron_tz="):
		return errors.New("a time zone of its own: the zone of the schedule holds for all its lines, leave the prefix out")
	case strings.HasPrefix(word, "@every"):
		return errors.New("@every counts from the start of the daemon, not by the clock: write the hours, like \"0 */4 * * *\"")
	case strings.HasPrefix(word, "@"):
		return refuseDescriptor(text)
	}
	return nil
}

func refuseDescriptor(text string) error {
	known := []string{"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
	for _, k := range known {
		if text == k {
			return nil
		}
	}
	if near := nearest.Name(text, known); near != "" {
		return fmt.Errorf("unknown word %q, did you mean %q?", text, near)
	}
	return fmt.Errorf("unknown word %q: use %s, or five fields", text, strings.Join(known, ", "))
}

// on says whether the job has times on d, by the rule of cron: see star.
func (j job) on(d date) bool {
	_, month, inMonth := d.utc().Date()
	if j.Month&(1<<uint(month)) == 0 {
		return false
	}
	byDate := j.Dom&(1<<uint(inMonth)) != 0
	byWeekday := j.Dow&(1<<uint(d.weekday())) != 0
	if j.Dom&star != 0 || j.Dow&star != 0 {
		return byDate && byWeekday
	}
	return byDate || byWeekday
}

// matches says whether the job has a time at w.
func (j job) matches(w wall) bool {
	c := w.clock()
	return c%minute == 0 && j.Hour&(1<<uint(c/minute/60)) != 0 && j.Minute&(1<<uint(c/minute%60)) != 0 && j.on(w.date())
}

// next is the first time of the job later than w.
func (j job) next(w wall) (wall, bool) {
	d := w.date()
	if j.on(d) {
		if c, ok := j.clockFrom(w.clock()/minute + 1); ok {
			return d.start() + c, true
		}
	}
	for end := d + rare; d < end; {
		d++
		if j.on(d) {
			c, _ := j.clockFrom(0)
			return d.start() + c, true
		}
		d = j.skip(d, 1)
	}
	return 0, false
}

// last is the last time of the job at or before w.
func (j job) last(w wall) (wall, bool) {
	d := w.date()
	if j.on(d) {
		if c, ok := j.clockTo(w.clock() / minute); ok {
			return d.start() + c, true
		}
	}
	for end := d - rare; d > end; {
		d--
		if j.on(d) {
			c, _ := j.clockTo(24*60 - 1)
			return d.start() + c, true
		}
		d = j.skip(d, -1)
	}
	return 0, false
}

// skip goes from d to the last day, in the direction of by, that is surely no
// day of the job either.
func (j job) skip(d date, by int) date {
	year, month, inMonth := d.utc().Date()
	if j.Month&(1<<uint(month)) != 0 {
		return d
	}
	if by < 0 {
		return d - date(inMonth-1)
	}
	return dateOf(time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC))
}

// clockFrom is the first time of day, in seconds, at or after the minute m.
func (j job) clockFrom(m wall) (wall, bool) {
	h, m := m/60, m%60
	for ; h < 24; h, m = h+1, 0 {
		if j.Hour&(1<<uint(h)) == 0 {
			continue
		}
		if left := j.Minute &^ star >> uint(m) << uint(m); left != 0 {
			return (h*60 + wall(bits.TrailingZeros64(left))) * minute, true
		}
	}
	return 0, false
}

// clockTo is the last time of day, in seconds, at or before the minute m.
func (j job) clockTo(m wall) (wall, bool) {
	h, m := m/60, m%60
	for ; h >= 0; h, m = h-1, 59 {
		if j.Hour&(1<<uint(h)) == 0 {
			continue
		}
		if left := j.Minute &^ star & (1<<uint(m+1) - 1); left != 0 {
			return (h*60 + wall(bits.Len64(left)-1)) * minute, true
		}
	}
	return 0, false
}
