package desk

import (
	"context"
	"errors"
	"strings"

	"github.com/rekindle-io/rekindle/cmd/internal/declared"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/snapshot/recoverability"
)

// Plan implements server.Questions.
func (d *Desk) Plan(ctx context.Context, t api.Target) (api.Planned, error) {
	req, err := d.request(ctx, t)
	if err != nil {
		return api.Planned{}, err
	}
	planned, err := d.rebuild.Plan(ctx, req)
	if err != nil {
		return api.Planned{}, explained(err)
	}
	p := api.Planned{Plan: planned.Plan, Commit: planned.Commit, For: planned.Target, Notes: planned.Notes, Warnings: warnings(planned), Estimate: estimate(planned.Estimate)}
	p.Command = "rekindle restore" + declared.Words(req, planned.Commit.SHA, declared.Declares(d.config(), req))
	p.Exists, err = d.exists(ctx, req)
	return p, explained(err)
}

// estimate is what clients are told of what a provider would make.
func estimate(e *providers.Estimate) *api.Estimate {
	if e == nil {
		return nil
	}
	told := &api.Estimate{Parts: []api.EstimatedPart{}, Hourly: e.Hourly, Currency: e.Currency, AsOf: e.AsOf, Unpriced: e.Unpriced}
	for _, p := range e.Parts {
		told.Parts = append(told.Parts, api.EstimatedPart{What: p.What, Hourly: p.Hourly})
	}
	return told
}

// exists tells whether a cluster of the request's name is there.
func (d *Desk) exists(ctx context.Context, req rebuild.Request) (bool, error) {
	if req.Cluster == "" || req.Provider == "" {
		return false, nil
	}
	p, err := d.rebuild.Providers.Get(req.Provider)
	if err != nil {
		return false, err
	}
	_, err = p.Find(ctx, req.Cluster)
	if errors.Is(err, providers.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// warnings are what a person should know of a plan before they say yes, what keeps
// it from being whole first.
func warnings(p *rebuild.Planned) []api.Warning {
	var list []api.Warning
	for _, u := range p.Plan.Unserved {
		w := api.Warning{Kind: api.RemovedAPI, Object: u.ID.String(), From: u.From.String(), Text: u.APIVersion + ": " + u.Reason, Hint: u.Remedy}
		if u.Awaited {
			w.Kind = api.Unserved
		}
		list = append(list, w)
	}
	for _, n := range p.Plan.Notes {
		w := api.Warning{Kind: api.Other, Object: n.ID.String(), From: n.From.String(), Text: n.Text}
		if n.Kind == plan.Missing && strings.HasSuffix(n.Text, plan.NobodyHas) {
			w.Kind = api.MissingClass
		}
		list = append(list, w)
	}
	list = append(list, floating(p.Plan)...)
	for _, n := range p.Notes {
		list = append(list, api.Warning{Kind: api.Other, From: object.Provenance{File: n.File, Line: n.Line}.String(), Text: n.Text})
	}
	return list
}

// floating are the images whose name may mean another one tomorrow.
func floating(p *plan.Plan) []api.Warning {
	var list []api.Warning
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if n.Object == nil {
			continue
		}
		for _, ref := range rebuild.Images(n.Object.Object) {
			what, moves := recoverability.Moves(ref)
			if !moves {
				continue
			}
			list = append(list, api.Warning{Kind: api.FloatingImage, Object: n.ID.String(), From: n.From.String(),
				Text: ref + ": " + what, Hint: "name the image with its digest"})
		}
	}
	return list
}

// Compare implements server.Questions.
func (d *Desk) Compare(ctx context.Context, q api.CompareQuery) (api.Comparison, error) {
	req, err := d.request(ctx, q.Target)
	if err != nil {
		return api.Comparison{}, err
	}
	from, err := d.revision(ctx, q.Cluster, q.From)
	if err != nil {
		return api.Comparison{}, err
	}
	if from == "" {
		return api.Comparison{}, wrong("from", "is missing, and nothing was restored onto the cluster yet")
	}
	to, err := d.rebuild.Plan(ctx, req)
	if err != nil {
		return api.Comparison{}, explained(err)
	}
	req.Source.Revision = from
	was, err := d.rebuild.Plan(ctx, req)
	if err != nil {
		return api.Comparison{}, explained(err)
	}
	return api.Comparison{From: was.Commit, To: to.Commit, Difference: plan.Diff(was.Plan, to.Plan)}, nil
}
