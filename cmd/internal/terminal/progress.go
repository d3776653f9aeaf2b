package terminal

import (
	"fmt"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/tui/safe"
)

// eraseLine goes to the line's beginning and erases it.
const eraseLine = "\r\x1b[K"

// Progress says on stderr what is going on: a stage ("applying") and how far
// it is ("312 of 1000"). On a terminal it is one line that is redrawn;
// elsewhere each new stage is one plain line, and how far it is is left out. Of a
// stage that takes longer the redrawn line says how long, if there is a clock.
func (t *Terminal) Progress(stage, detail string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	stage, detail = safe.Line(stage), safe.Line(detail)
	if !t.Redraws() {
		if stage != t.stage {
			t.stage = stage
			t.toErr(stage + "\n")
		}
		return
	}
	if t.Now != nil && (t.line == "" || strings.TrimSuffix(stage, ":") != strings.TrimSuffix(t.stage, ":")) {
		t.since = t.Now()
	}
	t.stage, t.line = stage, stage
	if detail != "" {
		t.line += " " + detail
	}
	t.clear()
	t.live = t.laidOut()
	t.draw()
	t.beginToTick()
}

// laidOut is the line with the time that its stage has taken so far, cut to the
// width.
func (t *Terminal) laidOut() string {
	spent := ""
	if t.Now != nil {
		if d := t.Now().Sub(t.since); d >= worthTelling {
			spent = "  " + elapsed(d)
		}
	}
	// The last column stays free: some terminals wrap when it is filled.
	return cut(t.line, max(t.lineWidth()-1-len(spent), 1)) + spent
}

// worthTelling is how long a stage takes before the line says so.
const worthTelling = 2 * time.Second

// elapsed is a time in whole seconds: 12 s, 3m05s, 1h02m.
func elapsed(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// beginToTick has the time in the line go on by itself, until EndProgress. Its
// caller holds the lock.
func (t *Terminal) beginToTick() {
	if t.Now == nil || t.ticking != nil {
		return
	}
	over := make(chan struct{})
	t.ticking = over
	go func() {
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for {
			select {
			case <-over:
				return
			case <-second.C:
				t.tick()
			}
		}
	}()
}

// tick brings the time in the line up to date. Where there is no line, perhaps
// because a question is asked, it draws none.
func (t *Terminal) tick() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.live == "" {
		return
	}
	if text := t.laidOut(); text != t.live {
		t.clear()
		t.live = text
		t.draw()
	}
}

// EndProgress takes the redrawn line away. The next Progress begins anew.
func (t *Terminal) EndProgress() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clear()
	t.live, t.line, t.stage = "", "", ""
	if t.ticking != nil {
		close(t.ticking)
		t.ticking = nil
	}
}

// Redraws tells whether Progress redraws one line: Err is a terminal, and one that
// can (TERM is not dumb).
func (t *Terminal) Redraws() bool { return t.IsTTY && !t.dumb }

func (t *Terminal) lineWidth() int {
	if t.Width > 0 {
		return t.Width
	}
	return defaultWidth
}

// clear and draw take the redrawn line away and bring it back around other
// output. Their caller holds the lock.
func (t *Terminal) clear() {
	if t.live != "" {
		t.toErr(eraseLine)
	}
}

func (t *Terminal) draw() {
	if t.live != "" {
		t.toErr(t.live)
	}
}
