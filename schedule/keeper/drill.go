package keeper

import (
	"context"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/recover/run"
)

// drillsRecord is the kind of the records of which drills are declared; what came
// of drills is kept elsewhere.
const drillsRecord = "drill-rules"

// declaredDrills is what is remembered of the drills that rekindle.yaml declares.
type declaredDrills struct {
	Rule  string    `json:"rule"`
	Since time.Time `json:"since"`
}

// declareDrills fills in since when the drills of clusters are declared. A rule
// that is new or another one counts from now on.
func (k *Keeper) declareDrills(ctx context.Context, clusters map[string]*kept) error {
	known, err := k.Records.RecordKeys(ctx, drillsRecord)
	if err != nil {
		return err
	}
	for name, c := range clusters {
		var was declaredDrills
		there := slices.Contains(known, name)
		if there {
			if _, err := run.Into(ctx, k.Records, drillsRecord, name, &was); err != nil {
				return err
			}
		}
		switch {
		case c.Drill == nil && there:
			err = k.Records.DeleteRecord(ctx, drillsRecord, name)
		case c.Drill != nil && was.Rule != c.DrillRule:
			was = declaredDrills{c.DrillRule, k.Now()}
			err = put(ctx, k.Records, drillsRecord, name, was)
		}
		if err != nil {
			return err
		}
		c.drills = was.Since
	}
	return nil
}

// rehearse has a drill done.
func (k *Keeper) rehearse(ctx context.Context, c *kept, j *job, m *memory) error {
	free, err := k.slot(ctx, j)
	if err != nil {
		return err
	}
	defer free()
	m.Drilled = j.since
	if err := k.remember(ctx, c.Name, *m); err != nil {
		return err
	}
	id, err := k.World.Drill(ctx, Job{Cluster: c.Name, Since: j.since, Attempt: 1, Reason: j.decision.Reason})
	if ctx.Err() != nil {
		return nil
	}
	n := Notice{Kind: NoticeDrill, Cluster: c.Name, At: j.since, Run: id, Text: "the drill succeeded"}
	if err != nil {
		n.Kind, n.Text = NoticeFailure, "the drill failed: "+err.Error()
	}
	k.notify(n)
	return nil
}
