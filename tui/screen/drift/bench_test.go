package drift

import (
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/tui/tuitest"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// many is how many objects the benchmarks have.
const many = 30_000

// browser is a screen of 120x40 with a report of many objects.
func browser(b *testing.B) (Screen, compared) {
	clock := tuitest.NewClock()
	d := tuitest.World(clock.Now)
	d.SetDrift("big", tuitest.DriftOf("big", many))
	s := New(tuitest.Env(b.Context(), clock), d, ui.Routes{}, "big", "")
	sized, _ := s.Update(ui.Resized{Width: 120, Height: 40})
	answer, is := s.Init()().(compared)
	if !is || answer.err != nil {
		b.Fatal("no report came")
	}
	return sized.(Screen), answer
}

// BenchmarkFirstPaint is from the report to the first screen: at most 200 ms.
func BenchmarkFirstPaint(b *testing.B) {
	s, answer := browser(b)
	timed(b, 200*time.Millisecond, func() ui.Screen {
		next, _ := s.Update(compared{s.self, s.wait.Gen, answer.report, entriesOf(answer.report), nil})
		return next
	})
}

// BenchmarkFilter is one key of a filter with the screen after it: at most 100 ms.
func BenchmarkFilter(b *testing.B) {
	for name, typed := range map[string]string{"text": "part-2999", "expression": "/part-.*9$", "inverse": "!part-1"} {
		b.Run(name, func(b *testing.B) {
			s, answer := browser(b)
			loaded, _ := s.Update(answer)
			i := 0
			var screen ui.Screen
			timed(b, 100*time.Millisecond, func() ui.Screen {
				if i%len(typed) == 0 {
					screen, _ = loaded.Update(press("/"))
				}
				screen, _ = screen.Update(press(typed[i%len(typed) : i%len(typed)+1]))
				i++
				return screen
			})
		})
	}
}

// BenchmarkMove is one step of the cursor, with the difference beside the tree.
func BenchmarkMove(b *testing.B) {
	s, answer := browser(b)
	screen, _ := s.Update(answer)
	screen, _ = screen.Update(press("+"))
	timed(b, 20*time.Millisecond, func() ui.Screen {
		screen, _ = screen.Update(press("j"))
		return screen
	})
}

func press(k string) tea.KeyMsg { return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(k)} }

// timed measures something with the screen after it, and fails when it always takes
// longer than limit: once is enough, since others may keep the machine busy.
func timed(b *testing.B, limit time.Duration, what func() ui.Screen) {
	best := time.Hour
	for b.Loop() {
		begin := time.Now()
		if len(what().View()) == 0 {
			b.Fatal("nothing to be seen")
		}
		best = min(best, time.Since(begin))
	}
	b.ReportMetric(float64(best.Microseconds())/1000, "best-ms")
	if best > limit {
		b.Errorf("%s at best, at most %s is wanted", best, limit)
	}
}
