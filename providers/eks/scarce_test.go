package eks

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/rekindle-io/rekindle/providers"
)

// listener collects what people are told.
type listener struct {
	mu    sync.Mutex
	lines []string
}

func (s *listener) say(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, line)
}

func (s *listener) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

func scarceCloud(t *testing.T, wait string) *cloud {
	t.Helper()
	w := inAWS(t)
	return inAccount(t, w, providers.Settings{"wait": wait, "nodeGroups": []any{map[string]any{"name": "workers", "instanceTypes": []any{"m6i.large"}}}})
}

func TestMachinesThatComeLaterAreWaitedFor(t *testing.T) {
	c := scarceCloud(t, "1m")
	place := c.EC2.At(c.account, c.region)
	place.Exhaust("m6i.large", true)
	var told listener
	say := func(line string) {
		told.say(line)
		if strings.Contains(line, "did not come to be") {
			place.Exhaust("m6i.large", false) // somebody gave some back
		}
	}
	p, sp := c.job.open(t), c.job.spec("prod", "1")
	found, err := p.Create(t.Context(), sp, say)
	if err != nil || found.State != providers.StateRunning {
		t.Fatalf("%+v, %v", found, err)
	}
	if !strings.Contains(told.all(), "InsufficientInstanceCapacity") {
		t.Errorf("people are told:\n%s", told.all())
	}
	if err := p.Delete(t.Context(), sp.Name, sp.ID, nil); err != nil {
		t.Error(err)
	}
	c.wantNothing(t)
}

func TestMachinesThatNeverComeAreReportedWithWhatToChange(t *testing.T) {
	c := scarceCloud(t, "4s")
	c.EC2.At(c.account, c.region).Exhaust("m6i.large", true)
	p, sp := c.job.open(t), c.job.spec("prod", "1")
	_, err := p.Create(t.Context(), sp, nil)
	wantRefused(t, err, "node group workers", "InsufficientInstanceCapacity", "settings.nodeGroups[].instanceTypes")
	found, err := p.Find(t.Context(), "prod")
	if err != nil || found.ID != "1" || found.State != providers.StateCreating {
		t.Errorf("found %+v, %v", found, err)
	}
	// With other types the same cluster is finished.
	c.EC2.At(c.account, c.region).Exhaust("m5.large", false)
	sp.Settings = plain(sp.Settings, providers.Settings{"wait": "1m", "nodeGroups": []any{map[string]any{"name": "workers", "instanceTypes": []any{"m5.large"}}}})
	if found, err = p.Create(t.Context(), sp, nil); err != nil || found.State != providers.StateRunning {
		t.Errorf("finished as %+v, %v", found, err)
	}
	if err := p.Delete(t.Context(), sp.Name, sp.ID, nil); err != nil {
		t.Error(err)
	}
	c.wantNothing(t)
	var slow *slowError
	if errors.As(err, &slow) {
		t.Error("the deadline hides the reason")
	}
}
