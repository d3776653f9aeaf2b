package cluster

import (
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

func eventColumns(env ui.Env) []ui.Column[api.Event] {
	st := env.Styles
	return []ui.Column[api.Event]{
		{Title: "TO", Width: 9, Cell: func(e api.Event) ui.Cell { return st.State(e.To) }},
		{Title: "WHEN", Width: 27, Cell: func(e api.Event) ui.Cell { return ui.Cell{Text: env.Whole(e.At), Style: st.Plain} }},
		{Title: "IN", Width: 10, Drop: 1, Cell: func(e api.Event) ui.Cell { return ui.Cell{Text: ui.In(env.Now(), e.At), Style: st.Dim} }},
		{Title: "WHY", Min: 8, Flex: 1, Drop: 2, Cell: func(e api.Event) ui.Cell { return ui.Cell{Text: e.Reason, Style: st.Plain} }},
	}
}
