package rebuild_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/sops"
	"github.com/rekindle-io/rekindle/snapshot/adopt"
	"github.com/rekindle-io/rekindle/snapshot/export"
	"github.com/rekindle-io/rekindle/snapshot/show"
)

// adopter is a place whose live values are adopted.
type adopter struct {
	*place
	people hand
}

const podinfo = `# What everybody sees.
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 0 # woken by hand
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: "podinfo:6.0" # pinned
          resources: {limits: {cpu: 1000m}}
`

// nameless is a ConfigMap that goes to the namespace default without saying so.
func nameless(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\ndata: {value: \"1\"}\n"
}

// adopt adopts onto a branch, unless that is empty.
func (a *adopter) adopt(t *testing.T, branch string, change func(*rebuild.AdoptRequest), observe func(run.Event)) (*rebuild.Adoption, error) {
	t.Helper()
	req := rebuild.AdoptRequest{DriftRequest: rebuild.DriftRequest{Request: a.req}, Branch: branch}
	if change != nil {
		change(&req)
	}
	return a.Adopt(t.Context(), req, observe)
}

func only(selectors ...string) func(*rebuild.AdoptRequest) {
	return func(req *rebuild.AdoptRequest) { req.Only = selectors }
}

// differs is what a drift report against a branch names.
func (a *adopter) differs(t *testing.T, revision string) []string {
	t.Helper()
	req := rebuild.DriftRequest{Request: a.req}
	req.Source.Revision = revision
	d, err := a.Drift(t.Context(), req, nil)
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, o := range d.Objects {
		list = append(list, string(o.Drift)+" "+o.ID.String())
	}
	return list
}

// refs are all branches and what they are at.
func (a *adopter) refs() string {
	return a.repo.Git("for-each-ref") + a.repo.Git("status", "--porcelain")
}

func TestAdopt(t *testing.T) {
	a := &adopter{place: newPlace(t)}
	a.commit(t, shop, podinfo, settings("one", "1", ""), settings("two", "2", ""), nameless("kept"), nameless("lost"))
	a.verified(t)
	a.people = a.by(t, "kubectl-edit")
	for _, test := range []struct {
		name string
		run  func(*adopter, *testing.T)
	}{
		{"a clean cluster has nothing to adopt", (*adopter).nothing},
		{"what was edited, made and deleted by hand is on the branch, and nothing else", (*adopter).all},
		{"only what is named is adopted", (*adopter).selected},
		{"what is sealed stays sealed, and is named with the way to change it", (*adopter).sealed},
		{"what an earlier restore made and the commit dropped stays dropped unless it is named", (*adopter).dropped},
		{"after a restore that did not end well nothing is deleted from git", (*adopter).unproved},
		{"a cluster that lost most of its objects deletes nothing from git", (*adopter).hollow},
	} {
		if !t.Run(test.name, func(t *testing.T) {
			a.people.t = t
			test.run(a, t)
		}) {
			return // they build upon each other
		}
	}
}

func (a *adopter) nothing(t *testing.T) {
	before := a.refs()
	for _, branch := range []string{"", "adopt/nothing"} {
		m, err := a.adopt(t, branch, nil, nil)
		if err != nil || len(m.Adopted)+len(m.Refused)+len(m.Files) > 0 || m.Proposed != nil {
			t.Errorf("got %+v, %v", m, err)
		}
	}
	if a.refs() != before {
		t.Error("a branch was made")
	}
	var none *rebuild.NoMatchError
	if _, err := a.adopt(t, "", only("ConfigMap/one"), nil); !errors.As(err, &none) {
		t.Errorf("got %v", err)
	}
}

func (a *adopter) all(t *testing.T) {
	a.people.patch("/apis/apps/v1/namespaces/shop/deployments/web", `{"spec":{"replicas":2,"template":{"spec":{"containers":[{"name":"web","image":"podinfo:6.1","resources":{"limits":{"cpu":"1"}}}]}}},"metadata":{"labels":{"tier":"front"}}}`)
	a.people.patch(configMapPath("one"), `{"data":{"value":"true"}}`)
	a.people.delete(configMapPath("two"))
	a.people.post("/api/v1/namespaces/shop/configmaps", settings("three", "3", ""))
	a.people.post("/api/v1/namespaces/shop/secrets", "apiVersion: v1\nkind: Secret\nmetadata: {name: pass, namespace: shop}\nstringData: {word: hunter2}\n")
	a.people.patch("/api/v1/namespaces/default/configmaps/kept", `{"data":{"value":"2"}}`)
	a.people.delete("/api/v1/namespaces/default/configmaps/lost")
	before := a.refs()
	preview, err := a.adopt(t, "", nil, nil)
	var short *rebuild.NotAdoptedError
	if !errors.As(err, &short) || short.Refused != 1 || short.Outcome() != run.Unverified || a.refs() != before || preview.Run != "" {
		t.Fatalf("the preview: %v: %s", err, words(t, preview))
	}
	m, err := a.adopt(t, "adopt/all", nil, nil)
	if !errors.As(err, &short) || m.Proposed == nil || !m.Proposed.Created || m.Run == "" {
		t.Fatalf("got %v: %s", err, words(t, m))
	}
	if f := a.found(t, m.Run); f.Counts != m.Drift || f.Adoption == nil || *f.Adoption != (rebuild.AdoptionCounts{Adopted: len(m.Adopted), Refused: 1}) ||
		f.Branch == nil || *f.Branch != (rebuild.BranchState{Name: "adopt/all", Commit: m.Proposed.Commit, Pushed: true}) {
		t.Errorf("the journal says %s", words(t, f))
	}
	var told []string
	for _, x := range m.Adopted {
		told = append(told, string(x.Drift)+" "+x.ID.String()+" "+x.Path)
	}
	want := []string{
		"changed ConfigMap default/kept data.value", "missing ConfigMap default/lost ", "changed ConfigMap shop/one data.value", "unexpected ConfigMap shop/three ", "missing ConfigMap shop/two ",
		"changed Deployment.apps shop/web spec.replicas", "changed Deployment.apps shop/web spec.template.spec.containers[web].image",
		"changed Deployment.apps shop/web metadata.labels.tier",
	}
	slices.Sort(told)
	slices.Sort(want)
	if !slices.Equal(told, want) {
		t.Errorf("adopted %q, want %q", told, want)
	}
	if len(m.Refused) != 1 || m.Refused[0].ID.Kind != "Secret" {
		t.Errorf("refused %v", m.Refused)
	}
	if got := a.differs(t, "adopt/all"); !slices.Equal(got, []string{"unexpected Secret shop/pass"}) {
		t.Errorf("against the branch there is still %q", got)
	}
	diff := a.repo.Git("diff", "main", "adopt/all", "--", "all.yaml")
	for _, line := range []string{"+  replicas: 2 # woken by hand", `+          image: "podinfo:6.1" # pinned`, `+data: {value: "true"}`} {
		if !strings.Contains(diff, line) {
			t.Errorf("there is no line %q in\n%s", line, diff)
		}
	}
	if strings.Contains(diff, "cpu") && strings.Contains(diff, "-          resources") {
		t.Errorf("an equal quantity was written anew:\n%s", diff)
	}
	if everything := words(t, m) + words(t, preview) + a.journaled(t) + diff; strings.Contains(everything, "hunter2") {
		t.Error("a Secret's value got out")
	}
	again, err := a.adopt(t, "adopt/all", nil, nil)
	if !errors.As(err, &short) || again.Proposed == nil || !again.Proposed.Unchanged {
		t.Errorf("again: %v: %s", err, words(t, again))
	}
}

func (a *adopter) selected(t *testing.T) {
	m, err := a.adopt(t, "adopt/some", only("deployment/web#spec.template", "ConfigMap shop/t*"), nil)
	if err != nil || m.NotSelected != 6 {
		t.Errorf("%v: %s", err, words(t, m))
	}
	want := []string{"changed ConfigMap default/kept", "missing ConfigMap default/lost", "changed ConfigMap shop/one", "unexpected Secret shop/pass", "changed Deployment.apps shop/web"}
	if got := a.differs(t, "adopt/some"); !slices.Equal(got, want) {
		t.Errorf("against the branch there is %q, want %q", got, want)
	}
	var none *rebuild.NoMatchError
	_, err = a.adopt(t, "adopt/none", only("Deployment/web#spec.paused"), nil)
	if !errors.As(err, &none) || !strings.Contains(none.Hint(), "spec.replicas") {
		t.Errorf("got %v", err)
	}
	_, err = a.adopt(t, "main", only("Deployment/web"), nil)
	if !errors.Is(err, export.ErrRefused) || outcomeOf(err) != run.Refused {
		t.Errorf("onto the branch that is checked out: %v", err)
	}
}

func (a *adopter) sealed(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	recipients, err := sops.ParseRecipients([]string{identity.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	seal := sops.Sealer{Recipients: recipients, Key: make([]byte, sops.KeySize), Now: time.Now, Rand: rand.Reader}
	file, err := seal.Seal(map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "sealed", "namespace": "shop"},
		"stringData": map[string]any{"word": "hunter3"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.Secrets = &sops.Opener{Getenv: func(name string) string {
		if name == sops.EnvKey {
			return identity.String()
		}
		return ""
	}}
	before := a.repo.Git("rev-parse", "HEAD")
	a.repo.CommitFile("sealed.yaml", string(file), "a sealed Secret")
	a.people.post("/api/v1/namespaces/shop/secrets", "apiVersion: v1\nkind: Secret\nmetadata: {name: sealed, namespace: shop, labels: {by: hand}}\nstringData: {word: hunter4}\n")
	m, err := a.adopt(t, "", only("Secret/sealed"), nil)
	if outcomeOf(err) != run.Unverified || len(m.Refused) != 1 || m.Refused[0].Remedy != "change it with: sops edit sealed.yaml" {
		t.Errorf("got %v: %s", err, words(t, m))
	}
	if strings.Contains(words(t, m), "hunter") {
		t.Error("a Secret's value got out")
	}
	a.people.delete("/api/v1/namespaces/shop/secrets/sealed")
	a.repo.Git("reset", "--quiet", "--hard", before)
}

func (a *adopter) dropped(t *testing.T) {
	a.commit(t, shop, podinfo, settings("two", "2", "")) // without one
	m, err := a.adopt(t, "", nil, nil)
	dropped := slices.IndexFunc(m.Refused, func(r adopt.Refusal) bool {
		return r.ID == configMap("one") && strings.Contains(r.Remedy, "--prune")
	})
	if outcomeOf(err) != run.Unverified || dropped < 0 {
		t.Errorf("got %v: %s", err, words(t, m))
	}
	m, err = a.adopt(t, "", only("ConfigMap/one"), nil)
	if err != nil || len(m.Adopted) != 1 || m.Adopted[0].Drift != show.Unexpected {
		t.Errorf("got %v: %s", err, words(t, m))
	}
}

func (a *adopter) unproved(t *testing.T) {
	main := a.repo.Git("rev-parse", "HEAD")
	a.commit(t, shop, podinfo, settings("two", "2", ""), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: not_a_name, namespace: shop}\n")
	if _, _, err := a.try(t, nil); err == nil {
		t.Fatal("the restore should not have ended well")
	}
	a.people.delete(configMapPath("two"))
	missing := func(m *rebuild.Adoption) bool {
		return slices.ContainsFunc(m.Refused, func(r adopt.Refusal) bool { return r.ID == configMap("two") && strings.Contains(r.Remedy, "--force") })
	}
	m, err := a.adopt(t, "adopt/unproved", only("ConfigMap/two"), nil)
	if outcomeOf(err) != run.Unverified || !missing(m) || m.Proposed != nil {
		t.Errorf("got %v: %s", err, words(t, m))
	}
	m, err = a.adopt(t, "adopt/unproved", func(req *rebuild.AdoptRequest) { req.Only, req.Force = []string{"ConfigMap/two"}, true }, nil)
	if err != nil || len(m.Adopted) != 1 {
		t.Errorf("got %v: %s", err, words(t, m))
	}
	a.repo.Git("reset", "--quiet", "--hard", main)
}

func (a *adopter) hollow(t *testing.T) {
	manifests := []string{shop}
	for i := range 20 {
		manifests = append(manifests, settings(fmt.Sprintf("many-%d", i), "1", ""))
	}
	a.commit(t, manifests...)
	a.req.Prune = true
	_, _, _ = a.try(t, nil) // how it ended does not matter: it is judged below
	for i := range 15 {
		a.people.delete(configMapPath(fmt.Sprintf("many-%d", i)))
	}
	m, err := a.adopt(t, "", only("ConfigMap/many-*"), nil)
	if outcomeOf(err) != run.Unverified || len(m.Adopted) > 0 || len(m.Refused) != 15 || !strings.Contains(m.Refused[0].Reason, "not whole") {
		t.Errorf("got %v: %s", err, words(t, m))
	}
	m, err = a.adopt(t, "", func(req *rebuild.AdoptRequest) { req.Only, req.Force = []string{"ConfigMap/many-*"}, true }, nil)
	if err != nil || len(m.Adopted) != 15 {
		t.Errorf("forced: %v: %s", err, words(t, m))
	}
	if code, _ := a.people.send(http.MethodGet, configMapPath("many-19"), plainJSON, nil); code != http.StatusOK {
		t.Errorf("many-19: %d", code)
	}
}

func TestSelector(t *testing.T) {
	web := object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	role := object.ID{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "system:web"}
	for text, want := range map[string]map[object.ID]bool{
		"Deployment":                    {web: true},
		"deployment/web":                {web: true},
		"Deployment.apps/web":           {web: true},
		"Deployment.batch/web":          {web: false},
		"Deployment/shop/web":           {web: true},
		"Deployment/till/web":           {web: false},
		web.String():                    {web: true, role: false},
		role.String():                   {web: false, role: true},
		"ClusterRole/system:*":          {role: true},
		"{Deployment,ClusterRole}/*web": {web: true, role: true},
		"*":                             {web: true, role: true},
	} {
		s, err := rebuild.ParseSelector(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for id, want := range want {
			if s.Has(id) != want || !s.HasField("spec.replicas") {
				t.Errorf("%s: %s is %v, want %v", text, id, s.Has(id), want)
			}
		}
	}
	for text, want := range map[string]map[string]bool{
		"Deployment/web#spec.replicas":                    {"spec.replicas": true, "spec.replicasX": false, "spec": false, "": false},
		"Deployment/web#spec.template":                    {"spec.template.spec.containers[web].image": true},
		"Deployment/web#spec.template.spec.containers":    {"spec.template.spec.containers[web]": true},
		"Deployment/web#*.image":                          {"spec.template.spec.containers[web].image": true, "spec.replicas": false},
		"Deployment/web#spec.template.*containers[web].*": {"spec.template.spec.containers[web].image": true, "spec.template.spec.containers[w].image": false},
	} {
		s, err := rebuild.ParseSelector(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for path, want := range want {
			if s.HasField(path) != want {
				t.Errorf("%s: %q is %v, want %v", text, path, !want, want)
			}
		}
	}
	for _, text := range []string{"", "/web", "Deployment/", "Deployment/a/b/c", "Deployment//web", "Deployment/web#", "Deployment/[", "Deployment #"} {
		if _, err := rebuild.ParseSelector(text); !errors.As(err, new(*rebuild.SelectorError)) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestSelectorFindsWhatIsPrinted: an object as it is printed selects itself.
func TestSelectorFindsWhatIsPrinted(t *testing.T) {
	name := rapid.StringMatching(`[a-z0-9][a-z0-9.:-]{0,8}`)
	rapid.Check(t, func(t *rapid.T) {
		id := object.ID{Kind: rapid.StringMatching(`[A-Z][a-z]{1,6}`).Draw(t, "kind"), Group: rapid.StringMatching(`([a-z]{1,4}(\.[a-z]{1,3})?)?`).Draw(t, "group"),
			Namespace: rapid.StringMatching(`([a-z0-9]{1,5})?`).Draw(t, "namespace"), Name: name.Draw(t, "name")}
		for _, text := range []string{id.String(), strings.Replace(id.String(), " ", "/", 1)} {
			s, err := rebuild.ParseSelector(text)
			if err != nil || !s.Has(id) {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}

func FuzzSelector(f *testing.F) {
	f.Add("Deployment.apps shop/web#spec.replicas", "spec.replicas")
	f.Add("{a,b}/*#x[*]", "x[y]")
	f.Fuzz(func(_ *testing.T, text, path string) {
		if s, err := rebuild.ParseSelector(text); err == nil {
			_ = s.Has(object.ID{Kind: path, Name: text})
			_ = s.HasField(path)
		}
	})
}
