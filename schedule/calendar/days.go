package calendar

import (
	"cmp"
	"slices"
	"strings"
)

// days are the exceptions of a calendar: for some days, the state that the
// cluster has on them whatever the schedule says. Ranges do not overlap and
// are sorted.
type days struct {
	ranges  []dayRange
	reasons []string
}

// dayRange is what days from to to, both inclusive, have in common.
type dayRange struct {
	from, to date
	state    State
	reason   int // index into days.reasons
}

// mark is what one exception says of one day.
type mark struct {
	state  State
	reason int
}

// daysOf makes the sorted ranges out of single marked days.
func daysOf(marked map[date]mark, reasons []string) days {
	all := make([]dayRange, 0, len(marked))
	for d, m := range marked {
		all = append(all, dayRange{d, d, m.state, m.reason})
	}
	slices.SortFunc(all, func(a, b dayRange) int { return cmp.Compare(a.from, b.from) })
	out := days{reasons: reasons}
	for _, r := range all {
		if n := len(out.ranges); n > 0 {
			last := &out.ranges[n-1]
			if last.to+1 == r.from && last.state == r.state && last.reason == r.reason {
				last.to = r.to
				continue
			}
		}
		out.ranges = append(out.ranges, r)
	}
	out.ranges = slices.Clip(out.ranges)
	return out
}

// from is the index of the first range that ends at d or later.
func (x *days) from(d date) int {
	if len(x.ranges) == 0 || x.ranges[len(x.ranges)-1].to < d {
		return len(x.ranges)
	}
	i, _ := slices.BinarySearchFunc(x.ranges, d, func(r dayRange, d date) int { return cmp.Compare(r.to, d) })
	return i
}

// at is the range that holds d.
func (x *days) at(d date) (dayRange, bool) {
	if i := x.from(d); i < len(x.ranges) && x.ranges[i].from <= d {
		return x.ranges[i], true
	}
	return dayRange{}, false
}

// next is the first range that begins at d or later.
func (x *days) next(d date) (dayRange, bool) {
	i := x.from(d)
	if i < len(x.ranges) && x.ranges[i].from < d {
		i++
	}
	if i < len(x.ranges) {
		return x.ranges[i], true
	}
	return dayRange{}, false
}

// last is the last range that ends at d or before.
func (x *days) last(d date) (dayRange, bool) {
	i := x.from(d)
	if i < len(x.ranges) && x.ranges[i].to == d {
		return x.ranges[i], true
	}
	if i > 0 {
		return x.ranges[i-1], true
	}
	return dayRange{}, false
}

// lastAsleep is the last day at d or before on which the cluster sleeps.
func (x *days) lastAsleep(d date) (date, bool) {
	for i := min(x.from(d), len(x.ranges)-1); i >= 0; i-- {
		if r := x.ranges[i]; r.state == Asleep && r.from <= d {
			return min(r.to, d), true
		}
	}
	return 0, false
}

// say names the range: "2026-12-24 asleep: Christmas Eve".
func (x *days) say(r dayRange) string {
	var b strings.Builder
	b.WriteString(r.from.String())
	if r.to != r.from {
		b.WriteString(" to " + r.to.String())
	}
	b.WriteString(" " + string(r.state))
	if reason := x.reasons[r.reason]; reason != "" {
		b.WriteString(": " + reason)
	}
	return b.String()
}
