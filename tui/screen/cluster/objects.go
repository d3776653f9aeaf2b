package cluster

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// objects are the cluster's objects as the events of its last restore tell.
type objects struct {
	env    ui.Env
	of     api.Run // the run whose events these are; no ID: none yet
	known  map[string]objectState
	table  ui.Table[objectState]
	cancel context.CancelFunc
	feed   chan run.Event
	over   bool
	err    error
}

// objectState is what was last heard of an object.
type objectState struct {
	id      string
	word    string // the last part of the event's type: applied, settled, failed
	level   run.Level
	message string
	at      time.Time
}

// batch is the most events that are taken at once.
const batch = 2000

// gotEvents are events of a run, in order; over: nothing more comes.
type gotEvents struct {
	run    string
	events []run.Event
	over   bool
	err    error
}

func newObjects(env ui.Env) objects {
	o := objects{env: env}
	o.table = ui.NewTable(env, func(s objectState) string { return s.id }, objectColumns(env)...)
	o.table.Empty = "the run has not come to its objects yet"
	return o
}

func objectColumns(env ui.Env) []ui.Column[objectState] {
	st := env.Styles
	return []ui.Column[objectState]{
		{Title: "STATE", Width: 13, Cell: func(o objectState) ui.Cell { return o.cell(st) },
			Less: func(a, b objectState) bool { return a.rank() < b.rank() }},
		{Title: "OBJECT", Min: 20, Flex: 3, Cell: func(o objectState) ui.Cell { return ui.Cell{Text: o.id, Style: st.Plain} },
			Less: func(a, b objectState) bool { return a.id < b.id }},
		{Title: "SAID", Min: 10, Flex: 4, Drop: 2, Cell: func(o objectState) ui.Cell { return ui.Cell{Text: o.message, Style: st.Dim} }},
		{Title: "SINCE", Width: 5, Right: true, Drop: 1, Cell: func(o objectState) ui.Cell { return ui.Cell{Text: ui.Ago(env.Now(), o.at), Style: st.Dim} },
			Less: func(a, b objectState) bool { return a.at.After(b.at) }},
	}
}

// rank orders objects: those that something is the matter with first.
func (o objectState) rank() int {
	switch o.level {
	case run.LevelError:
		return 0
	case run.LevelWarn:
		return 1
	}
	if o.word == "settled" {
		return 3
	}
	return 2
}

func (o objectState) cell(st ui.Styles) ui.Cell {
	switch o.rank() {
	case 0:
		return ui.Cell{Text: "✗ " + o.word, Style: st.Bad}
	case 1:
		return ui.Cell{Text: "! " + o.word, Style: st.Warn}
	case 3:
		return ui.Cell{Text: "✓ " + o.word, Style: st.Good}
	}
	return ui.Cell{Text: "◐ " + o.word, Style: st.Busy}
}

// stop ends the following of a run.
func (o *objects) stop() {
	if o.cancel != nil {
		o.cancel()
		o.cancel = nil
	}
}

// forget lets the events be read anew the next time.
func (o *objects) forget() {
	o.stop()
	o.of = api.Run{}
}

// followLast follows the newest run that makes objects, unless that is done already.
func (s *Screen) followLast() tea.Cmd {
	for _, r := range s.runs.Rows() {
		if r.Recipe == string(api.Restore) {
			if r.ID == s.objects.of.ID {
				return nil
			}
			return s.objects.follow(s.daemon, r)
		}
	}
	return nil
}

func (o *objects) follow(d Daemon, r api.Run) tea.Cmd {
	o.stop()
	ctx, cancel := context.WithCancel(o.env.Life)
	feed := make(chan run.Event, batch)
	o.of, o.known, o.cancel, o.feed, o.over, o.err = r, map[string]objectState{}, cancel, feed, false, nil
	o.table.SetRows(nil)
	id := r.ID
	reading := func() tea.Msg {
		err := d.Follow(ctx, id, 0, func(ev run.Event) error {
			if ev.Object == "" {
				return nil
			}
			select {
			case feed <- ev:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		close(feed)
		if ctx.Err() != nil {
			return nil
		}
		return gotEvents{run: id, over: true, err: err}
	}
	return tea.Batch(reading, takeEvents(id, feed))
}

// takeEvents waits for events and takes all that are there.
func takeEvents(id string, feed <-chan run.Event) tea.Cmd {
	return func() tea.Msg {
		first, ok := <-feed
		if !ok {
			return nil
		}
		m := gotEvents{run: id, events: []run.Event{first}}
		for len(m.events) < batch {
			select {
			case ev, ok := <-feed:
				if !ok {
					return m
				}
				m.events = append(m.events, ev)
			default:
				return m
			}
		}
		return m
	}
}

// took takes over events, and asks for more.
func (o *objects) took(m gotEvents) tea.Cmd {
	if m.run != o.of.ID {
		return nil
	}
	if m.over {
		o.over, o.err = true, m.err
		return nil
	}
	for _, ev := range m.events {
		word := strings.TrimPrefix(ev.Type, "object.")
		if word == ev.Type {
			continue // an order, not a state
		}
		o.known[ev.Object] = objectState{id: ev.Object, word: word, level: ev.Level, message: ev.Message, at: ev.Time}
	}
	rows := make([]objectState, 0, len(o.known))
	rows = slices.AppendSeq(rows, maps.Values(o.known))
	slices.SortFunc(rows, func(a, b objectState) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.id, b.id))
	})
	o.table.SetRows(rows)
	return takeEvents(m.run, o.feed)
}

// about is the line above the objects: whose events these are.
func (o *objects) about() ui.Line {
	st := o.env.Styles
	if o.of.ID == "" {
		return ui.Text("  no restore of this cluster is known: nothing tells of its objects", st.Dim)
	}
	bad := 0
	for _, s := range o.known {
		if s.rank() < 2 {
			bad++
		}
	}
	line := ui.Line{{Text: fmt.Sprintf("  %s, by restore %s of %s", ui.Count(len(o.known), "object"), o.of.ID, o.env.At(o.of.Created)), Style: st.Plain}}
	if bad > 0 {
		line = append(line, ui.Cell{Text: fmt.Sprintf("  ! %d not well", bad), Style: st.Warn})
	}
	if o.err != nil {
		line = append(line, ui.Cell{Text: "  ✗ " + o.err.Error(), Style: st.Bad})
	} else if !o.over {
		line = append(line, ui.Cell{Text: "  … live", Style: st.Busy})
	}
	return line
}
