package ui

import tea "github.com/charmbracelet/bubbletea"

// scroll is where somebody looks in a list of n rows, of which height are seen.
type scroll struct {
	cursor, top, height, n int
}

// set tells how many rows there are and how many are seen; the cursor stays inside.
func (s *scroll) set(n, height int) {
	s.n, s.height = n, max(height, 1)
	s.to(s.cursor)
}

// to moves the cursor, and what is seen with it.
func (s *scroll) to(row int) {
	s.cursor = max(0, min(row, s.n-1))
	s.top = max(0, min(s.top, s.cursor, max(s.n-s.height, 0)))
	if s.cursor >= s.top+s.height {
		s.top = s.cursor - s.height + 1
	}
}

// move obeys a key or the mouse's wheel, and tells whether it was one for it.
func (s *scroll) move(moves Moves, msg tea.Msg) bool {
	if mouse, ok := msg.(tea.MouseMsg); ok {
		return s.wheel(mouse)
	}
	switch {
	case Pressed(msg, moves.Up):
		s.to(s.cursor - 1)
	case Pressed(msg, moves.Down):
		s.to(s.cursor + 1)
	case Pressed(msg, moves.PageUp):
		s.to(s.cursor - s.height)
	case Pressed(msg, moves.PageDown):
		s.to(s.cursor + s.height)
	case Pressed(msg, moves.HalfUp):
		s.to(s.cursor - (s.height+1)/2)
	case Pressed(msg, moves.HalfDown):
		s.to(s.cursor + (s.height+1)/2)
	case Pressed(msg, moves.Home):
		s.to(0)
	case Pressed(msg, moves.End):
		s.to(s.n - 1)
	default:
		return false
	}
	return true
}

// wheelRows is how far the wheel goes at a time.
const wheelRows = 3

func (s *scroll) wheel(msg tea.MouseMsg) bool {
	switch msg.Button {
	case tea.MouseButtonWheelUp:
		s.to(s.cursor - wheelRows)
	case tea.MouseButtonWheelDown:
		s.to(s.cursor + wheelRows)
	default:
		return false
	}
	return true
}

// Shift is a mouse message as a part sees it that lies dx, dy inside of its screen;
// other messages stay as they are.
func Shift(msg tea.Msg, dx, dy int) tea.Msg {
	if mouse, ok := msg.(tea.MouseMsg); ok {
		mouse.X, mouse.Y = mouse.X-dx, mouse.Y-dy
		return mouse
	}
	return msg
}
