package run

import (
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/tui/ui"
)

// pressed obeys a key.
func (s *Screen) pressed(msg tea.KeyMsg) tea.Cmd {
	if s.dialog.open() {
		return s.dialog.update(msg)
	}
	if s.Typing() {
		return s.inPage(msg)
	}
	k := s.keys
	live := s.known && s.p.outcome == "" && s.run.Live
	switch {
	case live && ui.Pressed(msg, k.pause):
		return s.pauseOrContinue()
	case live && ui.Pressed(msg, k.retry):
		return s.retry()
	case live && ui.Pressed(msg, k.skip):
		return s.skip()
	case s.known && ui.Pressed(msg, k.abort):
		return s.abort()
	case s.known && ui.Pressed(msg, k.resume):
		return s.resume()
	case ui.Pressed(msg, k.detach):
		return s.detach()
	case ui.Pressed(msg, k.events):
		return s.turn(eventsPage)
	case ui.Pressed(msg, k.report):
		return s.turn(reportPage)
	case ui.Pressed(msg, k.reread):
		return s.refresh()
	case s.known && ui.Pressed(msg, k.print):
		text := s.commands()
		return func() tea.Msg { return ui.Print{Text: text} }
	case s.page == reportPage && ui.Pressed(msg, k.save):
		return s.save()
	}
	return s.inPage(msg)
}

// detach leaves the run to the daemon.
func (s *Screen) detach() tea.Cmd {
	if s.known && s.p.outcome == "" && s.run.Live {
		return tea.Batch(ui.Tell(ui.Info, "run "+s.id+" goes on; open it again to see where it stands"), ui.Back())
	}
	return ui.Back()
}

// turn shows another page, or the objects again.
func (s *Screen) turn(to page) tea.Cmd {
	if s.page == to {
		to = objectsPage
	}
	if to == reportPage && !s.report.known {
		if s.p.outcome == "" && s.run.Live {
			return ui.Tell(ui.Info, "the report comes when the run has ended")
		}
		return s.askReport()
	}
	s.page = to
	if to == eventsPage {
		s.showEvents()
	}
	s.arrange()
	return nil
}

// refresh asks again for whatever is shown.
func (s *Screen) refresh() tea.Cmd {
	if s.look.open {
		if l := &s.look; l.object != "" {
			l.known = false
			return s.lookAgain(l.object, l.state)
		}
	}
	s.Close()
	return s.reread()
}

func (s *Screen) lookAgain(object string, st state) tea.Cmd {
	s.look.wait = ui.Wait{Gen: s.look.wait.Gen}
	return s.lookAt(object, st, 0)
}

// inPage gives a key to what fills the screen.
func (s *Screen) inPage(msg tea.KeyMsg) tea.Cmd {
	escape := ui.Pressed(msg, s.keys.back)
	switch {
	case s.look.whole:
		if !s.look.pager.Update(msg) && (escape || ui.Pressed(msg, s.keys.open)) {
			s.look.whole = false
			s.arrange()
		}
		return nil
	case s.page == eventsPage:
		if !s.events.Update(msg) && escape {
			return s.turn(eventsPage)
		}
		return nil
	case s.page == reportPage:
		return s.inReport(msg)
	case ui.Pressed(msg, s.keys.nextTab) && !s.table.Typing():
		s.move(1)
		return nil
	case ui.Pressed(msg, s.keys.prevTab) && !s.table.Typing():
		s.move(-1)
		return nil
	case s.table.Update(msg):
		return s.follows()
	case ui.Pressed(msg, s.keys.open):
		return s.openLook()
	case escape && s.look.open:
		s.look.open = false
		s.arrange()
		return nil
	case escape:
		return s.detach()
	}
	return nil
}

// inReport gives a key to the report: to its findings, or to its text when that
// fills the page.
func (s *Screen) inReport(msg tea.KeyMsg) tea.Cmd {
	r := &s.report
	escape := ui.Pressed(msg, s.keys.back)
	switch {
	case r.whole || len(r.have.Findings) == 0:
		if r.text.Update(msg) {
			return nil
		}
	case r.table.Update(msg):
		return s.follows()
	case ui.Pressed(msg, s.keys.open):
		return s.openLook()
	}
	switch {
	case ui.Pressed(msg, s.keys.nextTab):
		r.whole = !r.whole
		s.arrange()
	case escape && s.look.open:
		s.look.open = false
		s.arrange()
	case escape:
		return ui.Back()
	}
	return nil
}

// current is the object under the cursor of the page.
func (s *Screen) current() (name string, st state, ok bool) {
	if s.page == reportPage {
		f, found := s.report.table.Selected()
		return f.Object, failed, found && f.Object != ""
	}
	e, found := s.selected()
	return e.name, e.state, found
}

// openLook opens the pane about the object under the cursor, then makes it larger.
func (s *Screen) openLook() tea.Cmd {
	name, st, ok := s.current()
	if !ok {
		return nil
	}
	if s.look.open {
		s.look.whole = true
		s.arrange()
		return nil
	}
	s.look.open = true
	s.arrange()
	return s.lookAt(name, st, 0)
}

// follows lets the pane follow the cursor.
func (s *Screen) follows() tea.Cmd {
	name, st, ok := s.current()
	if !s.look.open || !ok {
		return nil
	}
	return s.lookAt(name, st, lookAfter)
}

// moused obeys the mouse.
func (s *Screen) moused(msg tea.MouseMsg) tea.Cmd {
	if s.dialog.open() {
		return nil
	}
	l := s.layout()
	at := ui.Shift(msg, l.left, l.head+l.tabs)
	switch {
	case s.look.whole:
		s.look.pager.Update(msg)
	case s.page == eventsPage:
		s.events.Update(msg)
	case s.page == reportPage:
		s.report.text.Update(msg)
	case s.table.Update(at):
		return s.follows()
	}
	return nil
}
