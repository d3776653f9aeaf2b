package tuitest_test

import (
	"context"
	"errors"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/tuitest"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// words is a screen that shows what it was told.
type words struct {
	d             *tuitest.Daemon
	ctx           context.Context
	width, height int
	text          string
}

func (w words) Init() tea.Cmd {
	return tea.Sequence(
		func() tea.Msg { return "first" },
		func() tea.Msg {
			_, err := w.d.Clusters(w.ctx)
			return err
		},
	)
}

func (w words) Update(msg tea.Msg) (ui.Screen, tea.Cmd) {
	switch m := msg.(type) {
	case ui.Resized:
		w.width, w.height = m.Width, m.Height
	case string:
		w.text += m
	case error:
		w.text += " " + m.Error()
	case tea.KeyMsg:
		if m.String() == "enter" {
			return w, ui.Back()
		}
		w.text += "<" + m.String() + ">"
	}
	return w, nil
}

func (w words) View() string      { return ui.Block([]string{w.text}, w.width, w.height) }
func (words) Title() string       { return "words" }
func (words) Keys() []ui.KeyGroup { return nil }

func TestTheDriverRunsCommandsAsFarAsTheyGet(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		clock := tuitest.NewClock()
		d := tuitest.World(clock.Now)
		d.Hang("Clusters", true)
		drive := tuitest.Drive(t, clock, words{d: d, ctx: ctx}, 40, 2)
		drive.Keys("j", "ctrl+d", "space", "home").Sees("first<j><ctrl+d>< ><home>").SeesNot("no daemon")
		d.Fail("Clusters", errors.New("no daemon"))
		d.Hang("Clusters", false)
		drive.Settle().Sees("no daemon")
		drive.Keys("enter")
		if _, ok := drive.Last().(ui.Pop); !ok {
			t.Errorf("the last message to the frame is %#v", drive.Last())
		}
	})
}

func TestFeedsGetWhatChangesAndAreCut(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		d := tuitest.World(tuitest.Now)
		got, ended := make(chan api.Change, 100), make(chan error, 1)
		go func() {
			ended <- d.Changes(ctx, func(c api.Change) error { got <- c; return nil })
		}()
		if c := <-got; c.Kind != api.FeedBegin {
			t.Fatalf("a feed begins with %q", c.Kind)
		}
		d.Emit(tuitest.LiveRun, run.Event{Type: "object.applied", Object: "Pod/x"})
		d.RemoveCluster("edge")
		if c := <-got; c.Kind != api.RunEvent || c.Event.Object != "Pod/x" || c.Event.Seq == 0 {
			t.Fatalf("not the event that was emitted: %+v", c)
		}
		if c := <-got; c.Kind != api.ClusterGone || c.Name != "edge" {
			t.Fatalf("not the cluster that is gone: %+v", c)
		}
		d.Down(errors.New("gone"))
		if err := <-ended; err == nil || err.Error() != "gone" {
			t.Fatalf("a feed that is cut ends with %v", err)
		}
		if _, err := d.Clusters(ctx); err == nil {
			t.Fatal("a daemon that is down answers")
		}
	})
}

func TestFollowEndsWithTheRun(t *testing.T) {
	tuitest.Test(t, func(t *testing.T, ctx context.Context) {
		d := tuitest.World(tuitest.Now)
		var last run.Event
		ended := make(chan error, 1)
		go func() {
			ended <- d.Follow(ctx, "live", 0, func(ev run.Event) error { last = ev; return nil })
		}()
		d.End(tuitest.LiveRun, run.Done, "")
		if err := <-ended; err != nil || last.Type != run.RunEnd {
			t.Fatalf("following ended with %v after %q", err, last.Type)
		}
	})
}
