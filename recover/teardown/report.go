package teardown

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

// Report is what a teardown found and did, for people and as JSON. It is made of
// what the steps journaled, so that it is complete for the part of the run that
// came to pass, whoever died in between.
type Report struct {
	Run      string      `json:"run"`
	Cluster  string      `json:"cluster"`
	Provider string      `json:"provider"`
	ID       string      `json:"id,omitempty"`
	Outcome  run.Outcome `json:"outcome"`
	Error    string      `json:"error,omitempty"`

	// Absent: there was no cluster of that name, and nothing was known of one.
	Absent bool `json:"absent,omitempty"`
	// Silent is why the API server could not be asked, when the run went on
	// without it.
	Silent string `json:"silent,omitempty"`
	// Losses are the claims whose data nothing saves, and the Secrets that are in
	// the cluster alone: accepted ones, or those that a teardown was refused for.
	Losses []Loss `json:"losses,omitempty"`
	// Export is where the cluster's state is; nil when it is nowhere.
	Export *Exported `json:"export,omitempty"`
	// Suspended are what would have recreated things.
	Suspended []object.ID `json:"suspended,omitempty"`
	// Removed is what stood for things outside of the cluster: Services, Ingresses,
	// Gateways, claims.
	Removed []object.ID `json:"removed,omitempty"`
	// Retained are the volumes that outlive the cluster, as they are meant to.
	Retained []Retained `json:"retained,omitempty"`
	// Stuck is what could not be suspended or removed, and what may therefore be
	// left somewhere.
	Stuck []Stuck `json:"stuck,omitempty"`
	// Deleted: the provider has removed the cluster.
	Deleted bool `json:"deleted"`
	// Leftovers are still there.
	Leftovers []providers.Leftover `json:"leftovers,omitempty"`
	// Kept is what the provider still has and never removes, because it was left on
	// purpose: more than the volumes of Retained, or the same by other names.
	Kept []providers.Leftover `json:"kept,omitempty"`

	Steps []rebuild.Timing `json:"steps"`
	// Seconds is the time from the beginning to the end, pauses included.
	Seconds float64 `json:"seconds"`
}

// Lost tells whether the content of a loss is gone, or may be: until something was
// deleted, it only would be.
func (r *Report) Lost(l Loss) bool { return r.Deleted || slices.Contains(r.Removed, l.Object) }

// Stays names what outlives the cluster as it is meant to, each thing once: volumes of
// which the provider tells more are told in its words.
func (r *Report) Stays() []string {
	var words []string
	for _, v := range r.Retained {
		told := slices.ContainsFunc(r.Kept, func(l providers.Leftover) bool { return v.Handle != "" && strings.Contains(l.What, v.Handle) })
		if !told {
			words = append(words, fmt.Sprintf("volume %s of %s: %s", v.Volume, v.Claim, v.Why))
		}
	}
	for _, l := range r.Kept {
		words = append(words, strings.TrimSuffix(l.What+": "+l.Why, ": "))
	}
	return words
}

// Loss is a claim or a Secret whose content is nowhere else.
type Loss struct {
	Object object.ID `json:"object"`
	Size   string    `json:"size,omitempty"`
	Why    string    `json:"why"`
}

// Exported is where the state of a cluster was brought to.
type Exported struct {
	Repo   string `json:"repo"`
	Branch string `json:"branch"`
	Commit string `json:"commit"`
	// Pushed: the branch has this commit since this run.
	Pushed bool `json:"pushed,omitempty"`
	// Earlier: the cluster could not be read, so that this is its last export.
	Earlier bool `json:"earlier,omitempty"`
	// Run is the earlier run that exported the cluster before it began to take it
	// apart; empty for this one.
	Run string `json:"run,omitempty"`
	// Kept are the kinds that could not be read and are as in an earlier export.
	Kept []string `json:"kept,omitempty"`
}

// Retained is a volume that is kept when its claim goes.
type Retained struct {
	Volume string `json:"volume"`
	Claim  string `json:"claim,omitempty"`
	// Handle is what the storage calls it.
	Handle string `json:"handle,omitempty"`
	Why    string `json:"why"`
}

// Stuck is what stands in the way.
type Stuck struct {
	Object     string   `json:"object"`
	Finalizers []string `json:"finalizers,omitempty"`
	Why        string   `json:"why"`
}

func (s Stuck) String() string { return s.Object + ": " + s.Why }

// ReportOf returns what is known of a journaled teardown.
func ReportOf(r run.Run) (*Report, error) {
	report := &Report{Run: r.ID, Cluster: r.Cluster, Provider: r.Provider, Outcome: r.Outcome, Error: r.Error}
	report.Steps, report.Seconds = rebuild.StepsOf(r)
	var (
		t    target
		p    proof
		s    suspended
		d    drained
		left lasting
	)
	for name, into := range map[string]any{stepCheck: &t, stepProve: &p, stepSuspend: &s, stepDrain: &d, stepLeftovers: &left} {
		step, ok := r.Step(name)
		if !ok || len(step.Made) == 0 {
			continue
		}
		if err := json.Unmarshal(step.Made, into); err != nil {
			return nil, fmt.Errorf("run %s: what step %s had made cannot be read: %w", r.ID, name, err)
		}
	}
	report.ID, report.Absent, report.Silent, report.Losses = t.ID, t.Absent, t.Silent, t.Losses
	if len(p.Losses) > 0 {
		report.Losses = p.Losses
	}
	report.Export = p.Export
	report.Suspended, report.Leftovers, report.Kept = s.Objects, left.Leftovers, left.Kept
	report.Removed, report.Retained = d.Removed, d.Retained
	report.Stuck = slices.Concat(s.Stuck, d.Stuck)
	if step, ok := r.Step(stepDelete); ok {
		report.Deleted = step.State == run.StepDone
	}
	return report, nil
}
