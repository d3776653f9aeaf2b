package tuitest

import (
	"context"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"

	"github.com/rekindle-io/rekindle/tui/ui"
)

// T is what the driver needs of *testing.T, or of *rapid.T.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Test runs a test in a bubble of testing/synctest, in which the driver works. The
// context ends when the test does.
func Test(t *testing.T, f func(t *testing.T, ctx context.Context)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer func() {
			cancel()
			time.Sleep(time.Hour) //nolint:forbidigo // the bubble's time: timers that still run come to their end
		}()
		f(t, ctx)
	})
}

// Bubble is Test for properties of rapid, within a test: the bubble ends with f.
func Bubble(t *testing.T, f func(ctx context.Context)) {
	t.Helper()
	Test(t, func(_ *testing.T, ctx context.Context) { f(ctx) })
}

// Clock is a clock that stands still until somebody moves it.
type Clock struct{ at time.Time }

// NewClock returns one that shows Now.
func NewClock() *Clock { return &Clock{at: Now()} }

// Now is what the clock shows.
func (c *Clock) Now() time.Time { return c.at }

// Env is an environment without colours, in Zone, by the clock.
func Env(ctx context.Context, clock *Clock) ui.Env {
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(termenv.Ascii)
	return ui.Env{Life: ctx, Now: clock.Now, Zone: Zone(), Styles: ui.NewStyles(r), Command: "rekindle"}
}

// Coloured is env with all colours, for tests of what escapes.
func Coloured(env ui.Env) ui.Env {
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(termenv.TrueColor)
	env.Styles = ui.NewStyles(r)
	return env
}

// Driver uses a screen, or a whole program, as a person would. After each action
// all commands have run as far as they get: those that wait for something that does
// not come yet go on in the background.
type Driver struct {
	// Screen is the screen as it is now; nil when a whole program is driven.
	Screen ui.Screen
	// Model is the whole program as it is now.
	Model tea.Model
	// Sent are the messages that a screen sent to the frame, in order: Push, Pop,
	// Replace, Told, Print.
	Sent []tea.Msg
	// Quit tells that the program has ended itself.
	Quit bool

	t             T
	clock         *Clock
	width, height int
	answers       chan tea.Msg
}

// Drive starts to use a screen of width x height cells.
func Drive(t T, clock *Clock, s ui.Screen, width, height int) *Driver {
	d := &Driver{Screen: s, t: t, clock: clock, width: width, height: height, answers: make(chan tea.Msg, 1<<16)}
	d.Screen, _ = s.Update(ui.Resized{Width: width, Height: height})
	d.start(d.Screen.Init())
	d.settle()
	return d
}

// DriveModel starts to use a whole program.
func DriveModel(t T, clock *Clock, m tea.Model, width, height int) *Driver {
	d := &Driver{Model: m, t: t, clock: clock, width: width, height: height, answers: make(chan tea.Msg, 1<<16)}
	d.start(m.Init())
	d.Send(tea.WindowSizeMsg{Width: width, Height: height})
	return d
}

// Keys presses keys by their names: "j", "enter", "ctrl+d", "space".
func (d *Driver) Keys(names ...string) *Driver {
	for _, name := range names {
		d.Send(Key(name))
	}
	return d
}

// Type presses the keys of a text.
func (d *Driver) Type(text string) *Driver {
	for _, r := range text {
		d.Send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}})
	}
	return d
}

// Send hands over a message, and waits for what follows from it.
func (d *Driver) Send(msgs ...tea.Msg) *Driver {
	for _, msg := range msgs {
		d.take(msg)
		d.settle()
	}
	return d
}

// Settle waits for what follows from what a test did to the daemon.
func (d *Driver) Settle() *Driver {
	d.settle()
	return d
}

// Pass lets time pass: the clock moves, and a tick comes.
func (d *Driver) Pass(by time.Duration) *Driver {
	if d.Screen != nil {
		d.clock.at = d.clock.at.Add(by)
		return d.Send(ui.Tick{Now: d.clock.at})
	}
	step := max(time.Second, by/100)
	for ; by > 0; by -= step {
		d.clock.at = d.clock.at.Add(min(step, by))
		time.Sleep(min(step, by)) //nolint:forbidigo // the bubble's time, which passes at once
		d.settle()
	}
	return d
}

// Resize changes the size.
func (d *Driver) Resize(width, height int) *Driver {
	d.width, d.height = width, height
	if d.Screen != nil {
		return d.Send(ui.Resized{Width: width, Height: height})
	}
	return d.Send(tea.WindowSizeMsg{Width: width, Height: height})
}

// View draws, checks that exactly the size is filled, and returns it.
func (d *Driver) View() string {
	d.t.Helper()
	var view string
	if d.Screen != nil {
		view = d.Screen.View()
	} else {
		view = d.Model.View()
	}
	CheckSize(d.t, view, d.width, d.height)
	CheckSafe(d.t, view)
	return view
}

// Sees fails the test unless all texts are to be seen.
func (d *Driver) Sees(texts ...string) *Driver {
	d.t.Helper()
	view := ansi.Strip(d.View())
	for _, text := range texts {
		if !strings.Contains(view, text) {
			d.t.Errorf("%q is not to be seen in:\n%s", text, view)
		}
	}
	return d
}

// SeesNot fails the test when one of the texts is to be seen.
func (d *Driver) SeesNot(texts ...string) *Driver {
	d.t.Helper()
	view := ansi.Strip(d.View())
	for _, text := range texts {
		if strings.Contains(view, text) {
			d.t.Errorf("%q is to be seen in:\n%s", text, view)
		}
	}
	return d
}

// Last is the last message to the frame; nil when there is none.
func (d *Driver) Last() tea.Msg {
	if len(d.Sent) == 0 {
		return nil
	}
	return d.Sent[len(d.Sent)-1]
}

// take hands one message over and starts the command that comes back.
func (d *Driver) take(msg tea.Msg) {
	switch m := msg.(type) {
	case nil:
		return
	case tea.BatchMsg:
		for _, cmd := range m {
			d.start(cmd)
		}
		return
	case tea.QuitMsg:
		d.Quit = true
		return
	}
	if cmds, ok := Sequence(msg); ok {
		d.sequence(cmds)
		return
	}
	var cmd tea.Cmd
	if d.Screen == nil {
		d.Model, cmd = d.Model.Update(msg)
		d.start(cmd)
		return
	}
	switch msg.(type) {
	case ui.Push, ui.Pop, ui.Replace, ui.Told, ui.Print:
		d.Sent = append(d.Sent, msg)
		return
	}
	d.Screen, cmd = d.Screen.Update(msg)
	d.start(cmd)
}

// Sequence returns the commands of a message of tea.Sequence.
func Sequence(msg tea.Msg) ([]tea.Cmd, bool) {
	v := reflect.ValueOf(msg)
	if !v.IsValid() || v.Kind() != reflect.Slice || v.Type().Elem() != reflect.TypeFor[tea.Cmd]() {
		return nil, false
	}
	out := make([]tea.Cmd, v.Len())
	for i := range out {
		out[i], _ = v.Index(i).Interface().(tea.Cmd)
	}
	return out, true
}

func (d *Driver) sequence(cmds []tea.Cmd) {
	go func() {
		for _, cmd := range cmds {
			if cmd != nil {
				d.answers <- cmd()
			}
		}
	}()
}

func (d *Driver) start(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	go func() { d.answers <- cmd() }()
}

// settle takes answers until no command gets any further.
func (d *Driver) settle() {
	d.t.Helper()
	for range 100_000 {
		synctest.Wait()
		select {
		case msg := <-d.answers:
			d.take(msg)
		default:
			return
		}
	}
	d.t.Fatalf("commands never come to an end")
}

// Key is the message of a key by its name.
func Key(name string) tea.KeyMsg {
	if name == "space" {
		return tea.KeyMsg{Type: tea.KeySpace, Runes: []rune{' '}}
	}
	for typ := tea.KeyType(-80); typ < 128; typ++ {
		if k := (tea.KeyMsg{Type: typ}); typ != tea.KeyRunes && k.String() == name {
			return k
		}
	}
	if rest, ok := strings.CutPrefix(name, "alt+"); ok {
		k := Key(rest)
		k.Alt = true
		return k
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}
