package rebuild_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/ignore"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

const (
	webDeployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "nginx:1.27", resources: {requests: {cpu: 1000m}}}]
`
	webService = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
`
	dbSecret = `apiVersion: v1
kind: Secret
metadata: {name: db, namespace: shop}
stringData: {password: marzipan-17}
`
	webPath = "/apis/apps/v1/namespaces/shop/deployments/web"
)

// compare tells how the cluster differs from the newest commit.
func (p *place) compare(t *testing.T, change func(*rebuild.DriftRequest)) *rebuild.Drift {
	t.Helper()
	req := rebuild.DriftRequest{Request: p.req}
	if change != nil {
		change(&req)
	}
	d, err := p.Drift(t.Context(), req, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// differing is what a report says about one object; nil when nothing.
func differing(d *rebuild.Drift, id object.ID) *show.Object {
	i := slices.IndexFunc(d.Objects, func(o show.Object) bool { return o.ID == id })
	if i < 0 {
		return nil
	}
	return &d.Objects[i]
}

// forms is a drift in every form that it is shown in.
func forms(t *testing.T, d *rebuild.Drift) map[string][]byte {
	t.Helper()
	sarif, err := d.SARIF()
	if err != nil {
		t.Fatal(err)
	}
	junit, err := d.JUnit()
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for line := range d.Lines(show.LineOptions{Width: 80}) {
		lines.WriteString(line.String() + "\n")
	}
	return map[string][]byte{
		"text": []byte(lines.String()), "markdown": d.Markdown(show.MarkdownOptions{}),
		"json": []byte(words(t, d)), "sarif": sarif, "junit": junit,
	}
}

// How a cluster differs after people and programs worked on it. The cases share
// a cluster and come one after the other.
func TestDrift(t *testing.T) {
	p := newPlace(t)
	p.commit(t, shop, settings("color", "red", ""), settings("spare", "1", ""), webDeployment, webService, dbSecret)
	p.verified(t)
	if d := p.compare(t, nil); !d.Clean() || d.LeftOut.Taken != 6 {
		t.Fatalf("drift right after a restore: %s", words(t, d))
	}
	t.Run("what hands did is found, and whose they were", p.handsAreFound)
	t.Run("rules leave out what they say", p.rulesHold)
	t.Run("an older commit is another difference", p.againstAnother)
	t.Run("a kind that is not served is missing", p.unserved)
	t.Run("a kind that the server cannot describe is unknown", p.undescribed)
	t.Run("a restore ends it", p.mended)
	t.Run("a cluster that does not run cannot be compared", p.unreachableNow)
}

func (p *place) handsAreFound(t *testing.T) {
	p.by(t, "kubectl").patch(webPath+"/scale", `{"spec":{"replicas":3}}`)
	p.by(t, "kubectl-edit").patch(configMapPath("color"), `{"data":{"value":"green"}}`)
	p.by(t, "kubectl-label").patch(configMapPath("color"), `{"metadata":{"labels":{"team":"blue"}}}`)
	p.by(t, "kubectl-set").patch(webPath, `[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"nginx:1.28"}]`)
	p.by(t, "kubectl-patch").patch(shopPath+"/secrets/db", `{"stringData":{"password":"nougat-99"}}`)
	p.by(t, "kubectl-create").post(shopPath+"/configmaps", settings("extra", "1", ""))
	p.by(t, "argocd-controller").patch(shopPath+"/configmaps/applied", settings("applied", "1", ""))
	p.by(t, "kubectl").delete(shopPath + "/services/web")

	d := p.compare(t, nil)
	deployment := object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	secret := object.ID{Kind: "Secret", Namespace: "shop", Name: "db"}
	service := object.ID{Kind: "Service", Namespace: "shop", Name: "web"}
	for _, want := range []struct {
		id    object.ID
		drift show.Kind
		// field has the words want and have, and was set by a manager.
		field, want, have, by string
	}{
		{deployment, show.Changed, "spec.replicas", "1", "3", "kubectl"},
		{deployment, show.Changed, "spec.template.spec.containers[web].image", "nginx:1.27", "nginx:1.28", "kubectl-set"},
		{configMap("color"), show.Changed, "data.value", "red", "green", "kubectl-edit"},
		{configMap("color"), show.Changed, "metadata.labels.team", "null", "blue", "kubectl-label"},
		{secret, show.Changed, "data.password", "(hidden)", "(hidden)", "kubectl-patch"},
		{configMap("extra"), show.Unexpected, "", "", "", "kubectl-create"},
		{configMap("applied"), show.Unexpected, "", "", "", "argocd-controller"},
		{service, show.Missing, "", "", "", ""},
	} {
		o := differing(d, want.id)
		if o == nil || o.Drift != want.drift {
			t.Errorf("%s is not %s: %s", want.id, want.drift, words(t, o))
			continue
		}
		if want.field == "" {
			if o.By != nil && o.By.Manager != want.by || o.By == nil && want.by != "" {
				t.Errorf("%s was made by %s, want %q", want.id, words(t, o.By), want.by)
			}
			continue
		}
		i := slices.IndexFunc(o.Fields, func(f show.Field) bool { return f.Path == want.field })
		if i < 0 {
			t.Errorf("%s of %s is not among %s", want.field, want.id, words(t, o.Fields))
			continue
		}
		f := o.Fields[i]
		if plain(t, f.Want) != want.want || plain(t, f.Have) != want.have || len(f.By) == 0 || f.By[0].Manager != want.by {
			t.Errorf("%s of %s: %s, want %+v", want.field, want.id, words(t, f), want)
		}
	}
	if len(d.Objects) != 6 || d.Counts.Changed != 3 || d.Counts.Missing != 1 || d.Counts.Unexpected != 2 || d.Counts.Equal != 2 {
		t.Errorf("something else differs: %s", words(t, d.Counts))
	}
	p.shownInEveryForm(t, d)
}

// plain is a value as a person writes it.
func plain(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Trim(string(raw), `"`)
}

func (p *place) shownInEveryForm(t *testing.T, d *rebuild.Drift) {
	all := forms(t, d)
	for name, raw := range all {
		for _, secret := range []string{"marzipan-17", "nougat-99", base64.StdEncoding.EncodeToString([]byte("marzipan-17")), base64.StdEncoding.EncodeToString([]byte("nougat-99"))} {
			if bytes.Contains(raw, []byte(secret)) {
				t.Errorf("the password %s is in the %s", secret, name)
			}
		}
		if !bytes.Contains(raw, []byte("extra")) {
			t.Errorf("the %s does not name what is unexpected:\n%s", name, raw)
		}
	}
	if !json.Valid(all["sarif"]) {
		t.Error("the SARIF is not JSON")
	}
	if err := xml.Unmarshal(all["junit"], new(struct{})); err != nil {
		t.Errorf("the JUnit is not XML: %v", err)
	}
	if bytes.Contains(all["json"], []byte(`"time"`)) {
		t.Error("it says when although nobody asked")
	}
	timed := p.compare(t, func(req *rebuild.DriftRequest) { req.Times = true })
	if o := differing(timed, configMap("color")); o == nil || o.Fields[0].By[0].Time == "" {
		t.Errorf("it does not say when: %s", words(t, o))
	}
}

func (p *place) rulesHold(t *testing.T) {
	d := p.compare(t, func(req *rebuild.DriftRequest) {
		req.Explain = true
		req.Ignore = []ignore.Rule{
			{Reason: "the night team scales", Kind: "Deployment", Fields: []string{"/spec/replicas"}},
			{Reason: "nobody has it", Kind: "Ingress"},
		}
		req.Exclude = []capture.Rule{{Kind: "Secret"}, {Kind: "ConfigMap", Name: "a*"}}
	})
	web := differing(d, object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"})
	if web == nil || len(web.Fields) != 1 || !strings.Contains(web.Fields[0].Path, "image") {
		t.Errorf("the ignored field is not left out: %s", words(t, web))
	}
	if differing(d, configMap("applied")) != nil || d.Counts.Excluded != 1 || d.Counts.Ignored != 1 {
		t.Errorf("what is excluded counts: %s", words(t, d.Counts))
	}
	if len(d.Rules) != 2 || d.Rules[0].State != ignore.Used || d.Rules[1].State != ignore.Unmatched {
		t.Errorf("rules: %s", words(t, d.Rules))
	}
	explained := words(t, d.LeftOut)
	for _, name := range []string{"applied", "kube-root-ca.crt", "excluded"} {
		if !strings.Contains(explained, name) {
			t.Errorf("%s is not among what was left out, and why:\n%s", name, explained)
		}
	}
	_, err := p.Drift(t.Context(), rebuild.DriftRequest{Request: p.req, Ignore: []ignore.Rule{{Reason: "broken", Fields: []string{"spec/replicas"}}}}, nil)
	if err == nil || !strings.Contains(err.Error(), "spec/replicas") {
		t.Errorf("a pointer without its slash: %v", err)
	}
}

func (p *place) againstAnother(t *testing.T) {
	p.commit(t, shop, settings("color", "green", ", labels: {team: blue}"), webDeployment)
	d := p.compare(t, nil)
	if differing(d, configMap("color")) != nil {
		t.Errorf("the cluster is as the newest commit says: %s", words(t, d.Objects))
	}
	if o := differing(d, configMap("spare")); o == nil || o.Drift != show.Unexpected || o.Note == "" {
		t.Errorf("what an earlier restore made is not said to be: %s", words(t, o))
	}
	older := p.compare(t, func(req *rebuild.DriftRequest) { req.Source.Revision = "main~1" })
	if differing(older, configMap("color")) == nil || differing(older, configMap("spare")) != nil {
		t.Errorf("against the commit before: %s", words(t, older.Objects))
	}
}

func (p *place) unserved(t *testing.T) {
	p.commit(t, shop, "apiVersion: example.com/v1\nkind: Crown\nmetadata: {name: gold, namespace: shop}")
	d := p.compare(t, nil)
	o := differing(d, object.ID{Group: "example.com", Kind: "Crown", Namespace: "shop", Name: "gold"})
	if o == nil || o.Drift != show.Missing || !strings.Contains(o.Note, "example.com/v1") {
		t.Errorf("what the cluster cannot hold is missing: %s", words(t, d.Objects))
	}
	if d.Counts.Compared != 2 || d.Counts.Equal != 1 {
		t.Errorf("it is not counted: %s", words(t, d.Counts))
	}
	without := p.compare(t, func(req *rebuild.DriftRequest) { req.Exclude = []capture.Rule{{Kind: "Crown"}} })
	if differing(without, o.ID) != nil || without.Counts.Excluded != 1 {
		t.Errorf("it is not left out: %s", words(t, without.Counts))
	}
}

// undescribed: what the server failed to say is no word that something is gone.
func (p *place) undescribed(t *testing.T) {
	const services = "/apis/apiregistration.k8s.io/v1/apiservices"
	p.by(t, "test").post(services, `apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.example.com}
spec: {group: example.com, version: v1, groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true, service: {name: nobody, namespace: shop}}
`)
	defer p.by(t, "test").delete(services + "/v1.example.com")
	gold := object.ID{Group: "example.com", Kind: "Crown", Namespace: "shop", Name: "gold"}
	for deadline := time.Now().Add(30 * time.Second); ; { // until discovery knows of the group
		d := p.compare(t, nil)
		if d.Counts.Unknown == 1 && differing(d, gold) == nil {
			if !slices.Contains(d.Unknown[0].Objects, gold) || d.Counts.Missing != 0 {
				t.Errorf("it is not the one that is unknown: %s", words(t, d.Unknown))
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is not unknown: %s %s", words(t, d.Objects), words(t, d.Unknown))
		}
	}
}

func (p *place) mended(t *testing.T) {
	p.commit(t, shop, settings("color", "red", ""), settings("spare", "1", ""), webDeployment, webService, dbSecret)
	for _, name := range []string{"extra", "applied"} {
		p.by(t, "test").delete(configMapPath(name))
	}
	p.verified(t)
	if d := p.compare(t, nil); !d.Clean() {
		t.Errorf("drift after a restore: %s", words(t, d.Objects))
	}
}

func (p *place) unreachableNow(t *testing.T) {
	c, err := p.local.Find(t.Context(), p.req.Cluster)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.local.Stop(t.Context(), c.Name, c.ID, nil); err != nil {
		t.Fatal(err)
	}
	d, err := p.Drift(t.Context(), rebuild.DriftRequest{Request: p.req}, nil)
	var stopped *providers.NotRunningError
	if d != nil || !errors.As(err, &stopped) || !strings.Contains(err.Error(), "compared") {
		t.Errorf("a stopped cluster: %v, %s", err, words(t, d))
	}
	req := rebuild.DriftRequest{Request: p.req}
	req.Cluster = "nobody"
	if _, err := p.Drift(t.Context(), req, nil); !errors.Is(err, providers.ErrNotFound) {
		t.Errorf("a cluster that nobody made: %v", err)
	}
}
