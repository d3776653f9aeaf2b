package schedule

import (
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/tui/ui"
)

// keys are the screen's own.
type keys struct {
	up, down, first, last                               key.Binding
	earlier, later, dayBack, dayOn, weekBack, weekOn    key.Binding
	today, open, reread, keep, skip, wake, sleep, pause key.Binding
	takeBack                                            key.Binding
}

func newKeys(env ui.Env) keys {
	m := ui.NewMoves()
	return keys{
		up: m.Up, down: m.Down, first: m.Home, last: m.End,
		earlier: ui.Bind("earlier", "h/←", "h", "left"), later: ui.Bind("later", "l/→", "l", "right"),
		dayBack: ui.Bind("a day back", "H"), dayOn: ui.Bind("a day on", "L"),
		weekBack: ui.Bind("a week back", "["), weekOn: ui.Bind("a week on", "]"), today: ui.Bind("now", "t", "t", "0"),
		open: ui.Bind("open the cluster", "enter"), reread: ui.Bind("read again", "r", "r", "ctrl+r", "f5"),
		keep: env.Act("keep up until", "K"), skip: env.Act("skip the next teardown", "S"), wake: env.Act("wake", "w"),
		sleep: env.Act("put to sleep", "z"), pause: env.Act("pause the schedule", "p"), takeBack: env.Act("take a word back", "u"),
	}
}

// Keys are the keys that work now.
func (s Screen) Keys() []ui.KeyGroup {
	k := s.keys
	return []ui.KeyGroup{
		{Name: "words", Keys: []key.Binding{k.keep, k.skip, k.wake, k.sleep, k.pause, k.takeBack}},
		{Name: "time", Keys: []key.Binding{k.earlier, k.later, k.dayBack, k.dayOn, k.weekBack, k.weekOn, k.today}},
		{Name: "clusters", Keys: []key.Binding{k.up, k.down, k.first, k.last, k.open, k.reread}},
	}
}

// pressed obeys a key.
func (s Screen) pressed(msg tea.KeyMsg) (ui.Screen, tea.Cmd) {
	if s.ask != nil {
		return s.answered(msg)
	}
	k := s.keys
	if c, is := s.selected(); is {
		switch {
		case ui.Pressed(msg, k.keep, k.skip, k.wake, k.sleep, k.pause):
			return s.saying(c, msg)
		case ui.Pressed(msg, k.takeBack):
			return s.takingBack(c)
		case ui.Pressed(msg, k.open) && s.routes.Cluster != nil:
			return s, ui.Open(s.routes.Cluster(c.Name))
		}
	}
	switch {
	case ui.Pressed(msg, k.up):
		s.row--
	case ui.Pressed(msg, k.down):
		s.row++
	case ui.Pressed(msg, k.first):
		s.row = 0
	case ui.Pressed(msg, k.last):
		s.row = len(s.clusters) - 1
	case ui.Pressed(msg, k.reread):
		return s.reread()
	case ui.Pressed(msg, ui.Bind("", "esc")):
		return s, ui.Back()
	default:
		s.travel(msg)
	}
	return s.settled()
}

// travel moves through time.
func (s *Screen) travel(msg tea.KeyMsg) {
	k := s.keys
	switch {
	case ui.Pressed(msg, k.earlier):
		s.step(-1)
	case ui.Pressed(msg, k.later):
		s.step(1)
	case ui.Pressed(msg, k.dayBack):
		s.cursor = s.cursor.AddDate(0, 0, -1)
	case ui.Pressed(msg, k.dayOn):
		s.cursor = s.cursor.AddDate(0, 0, 1)
	case ui.Pressed(msg, k.weekBack):
		s.start, s.cursor = s.start.AddDate(0, 0, -daysShown), s.cursor.AddDate(0, 0, -daysShown)
	case ui.Pressed(msg, k.weekOn):
		s.start, s.cursor = s.start.AddDate(0, 0, daysShown), s.cursor.AddDate(0, 0, daysShown)
	case ui.Pressed(msg, k.today):
		s.cursor = s.env.Now().In(s.env.Zone)
		s.start = noon(s.cursor)
	}
	s.follow()
}

// step moves the cursor by one cell.
func (s *Screen) step(by int) {
	for _, d := range s.days() {
		for _, c := range d.cells {
			switch {
			case !c.holds(s.cursor):
			case by < 0:
				s.cursor = c.from.Add(-time.Second)
			default:
				s.cursor = c.to
				return
			}
		}
	}
	s.follow()
	for _, d := range s.days() { // to the beginning of its cell
		for _, c := range d.cells {
			if c.holds(s.cursor) {
				s.cursor = c.from
				return
			}
		}
	}
}

// follow moves the grid by days so that the cursor is in it.
func (s *Screen) follow() {
	for days := s.days(); s.cursor.Before(days[0].from); days = s.days() {
		s.start = s.start.AddDate(0, 0, -1)
	}
	for days := s.days(); !s.cursor.Before(days[len(days)-1].to); days = s.days() {
		s.start = s.start.AddDate(0, 0, 1)
	}
}

// clicked obeys the mouse: the wheel goes through clusters, a click chooses one.
func (s Screen) clicked(msg tea.MouseMsg) (ui.Screen, tea.Cmd) {
	switch {
	case s.ask != nil:
		return s, nil
	case msg.Button == tea.MouseButtonWheelUp:
		s.row--
	case msg.Button == tea.MouseButtonWheelDown:
		s.row++
	case msg.Button == tea.MouseButtonLeft && msg.Action == tea.MouseActionPress:
		row := s.top + msg.Y - headLines
		if msg.Y < headLines || row >= min(s.top+s.rows(), len(s.clusters)) {
			return s, nil
		}
		s.row = row
	}
	return s.settled()
}
