package drift

import (
	"context"
	"errors"
	"fmt"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/tui/ui"
)

var (
	errNoDay    = errors.New("write a day like 2026-12-24")
	errPast     = errors.New("that day is not to come")
	errNoReason = errors.New("a reason is needed: who reads it wonders")
	errNoBranch = errors.New("a branch is needed: it is made when it is not there")
)

// ignore asks how far the difference under the cursor is not to count, why, and
// until when.
func (s Screen) ignore() (Screen, tea.Cmd) {
	r, is := s.tree.Selected()
	if !is || r.entry == nil || r.entry.differs == nil {
		return s, ui.Tell(ui.Info, "put the cursor on an object that differs")
	}
	e := r.entry
	if len(e.differs.Fields) == 0 {
		return s.reason(e, ""), nil
	}
	const whole = "" // the object; no field has an empty path
	list := make([]ui.Choice, 0, len(e.differs.Fields)+1)
	for _, f := range e.differs.Fields {
		list = append(list, ui.Choice{ID: f.Path, Text: "this field", Detail: f.Path})
	}
	list = append(list, ui.Choice{ID: whole, Text: "the whole object", Detail: e.object.String()})
	return s.chosen("what is not to count?", func(s Screen, path string) (Screen, tea.Cmd, error) {
		return s.reason(e, path), nil, nil
	}, list...), nil
}

func (s Screen) reason(e *entry, path string) Screen {
	what := e.object.String()
	if path != "" {
		what = path + " of " + what
	}
	return s.prompted("let "+what+" not count", "why? ", "", "those who read it later want to know", func(s Screen, why string) (Screen, tea.Cmd, error) {
		if why == "" {
			return s, nil, errNoReason
		}
		return s.until(e, path, why), nil, nil
	})
}

func (s Screen) until(e *entry, path, why string) Screen {
	const date = "date"
	done := func(s Screen, typed string) (Screen, tea.Cmd, error) {
		expires, err := expiry(typed, s.env.Now().In(s.env.Zone))
		if err != nil {
			return s, nil, err
		}
		return s, s.tellIgnore(rule(e, path, why, expires)), nil
	}
	return s.chosen("until when?", func(s Screen, picked string) (Screen, tea.Cmd, error) {
		if picked == date {
			return s.prompted("until when?", "day: ", "", "2026-12-24", func(s Screen, typed string) (Screen, tea.Cmd, error) {
				if typed == "" {
					return s, nil, errNoDay
				}
				return done(s, typed)
			}), nil, nil
		}
		return done(s, picked)
	},
		ui.Choice{ID: "", Text: "for good", Detail: "until somebody removes the rule"},
		ui.Choice{ID: "7d", Text: "for 7 days", Detail: "until " + s.day(7)}, ui.Choice{ID: "30d", Text: "for 30 days", Detail: "until " + s.day(30)},
		ui.Choice{ID: date, Text: "until a day", Detail: "that is asked for next"})
}

// day is the day so many days from now.
func (s Screen) day(days int) string {
	return s.env.Now().In(s.env.Zone).AddDate(0, 0, days).Format("Mon 2 Jan 2006")
}

// ignoring is what came of a rule.
type ignoring struct {
	self *byte
	made api.Ignoring
	err  error
}

func (s Screen) tellIgnore(r api.Ignore) tea.Cmd {
	self, env, d, cluster := s.self, s.env, s.daemon, s.cluster
	return env.Ask(actTimeout, func(ctx context.Context) tea.Msg {
		made, err := d.Ignore(ctx, cluster, r)
		return ignoring{self, made, err}
	})
}

// ignoring shows the rule, and compares again: it counts from then on.
func (s Screen) ignoring(msg ignoring) (Screen, tea.Cmd) {
	switch {
	case msg.self != s.self:
		return s, nil
	case msg.err != nil:
		return s, ui.Fail(msg.err)
	}
	s.ask = &dialog{title: msg.made.File + " has this rule now", notes: append(strings.Split(strings.TrimRight(msg.made.Rule, "\n"), "\n"), "", "any key goes on")}
	return s.compare()
}

// adopt asks for the branch on which what is marked, or what is under the cursor, is
// to be taken over into git.
func (s Screen) adopt() (Screen, tea.Cmd) {
	list := s.targets()
	if len(list) == 0 {
		return s, ui.Tell(ui.Info, "mark objects that differ with m, or put the cursor on one")
	}
	const most = 1000 // in one request
	only := make([]string, 0, len(list))
	for _, e := range list {
		only = append(only, selector(*e.object))
	}
	if len(list) == s.differing() {
		only = nil // all of them
	}
	if len(only) > most {
		return s, ui.Tell(ui.Warn, fmt.Sprintf("%d objects are too many at once: mark at most %d, or all", len(only), most))
	}
	what := ui.Count(len(list), "object")
	if len(list) == 1 {
		what = list[0].object.String()
	}
	req := api.StartRequest{Recipe: api.Adopt, Cluster: s.cluster, Revision: s.against, Only: only}
	return s.prompted("adopt "+what+" into git", "branch: ", "rekindle/adopt-"+s.cluster, "", func(s Screen, branch string) (Screen, tea.Cmd, error) {
		if branch == "" {
			return s, nil, errNoBranch
		}
		req.Branch = branch
		return s, s.start(req), nil
	}), nil
}

// targets are the objects that are marked, or those under the cursor.
func (s *Screen) targets() []*entry {
	if len(s.marks.set) == 0 {
		return s.below()
	}
	var list []*entry
	for _, e := range s.entries {
		if e.differs != nil && s.marks.has(e.id) {
			list = append(list, e)
		}
	}
	return list
}

// differing is how many objects differ.
func (s *Screen) differing() int { return len(s.report.Objects) }

// selector names one object as the adoption understands it: patterns stand for
// themselves.
func selector(id object.ID) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `{`, `\{`, `}`, `\}`).Replace(id.String())
}

// export asks whether the live state is to be exported.
func (s Screen) export() Screen {
	q := ui.NewConfirm(s.env, ui.Question{Title: "export " + s.cluster + "?", Lines: []string{
		"The live state of the cluster is written as manifests onto its branch in git. The cluster and other branches are left alone.",
	}})
	req := api.StartRequest{Recipe: api.Compare, Cluster: s.cluster, Revision: s.against, Export: true}
	s.ask = &dialog{confirm: &q, next: func(s Screen, _ string) (Screen, tea.Cmd, error) { return s, s.start(req), nil }}
	return s
}

// started is what came of a run that was to begin.
type started struct {
	self *byte
	run  api.Run
	err  error
}

func (s Screen) start(req api.StartRequest) tea.Cmd {
	self, env, d := s.self, s.env, s.daemon
	return env.Ask(actTimeout, func(ctx context.Context) tea.Msg {
		r, err := d.Start(ctx, req)
		return started{self, r, err}
	})
}

// started opens the run.
func (s Screen) started(msg started) (Screen, tea.Cmd) {
	switch {
	case msg.self != s.self:
		return s, nil
	case msg.err != nil:
		return s, ui.Fail(msg.err)
	}
	s.marks.set = nil
	if s.routes.Run == nil {
		return s, ui.Tell(ui.Good, "run "+msg.run.ID+" has begun")
	}
	return s, ui.Open(s.routes.Run(msg.run.ID))
}
