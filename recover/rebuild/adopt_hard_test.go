package rebuild_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/adopt"
	"github.com/rekindle-io/rekindle/snapshot/export"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// tunnel stands between us and the API server.
type tunnel struct {
	mu sync.Mutex
	// lost are names that no list holds; forbidden are paths that nobody may get.
	lost, forbidden []string
	// before, when set, is called before a request goes on.
	before func(*http.Request)
}

func (u *tunnel) set(lost, forbidden []string, before func(*http.Request)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.lost, u.forbidden, u.before = lost, forbidden, before
}

func (u *tunnel) now() (lost, forbidden []string, before func(*http.Request)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.lost, u.forbidden, u.before
}

// through is the kubeconfig of a tunnel to the API server of another one.
func (u *tunnel) through(t *testing.T, kubeconfig []byte) string {
	t.Helper()
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	host, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Transport: transport, ModifyResponse: u.lose, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(host)
		r.Out.Header.Del("Accept-Encoding")
		r.Out.Header.Set("Accept", "application/json")
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, forbidden, before := u.now()
		if before != nil {
			before(r)
		}
		if slices.Contains(forbidden, r.URL.Path) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"you may not look","reason":"Forbidden","code":403}`)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	file := api.NewConfig()
	file.Clusters["c"] = &api.Cluster{Server: server.URL}
	file.AuthInfos["c"] = &api.AuthInfo{}
	file.Contexts["c"] = &api.Context{Cluster: "c", AuthInfo: "c"}
	file.CurrentContext = "c"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*file, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// lose takes out of a list what is lost.
func (u *tunnel) lose(res *http.Response) error {
	lost, _, _ := u.now()
	if len(lost) == 0 || !strings.Contains(res.Header.Get("Content-Type"), "json") {
		return nil
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var list map[string]any
	if json.Unmarshal(body, &list) == nil {
		if items, ok := list["items"].([]any); ok {
			list["items"] = slices.DeleteFunc(items, func(item any) bool {
				meta, _ := item.(map[string]any)["metadata"].(map[string]any)
				name, _ := meta["name"].(string)
				return slices.Contains(lost, name)
			})
			if body, err = json.Marshal(list); err != nil {
				return err
			}
		}
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	res.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// TestAdoptThroughATunnel adopts from a cluster between which and us somebody
// stands, and parts of it one after the other.
func TestAdoptThroughATunnel(t *testing.T) {
	g := newGuest(t)
	a := &adopter{place: g.place}
	a.commit(t, shop, podinfo, settings("one", "1", ""), settings("two", "2", ""), settings("three", "3", ""), settings("four", "4", ""))
	if _, _, err := a.try(t, nil); err != nil {
		t.Fatal(err)
	}
	config, err := a.local.Connect(t.Context(), a.req.Cluster)
	if err != nil {
		t.Fatal(err)
	}
	a.people = handOn(t, config, "kubectl-edit")
	a.people.delete("/apis/storage.k8s.io/v1/storageclasses/standard") // nobody's here
	between := &tunnel{}
	g.declared = map[string]providers.Settings{"place": {"kubeconfig": between.through(t, config), "context": "c"}}
	g.Providers, a.req.Settings = g.registry(t, nil), g.declared["place"]
	e := &exporter{place: a.place, env: map[string]string{}, caches: t.TempDir()}
	e.to = gitserver.Repo(t).Mirror(t.TempDir(), "live.git")
	e.target = rebuild.ExportTarget{Repo: e.to.Dir, Branch: "rekindle/place", Push: true}
	e.equip(e.Engine, e.caches)
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"what a list lacks and the server has is not deleted from git", func(t *testing.T) { a.lost(t, between) }},
		{"what vanishes while it is adopted or exported is named, and the rest goes on", func(t *testing.T) { a.vanishes(t, between, e) }},
		{"a value that changes meanwhile is refused, and the rest adopted", func(t *testing.T) { a.moving(t, between) }},
		{"a part goes on with what the branch proposes already", func(t *testing.T) { between.set(nil, nil, nil); a.parts(t) }},
		{"a part is not put upon what is proposed onto another commit", a.superseded},
	} {
		if !t.Run(test.name, func(t *testing.T) {
			a.people.t = t
			test.run(t)
		}) {
			return // they build upon each other
		}
	}
}

func refusedFor(m *rebuild.Adoption, id object.ID) string {
	i := slices.IndexFunc(m.Refused, func(r adopt.Refusal) bool { return r.ID == id })
	if i < 0 {
		return ""
	}
	return m.Refused[i].Reason
}

func (a *adopter) lost(t *testing.T, between *tunnel) {
	a.people.delete(configMapPath("two"))
	between.set([]string{"one", "three"}, []string{configMapPath("three")}, nil)
	m, err := a.adopt(t, "adopt/lost", nil, nil)
	if outcomeOf(err) != run.Unverified || len(m.Adopted) != 1 || m.Adopted[0].ID != configMap("two") {
		t.Errorf("got %v: %s", err, words(t, m))
	}
	if why := refusedFor(m, configMap("one")); !strings.Contains(why, "yet it is there") {
		t.Errorf("one: %q", why)
	}
	if why := refusedFor(m, configMap("three")); !strings.Contains(why, "you may not look") {
		t.Errorf("three: %q", why)
	}
	if got := a.repo.Git("show", "adopt/lost:all.yaml"); strings.Count(got, "kind: ConfigMap") != 3 {
		t.Errorf("the branch has\n%s", got)
	}
}

// vanishes has objects go or close between the comparison and the reading.
func (a *adopter) vanishes(t *testing.T, between *tunnel, e *exporter) {
	a.people.post(shopPath+"/configmaps", settings("brief", "1", ""))
	a.people.post(shopPath+"/configmaps", settings("secretive", "1", ""))
	a.people.post(shopPath+"/configmaps", settings("staying", "1", ""))
	var gone sync.Once
	between.set(nil, []string{configMapPath("secretive")}, func(r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == configMapPath("brief") {
			gone.Do(func() { a.people.delete(configMapPath("brief")) })
		}
	})
	m, err := a.adopt(t, "", nil, nil)
	if outcomeOf(err) != run.Unverified || refusedFor(m, configMap("brief")) != "it has gone meanwhile" ||
		!strings.Contains(refusedFor(m, configMap("secretive")), "you may not look") {
		t.Errorf("got %v: %s", err, words(t, m))
	}
	if !slices.ContainsFunc(m.Adopted, func(x rebuild.Adopted) bool { return x.ID == configMap("staying") }) {
		t.Errorf("the rest was not adopted: %s", words(t, m))
	}
	a.people.patch(configMapPath("one"), `{"data":{"value":"10"}}`)
	a.people.patch(configMapPath("three"), `{"data":{"value":"30"}}`)
	a.people.patch(configMapPath("four"), `{"data":{"value":"40"}}`)
	var read sync.Once
	between.set(nil, []string{configMapPath("three")}, func(r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == configMapPath("one") {
			read.Do(func() { a.people.delete(configMapPath("one")) })
		}
	})
	d := e.export(t, nil)
	if differing(d, configMap("four")) == nil {
		t.Fatalf("nothing to patch: %s", words(t, d.Objects))
	}
	if patch := e.file("patches/shop/config-map/four.yaml"); !strings.Contains(patch, `value: "40"`) {
		t.Errorf("the patch of four is\n%s", patch)
	}
	page := e.file("README.md")
	for _, line := range []string{"ConfigMap shop/three: it may not be read: you may not look", "ConfigMap shop/one: it has gone meanwhile"} {
		if !strings.Contains(page, line) {
			t.Errorf("there is no %q in\n%s", line, page)
		}
	}
	if _, err := e.to.Try("cat-file", "-e", e.target.Branch+":patches/shop/config-map/three.yaml"); err == nil {
		t.Error("there is a patch of what could not be read")
	}
	between.set(nil, nil, nil)
	for _, name := range []string{"secretive", "staying"} {
		a.people.delete(configMapPath(name))
	}
}

// moving has a value change each time when somebody looks at it.
func (a *adopter) moving(t *testing.T, between *tunnel) {
	const web = "/apis/apps/v1/namespaces/shop/deployments/web"
	a.people.patch(web, `{"spec":{"replicas":2,"template":{"spec":{"containers":[{"name":"web","image":"podinfo:6.1"}]}}}}`)
	var n atomic.Int32
	between.set(nil, nil, func(r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == "/apis/apps/v1/deployments" {
			a.people.patch(web, fmt.Sprintf(`{"spec":{"replicas":%d}}`, 2+n.Add(1)))
		}
	})
	m, err := a.adopt(t, "adopt/moving", only("Deployment/web"), nil)
	refused := slices.IndexFunc(m.Refused, func(r adopt.Refusal) bool {
		return r.Path == "spec.replicas" && strings.Contains(r.Reason, "makes another value of what git says")
	})
	if outcomeOf(err) != run.Unverified || refused < 0 || len(m.Refused) != 1 {
		t.Errorf("got %v: %s", err, words(t, m))
	}
	if diff := a.repo.Git("diff", "main", "adopt/moving"); strings.Contains(diff, "+  replicas") || !strings.Contains(diff, "podinfo:6.1") {
		t.Errorf("the branch has\n%s", diff)
	}
}

// parts adopts one thing after the other to one branch.
func (a *adopter) parts(t *testing.T) {
	a.commit(t, shop, podinfo, settings("one", "1", ""), settings("two", "2", ""), settings("three", "3", ""), settings("four", "4", ""))
	if _, _, err := a.try(t, nil); err != nil {
		t.Fatal(err)
	}
	a.people.patch("/apis/apps/v1/namespaces/shop/deployments/web", `{"spec":{"replicas":3},"metadata":{"annotations":{"a":"b"}}}`)
	a.people.patch(configMapPath("one"), `{"data":{"value":"11","more":"1"}}`)
	a.people.delete(configMapPath("two"))
	a.people.post(shopPath+"/configmaps", settings("five", "5", ""))
	const branch = "adopt/parts"
	left := []string{"changed ConfigMap shop/one", "unexpected ConfigMap shop/five", "missing ConfigMap shop/two", "changed Deployment.apps shop/web"}
	tip := ""
	for i, part := range []struct{ selector, settles string }{
		{"Deployment/web#spec.replicas", ""}, {"Deployment/web", "changed Deployment.apps shop/web"}, {"ConfigMap/two", "missing ConfigMap shop/two"},
		{"ConfigMap/five", "unexpected ConfigMap shop/five"}, {"ConfigMap/one", "changed ConfigMap shop/one"},
	} {
		m, err := a.adopt(t, branch, only(part.selector), nil)
		if err != nil || m.Proposed == nil || m.Proposed.Created != (i == 0) || m.Proposed.Unchanged {
			t.Fatalf("%s: %v: %s", part.selector, err, words(t, m))
		}
		if i > 0 && a.repo.Git("rev-parse", branch+"^") != tip {
			t.Errorf("%s does not go on from the last one", part.selector)
		}
		tip = a.repo.Git("rev-parse", branch)
		left = slices.DeleteFunc(left, func(s string) bool { return s == part.settles })
		got := a.differs(t, branch)
		slices.Sort(got)
		want := slices.Sorted(slices.Values(left))
		if !slices.Equal(got, want) {
			t.Fatalf("after %s there is still %q, want %q", part.selector, got, want)
		}
	}
	// All of it again, by parts and together, is on the branch already.
	for _, selectors := range [][]string{{"ConfigMap/two"}, {"ConfigMap/five"}, {"Deployment/web"}, {"*"}} {
		m, err := a.adopt(t, branch, only(selectors...), nil)
		if err != nil || m.Proposed == nil || !m.Proposed.Unchanged || a.repo.Git("rev-parse", branch) != tip || len(m.Files) > 0 {
			t.Errorf("%s again: %v: %s", selectors, err, words(t, m))
		}
	}
	// What has changed since changes there; all together is the same.
	a.people.patch(configMapPath("five"), `{"data":{"value":"55"}}`)
	m, err := a.adopt(t, branch, only("ConfigMap/five"), nil)
	if err != nil || len(m.Files) != 1 || len(a.differs(t, branch)) > 0 {
		t.Errorf("five changed: %v: %s: %q", err, words(t, m), a.differs(t, branch))
	}
	parts := a.repo.Git("rev-parse", branch)
	if m, err := a.adopt(t, branch, nil, nil); err != nil || len(a.differs(t, branch)) > 0 {
		t.Errorf("all together: %v: %s", err, words(t, m))
	}
	if diff := a.repo.Git("diff", parts, branch, "--", "all.yaml"); diff != "" {
		t.Errorf("all together the file is another:\n%s", diff)
	}
	// A part of what was adopted whole takes nothing back.
	whole := a.repo.Git("rev-parse", branch)
	if m, err := a.adopt(t, branch, only("ConfigMap/one#data.value"), nil); err != nil || !m.Proposed.Unchanged || a.repo.Git("rev-parse", branch) != whole {
		t.Errorf("a part of the whole: %v: %s", err, words(t, m))
	}
}

func (a *adopter) superseded(t *testing.T) {
	const branch = "adopt/parts"
	was := a.repo.Git("rev-parse", branch)
	a.repo.CommitFile("other.yaml", settings("six", "6", ""), "the source moves")
	_, err := a.adopt(t, branch, only("ConfigMap/one"), nil)
	var other *export.SupersededError
	if !errors.As(err, &other) || outcomeOf(err) != run.Refused || a.repo.Git("rev-parse", branch) != was {
		t.Errorf("got %v", err)
	}
	if _, err := a.adopt(t, branch, func(req *rebuild.AdoptRequest) { req.Only, req.Source.Revision = []string{"ConfigMap/one"}, other.Had }, nil); err != nil {
		t.Errorf("against what it was proposed onto: %v", err)
	}
	// Once it is merged a part begins anew.
	a.repo.Git("merge", "--quiet", "--no-edit", branch)
	a.people.patch(configMapPath("one"), `{"data":{"value":"12"}}`)
	m, err := a.adopt(t, branch, only("ConfigMap/one"), nil)
	if err != nil || m.Proposed == nil || a.repo.Git("rev-parse", branch+"^@") != a.repo.Git("rev-parse", "main") {
		t.Errorf("after the merge: %v: %s", err, words(t, m))
	}
}
