package calendar

import (
	"errors"
	"fmt"
	"time"
)

const (
	// longestException is the length of one range of days.
	longestException = 10 * 366
	// mostDays bounds the days of all exceptions together.
	mostDays            = 50_000
	firstYear, lastYear = 1970, 2199
)

// parseExceptions reads all exceptions; where two fall on one day the later
// holds.
func parseExceptions(list []Exception, here *clock, complain func(string, error)) days {
	marked := map[date]mark{}
	var reasons []string
	total := 0
	for i, x := range list {
		field := fmt.Sprintf("except[%d]", i)
		wrong := func(part string, err error) { complain(field+part, err) }
		m := mark{state: x.State}
		switch x.State {
		case "":
			m.state = Asleep
		case Awake, Asleep:
		default:
			wrong(".state", fmt.Errorf("unknown state %q: use %s or %s", x.State, Asleep, Awake))
			continue
		}
		for _, s := range parseException(x, here, wrong) {
			m.reason = len(reasons)
			reasons = append(reasons, s.reason)
			if total += int(s.to-s.from) + 1; total > mostDays {
				wrong("", fmt.Errorf("more than %d days of exceptions", mostDays))
				return days{}
			}
			for d := s.from; d <= s.to; d++ {
				marked[d] = m
			}
		}
	}
	return daysOf(marked, reasons)
}

// stretch is some days in a row, and why.
type stretch struct {
	from, to date
	reason   string
}

func parseException(x Exception, here *clock, wrong func(string, error)) []stretch {
	if x.ICS == nil {
		from, to, ok := parseRange(x, wrong)
		if !ok {
			return nil
		}
		return []stretch{{from, to, x.Reason}}
	}
	if x.From != "" || x.To != "" {
		wrong("", errors.New("either days or a file, not both"))
		return nil
	}
	list, err := parseICS(x.ICS, here)
	if err != nil {
		if x.Name != "" {
			err = fmt.Errorf("%s: %w", x.Name, err)
		}
		wrong(".ics", err)
		return nil
	}
	for i := range list {
		list[i].reason = reasonOf(list[i].reason, x)
	}
	return list
}

// reasonOf puts together what an event is called and what the exception says.
func reasonOf(summary string, x Exception) string {
	reason := summary
	if reason == "" {
		reason = x.Reason
	} else if x.Reason != "" {
		reason = x.Reason + ", " + summary
	}
	switch {
	case x.Name == "":
		return reason
	case reason == "":
		return x.Name
	}
	return reason + " (" + x.Name + ")"
}

func parseRange(x Exception, wrong func(string, error)) (from, to date, ok bool) {
	from, err := parseDate(x.From)
	if err != nil {
		wrong(".from", err)
		return 0, 0, false
	}
	if x.To == "" {
		return from, from, true
	}
	to, err = parseDate(x.To)
	switch {
	case err != nil:
		wrong(".to", err)
	case to < from:
		wrong(".to", fmt.Errorf("%s lies before %s", x.To, x.From))
	case to-from >= longestException:
		wrong(".to", fmt.Errorf("more than %d days: change the schedule itself", longestException))
	default:
		return from, to, true
	}
	return 0, 0, false
}

// parseDate reads "2026-12-24".
func parseDate(text string) (date, error) {
	if text == "" {
		return 0, errors.New("a day is missing: write it like 2026-12-24")
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		if len(text) == len(time.DateOnly) {
			return 0, fmt.Errorf("there is no day %q: write it like 2026-12-24", text)
		}
		return 0, fmt.Errorf("%q is no day: write it like 2026-12-24", text)
	}
	if t.Year() < firstYear || t.Year() > lastYear {
		return 0, fmt.Errorf("the year of %s is not between %d and %d", text, firstYear, lastYear)
	}
	return dateOf(t), nil
}
