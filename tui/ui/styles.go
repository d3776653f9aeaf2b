package ui

import "github.com/charmbracelet/lipgloss"

// Styles are how things look, for one terminal. Colour never carries a meaning
// alone: a sign or a word goes with it. Made by NewStyles.
type Styles struct {
	Plain, Dim, Strong, Title, Selected, Border lipgloss.Style
	Good, Warn, Bad, Busy, Asleep               lipgloss.Style
	Added, Removed, Changed                     lipgloss.Style
	Key, KeyText                                lipgloss.Style
}

// NewStyles makes styles for what r draws on: its colours (none at all with
// NO_COLOR or on a dumb terminal), and whether its background is dark.
func NewStyles(r *lipgloss.Renderer) Styles {
	fg := func(light, dark string) lipgloss.Style {
		return r.NewStyle().Foreground(lipgloss.AdaptiveColor{Light: light, Dark: dark})
	}
	return Styles{
		Plain: r.NewStyle(), Dim: fg("243", "245"), Strong: r.NewStyle().Bold(true),
		Title: fg("161", "209").Bold(true), Selected: r.NewStyle().Reverse(true), Border: fg("250", "240"),
		Good: fg("28", "78"), Warn: fg("130", "214"), Bad: fg("160", "203").Bold(true), Busy: fg("25", "75"), Asleep: fg("243", "104"),
		Added: fg("28", "78"), Removed: fg("160", "203"), Changed: fg("130", "214"),
		Key: fg("161", "209"), KeyText: fg("243", "245"),
	}
}
