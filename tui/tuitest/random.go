package tuitest

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/tui/ui"
)

// AtRandom presses keys at random and changes the size in between, looks at the
// screen after each, and leaves it at the end. It runs in a bubble.
func (d *Driver) AtRandom(t *rapid.T, keys ...string) {
	d.t.Helper()
	for range rapid.IntRange(1, 30).Draw(t, "steps") {
		if rapid.IntRange(0, 4).Draw(t, "what") == 0 {
			d.Resize(rapid.IntRange(1, 210).Draw(t, "width"), rapid.IntRange(1, 45).Draw(t, "height"))
		} else {
			d.Keys(rapid.SampledFrom(keys).Draw(t, "key"))
		}
		d.View()
	}
	if c, ok := d.Screen.(ui.Closer); ok {
		c.Close()
	}
	time.Sleep(time.Second) //nolint:forbidigo // the bubble's time: what waits for the cursor to rest is over
}

// Stand is a screen that stands for one that a route makes: its title says which.
type Stand string

// Init implements ui.Screen.
func (Stand) Init() tea.Cmd { return nil }

// Update implements ui.Screen.
func (s Stand) Update(tea.Msg) (ui.Screen, tea.Cmd) { return s, nil }

// View implements ui.Screen.
func (Stand) View() string { return "" }

// Title implements ui.Screen.
func (s Stand) Title() string { return string(s) }

// Keys implements ui.Screen.
func (Stand) Keys() []ui.KeyGroup { return nil }
