package run

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	journal "github.com/rekindle-io/rekindle/recover/run"
)

// progress is how far a run is: its steps, what became of each object, and the
// last events. It is folded from the journaled run and its events, so that whoever
// reads them from the beginning sees the same; one event costs the same however
// many objects there are.
type progress struct {
	steps   []step
	objects []entry
	index   map[string]int // of objects by name
	counts  [states]int
	// total is how many objects are planned, 0 while that is not known.
	total int
	// seq is the last event that was taken; events up to it are passed over.
	seq      uint64
	attempts int
	began    time.Time
	ended    time.Time
	outcome  journal.Outcome
	failure  string
	paused   bool
	// held is not nil while the run waits by itself for a decision, as it would fail.
	held *journal.Halt
	tail tail
	pace pace
}

// step is one step as people see it.
type step struct {
	name  string
	state journal.StepState
	// since is when the attempt began that is under way; spent is of those that
	// ended.
	since    time.Time
	spent    time.Duration
	note     string
	attempts int
}

// took is the time at work until now.
func (s step) took(now time.Time) time.Duration {
	if s.state == journal.Running && !s.since.IsZero() {
		return s.spent + max(0, now.Sub(s.since))
	}
	return s.spent
}

// entry is one object of the run.
type entry struct {
	name  string
	state state
	text  string // of the last event
	// warnings are what the server remarked on it.
	warnings int
}

func newProgress() *progress { return &progress{index: map[string]int{}} }

// load takes what the journal knows of the run. Steps are taken over as they
// stand; the events tell the same once more from their beginning.
func (p *progress) load(r journal.Run) {
	p.steps = p.steps[:0]
	for _, s := range r.Steps {
		one := step{name: s.Name, state: s.State, spent: s.Spent(), note: firstOf(s.Error, s.Note), attempts: s.Attempts}
		if s.State == journal.Running {
			one.since = s.Started
			if s.Attempts > 1 { // the first begin says nothing about this attempt
				one.since = r.Process.Since
			}
		}
		p.steps = append(p.steps, one)
	}
	p.began, p.ended, p.outcome, p.failure, p.attempts = r.Created, r.Ended, r.Outcome, r.Error, r.Attempts
	p.paused, p.held = r.Paused != nil, r.Held
}

// take folds one event; those that were taken before change nothing.
func (p *progress) take(ev journal.Event) {
	if ev.Seq != 0 {
		if ev.Seq <= p.seq {
			return
		}
		p.seq = ev.Seq
	}
	if strings.HasPrefix(ev.Type, "stream.") {
		return
	}
	switch ev.Type {
	case journal.RunBegin:
		p.begin(ev, true)
	case journal.RunResume:
		p.begin(ev, false)
	case journal.RunEnd:
		p.finish(ev)
	case journal.StepBegin:
		p.stepBegins(ev)
	case journal.StepEnd:
		p.stepEnds(ev)
	case journal.RunPaused:
		p.paused = true
	case journal.RunHeld:
		p.hold(ev)
	case journal.RunContinued:
		p.paused, p.held = false, nil
	case "plan.made":
		p.total = planned(ev)
	default:
		p.object(ev)
	}
	p.tail.add(ev)
}

// begin starts an attempt. What the first one brings is all there is.
func (p *progress) begin(ev journal.Event, first bool) {
	p.outcome, p.failure, p.ended, p.paused, p.held = "", "", time.Time{}, false, nil
	if first {
		p.began, p.attempts = ev.Time, 1
	}
	for i := range p.steps {
		s := &p.steps[i]
		switch {
		case first:
			*s = step{name: s.name, state: journal.Pending}
		case s.state == journal.Running:
			s.state = journal.Pending
		}
	}
}

func (p *progress) finish(ev journal.Event) {
	var data struct {
		Outcome journal.Outcome `json:"outcome"`
	}
	_ = json.Unmarshal(ev.Data, &data) // without data the message has it
	how, why, _ := strings.Cut(ev.Message, ": ")
	p.outcome, p.ended, p.paused, p.held = data.Outcome, ev.Time, false, nil
	if p.outcome == "" {
		p.outcome = journal.Outcome(how)
	}
	p.failure = why
	for i := range p.steps {
		if p.steps[i].state == journal.Running {
			p.steps[i].state = journal.Pending
		}
	}
}

// hold notes that the run waits for a decision.
func (p *progress) hold(ev journal.Event) {
	h := &journal.Halt{}
	_ = json.Unmarshal(ev.Data, h) // the message says why, too
	h.Why = firstOf(h.Why, ev.Message)
	p.held = h
}

// at is the step of that name, which is added when the journal did not have it.
func (p *progress) at(name string) *step {
	for i := range p.steps { // a recipe has a dozen
		if p.steps[i].name == name {
			return &p.steps[i]
		}
	}
	p.steps = append(p.steps, step{name: name, state: journal.Pending})
	return &p.steps[len(p.steps)-1]
}

func (p *progress) stepBegins(ev journal.Event) {
	s := p.at(ev.Step)
	s.state, s.since, s.note = journal.Running, ev.Time, ""
	s.attempts++
	if ev.Step == "apply" && s.attempts > 1 {
		p.again()
	}
}

// again takes back what an earlier attempt could not do: this one tries it anew.
func (p *progress) again() {
	for i := range p.objects {
		if st := p.objects[i].state; st == failed || st == unsettled {
			p.set(i, waiting)
		}
	}
}

func (p *progress) stepEnds(ev journal.Event) {
	var data struct {
		State   journal.StepState `json:"state"`
		SpentMS int64             `json:"spentMs"`
	}
	_ = json.Unmarshal(ev.Data, &data) // a step whose end says nothing is done
	s := p.at(ev.Step)
	p.held = nil
	s.state, s.note = data.State, ev.Message
	if s.state == "" {
		s.state = journal.StepDone
	}
	s.spent += time.Duration(data.SpentMS) * time.Millisecond
}

// object notes what became of one object.
func (p *progress) object(ev journal.Event) {
	if ev.Object == "" {
		return
	}
	if ev.Type == "object.warning" {
		p.objects[p.find(ev.Object)].warnings++
		return
	}
	st, ok := stateOf(ev)
	if !ok {
		return
	}
	i := p.find(ev.Object)
	e := &p.objects[i]
	if e.state == skipped && st != applied && st != settled && ev.Type != journal.ObjectRetried {
		return // given up is given up, whatever it does from now on
	}
	if st != e.state && (st == applied || st == settled || st == removed) {
		p.pace.count(ev.Time)
	}
	if ev.Type == journal.ObjectRetried {
		p.held = nil // the run goes on when an object is tried again
	}
	if e.text = ev.Message; st == settled {
		e.text = "" // what it was waiting for is past
	}
	p.set(i, st)
}

// find is the place of an object, which is added when it is new.
func (p *progress) find(name string) int {
	if i, ok := p.index[name]; ok {
		return i
	}
	i := len(p.objects)
	p.objects = append(p.objects, entry{name: name, state: waiting})
	p.index[name] = i
	p.counts[waiting]++
	return i
}

func (p *progress) set(i int, st state) {
	p.counts[p.objects[i].state]--
	p.objects[i].state = st
	p.counts[st]++
}

// running is the step under way; nil when there is none.
func (p *progress) running() *step {
	for i := range p.steps {
		if p.steps[i].state == journal.Running {
			return &p.steps[i]
		}
	}
	return nil
}

// elapsed is the time from the beginning to the end, or to now.
func (p *progress) elapsed(now time.Time) time.Duration {
	switch {
	case p.began.IsZero():
		return 0
	case !p.ended.IsZero():
		return p.ended.Sub(p.began)
	}
	return max(0, now.Sub(p.began))
}

// done is how many objects need nothing more in the step that is under way: while
// it applies those that were applied, from then on those that have settled.
func (p *progress) done() int {
	settling := p.counts[settled] + p.counts[skipped]
	if s := p.running(); s != nil && s.name == "apply" {
		return settling + p.counts[applied] + p.counts[failed]
	}
	return settling
}

// planned is how many objects a plan has.
func planned(ev journal.Event) int {
	var data struct {
		Objects int `json:"objects"`
	}
	if json.Unmarshal(ev.Data, &data) == nil && data.Objects > 0 {
		return data.Objects
	}
	n := 0
	_, _ = fmt.Sscanf(ev.Message, "%d objects", &n) // else it stays unknown
	return n
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
