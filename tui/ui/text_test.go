package ui_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/tui/tuitest"
	"github.com/rekindle-io/rekindle/tui/ui"
)

func env(t *testing.T) ui.Env { return tuitest.Env(t.Context(), tuitest.NewClock()) }

// texts are texts of all kinds, hostile ones among them.
func texts() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringN(0, 40, -1), rapid.Just(tuitest.Hostile), rapid.Just("漢字漢字漢字"), rapid.Just("e\u0301\u0301 a"),
		rapid.StringMatching(`[a-z ]{0,60}`), rapid.Just("\u200d👩‍👩‍👧‍👦 family"), rapid.Just(""),
	)
}

func TestFittingText(t *testing.T) {
	for _, c := range []struct{ have, want string }{
		{ui.Clip("rekindle", 8), "rekindle"}, {ui.Clip("rekindle", 7), "rekind…"}, {ui.Clip("rekindle", 1), "…"}, {ui.Clip("rekindle", 0), ""},
		{ui.Clip("漢字漢字", 5), "漢字…"}, {ui.Fit("漢字漢字", 4), "漢… "}, {ui.Fit("ab", 4), "ab  "}, {ui.Right("ab", 4), "  ab"},
		{ui.Fit("ab", -1), ""}, {strings.Join(ui.Wrap("one two three", 7), "|"), "one two|three"},
		{strings.Join(ui.Wrap("abcdefghij", 4), "|"), "abcd|efgh|ij"}, {strings.Join(ui.Wrap("a\nb\x1b[2J", 80), "|"), `a|b\x1b[2J`},
		{strings.Join(ui.Wrap("漢字", 1), "|"), "漢|字"},
		{ui.Block([]string{"abc", "d"}, 2, 3), "a…\nd \n  "},
		{ui.Overlay("......\n......\n......", []string{"ab"}, 6, 3), "......\n..ab..\n......"},
		{ui.Line{{Text: "ab"}, {Text: "cdef"}}.Draw(5), "abcd…"[:5+len("…")-1]},
	} {
		if c.have != c.want {
			t.Errorf("have %q, want %q", c.have, c.want)
		}
	}
}

func TestDrawnTextHasItsWidthAndNothingEscapes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(0, 50).Draw(t, "width")
		var line ui.Line
		for range rapid.IntRange(0, 4).Draw(t, "cells") {
			line = append(line, ui.Cell{Text: texts().Draw(t, "text"), Style: lipgloss.NewStyle()})
		}
		drawn := line.Draw(width)
		if w := ui.Width(drawn); w != width {
			t.Fatalf("%q is %d cells wide, not %d", drawn, w, width)
		}
		tuitest.CheckSafe(t, drawn)
		wide := max(width, 2) // nothing wide fits into one cell
		whole := ""
		for _, part := range line.Wrap(wide) {
			if w := ui.Width(part.Plain()); w > wide {
				t.Fatalf("%q is %d cells wide, not %d", part.Plain(), w, wide)
			}
			whole += part.Plain()
		}
		bare := strings.NewReplacer(" ", "")
		if bare.Replace(whole) != bare.Replace(line.Plain()) {
			t.Fatalf("folded, %q became %q", line.Plain(), whole)
		}
	})
}

func TestTimesInWords(t *testing.T) {
	e := env(t)
	now := e.Now()
	for _, c := range []struct{ have, want string }{
		{ui.Ago(now, now.Add(-2*time.Second)), "now"}, {ui.Ago(now, now.Add(-59*time.Second)), "59s"}, {ui.Ago(now, now.Add(-90*time.Second)), "1m"},
		{ui.Ago(now, now.Add(-125*time.Minute)), "2h05m"}, {ui.Ago(now, now.Add(-47*time.Hour)), "47h"}, {ui.Ago(now, now.Add(-49*time.Hour)), "2d"},
		{ui.Ago(now, time.Time{}), ""}, {ui.Ago(now, now.Add(time.Hour)), "now"},
		{ui.In(now, now.Add(30*time.Second)), "in 30s"}, {ui.In(now, now.Add(90*time.Minute)), "in 1h30m"}, {ui.In(now, now), "due"}, {ui.In(now, time.Time{}), ""},
		{ui.In(now, now.Add(300*time.Millisecond)), "in 1s"},
		{ui.Took(300 * time.Millisecond), "0.3s"}, {ui.Took(59960 * time.Millisecond), "1m00s"}, {ui.Took(3605 * time.Second), "1h00m"}, {ui.Took(-1), "-"},
		{ui.Took(time.Hour - time.Millisecond), "1h00m"},
		{e.At(now), "22:30"}, {e.At(now.Add(2 * time.Hour)), "Mon 00:30"}, {e.At(now.AddDate(0, 0, 20)), "12 Dec 22:30"}, {e.At(now.AddDate(-1, 0, 0)), "2025-11-22"},
		{e.At(time.Time{}), ""}, {e.Whole(now), "Sun 2026-11-22 22:30:00 CET"},
		{ui.Count(1, "object"), "1 object"}, {ui.Count(2, "policy"), "2 policies"}, {ui.Count(0, "object"), "0 objects"},
		{ui.Percent(0.999), "99%"}, {ui.Percent(1), "100%"}, {ui.Percent(-1), "0%"}, {ui.Short("a1b2c3d4e5"), "a1b2c3d"},
		{ui.Sparkline([]float64{0, 1, 2, 4}, 8), "▁▂▄█"}, {ui.Sparkline([]float64{9, 1, 1}, 2), "██"}, {ui.Sparkline(nil, 4), ""}, {ui.Sparkline([]float64{0, 0}, 4), "▁▁"},
		{ui.Bar(e.Styles, 12, 40, 15), "━━─────── 12/40"}, {ui.Bar(e.Styles, 50, 40, 15), "━━━━━━━━━ 50/40"}, {ui.Bar(e.Styles, 3, 0, 4), "3   "},
	} {
		if c.have != c.want {
			t.Errorf("have %q, want %q", c.have, c.want)
		}
	}
}

func TestTheChosenTabIsAlwaysSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tabs := ui.Tabs{Names: []string{"overview", "runs", "objects", "drift", "schedule"}}
		tabs.Move(rapid.IntRange(-20, 20).Draw(t, "by"))
		width := rapid.IntRange(13, 60).Draw(t, "width")
		view := tabs.View(tuitest.Env(context.Background(), tuitest.NewClock()).Styles, width)
		if !strings.Contains(view, "["+tabs.Names[tabs.Active]+"]") || ui.Width(view) != width {
			t.Fatalf("%d cells: %q", width, view)
		}
	})
}

func TestFilters(t *testing.T) {
	for typed, takes := range map[string]string{
		"": "web, Web-1, db", "web": "web, Web-1", "!web": "db", "/^w.b$/": "web", "!/^w.b$": "Web-1, db", "!": "web, Web-1, db", "/": "",
		"WEB-": "Web-1", "/WEB/": "web, Web-1", `/^\S+-\d$/`: "Web-1", "/[": "",
	} {
		f, err := ui.ParseFilter(typed)
		if (err != nil) != (typed == "/[") {
			t.Errorf("%q: %v", typed, err)
		}
		var have []string
		for _, text := range []string{"web", "Web-1", "db"} {
			if f.Match(text) {
				have = append(have, text)
			}
		}
		if strings.Join(have, ", ") != takes {
			t.Errorf("%q takes %v, want %s", typed, have, takes)
		}
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{"", "web", "!web", "/a.b/", "!/x", "/[", "!!", "//", "/(?P<"} {
		f.Add(seed, "some web text")
	}
	f.Fuzz(func(t *testing.T, typed, text string) {
		filter, err := ui.ParseFilter(typed)
		if filter.String() != typed {
			t.Fatalf("%q became %q", typed, filter.String())
		}
		if err == nil && !strings.HasPrefix(typed, "!") && typed != "" {
			inverse, _ := ui.ParseFilter("!" + typed)
			if filter.Match(text) == inverse.Match(text) {
				t.Fatalf("%q and its inverse agree about %q", typed, text)
			}
		}
	})
}
