package cluster

import (
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/tui/ui"
)

func outcome(st ui.Styles, r api.RunRef) ui.Cell { return st.Outcome(run.Outcome(r.Outcome), true) }

func runColumns(env ui.Env) []ui.Column[api.Run] {
	st := env.Styles
	return []ui.Column[api.Run]{
		{Title: "OUTCOME", Width: 13, Cell: func(r api.Run) ui.Cell { return st.Outcome(r.Outcome, r.Live) },
			Less: func(a, b api.Run) bool { return a.Outcome < b.Outcome }},
		{Title: "RECIPE", Width: 8, Cell: func(r api.Run) ui.Cell { return ui.Cell{Text: r.Recipe, Style: st.Plain} },
			Less: func(a, b api.Run) bool { return a.Recipe < b.Recipe }},
		{Title: "BEGAN", Width: 12, Drop: 1, Cell: func(r api.Run) ui.Cell { return ui.Cell{Text: env.At(r.Created), Style: st.Plain} },
			Less: func(a, b api.Run) bool { return a.Created.Before(b.Created) }},
		{Title: "TOOK", Width: 7, Right: true, Drop: 2, Cell: func(r api.Run) ui.Cell { return took(env, r) }},
		{Title: "BY", Min: 3, Max: 12, Drop: 4, Cell: func(r api.Run) ui.Cell { return ui.Cell{Text: r.By, Style: st.Dim} }},
		{Title: "ID", Width: 20, Drop: 5, Cell: func(r api.Run) ui.Cell { return ui.Cell{Text: r.ID, Style: st.Dim} }},
		{Title: "WHY", Min: 8, Flex: 1, Drop: 6, Cell: func(r api.Run) ui.Cell { return ui.Cell{Text: r.Error, Style: st.Plain} }},
	}
}

func took(env ui.Env, r api.Run) ui.Cell {
	if r.Ended.IsZero() {
		return ui.Cell{Text: ui.Ago(env.Now(), r.Created), Style: env.Styles.Busy}
	}
	return ui.Cell{Text: ui.Took(r.Ended.Sub(r.Created)), Style: env.Styles.Plain}
}

// planned is one line of a schedule: a change, a drill, or a day without any.
type planned struct {
	at     time.Time
	to     ui.Cell
	reason string
}

// plannedOf is all that a schedule says, in order.
func plannedOf(st ui.Styles, s api.Schedule) []planned {
	var list []planned
	for _, e := range s.Events {
		list = append(list, planned{e.At, st.State(e.To), e.Reason})
	}
	for _, d := range s.Drills {
		list = append(list, planned{d.At, ui.Cell{Text: "D drill", Style: st.Busy}, d.Reason})
	}
	for _, r := range s.Rests {
		list = append(list, planned{r.From, ui.Cell{Text: "- asleep", Style: st.Asleep}, "stays asleep: " + r.Reason})
	}
	slices.SortStableFunc(list, func(a, b planned) int { return a.at.Compare(b.at) })
	return list
}

func plannedColumns(env ui.Env) []ui.Column[planned] {
	st := env.Styles
	return []ui.Column[planned]{
		{Title: "TO", Width: 9, Cell: func(p planned) ui.Cell { return p.to }},
		{Title: "WHEN", Width: 27, Cell: func(p planned) ui.Cell { return ui.Cell{Text: env.Whole(p.at), Style: st.Plain} }},
		{Title: "IN", Width: 10, Drop: 1, Cell: func(p planned) ui.Cell { return ui.Cell{Text: ui.In(env.Now(), p.at), Style: st.Dim} }},
		{Title: "WHY", Min: 8, Flex: 1, Drop: 2, Cell: func(p planned) ui.Cell { return ui.Cell{Text: p.reason, Style: st.Plain} }},
	}
}
