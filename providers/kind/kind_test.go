package kind

import (
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/providertest"
)

func TestConformance(t *testing.T) {
	needDocker(t)
	providertest.Run(t, func(t *testing.T) providertest.World {
		w := newWorld(t)
		return providertest.World{
			New:         func(t *testing.T) providers.Provider { return w.provider(t) },
			Settings:    testSettings(),
			BadSettings: providers.Settings{"node": 1},
			Foreign:     w.foreignCluster,
			Reach:       reach,
			Moments:     3,
			Timeout:     5 * time.Minute,
			CrashCreate: func(t *testing.T, s providers.Spec, moment int) bool {
				// While it claims the name, starts nodes, initialises.
				after := []time.Duration{250, 1500, 12000}[moment] * time.Millisecond
				return w.crash(t, after, "create", s.Name, s.ID)
			},
			CrashDelete: func(t *testing.T, name, id string, moment int) bool {
				after := []time.Duration{150, 300, 900}[moment] * time.Millisecond
				return w.crash(t, after, "delete", name, id)
			},
			Break: func(t *testing.T, c providers.Cluster) {
				docked(t, append([]string{"kill"}, nodesOf(t, c)...)...)
			},
			Forged:           w.forgedClaim,
			ConnectElsewhere: w.connectElsewhere,
			Silence:          w.silence,
			Traces:           w.traces,
			Empty:            w.wantEmpty,
			CancelAfter:      []time.Duration{0, 100 * time.Millisecond, time.Second, 6 * time.Second},
		}
	})
}
