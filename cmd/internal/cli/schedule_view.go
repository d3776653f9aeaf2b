package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/schedule/calendar"
	"github.com/rekindle-io/rekindle/schedule/keeper"
)

// ahead is how far a schedule is shown.
const ahead = 7 * 24 * time.Hour

// planView is one cluster's schedule, as it is printed and as JSON.
type planView struct {
	Cluster string `json:"cluster"`
	Zone    string `json:"zone,omitempty"`
	// State is what the cluster is: awake, asleep, restoring, tearing down, failed or
	// unknown.
	State  api.State `json:"state"`
	Wanted string    `json:"wanted,omitempty"`
	Paused bool      `json:"paused,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero"`
	Reason string    `json:"reason"`
	// Apart is why state is not what is wanted.
	Apart string `json:"apart,omitempty"`
	// Words are what people decided and what still decides.
	Words []calendar.Word `json:"words,omitempty"`
	// Changes are those of the coming week, as things stand; Overruled are events
	// of the calendar that a person's word keeps from happening; Rests are days that
	// an exception empties.
	Changes   []changeView `json:"changes"`
	Overruled []changeView `json:"overruled,omitempty"`
	Rests     []changeView `json:"rests,omitempty"`
	Drills    []changeView `json:"drills,omitempty"`

	zone *time.Location
	// declared is nil when only the daemon knows of it.
	declared *config.Cluster
}

// changeView is one change of a cluster's wanted state, a drill, or a rest.
type changeView struct {
	Cluster string    `json:"cluster"`
	At      time.Time `json:"at"`
	To      string    `json:"to"` // awake, asleep, "left as it is", drill, or "stays asleep"
	// Through is when the last day of a rest of several begins.
	Through time.Time `json:"through,omitzero"`
	Reason  string    `json:"reason"`
}

const (
	toDrill = "drill"
	toRest  = "stays asleep"
)

// calendarOf is the calendar of a declared cluster. Its errors say where in
// rekindle.yaml they come from.
func (a *app) calendarOf(c config.Cluster) (*calendar.Calendar, error) {
	cal, err := c.Schedule.Calendar(os.ReadFile)
	if err == nil {
		return cal, nil
	}
	file, unread := a.config()
	if unread != nil {
		return nil, unread
	}
	return nil, file.ScheduleError(c.Name, err)
}

// statusOf is what the schedule remembers and wants of a declared cluster; made is
// when the one that is there was made.
func (a *app) statusOf(ctx context.Context, c config.Cluster, made time.Time) (keeper.Status, *calendar.Calendar, error) {
	cal, err := a.calendarOf(c)
	if err != nil {
		return keeper.Status{}, nil, err
	}
	status, err := keeper.Recall(ctx, a.store, keeper.Cluster{Name: c.Name, Calendar: cal, Lead: c.Schedule.Lead.Duration,
		Protected: c.Protected, Borrowed: a.borrows(c.Provider)}, made, a.Now())
	return status, cal, err
}

// borrows tells whether a provider only has clusters of others.
func (a *app) borrows(provider string) bool {
	p, err := a.providers.Get(provider)
	return err == nil && providers.Borrows(p)
}

// planOf works out a cluster's coming week.
func (a *app) planOf(ctx context.Context, c config.Cluster, is standing) (planView, error) {
	status, cal, err := a.statusOf(ctx, c, is.made)
	if err != nil {
		return planView{}, err
	}
	status.Doing, status.Waiting, status.Sight = is.doing, is.waiting, &keeper.Sight{Person: is.person}
	d := status.Decision
	v := planView{Cluster: c.Name, Zone: c.Schedule.Zone, Wanted: string(d.State), Since: d.Since, Until: d.Until,
		Reason: d.Reason, Words: status.Words, Changes: []changeView{}, zone: cal.Zone(), declared: &c}
	if d.Hold {
		v.Wanted, v.Paused = "", d.Word != nil
	}
	v.State, v.Apart = is.judge(status)
	now := a.Now()
	v.foresee(cal, status, now)
	return v, v.foreseeDrills(c.Schedule, now)
}

// foresee works out what comes, as things stand.
func (v *planView) foresee(cal *calendar.Calendar, s keeper.Status, now time.Time) {
	decide := func(at time.Time) calendar.Decision { return cal.Decide(at, s.All, s.Facts) }
	events := cal.Events(now, now.Add(ahead))
	for d, at := s.Decision, s.Decision.Until; !at.IsZero() && at.Before(now.Add(ahead)); {
		next := decide(at)
		if next.State != d.State || next.Hold != d.Hold {
			reason := next.Cause()
			if i := slices.IndexFunc(events, func(e calendar.Event) bool { return e.At.Equal(at) }); i >= 0 && next.Word == nil && !next.Expired {
				reason = events[i].Reason
			}
			v.Changes = append(v.Changes, changeView{Cluster: v.Cluster, At: at, To: wantedWord(next), Reason: reason})
		}
		if !next.Until.After(at) {
			break
		}
		d, at = next, next.Until
	}
	for _, e := range events {
		if is := decide(e.At); is.State != e.To || is.Hold {
			v.Overruled = append(v.Overruled, changeView{Cluster: v.Cluster, At: e.At, To: string(e.To), Reason: is.Reason})
		}
	}
	for _, r := range cal.Rests(now, now.Add(ahead)) {
		if decide(r.From.Add(12*time.Hour)).Word != nil {
			continue // a person decided about that day
		}
		rest := changeView{Cluster: v.Cluster, At: r.From, To: toRest, Reason: cmp.Or(r.Reason, "an exception")}
		if !r.To.Equal(r.From) {
			rest.Through = r.To
		}
		v.Rests = append(v.Rests, rest)
	}
}

func (v *planView) foreseeDrills(s config.Schedule, now time.Time) error {
	drills, err := s.Drills()
	if err != nil || drills == nil {
		return err
	}
	for _, e := range drills.Events(now, now.Add(ahead)) {
		v.Drills = append(v.Drills, changeView{Cluster: v.Cluster, At: e.At, To: toDrill, Reason: e.Reason})
	}
	return nil
}

// coming is all that happens, or does not, in order.
func (v *planView) coming() []changeView {
	all := slices.Concat(v.Changes, v.Drills, v.Rests)
	slices.SortStableFunc(all, func(x, y changeView) int { return x.At.Compare(y.At) })
	return all
}

// next is what happens next, nil when nothing does.
func (v *planView) next() *changeView {
	for _, c := range v.coming() {
		if c.To != toRest {
			return &c
		}
	}
	return nil
}

// why is what a list says of a cluster: what it is not, why, and the days before
// the next change on which nothing happens.
func (v *planView) why() string {
	why := v.Reason
	if v.Apart != "" {
		why = v.Apart + "; " + why
	}
	for _, r := range v.Rests {
		if n := v.next(); n == nil || r.At.Before(n.At) {
			why += "; " + r.said(v.zone)
		}
	}
	return why
}

// said tells of a rest: "stays asleep Tue 2026-11-24: St. Nobody".
func (c changeView) said(zone *time.Location) string {
	return toRest + " " + c.days(zone) + ": " + c.Reason
}

func (c changeView) days(zone *time.Location) string {
	text := c.At.In(zone).Format(dayLayout)
	if !c.Through.IsZero() {
		text += " to " + c.Through.In(zone).Format(dayLayout)
	}
	return text
}

func wantedWord(d calendar.Decision) string {
	if d.Hold {
		return "left as it is"
	}
	return string(d.State)
}

// plans are the schedules of all declared clusters, or of those named. A daemon
// tells them when rekindle.yaml cannot be read.
func (a *app) plans(ctx context.Context, names []string) ([]planView, error) {
	c, err := a.config()
	if err != nil {
		return a.daemonsPlans(ctx, names, err)
	}
	if len(names) == 0 {
		names = c.Names()
	}
	seen := a.standings(ctx)
	list := []planView{}
	for _, name := range names {
		cluster, err := c.Cluster(name)
		if err != nil {
			return nil, err
		}
		is, err := seen(cluster)
		if err != nil {
			return nil, err
		}
		v, err := a.planOf(ctx, cluster, is)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// Layouts of days and of instants.
const (
	dayLayout  = "Mon 2006-01-02"
	timeLayout = dayLayout + " 15:04"
)

// at is an instant on the wall of a zone.
func (a *app) at(t time.Time, zone *time.Location) string { return t.In(zone).Format(timeLayout) }

// soonAt is at in short, for an instant that is near: "Mon 07:00".
func soonAt(t time.Time, zone *time.Location, now time.Time) string {
	switch t, now = t.In(zone), now.In(zone); {
	case t.Sub(now) < 6*24*time.Hour:
		return t.Format("Mon 15:04")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04")
	}
	return t.Format("2006-01-02 15:04")
}

// in is how long it is until an instant.
func (a *app) in(t time.Time) string {
	d := t.Sub(a.Now()).Round(time.Minute)
	switch {
	case d <= 0:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}
