package rebuild

import (
	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// AtPlan is a walkthrough that waits for its plan.
func AtPlan(env ui.Env, d Daemon) *Screen {
	s := New(env, d, ui.Routes{}, api.Target{})
	s.choices.target = api.Target{Cluster: "dev"}
	s.at = planStep
	s.parts[planStep].enter()
	return s
}

// PlanAnswer is the answer that it waits for.
func PlanAnswer(s *Screen, p *plan.Plan) tea.Msg {
	part, _ := s.parts[planStep].(*planned)
	return drawn{part, part.wait.Gen, api.Planned{Plan: p}, nil}
}
