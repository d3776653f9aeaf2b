package calendar

import (
	"fmt"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/recover/nearest"
)

// window is one line of Spec.Awake. It belongs to the day on which it begins.
type window struct {
	text  string
	days  [7]bool // by time.Weekday
	start wall    // within the day
	end   wall    // beyond day when it crosses midnight; at most a day after start
}

// weekdays in the order in which ranges are counted.
var weekdayNames = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// groups are names of several days.
var weekdayGroups = map[string][]time.Weekday{
	"daily":    {0, 1, 2, 3, 4, 5, 6},
	"everyday": {0, 1, 2, 3, 4, 5, 6},
	"weekdays": {1, 2, 3, 4, 5},
	"weekends": {6, 0},
	"weekday":  {1, 2, 3, 4, 5},
	"weekend":  {6, 0},
}

const windowExample = `write it like "Mon-Fri 07:00-20:00"`

// longestText is more than any sensible line of a schedule has, in bytes.
const longestText = 1000

// parseWindow reads "Mon-Fri 07:00-20:00": days, then from when to when.
// Errors name the column, counted from 1.
func parseWindow(text string) (window, error) {
	w := window{text: strings.Join(strings.Fields(text), " ")}
	if len(text) > longestText {
		return w, fmt.Errorf("a window of %d bytes: at most %d", len(text), longestText)
	}
	// Word processors make dashes of hyphens.
	days, hours, err := splitWindow(strings.NewReplacer("–", "-", "—", "-").Replace(text))
	if err != nil {
		return w, err
	}
	for _, item := range days {
		if err := w.addDays(item); err != nil {
			return w, err
		}
	}
	return w, w.setHours(hours)
}

// piece is a part of a line and the column at which it begins.
type piece struct {
	text   string
	column int
}

func (p piece) errorf(format string, args ...any) error {
	return fmt.Errorf("column %d: %s", p.column, fmt.Sprintf(format, args...))
}

// cut splits p at the first sep.
func (p piece) cut(sep string) (before, after piece, found bool) {
	b, a, found := strings.Cut(p.text, sep)
	return piece{b, p.column}.trim(), piece{a, p.column + len(b) + len(sep)}.trim(), found
}

func (p piece) trim() piece {
	left := strings.TrimLeft(p.text, " \t")
	return piece{strings.TrimRight(left, " \t"), p.column + len(p.text) - len(left)}
}

// splitWindow parts the days, one piece for each item of the list, from the
// hours, which begin at the first digit.
func splitWindow(text string) (days []piece, hours piece, err error) {
	whole := piece{text, 1}.trim()
	if whole.text == "" {
		return nil, piece{}, fmt.Errorf("an empty window: %s", windowExample)
	}
	digit := strings.IndexAny(text, "0123456789")
	if digit < 0 {
		return nil, piece{}, fmt.Errorf("no hours in %q: %s", text, windowExample)
	}
	hours = piece{text[digit:], digit + 1}.trim()
	list := piece{text[:digit], 1}.trim()
	if list.text == "" {
		return nil, piece{}, list.errorf(`no days before the hours: %s, or "daily %s"`, windowExample, hours.text)
	}
	for {
		item, rest, more := list.cut(",")
		days = append(days, item)
		if !more {
			return days, hours, nil
		}
		list = rest
	}
}

// addDays adds one item of the list of days: a day, a range or a group.
func (w *window) addDays(item piece) error {
	if item.text == "" {
		return item.errorf("a day is missing: %s", windowExample)
	}
	if group, ok := weekdayGroups[strings.ToLower(item.text)]; ok {
		for _, d := range group {
			w.days[d] = true
		}
		return nil
	}
	first, last, isRange := item.cut("-")
	from, err := parseWeekday(first)
	if err != nil {
		return err
	}
	to := from
	if isRange {
		if to, err = parseWeekday(last); err != nil {
			return err
		}
	}
	for d := from; ; d = (d + 1) % 7 {
		w.days[d] = true
		if d == to {
			return nil
		}
	}
}

func parseWeekday(p piece) (time.Weekday, error) {
	name := strings.TrimSuffix(strings.ToLower(p.text), ".")
	if p.text == "" {
		return 0, p.errorf("a day is missing: %s", windowExample)
	}
	known := make([]string, 0, 16)
	for i, full := range weekdayNames {
		// Mon, Monday; also the usual Tues, Weds, Thur, Thurs.
		if len(name) >= 3 && strings.HasPrefix(full, name) || name == "weds" && i == 3 {
			return time.Weekday(i), nil
		}
		known = append(known, strings.ToUpper(full[:1])+full[1:3], strings.ToUpper(full[:1])+full[1:])
	}
	known = append(known, "daily", "weekdays", "weekends")
	if near := nearest.Name(p.text, known); near != "" {
		return 0, p.errorf("unknown day %q, did you mean %q?", p.text, near)
	}
	return 0, p.errorf("unknown day %q: use Mon, Tue, Wed, Thu, Fri, Sat, Sun, daily, weekdays or weekends", p.text)
}

func (w *window) setHours(hours piece) error {
	first, last, ok := hours.cut("-")
	if !ok {
		return hours.errorf("%q has no end: %s", hours.text, windowExample)
	}
	var err error
	if w.start, err = parseClock(first); err != nil {
		return err
	}
	if w.end, err = parseClock(last); err != nil {
		return err
	}
	switch {
	case w.start == day:
		return first.errorf("a window cannot begin at 24:00: write 00:00 on the day after")
	case w.start == w.end:
		return hours.errorf("the window %s is empty; for the whole day write 00:00-24:00", hours.text)
	case w.end < w.start:
		w.end += day
	}
	return nil
}

// parseClock reads "7:00", "07:00" or "24:00".
func parseClock(p piece) (wall, error) {
	h, m, ok := strings.Cut(p.text, ":")
	if !ok {
		if isDigits(p.text, 1, 2) {
			return 0, p.errorf("%q is no time of day, did you mean %q?", p.text, p.text+":00")
		}
		return 0, p.errorf("%q is no time of day: write it like 07:00, from 00:00 to 24:00", p.text)
	}
	if !isDigits(h, 1, 2) || !isDigits(m, 2, 2) {
		return 0, p.errorf("%q is no time of day: write it like 07:00, from 00:00 to 24:00", p.text)
	}
	hour, min := number(h), number(m)
	if min > 59 || hour > 24 || hour == 24 && min > 0 {
		return 0, p.errorf("%q is no time of day: the day goes from 00:00 to 24:00", p.text)
	}
	return wall(hour*60+min) * minute, nil
}

func isDigits(s string, least, most int) bool {
	return len(s) >= least && len(s) <= most && strings.Trim(s, "0123456789") == ""
}

// number reads a few digits.
func number(digits string) int {
	n := 0
	for _, c := range digits {
		n = n*10 + int(c-'0')
	}
	return n
}
