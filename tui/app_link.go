package tui

import (
	"context"
	"errors"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// link is how the UI hears of the daemon: a feed of changes, and a question now and
// then whether somebody is still there, since a feed that is silent does not tell.
type link struct {
	changes chan api.Change
	gen     int                // of the feed: what comes of an older one is stale
	cancel  context.CancelFunc // of the feed
	heard   bool               // the feed has begun
	probing bool
	asked   time.Time // when somebody was asked last

	err     error // why the daemon is lost; nil while it is not
	since   time.Time
	tries   int
	retryAt time.Time
}

func (l link) lost() bool { return l.err != nil }

func (l *link) stop() {
	if l.cancel != nil {
		l.cancel()
		l.cancel = nil
	}
}

// Messages of commands.
type (
	gotChanges []api.Change
	feedEnded  struct {
		gen int
		err error
	}
	probed struct{ err error }
)

const (
	// maxChanges is the most changes that screens get at once.
	maxChanges = 512
	// probeEvery is how often is asked whether the daemon is there; probeWait is
	// how long its answer may take.
	probeEvery, probeWait = 5 * time.Second, 4 * time.Second
	// maxPause is the longest time between two tries to find a lost daemon.
	maxPause = 15 * time.Second
)

var errFeedEnded = errors.New("the daemon tells no more what changes")

// listen reads the feed until it ends.
func (a *App) listen() tea.Cmd {
	a.link.stop()
	ctx, cancel := context.WithCancel(a.env.Life)
	a.link.gen++
	a.link.cancel, a.link.heard = cancel, false
	gen, changes, d := a.link.gen, a.link.changes, a.daemon
	return func() tea.Msg {
		err := d.Changes(ctx, func(c api.Change) error {
			select {
			case changes <- c:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		return feedEnded{gen, err}
	}
}

// await waits for changes and takes all that are there.
func (a *App) await() tea.Cmd {
	changes, life := a.link.changes, a.env.Life
	return func() tea.Msg {
		var out gotChanges
		select {
		case c := <-changes:
			out = append(out, c)
		case <-life.Done():
			return nil
		}
		for len(out) < maxChanges {
			select {
			case c := <-changes:
				out = append(out, c)
			default:
				return out
			}
		}
		return out
	}
}

func (a *App) linked(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case gotChanges:
		return tea.Batch(a.await(), a.changed(m))
	case feedEnded:
		if m.gen != a.link.gen || a.env.Life.Err() != nil {
			return nil
		}
		if m.err == nil {
			m.err = errFeedEnded
		}
		return a.lose(m.err)
	case probed:
		return a.probedNow(m.err)
	}
	return nil
}

// changed hands changes on. The beginning of a feed is the daemon's coming back, and
// so is one from which something is missing.
func (a *App) changed(changes []api.Change) tea.Cmd {
	var pass []api.Change
	again := false
	for _, c := range changes {
		switch c.Kind {
		case api.FeedBegin:
			a.link.heard = true
			again = again || a.begun
		case api.FeedReset:
			again = true
			pass = pass[:0]
		case api.FeedHeartbeat, api.FeedEnd:
		default:
			a.note(c)
			pass = append(pass, c)
		}
	}
	var cmds []tea.Cmd
	if a.link.heard && a.link.lost() {
		a.tell(ui.Told{Level: ui.Good, Text: a.daemon.Address() + " answers again"})
		a.link.err, a.link.tries = nil, 0
	}
	if again {
		cmds = append(cmds, a.toAll(ui.Found{}))
	}
	cmds = append(cmds, a.begin())
	if len(pass) > 0 {
		cmds = append(cmds, a.toAll(ui.Changed{Changes: pass}))
	}
	return tea.Batch(cmds...)
}

// note keeps what the frame itself wants to know.
func (a *App) note(c api.Change) {
	if c.Kind != api.RunChanged || c.Run == nil {
		return
	}
	if c.Run.Live && c.Run.Outcome == "" {
		a.live[c.Run.ID] = true
	} else {
		delete(a.live, c.Run.ID)
	}
}

// lose tells everybody that the daemon answers no more.
func (a *App) lose(err error) tea.Cmd {
	now := a.env.Now()
	first := !a.link.lost()
	a.link.stop()
	a.link.gen++ // what is left of the feed is stale
	a.link.heard = false
	if first {
		a.link.since = now
	}
	a.link.err = err
	a.link.tries++
	a.link.retryAt = now.Add(min(time.Second<<min(a.link.tries-1, 5), maxPause))
	if !first {
		return nil
	}
	return tea.Batch(a.begin(), a.toAll(ui.Lost{Err: err}))
}

// watch asks now and then whether the daemon is there, and looks for one that is
// lost.
func (a *App) watch(now time.Time) tea.Cmd {
	switch {
	case a.link.probing:
		return nil
	case a.link.lost() && now.Before(a.link.retryAt):
		return nil
	case !a.link.lost() && now.Sub(a.link.asked) < probeEvery:
		return nil
	}
	return a.probe()
}

func (a *App) probe() tea.Cmd {
	a.link.probing, a.link.asked = true, a.env.Now()
	d := a.daemon
	return func() tea.Msg {
		ctx, cancel := a.within(probeWait)
		defer cancel()
		_, err := d.Version(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			err = errors.New("no answer within " + ui.Took(probeWait))
		}
		return probed{err}
	}
}

func (a *App) probedNow(err error) tea.Cmd {
	a.link.probing = false
	switch {
	case a.env.Life.Err() != nil:
		return nil
	case err != nil:
		return a.lose(err)
	case a.link.lost():
		// Found is told once the feed has begun: what is read then misses nothing.
		a.link.retryAt = a.env.Now().Add(maxPause)
		return a.listen()
	}
	return nil
}

// retry looks for a lost daemon at once.
func (a *App) retry() tea.Cmd {
	if !a.link.lost() || a.link.probing {
		return nil
	}
	return a.probe()
}
