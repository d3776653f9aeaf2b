package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
	"github.com/rekindle-io/rekindle/schedule/calendar"
	"github.com/rekindle-io/rekindle/schedule/keeper"
)

// standing is what is known of a cluster beside its schedule.
type standing struct {
	state api.State
	// made is when the cluster that is there was made; zero when none is.
	made time.Time
	// doing and waiting are a daemon's, for the schedule.
	doing   string
	waiting bool
	// person is what somebody last did by hand; last is the last run that changed
	// the cluster, and how it ended.
	person *keeper.Deed
	last   string
}

// patienceWithDaemon is how long a daemon may take to answer a question that the
// journal answers, too.
const patienceWithDaemon = 2 * time.Second

// standings returns how clusters stand: as the daemon saw them last, when there is
// one, and by the journal otherwise.
func (a *app) standings(ctx context.Context) func(config.Cluster) (standing, error) {
	seen := map[string]api.Cluster{}
	if d, err := a.daemonClient(); err == nil {
		asked, cancel := context.WithTimeout(ctx, patienceWithDaemon)
		list, err := d.Clusters(asked)
		cancel()
		d.Close()
		if err == nil {
			for _, c := range list.Clusters {
				seen[c.Name] = c
			}
		}
	}
	return func(c config.Cluster) (standing, error) {
		s, err := a.journaled(ctx, c)
		if is, there := seen[c.Name]; there && is.Declared && is.Provider == c.Provider {
			s.state, s.made, s.doing, s.waiting = is.State, is.Made, is.Doing, is.Waiting
		}
		return s, err
	}
}

// journaled is how a cluster stands by the last run that changed it.
func (a *app) journaled(ctx context.Context, c config.Cluster) (standing, error) {
	s := standing{state: api.Unknown}
	var last run.Run
	err := a.store.Each(ctx, run.Filter{Cluster: c.Name}, func(r run.Run) bool {
		if r.Provider == c.Provider && rebuild.Touched(r) {
			last = r
		}
		return last.ID == ""
	})
	if err != nil || last.ID == "" {
		return s, err
	}
	rec, _, err := a.engine().Recorded(ctx, c.Provider, c.Name)
	if err != nil {
		return s, err
	}
	_, alive, err := run.Alive(ctx, a.store.Leases(), last)
	if s.state = journaledState(last, alive); s.state != api.Asleep {
		s.made = rec.Made
	}
	s.last = fmt.Sprintf("its last %s (run %s) ended %s", last.Recipe, last.ID, cmp.Or(string(last.Outcome), string(run.Interrupted)))
	if last.By != bySchedule {
		s.person = &keeper.Deed{To: calendar.Awake, At: last.Created, By: cmp.Or(last.By, "somebody"), Run: last.ID}
		if last.Recipe != rebuild.Recipe {
			s.person.To = calendar.Asleep
		}
	}
	return s, err
}

// bySchedule is who asks for the runs that the schedule begins.
const bySchedule = "schedule"

// journaledState is what a cluster is after a run that changed it; alive: a
// process works on that run.
func journaledState(r run.Run, alive bool) api.State {
	down := r.Recipe == teardown.Recipe || r.Recipe == rebuild.DeleteRecipe
	switch {
	case r.Outcome == "" && alive && down:
		return api.TearingDown
	case r.Outcome == "" && alive:
		return api.Restoring
	case r.Outcome != run.Done:
		return api.Failed
	case down:
		return api.Asleep
	}
	return api.Awake
}

// judge is what a cluster is, and why that is not what is wanted.
func (is standing) judge(s keeper.Status) (state api.State, apart string) {
	state = is.state
	if s.Error != "" && (state == api.Awake || state == api.Asleep) {
		state = api.Failed
	}
	switch state {
	case api.Awake, api.Asleep:
		apart = s.Apart(state == api.Awake)
	case api.Failed, api.Unknown: // surely not what is wanted, or not surely
		if apart = s.Apart(s.Decision.State == calendar.Asleep); apart == "" {
			apart = is.last
		}
	}
	return state, strings.TrimSpace(apart)
}
