package schedule

import (
	"time"

	"github.com/rekindle-io/rekindle/schedule/moment"
)

// cell is one column of the grid: a span of time that begins on a full hour of
// the clock on the wall. All last as long as the grid's step says, but for those
// in which the clock is changed.
type cell struct{ from, to time.Time }

// day is one day of the grid, from midnight to midnight of its zone: 24 hours, or
// 23 or 25 when the clock is changed.
type day struct {
	from, to time.Time
	cells    []cell
}

// hours is how long the day lasts.
func (d day) hours() time.Duration { return d.to.Sub(d.from) }

// daysFrom are n days, the first of which holds t, cut into cells of step hours.
func daysFrom(t time.Time, n, step int) []day {
	list := make([]day, n)
	y, m, d := t.Date()
	for i := range list {
		list[i] = newDay(y, m, d+i, step, t.Location())
	}
	return list
}

// newDay cuts one day where its clock shows a multiple of step, or where it first
// shows more because it skips that.
func newDay(y int, m time.Month, d, step int, zone *time.Location) day {
	out := day{from: moment.At(zone, y, m, d, 0, 0), to: moment.At(zone, y, m, d+1, 0, 0)}
	from := out.from
	for hour := step; hour <= 24; hour += step {
		to := moment.At(zone, y, m, d, hour, 0)
		if hour+step > 24 {
			to = out.to
		}
		if !to.After(from) {
			continue // all of it was skipped
		}
		out.cells = append(out.cells, split(from, to, time.Duration(step)*time.Hour)...)
		from = to
	}
	return out
}

// split is the span from from to to as cells; an hour that comes twice makes two
// of it.
func split(from, to time.Time, step time.Duration) []cell {
	var list []cell
	for to.Sub(from) >= 2*step {
		list = append(list, cell{from, from.Add(step)})
		from = from.Add(step)
	}
	return append(list, cell{from, to})
}

// daysShown is how many days the grid has.
const daysShown = 7

// steps are the lengths of a cell in hours, from wide windows to narrow ones.
var steps = [...]int{1, 2, 3, 4, 6, 8, 12, 24}

// stepFor is the shortest step at which a week takes no more than width columns.
// Each day has a column between it and the next, and when the clock is turned
// back one more; the line of now takes one.
func stepFor(width int) int {
	for _, step := range steps {
		if daysShown*(24/step+1)+2 <= width {
			return step
		}
	}
	return steps[len(steps)-1]
}
