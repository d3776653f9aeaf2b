package eks

import (
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/providertest"
	"github.com/rekindle-io/rekindle/testenv"
	testaws "github.com/rekindle-io/rekindle/testenv/aws"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

func TestConformance(t *testing.T) {
	w := testaws.Start(t, testaws.Options{Root: t.TempDir(), Binary: testenv.Binary(t), Delay: 15 * time.Millisecond, Lag: 10 * time.Millisecond, Page: 2})
	providertest.Run(t, func(t *testing.T) providertest.World {
		c := inAccount(t, w, providers.Settings{
			"nodeGroups": []any{map[string]any{"name": "workers", "instanceTypes": []any{"m6i.large"}}}, "irsa": true,
		})
		return providertest.World{
			New:         func(t *testing.T) providers.Provider { return c.job.open(t) },
			Settings:    c.job.Settings,
			BadSettings: plain(providers.Settings{"region": "nowhere"}),
			Foreign:     func(t *testing.T, name string) func(*testing.T) { return c.foreign(t, name, nil) },
			Forged: func(t *testing.T, name string) func(*testing.T) {
				return c.foreign(t, name, map[string]string{tagCluster: name})
			},
			Reach:            reach,
			ConnectElsewhere: c.elsewhere,
			CrashCreate: func(t *testing.T, s providers.Spec, moment int) bool {
				return c.crash(t, moment, "create", s.Name, s.ID)
			},
			CrashDelete: func(t *testing.T, name, id string, moment int) bool { return c.crash(t, moment, "delete", name, id) },
			EveryMoment: true,
			CancelAfter: []time.Duration{0, 5 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond},
			Silence:     c.silence,
			Empty:       c.wantNothing,
			Traces:      c.traces,
		}
	})
}

// silence is an AWS that answers nothing about a cluster that is there.
func (c *cloud) silence(t *testing.T) providertest.Silent {
	t.Helper()
	hasty := c.job
	hasty.Timeout = 400 * time.Millisecond
	s := c.job.spec("silent", "id-of-silent")
	s.Settings = plain(c.job.Settings, providers.Settings{"wait": "1s"})
	if _, err := c.job.open(t).Create(t.Context(), c.job.spec(s.Name, s.ID), nil); err != nil {
		t.Fatal(err)
	}
	c.Fault(func(wire.Call, int) testaws.Fault { return testaws.Fault{Silent: true} })
	return providertest.Silent{Provider: hasty.open(t), Spec: s, Within: 5 * time.Second, Answer: func(*testing.T) { c.Fault(nil) }}
}
