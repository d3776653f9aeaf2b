package ui

import (
	"fmt"
	"strings"
)

// Sparkline draws values, oldest first, in at most width cells: the newest that fit,
// scaled between zero and the largest.
func Sparkline(values []float64, width int) string {
	if len(values) > width {
		values = values[len(values)-max(width, 0):]
	}
	top := 0.0
	for _, v := range values {
		top = max(top, v)
	}
	levels := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, v := range values {
		level := 0
		if top > 0 {
			level = int(max(v, 0) / top * float64(len(levels)-1))
		}
		b.WriteRune(levels[level])
	}
	return b.String()
}

// Bar draws how much of total is done, with the numbers behind it, in exactly width
// cells: "━━━━━──── 12/40". Without a total there are just numbers.
func Bar(st Styles, done, total, width int) string {
	words := fmt.Sprintf(" %d/%d", done, total)
	if total <= 0 {
		return Fit(fmt.Sprintf("%d", done), width)
	}
	room := width - len(words)
	if room < 3 {
		return Fit(strings.TrimSpace(words), width)
	}
	full := max(0, min(room*done/total, room))
	return st.Busy.Render(strings.Repeat("━", full)) + st.Dim.Render(strings.Repeat("─", room-full)) + words
}

// Tabs are names of which one is chosen.
type Tabs struct {
	Names  []string
	Active int
}

// Move chooses the next tab (1) or the one before (-1), round the ends.
func (t *Tabs) Move(by int) {
	if n := len(t.Names); n > 0 {
		t.Active = ((t.Active+by)%n + n) % n
	}
}

// View draws the tabs in exactly width cells. The chosen one stands in brackets, and
// is always to be seen.
func (t Tabs) View(st Styles, width int) string {
	var parts []string
	from, used := 0, 0
	for i, name := range t.Names {
		w := Width(name) + 3
		for i <= t.Active && used+w > width && from < i {
			used -= Width(t.Names[from]) + 3
			from++
		}
		used += w
		if i == t.Active {
			parts = append(parts, st.Title.Render("["+name+"]"))
		} else {
			parts = append(parts, st.Dim.Render(" "+name+" "))
		}
	}
	return Fit(strings.Join(parts[min(from, len(parts)):], " "), width)
}
