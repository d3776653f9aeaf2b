package terminal

// eraseLine goes to the line's beginning and erases it.
const eraseLine = "\r\x1b[K"

// Progress says on stderr what is going on: a stage ("applying") and how far
// it is ("312 of 1000"). On a terminal it is one line that is redrawn;
// elsewhere each new stage is one plain line, and how far it is is left out.
func (t *Terminal) Progress(stage, detail string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	stage, detail = Safe(stage), Safe(detail)
	if !t.redraws() {
		if stage != t.stage {
			t.stage = stage
			t.toErr(stage + "\n")
		}
		return
	}
	t.stage = stage
	line := stage
	if detail != "" {
		line += " " + detail
	}
	t.clear()
	// The last column stays free: some terminals wrap when it is filled.
	t.live = cut(line, max(t.lineWidth()-1, 1))
	t.draw()
}

// EndProgress takes the redrawn line away. The next Progress begins anew.
func (t *Terminal) EndProgress() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clear()
	t.live, t.stage = "", ""
}

func (t *Terminal) redraws() bool { return t.IsTTY && !t.dumb }

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
