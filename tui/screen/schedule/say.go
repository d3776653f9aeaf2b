package schedule

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
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
	ask := func(title string, lines ...string) {
		q := ui.NewConfirm(s.env, ui.Question{Title: title, Lines: lines})
		d.confirm = &q
	}
	until := func(hint string) {
		p := ui.NewPrompt(s.env, fmt.Sprintf("%s %s until: ", d.kind, c.Name), "")
		p.Hint = hint
		d.prompt = &p
	}
	switch {
	case ui.Pressed(msg, k.keep):
		d.kind = api.Keep
		until("23:00, tomorrow 09:00, 2026-12-24 09:00, 3h")
	case ui.Pressed(msg, k.pause):
		d.kind = api.Pause
		until("a time, or nothing: until it is taken back")
	case ui.Pressed(msg, k.skip):
		d.kind = api.Skip
		ask("skip the next teardown of "+c.Name+"?", "It stays up until the teardown after that.")
	case ui.Pressed(msg, k.wake):
		d.kind = api.Wake
		ask("wake "+c.Name+"?", "It is brought up now, and stays up until its next teardown.")
	default:
		d.kind = api.Sleep
		ask("put "+c.Name+" to sleep?", "Its live state is exported, then the cluster is taken down now, without a warning to those who use it. It comes back with its next recreate.")
	}
	s.ask = &d
	return s, nil
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
		until, err := moment(typed, s.env.Now().In(s.env.Zone))
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
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(env.Life, timeout)
		defer cancel()
		decision, err := how(ctx)
		return said{self, cluster, decision, err}
	}
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

// moment reads a time to come as people type it, in now's zone: how long from now
// (3h, 2d), a time of day (the next one), a day with or without "tomorrow", or all
// of RFC 3339.
func moment(text string, now time.Time) (time.Time, error) {
	var t time.Time
	switch days, isDays := strings.CutSuffix(text, "d"); {
	case text == "":
		return t, errors.New("until when? 23:00, tomorrow 09:00, 2026-12-24 09:00 or 3h")
	case isDays && len(days) < 4:
		if n, err := strconv.Atoi(days); err == nil {
			t = now.AddDate(0, 0, n)
		}
	}
	if d, err := time.ParseDuration(text); err == nil && t.IsZero() {
		t = now.Add(d)
	}
	if t.IsZero() {
		t = named(text, now)
	}
	switch {
	case t.IsZero():
		return t, fmt.Errorf("%q is no time: write 23:00, tomorrow 09:00, 2026-12-24 09:00 or 3h", text)
	case !t.After(now):
		return t, fmt.Errorf("%s is over already", t.Format("Mon 2 Jan 15:04"))
	}
	return t, nil
}

// named reads a time by its name; zero when it is none.
func named(text string, now time.Time) time.Time {
	y, m, d := now.Date()
	clock, tomorrow := strings.CutPrefix(text, "tomorrow ")
	if tomorrow {
		d++
	}
	if at, err := time.Parse("15:04", clock); err == nil {
		t := wall(y, m, d, at.Hour(), now.Location()).Add(time.Duration(at.Minute()) * time.Minute)
		if !tomorrow && !t.After(now) {
			t = wall(y, m, d+1, at.Hour(), now.Location()).Add(time.Duration(at.Minute()) * time.Minute)
		}
		return t
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t
		}
	}
	t, _ := time.Parse(time.RFC3339, text)
	return t
}
