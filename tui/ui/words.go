package ui

import (
	"fmt"
	"math"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// Ago is how long at lies before now, in a few cells: "now", "5m", "3h", "12d";
// empty for the zero time.
func Ago(now, at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return span(now.Sub(at))
}

// Since is Ago for a sentence: "just now", "5m ago".
func Since(now, at time.Time) string {
	text := Ago(now, at)
	switch text {
	case "":
		return ""
	case span(0):
		return "just " + text
	}
	return text + " ago"
}

// In is how long at lies after now: "in 5m", "due" once it has come; empty for the
// zero time.
func In(now, at time.Time) string {
	switch {
	case at.IsZero():
		return ""
	case !at.After(now):
		return "due"
	case at.Sub(now) < time.Minute:
		return fmt.Sprintf("in %ds", int(math.Ceil(at.Sub(now).Seconds())))
	}
	return "in " + span(at.Sub(now))
}

// span is a length of time in a few cells, in its largest unit or two.
func span(d time.Duration) string {
	switch {
	case d < 5*time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 10*time.Hour && int(d.Minutes())%60 > 0:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours())/24)
}

// Took is a length of time as it was measured: "0.3s", "12.4s", "3m05s", "1h12m".
func Took(d time.Duration) string {
	switch {
	case d < 0:
		return "-"
	case d < time.Minute-50*time.Millisecond:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour-500*time.Millisecond:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// Millis is a duration of the API.
func Millis(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

// At is a time on the wall's clock, as short as it is clear at now: "22:30" of the
// same day, "Mon 06:30" within a week, "22 Nov 06:30" of the same year, else
// "2025-11-22"; empty for the zero time.
func (e Env) At(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	at, now := at.In(e.Zone), e.Now().In(e.Zone)
	distance := at.Sub(now).Abs()
	switch {
	case at.YearDay() == now.YearDay() && at.Year() == now.Year():
		return at.Format("15:04")
	case distance < 6*24*time.Hour:
		return at.Format("Mon 15:04")
	case distance < 180*24*time.Hour:
		return at.Format("2 Jan 15:04")
	}
	return at.Format("2006-01-02")
}

// Whole is a time with everything: "Sun 2026-11-22 22:30:15 CET".
func (e Env) Whole(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.In(e.Zone).Format("Mon 2006-01-02 15:04:05 MST")
}

// Count is a number with its noun: "1 object", "3 objects", "2 policies".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if l := len(noun); l > 1 && noun[l-1] == 'y' {
		return fmt.Sprintf("%d %sies", n, noun[:l-1])
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Percent is a part of 1 as "87%"; what is not whole never reads as 100%.
func Percent(part float64) string {
	p := math.Floor(part * 100)
	return fmt.Sprintf("%d%%", int(max(0, min(p, 100))))
}

// Short is a SHA in few letters.
func Short(sha string) string {
	if len(sha) > 7 {
		return sha[:7]
	}
	return sha
}

// State is a cluster's state as a sign and a word, in its colour.
func (st Styles) State(s api.State) Cell {
	switch s {
	case api.Awake:
		return Cell{"● awake", st.Good}
	case api.Asleep:
		return Cell{"○ asleep", st.Asleep}
	case api.Restoring:
		return Cell{"◐ restoring", st.Busy}
	case api.TearingDown:
		return Cell{"◑ tearing down", st.Busy}
	case api.Failed:
		return Cell{"✗ failed", st.Bad}
	}
	return Cell{"? unknown", st.Warn}
}

// Outcome is how a run stands as a sign and a word. live tells whether a process
// works on it.
func (st Styles) Outcome(o run.Outcome, live bool) Cell {
	switch o {
	case run.Done:
		return Cell{"✓ done", st.Good}
	case run.Failed:
		return Cell{"✗ failed", st.Bad}
	case run.Unverified:
		return Cell{"! unverified", st.Warn}
	case run.Refused:
		return Cell{"✗ refused", st.Warn}
	case run.Interrupted:
		return Cell{"! interrupted", st.Warn}
	case run.Aborted:
		return Cell{"- aborted", st.Dim}
	}
	if live {
		return Cell{"◐ running", st.Busy}
	}
	return Cell{"! interrupted", st.Warn}
}
