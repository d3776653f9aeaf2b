package calendar

import (
	"cmp"
	"slices"
	"strings"
)

// pattern is a schedule in wall time: awake or asleep, for every wall time
// there is. At a change it is already what it changes to.
type pattern interface {
	// awake says what the cluster is at w.
	awake(w wall) bool
	// after is the first change later than w; false: none.
	after(w wall) (wall, bool)
	// before is the last change at or before w; false: none.
	before(w wall) (wall, bool)
	// fires is, for a schedule that only ever says one of the two states,
	// the next time later than w at which it says it.
	fires(w wall) (wall, bool)
	// fired is the last such time, at or before w.
	fired(w wall) (wall, bool)
	// cause says in words what made the change at w.
	cause(w wall) string
	// opens says whether something would bring the cluster up on d.
	opens(d date) bool
}

// windows is the pattern of Spec.Awake. A window belongs to the day on which
// it begins: a day of sleep takes away the windows that begin on it, and one
// that began the evening before runs to its end.
type windows struct {
	list  []window
	byDay [7][]span // of each weekday, sorted
	days  *days
}

// span is when a window is open: counted from midnight of its day in
// windows.byDay, in wall time elsewhere.
type span struct {
	start, end wall
	window     int // index into windows.list; anException
}

const (
	// anException marks the span that is a whole day by exception.
	anException = -1
	// settled is the number of days without an exception after which
	// windows can only repeat themselves.
	settled = 9
)

func newWindows(list []window, x *days) *windows {
	p := &windows{list: list, days: x}
	for i, w := range list {
		for d, on := range w.days {
			if on {
				p.byDay[d] = append(p.byDay[d], span{w.start, w.end, i})
			}
		}
	}
	for d := range p.byDay {
		slices.SortFunc(p.byDay[d], func(a, b span) int { return cmp.Compare(a.start, b.start) })
	}
	return p
}

// begin appends the spans that begin on d, in order.
func (p *windows) begin(to []span, d date) []span {
	base := d.start()
	if r, ok := p.days.at(d); ok {
		if r.state == Asleep {
			return to
		}
		to = append(to, span{base, base + day, anException})
	}
	for _, s := range p.byDay[d.weekday()] {
		to = append(to, span{base + s.start, base + s.end, s.window})
	}
	return to
}

// around appends the spans that begin on d or on the day before: no other
// reaches into d.
func (p *windows) around(to []span, d date) []span {
	return p.begin(p.begin(to, d-1), d)
}

func (p *windows) awake(w wall) bool {
	_, ok := p.opened(w)
	return ok
}

// opened is the span open at w, the one that began first.
func (p *windows) opened(w wall) (span, bool) {
	var buf [16]span
	var found span
	var ok bool
	for _, s := range p.around(buf[:0], w.date()) {
		if s.start <= w && w < s.end && (!ok || s.start < found.start) {
			found, ok = s, true
		}
	}
	return found, ok
}

func (p *windows) after(w wall) (wall, bool) {
	if p.awake(w) {
		return p.closing(w)
	}
	var buf [16]span
	for first, d := w.date(), w.date(); ; d++ {
		if r, ok := p.days.at(d); ok && r.state == Asleep {
			d, first = r.to, r.to+1
			continue
		}
		for _, s := range p.begin(buf[:0], d) {
			if s.start > w {
				return s.start, true
			}
		}
		if d-first < settled {
			continue
		}
		if r, ok := p.days.next(first); !ok {
			return 0, false
		} else if r.from > d {
			d = r.from - 1
		}
		first = d + 1
	}
}

// closing is the end of the stretch of spans, adjoining or overlapping, that
// is open at w.
func (p *windows) closing(w wall) (wall, bool) {
	var buf [16]span
	for first := w.date(); ; {
		if r, ok := p.days.at(w.date()); ok && r.state == Awake {
			w = max(w, r.to.start())
			first = r.to + 1
		}
		end := w
		for _, s := range p.around(buf[:0], w.date()) {
			if s.start <= end && end < s.end {
				end = s.end
			}
		}
		if end == w {
			return w, true
		}
		w = end
		d := w.date()
		if d-first < settled {
			continue
		}
		if r, ok := p.days.next(first); !ok {
			return 0, false
		} else if r.from > d {
			w = max(w, (r.from - 1).start())
		}
		first = w.date() + 1
	}
}

func (p *windows) before(w wall) (wall, bool) {
	if p.awake(w) {
		return p.opening(w)
	}
	for first, d := w.date(), w.date(); ; d-- {
		if end, ok := p.ended(d, w); ok {
			if older, ok := p.ended(d-1, w); ok {
				end = max(end, older)
			}
			return end, true
		}
		if r, ok := p.days.at(d); ok && r.state == Asleep {
			d, first = r.from, r.from-1
			continue
		}
		if first-d < settled {
			continue
		}
		if r, ok := p.days.last(first); !ok {
			return 0, false
		} else if r.to < d {
			d = r.to + 1
		}
		first = d - 1
	}
}

// ended is the last end, at or before w, of the spans that begin on d.
func (p *windows) ended(d date, w wall) (end wall, ok bool) {
	var buf [16]span
	for _, s := range p.begin(buf[:0], d) {
		if s.end <= w && (!ok || s.end > end) {
			end, ok = s.end, true
		}
	}
	return end, ok
}

// opening is the start of the stretch of spans that is open at w.
func (p *windows) opening(w wall) (wall, bool) {
	var buf [16]span
	for first := w.date(); ; {
		if r, ok := p.days.at(w.date()); ok && r.state == Awake {
			w = min(w, r.from.start())
			first = r.from - 1
		}
		start := w
		for _, s := range p.around(buf[:0], w.date()) {
			if s.start < w && w <= s.end {
				start = min(start, s.start)
			}
		}
		if start == w {
			return w, true
		}
		w = start
		d := w.date()
		if first-d < settled {
			continue
		}
		if r, ok := p.days.last(first); !ok {
			return 0, false
		} else if r.to < d {
			w = min(w, (r.to + 2).start())
		}
		first = w.date() - 1
	}
}

func (p *windows) opens(d date) bool { return len(p.byDay[d.weekday()]) > 0 }

func (p *windows) fires(wall) (wall, bool) { return 0, false }
func (p *windows) fired(wall) (wall, bool) { return 0, false }

func (p *windows) cause(w wall) string {
	if s, ok := p.opened(w); ok {
		return p.name(s, w)
	}
	if r, ok := p.days.at(w.date()); ok && r.from.start() == w {
		return p.days.say(r)
	}
	var buf [16]span
	for _, s := range p.around(buf[:0], (w - 1).date()) {
		if s.end == w {
			return p.name(s, w-1)
		}
	}
	return ""
}

// name is how s, open at w, is called.
func (p *windows) name(s span, w wall) string {
	if s.window == anException {
		r, _ := p.days.at(w.date())
		return p.days.say(r)
	}
	return p.list[s.window].text
}

// texts are all windows as they are written.
func (p *windows) texts() string {
	list := make([]string, len(p.list))
	for i, w := range p.list {
		list[i] = w.text
	}
	return strings.Join(list, ", ")
}
