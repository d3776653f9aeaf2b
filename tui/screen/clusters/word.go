package clusters

import (
	"context"
	"fmt"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// question is what is asked before a word is said.
type question struct {
	cluster string
	word    api.WordRequest
	confirm *ui.Confirm
	menu    *ui.Menu // of how long to keep it up
	until   map[string]time.Time
}

// askWord asks before the word is said that a key stands for.
func (s *Screen) askWord(m tea.KeyMsg, c api.Cluster) {
	q := &question{cluster: c.Name}
	switch {
	case ui.Pressed(m, s.keys.keep):
		q.word.Kind = api.Keep
		s.offerTimes(q, c)
	case ui.Pressed(m, s.keys.wake):
		q.word.Kind = api.Wake
		q.confirm = s.confirm(ui.Question{Title: "wake " + c.Name + "?", Lines: []string{
			"It is restored now from " + s.restores(c) + ", and stays up until its schedule takes it down.",
		}})
	default:
		q.word.Kind = api.Sleep
		q.confirm = s.confirm(ui.Question{Title: "put " + c.Name + " to sleep?", Name: c.Name, Lines: s.losses(c)})
	}
	s.ask = q
}

func (s *Screen) confirm(q ui.Question) *ui.Confirm {
	c := ui.NewConfirm(s.env, q)
	return &c
}

// restores is what a restore of a cluster would bring.
func (*Screen) restores(c api.Cluster) string {
	if c.Source != nil && c.Source.Revision != "" {
		return c.Source.Revision
	}
	return "its default branch"
}

// losses says what is lost when a cluster is put to sleep.
func (s *Screen) losses(c api.Cluster) []string {
	lines := []string{"The cluster is deleted now. Everything in it that is not in git and that nothing saves is gone."}
	if d := c.Drift; d != nil {
		about := fmt.Sprintf("As of %s: %d changed, %d missing, %d unexpected.", s.env.At(d.At), d.Changed, d.Missing, d.Unexpected)
		if d.Recoverable != nil {
			about += " A restore would bring back " + ui.Percent(*d.Recoverable) + " of it."
		}
		lines = append(lines, about)
	} else {
		lines = append(lines, "How it differs from its commit was never looked at.")
	}
	if c.Protected {
		lines = append(lines, "It is protected: its teardown will be refused.")
	}
	if c.Next != nil && c.Next.To == api.Awake {
		lines = append(lines, "It comes back "+s.env.At(c.Next.At)+".")
	}
	return lines
}

// offerTimes asks until when a cluster is kept up.
func (s *Screen) offerTimes(q *question, c api.Cluster) {
	now := s.env.Now().In(s.env.Zone)
	morning := time.Date(now.Year(), now.Month(), now.Day()+1, 9, 0, 0, 0, s.env.Zone)
	toMonday := (int(time.Monday) - int(now.Weekday()) + 7) % 7
	if toMonday == 0 {
		toMonday = 7
	}
	monday := time.Date(now.Year(), now.Month(), now.Day()+toMonday, 9, 0, 0, 0, s.env.Zone)
	times := []struct {
		name string
		at   time.Time
	}{
		{"for 1 hour", now.Add(time.Hour)}, {"for 3 hours", now.Add(3 * time.Hour)}, {"for 12 hours", now.Add(12 * time.Hour)},
		{"until tomorrow 9:00", morning}, {"until Monday 9:00", monday}, {"for a week", now.AddDate(0, 0, 7)},
	}
	q.until = map[string]time.Time{}
	var choices []ui.Choice
	for _, t := range times {
		q.until[t.name] = t.at
		choices = append(choices, ui.Choice{ID: t.name, Text: t.name, Detail: s.env.At(t.at)})
	}
	if s.routes.Schedule != nil {
		choices = append(choices, ui.Choice{ID: "", Text: "another time", Detail: "on the schedule screen"})
	}
	menu := ui.NewMenu(s.env, "keep "+c.Name+" up", choices...)
	q.menu = &menu
}

// answer takes a key for the question that is open.
func (s *Screen) answer(m tea.KeyMsg) tea.Cmd {
	q := s.ask
	var got ui.Answer
	if q.menu != nil {
		got = q.menu.Update(m)
	} else {
		got = q.confirm.Update(m)
	}
	if got == ui.Pending {
		return nil
	}
	s.ask = nil
	if got == ui.Cancelled {
		return nil
	}
	if q.menu != nil {
		choice, _ := q.menu.Selected()
		if choice.ID == "" {
			return ui.Open(s.routes.Schedule(q.cluster))
		}
		q.word.Until = q.until[choice.ID]
	}
	return s.say(q.cluster, q.word)
}

// said is what came of a word.
type said struct {
	cluster string
	said    api.Said
	err     error
}

func (s *Screen) say(cluster string, word api.WordRequest) tea.Cmd {
	d, life := s.daemon, s.env.Life
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(life, timeout)
		defer cancel()
		got, err := d.Say(ctx, cluster, word)
		return said{cluster, got, err}
	}
}

func (s *Screen) said(m said) tea.Cmd {
	if m.err != nil {
		return ui.Fail(m.err)
	}
	text := fmt.Sprintf("%s: %s; it is to be %s", m.cluster, m.said.Word.Kind, m.said.Decision.State)
	if until := m.said.Decision.Until; !until.IsZero() {
		text += " until " + s.env.At(until)
	}
	return ui.Tell(ui.Good, text)
}
