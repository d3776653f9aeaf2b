package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/cmd/internal/control/client"
	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/schedule/calendar"
	"github.com/rekindle-io/rekindle/schedule/moment"
)

// daemonsPlans are the schedules as a daemon knows them, which goes by the
// rekindle.yaml that it read before it could not be read any more. unread is why it
// cannot, and what is returned when no daemon answers.
func (a *app) daemonsPlans(ctx context.Context, names []string, unread error) ([]planView, error) {
	d, err := a.daemonClient()
	if err != nil {
		return nil, unread
	}
	defer d.Close()
	clusters, err := d.Clusters(ctx)
	if err != nil {
		return nil, unread
	}
	list := []planView{}
	for _, c := range clusters.Clusters {
		if !c.Declared || len(names) > 0 && !slices.Contains(names, c.Name) {
			continue
		}
		v, err := a.daemonsPlan(ctx, d, c)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if len(list) < len(names) {
		return nil, unread
	}
	said, hint := "rekindle.yaml cannot be read", "rekindle config validate says why"
	if errors.Is(unread, config.ErrNone) {
		said, hint = "there is no rekindle.yaml here", "--config names one"
	}
	a.Terminal.Errf("%s %s: this is what the daemon goes by (%s)\n", a.Terminal.Paint(terminal.Warn, "note:"), said, hint)
	return list, nil
}

func (a *app) daemonsPlan(ctx context.Context, d *client.Client, c api.Cluster) (planView, error) {
	now := a.Now()
	s, err := d.Schedule(ctx, c.Name, now, now.Add(ahead))
	if err != nil {
		return planView{}, err
	}
	v := planView{Cluster: c.Name, Zone: s.Zone, State: c.State, Reason: "no schedule", Changes: []changeView{}, zone: zoneOf(s.Zone)}
	if w := c.Wanted; w != nil {
		v.Wanted, v.Since, v.Until, v.Reason = string(w.State), w.Since, w.Until, w.Reason
		if w.Hold {
			v.Wanted, v.Paused = "", w.Word != nil
		}
	}
	if c.LastError != "" {
		first, _, _ := strings.Cut(c.LastError, "\n")
		v.Apart = fmt.Sprintf("attempt %d failed, again at %s: %s", c.Attempts, soonAt(c.RetryAt, v.zone, now), first)
	}
	for _, w := range slices.Backward(c.Words) {
		v.Words = append(v.Words, calendar.Word{Kind: calendar.WordKind(w.Kind), Said: w.Said, By: w.By, Why: w.Why, From: w.From, Until: w.Until})
	}
	if n := c.Next; n != nil { // with people's words; later ones only by the calendar
		v.Changes = append(v.Changes, changeView{Cluster: c.Name, At: n.At, To: string(n.To), Reason: n.Reason})
	}
	for _, e := range s.Events {
		if c.Next == nil || e.At.After(c.Next.At) {
			v.Changes = append(v.Changes, changeView{Cluster: c.Name, At: e.At, To: string(e.To), Reason: e.Reason})
		}
	}
	for _, e := range s.Drills {
		v.Drills = append(v.Drills, changeView{Cluster: c.Name, At: e.At, To: toDrill, Reason: e.Reason})
	}
	for _, r := range s.Rests {
		v.Rests = append(v.Rests, restView(c.Name, r, v.zone))
	}
	return v, nil
}

// restView is a rest as the daemon tells it: its last day begins a day before its
// end.
func restView(cluster string, r api.Rest, zone *time.Location) changeView {
	rest := changeView{Cluster: cluster, At: r.From, To: toRest, Reason: r.Reason}
	y, m, d := r.To.In(zone).Date()
	if last := moment.At(zone, y, m, d-1, 0, 0); last.After(r.From) {
		rest.Through = last
	}
	return rest
}
