package schedule

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/schedule/moment"
	"github.com/rekindle-io/rekindle/tui/ui"
)

// dialog is what is asked before a word is said or taken back: a time, a yes, or
// which word.
type dialog struct {
	cluster string
	kind    api.WordKind
	prompt  *ui.Prompt
	confirm *ui.Confirm
	menu    *ui.Menu
	wrong   string // what is the matter with the time that was typed
}

// answer is what the daemon said to the last word.
type answer struct{ cluster, text string }

// saying begins to say the word that a key stands for.
func (s Screen) saying(c api.Cluster, msg tea.KeyMsg) (ui.Screen, tea.Cmd) {
	k := s.keys
	d := dialog{cluster: c.Name}
	ask := func(q ui.Question) {
		c := ui.NewConfirm(s.env, q)
		d.confirm = &c
	}
	until := func(hint string) {
		p := ui.NewPrompt(s.env, fmt.Sprintf("%s %s until: ", d.kind, c.Name), "")
		p.Hint = hint
		d.prompt = &p
	}
	switch {
	case ui.Pressed(msg, k.keep):
		d.kind = api.Keep
		until(howTimes)
	case ui.Pressed(msg, k.pause):
		d.kind = api.Pause
		until("a time, or nothing: until it is taken back")
	case ui.Pressed(msg, k.skip):
		d.kind = api.Skip
		ask(ui.Question{Title: "skip the next teardown of " + c.Name + "?", Lines: []string{"It stays up until the teardown after that."}})
	case ui.Pressed(msg, k.wake):
		d.kind = api.Wake
		ask(ui.Question{Title: "wake " + c.Name + "?", Lines: []string{"It is brought up now, and stays up until its next teardown."}})
	default:
		d.kind = api.Sleep
		ask(ui.Question{Title: "put " + c.Name + " to sleep?", Name: c.Name, Lines: s.losses(c)})
	}
	s.ask = &d
	return s, nil
}

// losses says what becomes of a cluster that is put to sleep.
func (s Screen) losses(c api.Cluster) []string {
	lines := []string{"The cluster is taken down now, without a warning to those who use it. Its live state is exported first; what is in it besides, and nothing saves, is gone."}
	if d := c.Drift; d != nil {
		about := fmt.Sprintf("As of %s: %d changed, %d missing, %d unexpected.", s.env.At(d.At), d.Changed, d.Missing, d.Unexpected)
		if d.Recoverable != nil {
			about += " A restore would bring back " + ui.Percent(*d.Recoverable) + " of it."
		}
		lines = append(lines, about)
	}
	if c.Protected {
		lines = append(lines, "It is protected: its teardown will be refused.")
	}
	return append(lines, "It comes back with the next recreate of its schedule.")
}

// takingBack asks which of the words that hold is to be taken back.
func (s Screen) takingBack(c api.Cluster) (ui.Screen, tea.Cmd) {
	var list []ui.Choice
	seen := map[api.WordKind]bool{}
	for _, w := range c.Words {
		if !seen[w.Kind] {
			seen[w.Kind] = true
			list = append(list, ui.Choice{ID: string(w.Kind), Text: string(w.Kind), Detail: s.wordLine(w)})
		}
	}
	if len(list) == 0 {
		return s, ui.Tell(ui.Info, "nobody said anything about "+c.Name+": its calendar decides")
	}
	if s.env.ReadOnly {
		return s, nil
	}
	m := ui.NewMenu(s.env, "take back what was said of "+c.Name, list...)
	s.ask = &dialog{cluster: c.Name, menu: &m}
	return s, nil
}

// answered hands a key to the dialog that is open.
func (s Screen) answered(msg tea.KeyMsg) (ui.Screen, tea.Cmd) {
	d := *s.ask
	var got ui.Answer
	switch {
	case d.menu != nil:
		m := *d.menu
		got, d.menu = m.Update(msg), &m
	case d.confirm != nil:
		c := *d.confirm
		got, d.confirm = c.Update(msg), &c
	default:
		p := *d.prompt
		got, d.prompt, d.wrong = p.Update(msg), &p, ""
	}
	s.ask = nil
	switch {
	case got == ui.Pending:
		s.ask = &d
	case got == ui.Cancelled:
	case d.menu != nil:
		picked, _ := d.menu.Selected()
		return s, s.unsay(d.cluster, api.WordKind(picked.ID))
	case d.confirm != nil:
		return s, s.say(d.cluster, api.WordRequest{Kind: d.kind})
	default:
		typed := strings.TrimSpace(d.prompt.Value())
		if typed == "" && d.kind == api.Pause {
			return s, s.say(d.cluster, api.WordRequest{Kind: d.kind})
		}
		until, err := untilWhen(typed, s.env.Now().In(s.env.Zone))
		if err != nil {
			d.wrong = err.Error()
			s.ask = &d
			return s, nil
		}
		return s, s.say(d.cluster, api.WordRequest{Kind: d.kind, Until: until})
	}
	return s, nil
}

// said is what came of a word that was said or taken back.
type said struct {
	self     *byte
	cluster  string
	decision api.Decision
	err      error
}

func (s Screen) say(cluster string, word api.WordRequest) tea.Cmd {
	return s.talk(cluster, func(ctx context.Context) (api.Decision, error) {
		got, err := s.daemon.Say(ctx, cluster, word)
		return got.Decision, err
	})
}

func (s Screen) unsay(cluster string, kind api.WordKind) tea.Cmd {
	return s.talk(cluster, func(ctx context.Context) (api.Decision, error) { return s.daemon.Unsay(ctx, cluster, kind) })
}

func (s Screen) talk(cluster string, how func(context.Context) (api.Decision, error)) tea.Cmd {
	self, env := s.self, s.env
	return env.Ask(timeout, func(ctx context.Context) tea.Msg {
		decision, err := how(ctx)
		return said{self, cluster, decision, err}
	})
}

func (s Screen) said(msg said) (ui.Screen, tea.Cmd) {
	if msg.self != s.self {
		return s, nil
	}
	if msg.err != nil {
		return s, ui.Fail(msg.err)
	}
	s.answer = answer{msg.cluster, msg.decision.Reason}
	s.know(msg.cluster, nil)
	next, cmd := s.settled()
	return next, tea.Batch(cmd, ui.Tell(ui.Good, msg.cluster+": "+msg.decision.Reason))
}

// howTimes is how people write times.
const howTimes = "23:00, tomorrow 09:00, 2026-12-24 09:00, 3h or 2d"

// untilWhen reads the time at which a word ends, in the zone that now is shown in.
func untilWhen(typed string, now time.Time) (time.Time, error) {
	if typed == "" {
		return time.Time{}, errors.New("until when? " + howTimes)
	}
	at, err := moment.Read(typed, now)
	if errors.As(err, new(*moment.UnreadableError)) {
		err = fmt.Errorf("%w: write %s", err, howTimes)
	}
	return at, err
}
