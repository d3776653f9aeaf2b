package desk

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/cmd/internal/declared"
	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
)

// Drift implements server.Questions: it compares with what was restored last unless
// another revision is named.
func (d *Desk) Drift(ctx context.Context, q api.DriftQuery) (api.DriftReport, error) {
	revision, err := d.revision(ctx, q.Cluster, q.Against)
	if err != nil {
		return api.DriftReport{}, err
	}
	req, err := d.driftRequest(ctx, api.Target{Cluster: q.Cluster, Revision: revision})
	if err != nil {
		return api.DriftReport{}, err
	}
	found, err := d.rebuild.Drift(ctx, req, nil)
	if err != nil {
		return api.DriftReport{}, explained(err)
	}
	return api.DriftReport{Report: found.Report}, nil
}

// driftRequest is the comparison of a cluster, with the rules that are declared for
// it.
func (d *Desk) driftRequest(ctx context.Context, t api.Target) (rebuild.DriftRequest, error) {
	req, err := d.request(ctx, t)
	if err != nil {
		return rebuild.DriftRequest{}, err
	}
	file := d.config()
	q := rebuild.DriftRequest{Request: req, Times: true}
	if c, is := file.Clusters[t.Cluster]; is {
		q = declared.Export(file, c)
		q.Request, q.Export = req, nil
	}
	return q, nil
}

// Look implements server.Questions.
func (d *Desk) Look(ctx context.Context, cluster, name string) (api.ObjectLook, error) {
	id, err := parseID(name)
	if err != nil {
		return api.ObjectLook{}, err
	}
	req, err := d.request(ctx, api.Target{Cluster: cluster})
	if err != nil {
		return api.ObjectLook{}, err
	}
	to, err := d.connect(ctx, req)
	if err != nil {
		return api.ObjectLook{}, explained(err)
	}
	served, err := to.Discover(ctx)
	if err != nil {
		return api.ObjectLook{}, explained(err)
	}
	look := api.ObjectLook{Object: id.String(), State: string(kube.StateMissing)}
	kind, is := served.Preferred(schema.GroupKind{Group: id.Group, Kind: id.Kind})
	if !is {
		look.Reason = "the cluster does not serve " + id.GroupKind().String()
		return look, nil
	}
	seen, err := to.Look(ctx, kube.Target{Kind: kind, ID: id})
	if err != nil {
		return api.ObjectLook{}, explained(err)
	}
	return shown(look, seen), nil
}

// connect reaches a cluster for who only looks.
func (d *Desk) connect(ctx context.Context, req rebuild.Request) (*kube.Cluster, error) {
	p, err := d.rebuild.Providers.Get(req.Provider)
	if err != nil {
		return nil, err
	}
	return d.rebuild.Reach(ctx, p, req.Cluster)
}

func shown(look api.ObjectLook, g kube.Glimpse) api.ObjectLook {
	look.State, look.Hint, look.Events = string(g.State), g.Hint, g.Events
	if g.State == kube.StateWaiting {
		look.State = "progressing"
	}
	if look.Reason = g.Message; g.Reason != "" {
		look.Reason = strings.TrimSuffix(g.Reason+": "+g.Message, ": ")
	}
	if g.Log != "" {
		look.Log = strings.Split(g.Log, "\n")
	}
	if g.Object != nil {
		look.YAML = string(object.YAML(veiled(g.Object.Object)))
	}
	return look
}

// lastApplied embeds the whole object, Secrets and all.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// veiled is an object as it may be shown: without who owns its fields, and without
// what a Secret holds. content is changed.
func veiled(content map[string]any) map[string]any {
	if meta, ok := content["metadata"].(map[string]any); ok {
		delete(meta, "managedFields")
		if notes, ok := meta["annotations"].(map[string]any); ok {
			delete(notes, lastApplied)
		}
	}
	if content["kind"] != "Secret" || content["apiVersion"] != "v1" {
		return content
	}
	for _, part := range []string{"data", "stringData"} {
		if values, ok := content[part].(map[string]any); ok {
			for key := range values {
				values[key] = "(hidden)"
			}
		}
	}
	return content
}

// parseID reads an object's name as reports and events write it: "Deployment.apps
// shop/web".
func parseID(text string) (object.ID, error) {
	what, name, ok := strings.Cut(text, " ")
	kind, group, _ := strings.Cut(what, ".")
	id := object.ID{Group: group, Kind: kind, Name: name}
	if namespace, rest, has := strings.Cut(name, "/"); has {
		id.Namespace, id.Name = namespace, rest
	}
	bad := func(s string) bool { return s == "." || s == ".." || strings.ContainsAny(s, "/?#%\\ ") }
	if !ok || kind == "" || id.Name == "" || bad(kind) || bad(group) || bad(id.Namespace) || bad(id.Name) || id.String() != text {
		return id, wrong("object", "%q is not an object's name", fmt.Sprintf("%.80s", text)).WithHint("write it as reports do: Deployment.apps shop/web")
	}
	return id, nil
}
