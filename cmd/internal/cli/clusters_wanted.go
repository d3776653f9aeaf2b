package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/schedule/calendar"
)

// wantedView is what the schedule and people want of a cluster that is there.
type wantedView struct {
	Wanted string    `json:"wanted"`
	Reason string    `json:"reason"`
	Until  time.Time `json:"until,omitzero"`
	// Next is the state that is wanted then.
	Next  string          `json:"next,omitempty"`
	Words []calendar.Word `json:"words,omitempty"`

	zone *time.Location
}

// wantedOf is what is wanted of a cluster; nil when it is not declared, or nobody
// said anything about it. A rekindle.yaml that cannot be read says nothing.
func (a *app) wantedOf(ctx context.Context, c providers.Cluster) (*wantedView, error) {
	file, err := a.readConfig()
	if err != nil {
		return nil, nil //nolint:nilerr // the clusters are there all the same
	}
	is, ok := file.Clusters[c.Name]
	if !ok || is.Provider != c.Provider {
		return nil, nil
	}
	return a.wanted(ctx, is, c.Created)
}

func (a *app) wanted(ctx context.Context, c config.Cluster, made time.Time) (*wantedView, error) {
	status, cal, err := a.statusOf(ctx, c, made)
	if errors.As(err, new(*config.InvalidError)) {
		return nil, nil // rekindle schedule list says so
	}
	if err != nil || !c.Schedule.Scheduled() && len(status.Words) == 0 {
		return nil, err
	}
	d := status.Decision
	v := &wantedView{Wanted: wantedWord(d), Reason: d.Reason, Until: d.Until, Words: status.Words, zone: cal.Zone()}
	if !d.Until.IsZero() {
		if next := wantedWord(cal.Decide(d.Until, status.All, status.Facts)); next != v.Wanted {
			v.Next = next
		}
	}
	return v, nil
}

// wantedWords are the cells of a table.
func (a *app) wantedWords(v *wantedView) (wanted, next string) {
	if v == nil {
		return "-", "-"
	}
	wanted, next = v.Wanted, "-"
	if n := len(v.Words); n > 0 {
		wanted += " (" + string(v.Words[n-1].Kind) + ")"
	}
	if v.Next != "" {
		next = v.Next + " " + a.at(v.Until, v.zone)
	}
	return wanted, next
}

func (a *app) printWanted(v *wantedView) {
	if v == nil {
		return
	}
	a.fact("wanted", v.Wanted)
	a.fact("because", v.Reason)
	if v.Next != "" {
		a.fact("next", fmt.Sprintf("%s %s (in %s)", v.Next, a.at(v.Until, v.zone), a.in(v.Until)))
	}
}
