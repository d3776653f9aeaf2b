package tui

import (
	"reflect"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/tui/ui"
)

// entry is a screen on the stack. Its number tells it from others of its kind: what
// its commands answer comes back to it, wherever it lies.
type entry struct {
	id     int
	screen ui.Screen
}

func (e entry) close() {
	if c, ok := e.screen.(ui.Closer); ok {
		c.Close()
	}
}

// routed is what a screen's command answered.
type routed struct {
	id  int
	msg tea.Msg
}

// wrap makes a screen's command answer to that screen.
func wrap(id int, cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() tea.Msg {
		msg := cmd()
		if msg == nil {
			return nil
		}
		v := reflect.ValueOf(msg)
		switch {
		case v.Kind() == reflect.Slice && v.Type().Elem() == reflect.TypeFor[tea.Cmd](): // tea.Batch and tea.Sequence
			out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			for i := range v.Len() {
				inner, _ := v.Index(i).Interface().(tea.Cmd)
				out.Index(i).Set(reflect.ValueOf(wrap(id, inner)))
			}
			return out.Interface()
		case v.Type().PkgPath() == reflect.TypeFor[tea.QuitMsg]().PkgPath():
			return msg // for Bubble Tea itself
		}
		return routed{id, msg}
	}
}

func (a *App) top() ui.Screen { return a.stack[len(a.stack)-1].screen }

func (a *App) topID() int {
	if len(a.stack) == 0 {
		return -1
	}
	return a.stack[len(a.stack)-1].id
}

func (a *App) find(id int) int {
	for i, e := range a.stack {
		if e.id == id {
			return i
		}
	}
	return -1
}

// at hands a message to the ith screen.
func (a *App) at(i int, msg tea.Msg) tea.Cmd {
	e := &a.stack[i]
	next, cmd := e.screen.Update(msg)
	e.screen = next
	return wrap(e.id, cmd)
}

func (a *App) toTop(msg tea.Msg) tea.Cmd {
	if len(a.stack) == 0 {
		return nil
	}
	return a.at(len(a.stack)-1, msg)
}

func (a *App) toAll(msg tea.Msg) tea.Cmd {
	cmds := make([]tea.Cmd, len(a.stack))
	for i := range a.stack {
		cmds[i] = a.at(i, msg)
	}
	return tea.Batch(cmds...)
}

// route brings an answer to the screen that asked; one that was left gets nothing.
func (a *App) route(m routed) tea.Cmd {
	switch m.msg.(type) {
	case ui.Push, ui.Pop, ui.Replace, ui.Told, ui.Print:
		return a.asked(m.id, m.msg)
	}
	if i := a.find(m.id); i >= 0 {
		return a.at(i, m.msg)
	}
	return nil
}

// asked does what a screen asks of the frame.
func (a *App) asked(id int, msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case ui.Push:
		return a.push(m.Screen)
	case ui.Pop:
		return a.pop(id)
	case ui.Replace:
		return a.replace(id, m.Screen)
	case ui.Told:
		a.tell(m)
	case ui.Print:
		a.printed = append(a.printed, m.Text)
		a.tell(ui.Told{Level: ui.Good, Text: "it will be printed when this program ends"})
	}
	return nil
}

func (a *App) started(s ui.Screen) (entry, tea.Cmd) {
	a.nextID++
	w, h := a.bodySize()
	s, cmd := s.Update(ui.Resized{Width: w, Height: h})
	e := entry{a.nextID, s}
	return e, tea.Batch(wrap(e.id, cmd), wrap(e.id, s.Init()))
}

func (a *App) push(s ui.Screen) tea.Cmd {
	e, cmd := a.started(s)
	a.stack = append(a.stack, e)
	a.overlay = nil
	return cmd
}

// pop leaves a screen; the lowest stays.
func (a *App) pop(id int) tea.Cmd {
	i := a.find(id)
	if i < 1 {
		return nil
	}
	a.stack[i].close()
	top := i == len(a.stack)-1
	a.stack = append(a.stack[:i:i], a.stack[i+1:]...)
	if top {
		return a.toTop(ui.Shown{})
	}
	return nil
}

func (a *App) replace(id int, s ui.Screen) tea.Cmd {
	i := a.find(id)
	if i < 0 {
		return nil
	}
	a.stack[i].close()
	e, cmd := a.started(s)
	a.stack[i] = e
	return cmd
}

// only leaves all screens but the lowest, and opens another; nil: none.
func (a *App) only(s ui.Screen) tea.Cmd {
	for _, e := range a.stack[1:] {
		e.close()
	}
	lower := len(a.stack) > 1
	a.stack = a.stack[:1:1]
	switch {
	case s != nil:
		return a.push(s)
	case lower:
		return a.toTop(ui.Shown{})
	}
	return nil
}
