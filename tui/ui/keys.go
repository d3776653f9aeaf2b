package ui

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// Bind makes a binding: what help says it does, how help calls the key, and the
// keys; without keys, the name is the key.
func Bind(does, name string, keys ...string) key.Binding {
	if len(keys) == 0 {
		keys = []string{name}
	}
	return key.NewBinding(key.WithKeys(keys...), key.WithHelp(name, does))
}

// Act is Bind for what changes something: disabled when the UI only reads. Help
// shows it all the same, and why it does not work.
func (e Env) Act(does, name string, keys ...string) key.Binding {
	b := Bind(does, name, keys...)
	b.SetEnabled(!e.ReadOnly)
	return b
}

// Pressed tells whether msg is a key of one of the bindings.
func Pressed(msg tea.Msg, bindings ...key.Binding) bool {
	k, ok := msg.(tea.KeyMsg)
	return ok && key.Matches(k, bindings...)
}

// IsKey tells whether msg is a key at all.
func IsKey(msg tea.Msg) bool {
	_, ok := msg.(tea.KeyMsg)
	return ok
}

// Moves are the keys of everything that scrolls.
type Moves struct {
	Up, Down, PageUp, PageDown, HalfUp, HalfDown, Home, End key.Binding
}

// NewMoves returns them: vi's and those with names.
func NewMoves() Moves {
	return Moves{
		Up: Bind("up", "k/↑", "k", "up"), Down: Bind("down", "j/↓", "j", "down"),
		PageUp: Bind("page up", "pgup", "pgup", "ctrl+b"), PageDown: Bind("page down", "pgdn", "pgdown", "ctrl+f"),
		HalfUp: Bind("half a page up", "ctrl+u"), HalfDown: Bind("half a page down", "ctrl+d"),
		Home: Bind("first", "g/home", "g", "home"), End: Bind("last", "G/end", "G", "end"),
	}
}

// Keys are the moves as help shows them.
func (m Moves) Keys() []key.Binding {
	return []key.Binding{m.Up, m.Down, m.PageUp, m.PageDown, m.HalfUp, m.HalfDown, m.Home, m.End}
}
