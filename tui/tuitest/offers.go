package tuitest

import (
	"fmt"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/plan"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// Log is a history of n commits, newest first, with tags, and some of them restored
// and verified.
func Log(n int) []api.LogEntry {
	subjects := []string{
		"Raise the shop's replicas for the weekend", "Move the router to v3", "Add a dashboard for queue depth",
		"Pin images by digest", "Give payments its own namespace", "Bump cert-manager to v1.17.2", "Fix the broken ingress class",
	}
	authors := []string{"Ada Lovelace", "Grace Hopper", "Größe Ünïcode", "Ren 漢字"}
	var out []api.LogEntry
	for i := range n {
		e := api.LogEntry{Commit: source.Commit{
			SHA: commitOf(i), Time: Now().Add(-time.Duration(i*7+2) * time.Hour), Author: authors[i%len(authors)],
			Subject: fmt.Sprintf("%s (#%d)", subjects[i%len(subjects)], 900-i),
		}, Body: "As agreed in the review.\n\nRefs: OPS-" + fmt.Sprint(1000+i)}
		if i == 0 {
			e.Branches = []string{"main"}
		}
		if i%10 == 4 {
			e.Tags = []string{fmt.Sprintf("v1.%d.0", 20-i/10)}
		}
		if i%5 == 1 {
			ref := api.RunRef{ID: "20261120-053002-q7xa", Recipe: "restore", Outcome: "done", Created: e.Time.Add(time.Hour), Ended: e.Time.Add(time.Hour + 4*time.Minute)}
			e.Restored, e.Verified = &ref, &ref
		}
		out = append(out, e)
	}
	return out
}

func objectID(n int) object.ID {
	kinds := []object.ID{
		{Kind: "ConfigMap"}, {Group: "apps", Kind: "Deployment"}, {Kind: "Service"}, {Kind: "Secret"},
		{Group: "networking.k8s.io", Kind: "Ingress"}, {Group: "apps", Kind: "StatefulSet"},
	}
	spaces := []string{"shop", "edge", "queue", "monitoring"}
	id := kinds[n%len(kinds)]
	id.Namespace, id.Name = spaces[n/len(kinds)%len(spaces)], fmt.Sprintf("part-%d", n)
	return id
}

// PlanOf is a plan of n objects, each of which waits for its namespace.
func PlanOf(n int) *plan.Plan {
	p := &plan.Plan{Commit: commitOf(1), Fingerprint: strings.Repeat("5e", 32), Server: "v1.36.3", Namespace: "default"}
	seen := map[string]bool{}
	from := func(file string, line int) object.Provenance {
		return object.Provenance{Commit: p.Commit, File: "clusters/dev/" + file, Line: line}
	}
	for i := range n {
		id := objectID(i)
		space := object.ID{Kind: "Namespace", Name: id.Namespace}
		if !seen[id.Namespace] {
			seen[id.Namespace] = true
			p.Nodes = append(p.Nodes, plan.Node{ID: space, From: from("namespaces.yaml", len(seen)*5)})
		}
		node := plan.Node{ID: id, Wave: 1, From: from(id.Namespace+".yaml", i+1), Edges: []plan.Edge{
			{To: space, Strength: plan.Hard, Until: plan.Exists, Why: "its namespace"},
		}}
		if id.Kind == "Deployment" && i > 0 {
			node.Wave = 2
			node.Edges = append(node.Edges, plan.Edge{To: objectID(i - 1), Strength: plan.Soft, Until: plan.Exists, Why: "it mounts it"})
		}
		p.Nodes = append(p.Nodes, node)
	}
	return p
}

// Planned is the answer about a plan of 60 objects, with a warning of every kind.
func Planned() api.Planned {
	p := PlanOf(60)
	awaited := object.ID{Group: "monitoring.coreos.com", Kind: "ServiceMonitor", Namespace: "monitoring", Name: "shop"}
	removed := object.ID{Group: "policy", Kind: "PodSecurityPolicy", Name: "restricted"}
	p.Nodes = append(p.Nodes, plan.Node{ID: awaited, Wave: 2, Awaited: true}, plan.Node{ID: removed, Wave: 1, Removed: true})
	p.Unserved = []plan.Unserved{
		{ID: awaited, APIVersion: "monitoring.coreos.com/v1", Awaited: true, Reason: "nothing serves ServiceMonitor yet", Remedy: "an operator in the plan may bring it"},
		{ID: removed, APIVersion: "policy/v1beta1", Reason: "policy/v1beta1 was removed in v1.25", Remedy: "use pod security admission"},
	}
	p.Notes = []plan.Note{{Kind: plan.Implied, ID: object.ID{Kind: "Namespace", Name: "queue"}, Text: "nobody defines namespace queue; it is added"}}
	return api.Planned{
		Plan: p, For: "kind v1.36.3", Exists: true,
		Commit: source.Commit{SHA: p.Commit, Time: Now().Add(-9 * time.Hour), Author: "Grace Hopper", Subject: "Move the router to v3 (#899)", Revision: "main", Ref: "refs/heads/main"},
		Notes:  []render.Note{{Code: "skipped", File: "clusters/dev/README.md", Text: "not a manifest"}},
		Warnings: []api.Warning{
			{Kind: api.Unserved, Object: awaited.String(), From: "clusters/dev/monitoring.yaml:12", Text: "nothing serves ServiceMonitor yet", Hint: "an operator in the plan may bring it"},
			{Kind: api.RemovedAPI, Object: removed.String(), From: "clusters/dev/psp.yaml:1", Text: "policy/v1beta1 was removed in v1.25", Hint: "use pod security admission"},
			{Kind: api.FloatingImage, Object: "Deployment.apps/edge/router", From: "clusters/dev/edge.yaml:31", Text: "router:latest may name something else tomorrow", Hint: "name a digest"},
			{Kind: api.MissingClass, Object: "PersistentVolumeClaim/queue/data", Text: "no storage class fast-ssd", Hint: "map it with storageClasses in rekindle.yaml"},
			{Kind: api.Other, Text: "2 objects are converted to newer API versions"},
		},
		Command: "rekindle restore --cluster shop-dev --commit " + p.Commit,
	}
}

// Comparison is what one commit makes differently from another: some added, removed
// and changed.
func Comparison() api.Comparison {
	file := func(n int) object.Provenance { return object.Provenance{File: "clusters/dev/shop.yaml", Line: n} }
	log := Log(5)
	return api.Comparison{From: log[4].Commit, To: log[0].Commit, Difference: plan.Difference{
		From: log[4].SHA, To: log[0].SHA,
		Added:   []plan.Change{{ID: objectID(100), From: file(4)}, {ID: objectID(101), From: file(40)}},
		Removed: []plan.Change{{ID: objectID(50), From: file(14)}},
		Changed: []plan.Change{
			{ID: objectID(7), From: file(70), Fields: []plan.Field{{Path: "spec.replicas", Old: "2", New: "5"}, {Path: "spec.template.spec.containers[web].image", Old: `"web:1"`, New: `"web:2"`}}},
			{ID: objectID(3), From: file(90), Fields: []plan.Field{{Path: "data.password", Hidden: true}}},
		},
	}}
}

// DriftOf is how a cluster differs from its commit in n objects: every fourth is
// missing, every fourth unexpected, the others changed in one to three fields.
func DriftOf(cluster string, n int) api.DriftReport {
	r := &show.Report{
		Schema: show.Schema, Cluster: cluster, Fingerprint: strings.Repeat("f1", 32),
		Commit: show.Commit{SHA: commitOf(1), Revision: "main", Subject: "Move the router to v3 (#899)", Repo: "https://git.example.org/platform.git", Path: "clusters/dev"},
	}
	for i := range n {
		o := show.Object{ID: objectID(i), From: object.Provenance{Commit: r.Commit.SHA, File: "clusters/dev/" + objectID(i).Namespace + ".yaml", Line: 3 + i}}
		switch i % 4 {
		case 0:
			o.Drift = show.Missing
			r.Counts.Missing++
		case 1:
			o.Drift = show.Unexpected
			o.From = object.Provenance{}
			o.By = &show.Author{Manager: "kubectl-create", Time: "2026-11-21T14:03:00Z"}
			r.Counts.Unexpected++
		default:
			o.Drift = show.Changed
			for k := range i%3 + 1 {
				o.Fields = append(o.Fields, show.Field{
					Path: []string{"spec.replicas", "spec.template.spec.containers[web].image", "metadata.labels.owner"}[k],
					Want: []any{2, "registry.example.org/web:1.4", "ada"}[k], Have: []any{5, "registry.example.org/web:1.5-hotfix", nil}[k],
					By: []show.Author{{Manager: "kubectl-edit", Time: "2026-11-22T14:03:00Z"}},
				})
			}
			r.Counts.Changed++
		}
		r.Objects = append(r.Objects, o)
	}
	r.Counts.Compared = n * 3
	r.Counts.Equal = r.Counts.Compared - r.Counts.Changed - r.Counts.Missing
	return api.DriftReport{Report: r}
}

// Providers are four, two of which can be used.
func Providers() []api.Provider {
	price := 0.0
	return []api.Provider{
		{Name: "local", Summary: "etcd and an API server as processes, no kubelet", Usable: true, TookMS: 42_000, Hourly: &price, Currency: "EUR"},
		{Name: "kind", Summary: "nodes as containers", Usable: true, TookMS: 228_000},
		{Name: "existing", Summary: "a cluster that is there", Reason: "no kubeconfig context is named", Hint: "set provider.existing.context in rekindle.yaml"},
		{Name: "eks", Summary: "a managed cluster on AWS", Reason: "no credentials", Hint: "run aws sso login"},
	}
}

func looks() []api.ObjectLook {
	return []api.ObjectLook{{
		Object: BadObject, State: "failed", Reason: "image pull: registry.example.org/router:v3 not found", Hint: "push the image, or restore a commit that names one that is there",
		YAML:   "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: router\n  namespace: edge\nspec:\n  replicas: 2\n",
		Events: []string{"2m  Normal   Scheduled  assigned edge/router-6d to node-1", "1m  Warning  Failed     Failed to pull image \"registry.example.org/router:v3\": not found"},
		Log:    []string{"starting router", "listen :8080"},
	}}
}

func reports(runs map[string]api.Run) []api.RunReport {
	commit := Log(2)[1].Commit
	return []api.RunReport{
		{
			Run: runs[FailedRun], Headline: "edge was not restored: 1 of 214 objects was not applied", Commit: &commit,
			Kinds:    []api.KindCount{{Kind: "ConfigMap", Objects: 80, Created: 80}, {Kind: "Deployment.apps", Objects: 12, Created: 11, Failed: 1}},
			Findings: []api.Finding{{What: "not applied", Object: BadObject, From: "clusters/edge/router.yaml:3", Text: "image pull: registry.example.org/router:v3 not found", Hint: "push the image"}},
			Next:     []api.NextStep{{Text: "Go on where it stopped", Command: "rekindle runs resume f4il"}},
			Text:     "Restore of edge failed.\n",
		},
		{
			Run: runs["20261120-053002-q7xa"], Headline: "shop-dev is commit " + commit.SHA[:7] + ", verified", Commit: &commit, Verified: true, Fingerprint: strings.Repeat("5e", 32),
			Kinds: []api.KindCount{{Kind: "ConfigMap", Objects: 80, Created: 80}, {Kind: "Deployment.apps", Objects: 12, Created: 12}},
			Next:  []api.NextStep{{Text: "See what differs by now", Command: "rekindle drift shop-dev"}}, Text: "Restore of shop-dev: verified.\n",
		},
	}
}

// Hostile is a text that would take over a terminal that obeyed it: a clearing of
// the screen, a title, a turned writing direction, marks, wide runes, line breaks.
const Hostile = "\x1b[2Jgone\x1b]0;owned\a\u202eexe.txt e\u0301\u0301\u0301\u0301\u0301\u0301 漢字漢字 🚀\r\n\tend"

// MakeHostile puts Hostile into every text of the world that others wrote.
func (d *Daemon) MakeHostile() {
	d.change(func() {
		for name, c := range d.clusters {
			c.Provider, c.LastError, c.Commit = Hostile, Hostile, Hostile
			c.Labels = map[string]string{"team": Hostile}
			for i := range c.Words {
				c.Words[i].Why, c.Words[i].By = Hostile, Hostile
			}
			if c.Wanted != nil {
				c.Wanted.Reason = Hostile
			}
			if c.Next != nil {
				c.Next.Reason = Hostile
			}
			d.clusters[name] = c
		}
		for id, r := range d.runs {
			r.By, r.Error, r.Provider = Hostile, Hostile, Hostile
			d.runs[id] = r
			for i := range d.events[id] {
				d.events[id][i].Message = Hostile
			}
		}
		for i := range d.log {
			e := &d.log[i]
			e.Subject, e.Author, e.Body, e.Tags = Hostile, Hostile, Hostile, []string{Hostile}
		}
		for id, r := range d.reports {
			r.Headline, r.Text, r.Notes = Hostile, Hostile, []string{Hostile}
			d.reports[id] = r
		}
		for name, r := range d.drift {
			for i := range r.Objects {
				o := &r.Objects[i]
				o.Note, o.ID.Name = Hostile, Hostile
				for k := range o.Fields {
					o.Fields[k].Want, o.Fields[k].Path = Hostile, Hostile
				}
			}
			d.drift[name] = r
		}
		for i := range d.offers {
			d.offers[i].Summary, d.offers[i].Reason = Hostile, Hostile
		}
		for i := range d.planned.Warnings {
			w := &d.planned.Warnings[i]
			w.Text, w.Object, w.From, w.Hint = Hostile, Hostile, Hostile, Hostile
		}
		d.planned.Commit.Subject, d.planned.Commit.Author, d.planned.For = Hostile, Hostile, Hostile
	})
}
