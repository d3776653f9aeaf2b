// Package providertest is the one suite that every provider passes: it holds
// providers.Provider to the letter of its contract, crashes, silence and other
// people's property included.
//
// In goes a way to make a World, an empty place in which the provider makes
// clusters; out comes the verdict of go test. docs/providers says how to write a
// provider and its World.
//
// What it costs: with Moments m, the suite makes 3 + m clusters to the end, one
// after the other but for two at once, begins as many again that it cancels or
// lets die, and starts one anew for hibernation and one for repair.
package providertest

import (
	"context"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// World is an empty place in which clusters are made. The first three fields are
// required; a nil function leaves out the tests that need it, and they are
// skipped by that reason.
type World struct {
	// New returns a provider over this world, as a process that has just been
	// started would: values share nothing but the world.
	New func(t *testing.T) providers.Provider
	// Settings are valid settings for the clusters of the suite.
	Settings providers.Settings
	// BadSettings are settings that Check and Create have to refuse.
	BadSettings providers.Settings

	// Foreign makes something of that name that is not ours, and returns a
	// function that fails the test unless it is untouched, and then removes it.
	Foreign func(t *testing.T, name string) (untouched func(t *testing.T))
	// Forged is Foreign for something that bears half of our mark: it says that
	// it is the cluster of that name, and has no id.
	Forged func(t *testing.T, name string) (untouched func(t *testing.T))
	// Reach fails unless the kubeconfig's credentials reach the cluster.
	Reach func(ctx context.Context, t *testing.T, kubeconfig []byte)
	// ConnectElsewhere calls Connect in a process of its own, which has ended
	// when it returns.
	ConnectElsewhere func(t *testing.T, name string) (kubeconfig []byte)

	// CrashCreate runs Create as a process that dies without a chance to clean
	// up, in the middle; moment counts from 0 and asks for later and later
	// deaths. It returns false when Create ended before that moment.
	CrashCreate func(t *testing.T, spec providers.Spec, moment int) (died bool)
	// CrashDelete is the same for Delete.
	CrashDelete func(t *testing.T, name, id string, moment int) (died bool)
	// Moments bounds how many moments of a crash are tried; 3 when 0.
	Moments int
	// EveryMoment: a moment is a step of the provider, and all of them are tried,
	// also one after the other, whatever Moments says.
	EveryMoment bool
	// CancelAfter says after which times a create is cancelled; none may be so
	// long that the create is done. Four from 0 to 1 s when nil.
	CancelAfter []time.Duration

	// Break stops the cluster's parts behind the provider's back, as a power cut
	// does.
	Break func(t *testing.T, c providers.Cluster)
	// Silence returns a provider whose backend accepts what it is asked and never
	// answers. It may make a cluster for that, and is called twice.
	Silence func(t *testing.T) Silent

	// Lend makes this a world of borrowed clusters (Cluster.Borrowed): it lets a
	// cluster of that name be known from now on, and returns the spec that finds
	// it: its id, which it has already, and its settings. TakeBack ends that, and Mend is what its owner does about Break. What
	// concerns making and removing clusters is then skipped, and Delete has to
	// leave the cluster as it is.
	Lend     func(t *testing.T, name string) providers.Spec
	TakeBack func(t *testing.T, name string)
	Mend     func(t *testing.T, name string)

	// Empty fails unless the world holds nothing, seen without the provider.
	Empty func(t *testing.T)
	// Traces names what the world holds, seen without the provider: after a death
	// all of it has to be found as a cluster or listed as left over.
	Traces func(t *testing.T) []string
	// Timeout bounds every single call; a minute when 0.
	Timeout time.Duration
}

// Silent is a provider that is not answered.
type Silent struct {
	Provider providers.Provider
	// Spec is the cluster to ask it about.
	Spec providers.Spec
	// Within is the longest that a call without a deadline may take by the
	// provider's own; World.Timeout when 0.
	Within time.Duration
	// Answer lets the backend answer again, so that what was made can be removed.
	// It may be nil.
	Answer func(t *testing.T)
}

// test is one test of the suite, and what a world has to have for it.
type test struct {
	name string
	do   func(*suite)
	// makes: it is about making clusters, which a borrower does not.
	makes bool
	// lacking says what the world does not have; empty when it has all.
	lacking func(World) string
}

func tests() []test {
	has := func(yes bool, what string) string {
		if yes {
			return ""
		}
		return "this world has no " + what
	}
	return []test{
		{name: "life of a cluster", do: (*suite).life},
		{name: "bad specs are refused", do: (*suite).badSpecs},
		{name: "an ended context ends calls", do: (*suite).endedContext},
		{name: "clusters at once", do: (*suite).together},
		{name: "foreign things are untouched", do: (*suite).foreign,
			lacking: func(w World) string { return has(w.Foreign != nil, "Foreign: nobody else can hold a name") }},
		{name: "a forged mark is not ours", do: (*suite).forged,
			lacking: func(w World) string { return has(w.Forged != nil, "Forged: no half of a mark can be made") }},
		{name: "a backend that never answers", do: (*suite).silence,
			lacking: func(w World) string { return has(w.Silence != nil, "Silence") }},
		{name: "cancelled create", do: (*suite).cancelled, makes: true},
		{name: "dying in the middle", do: (*suite).crashes, makes: true,
			lacking: func(w World) string {
				return has(w.CrashCreate != nil && w.CrashDelete != nil, "CrashCreate and CrashDelete")
			}},
	}
}

// Run runs the suite, each test in a world of its own.
func Run(t *testing.T, newWorld func(t *testing.T) World) {
	for _, test := range tests() {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t).withDefaults()
			if test.makes && w.Lend != nil {
				t.Skip("clusters are borrowed here: nothing is made")
			}
			if test.lacking != nil {
				if why := test.lacking(w); why != "" {
					t.Skip(why)
				}
			}
			s := &suite{T: t, whole: t, w: w, lent: map[string]providers.Spec{}}
			test.do(s)
			s.nothingLeft()
		})
	}
}

func (w World) withDefaults() World {
	if w.Timeout == 0 {
		w.Timeout = time.Minute
	}
	if w.Moments == 0 {
		w.Moments = 3
	}
	if w.CancelAfter == nil {
		w.CancelAfter = []time.Duration{0, 30 * time.Millisecond, 300 * time.Millisecond, time.Second}
	}
	return w
}
