// Package ui is what all screens of the terminal UI share: how a screen looks to
// the frame around it, messages between them, styles, keys, and the parts that
// screens are made of: tables, trees, dialogs, text that scrolls.
//
// A screen is a value in the manner of Bubble Tea. Update and View do no I/O and
// never wait: whatever may take time is a tea.Cmd, which gets what it needs by value
// and answers with a message. Text that came from outside goes through tui/safe
// before it is drawn.
package ui

import (
	"context"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
)

// Screen is one screen. The frame draws title and key hints around it, and hands it
// all messages but those that are the frame's own.
type Screen interface {
	// Init starts what the screen needs. The screen has got a Resized before.
	Init() tea.Cmd
	// Update returns the screen as it is after msg.
	Update(msg tea.Msg) (Screen, tea.Cmd)
	// View draws exactly the size of the last Resized: lines of at most its width,
	// as many as its height, joined by line breaks.
	View() string
	// Title is the screen's part of the path in the first line: "clusters", "dev".
	Title() string
	// Keys are the keys that work now, grouped as help shows them; the frame adds
	// its own. The first group's are hinted at in the last line.
	Keys() []KeyGroup
}

// Typing is what a screen is in which letters are text just now: the frame then
// keeps its one-letter keys to itself, ctrl+c excepted.
type Typing interface{ Typing() bool }

// Closer is what a screen is that has to be told when it is left: it ends what it
// follows.
type Closer interface{ Close() }

// KeyGroup is some keys that belong together.
type KeyGroup struct {
	Name string
	Keys []key.Binding
}

// Env is what screens get from outside. It is a value, and the same for all.
type Env struct {
	// Life ends when the program does: commands end with it.
	Life context.Context //nolint:containedctx // it is the program's, and commands outlive Update
	Now  func() time.Time
	// Zone is in which times are shown.
	Zone     *time.Location
	Styles   Styles
	ReadOnly bool
	// Command is what the program is called in commands that are printed.
	Command string
}

// Messages from screens to the frame.
type (
	// Push opens a screen over this one; Pop goes back to the one below; Replace
	// puts another in its place.
	Push    struct{ Screen Screen }
	Pop     struct{}
	Replace struct{ Screen Screen }
	// Told is a line of news that the frame shows for a while.
	Told struct {
		Level Level
		Text  string
		// Hint is what to do next; may be empty.
		Hint string
	}
	// Print asks the frame to print a text on the real screen once the program has
	// ended, or at once when it is asked for by itself: a command line to be kept.
	Print struct{ Text string }
)

// Messages from the frame to screens.
type (
	// Resized tells the size that View fills, in cells; it comes before all else.
	Resized struct{ Width, Height int }
	// Shown comes when a screen is uppermost again, after a Pop.
	Shown struct{}
	// Tick comes each second: ages and countdowns move.
	Tick struct{ Now time.Time }
	// Changed hands over what changed anywhere, in order. All screens get it, also
	// those that lie below another, as they get Resized, Lost and Found. A change of
	// kind FeedBegin or FeedReset among them: what was read before may be old.
	Changed struct{ Changes []api.Change }
	// Lost and Found: the daemon answers no more, or again. After Found what was
	// read before may be old.
	Lost  struct{ Err error }
	Found struct{}
)

// Level is how much a line of news matters.
type Level int

// Levels.
const (
	Info Level = iota
	Good
	Warn
	Bad
)

// Tell is a command that shows a line of news.
func Tell(level Level, text string) tea.Cmd {
	return func() tea.Msg { return Told{Level: level, Text: text} }
}

// Fail is a command that shows an error, with its hint when it has one; nil for nil.
func Fail(err error) tea.Cmd {
	if err == nil {
		return nil
	}
	told := Told{Level: Bad, Text: err.Error()}
	if h, ok := err.(interface{ Hint() string }); ok { //nolint:errorlint // the outermost hint is the one that fits the text
		told.Hint = h.Hint()
	}
	return func() tea.Msg { return told }
}

// Open is a command that opens a screen.
func Open(s Screen) tea.Cmd { return func() tea.Msg { return Push{s} } }

// Back is a command that leaves the screen.
func Back() tea.Cmd { return func() tea.Msg { return Pop{} } }

// Ask is a command that asks something of the daemon, and gives it so long to answer.
func (e Env) Ask(within time.Duration, do func(ctx context.Context) tea.Msg) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(e.Life, within)
		defer cancel()
		return do(ctx)
	}
}
