package rebuild_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/testenv/corpora"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// TestAdoptFromLiveCorpora restores repositories that people wrote, has hands
// change fields of the live objects at random, and adopts that: against the
// branch nothing differs any more but what was refused by name.
func TestAdoptFromLiveCorpora(t *testing.T) {
	rounds := 1
	if text := os.Getenv("REKINDLE_TEST_ROUNDS"); text != "" { // to look for more
		rounds, _ = strconv.Atoi(text)
	}
	for _, c := range []struct {
		corpus, path string
		// atLeast is how many percent of the changes are adopted.
		atLeast int
	}{
		{corpora.KubePrometheus, "manifests", 95},
		{corpora.MicroservicesDemo, "kustomize/tests/service-mesh-istio-with-all-components", 90},
		{corpora.MicroservicesDemo, "release", 95},
	} {
		t.Run(strings.ReplaceAll(c.corpus+" "+c.path, "/", "-"), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "repo")
			if out, err := exec.CommandContext(t.Context(), "git", "clone", "-q", corpora.Path(t, c.corpus), dir).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			p := &place{bench: newBench(t), repo: gitserver.Open(t, dir), req: rebuild.Request{
				Cluster: "place", Provider: "local", Wait: 5 * time.Second, AllowUnserved: true, Source: rebuild.Source{Repo: dir, Path: c.path, Revision: "main"},
			}}
			_, _, _ = p.try(t, nil) // what does not settle may be changed as well
			v := newVandal(t, p, c.path)
			for round := range rounds {
				v.chance = rand.New(rand.NewPCG(uint64(round), 7))
				v.round(t, round)
			}
			t.Logf("%d of %d adopted", v.adopted, v.adopted+v.refused)
			if v.adopted*100 < (v.adopted+v.refused)*c.atLeast {
				t.Errorf("only %d of %d were adopted", v.adopted, v.adopted+v.refused)
			}
		})
	}
}

// vandal is somebody who changes live objects at random.
type vandal struct {
	*adopter
	mapper           meta.RESTMapper
	objects          []*object.Object
	chance           *rand.Rand
	adopted, refused int
}

func newVandal(t *testing.T, p *place, path string) *vandal {
	t.Helper()
	kubeconfig, err := p.local.Connect(t.Context(), p.req.Cluster)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := restmapper.GetAPIGroupResources(client)
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := render.Render(t.Context(), os.DirFS(p.repo.Dir), render.Options{Path: path, KubeVersion: "v1.36.3"})
	if err != nil {
		t.Fatal(err)
	}
	v := &vandal{adopter: &adopter{place: p, people: handOn(t, kubeconfig, "kubectl-edit")}, mapper: restmapper.NewDiscoveryRESTMapper(groups)}
	for _, o := range rendered.Objects.Sorted() {
		if o.GetKind() != "CustomResourceDefinition" && o.GetKind() != "Namespace" && o.GetKind() != "Secret" && o.GetKind() != "APIService" {
			v.objects = append(v.objects, o)
		}
	}
	return v
}

// url returns the path of an object on the server, empty when its kind is not
// served.
func (v *vandal) url(o *object.Object) string {
	gvk := o.GroupVersionKind()
	m, err := v.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return ""
	}
	return pathOf(m.Resource, o, m.Scope.Name() == meta.RESTScopeNameNamespace)
}

func pathOf(r schema.GroupVersionResource, o *object.Object, namespaced bool) string {
	base := "/apis/" + r.Group + "/" + r.Version
	if r.Group == "" {
		base = "/api/" + r.Version
	}
	if namespaced {
		ns := o.GetNamespace()
		if ns == "" {
			ns = "default"
		}
		base += "/namespaces/" + ns
	}
	return base + "/" + r.Resource + "/" + o.GetName()
}

// round changes some objects, adopts, and undoes it all.
func (v *vandal) round(t *testing.T, round int) {
	v.people.t = t
	was := map[string][]byte{}
	var did []string
	for range 12 {
		o := v.objects[v.chance.IntN(len(v.objects))]
		path := v.url(o)
		if path == "" {
			continue
		}
		code, raw := v.people.send(http.MethodGet, path, plainJSON, nil)
		if code != http.StatusOK {
			continue
		}
		if did2, ok := v.damage(path, raw, o); ok {
			if was[path] == nil {
				was[path] = raw
			}
			did = append(did, o.ID().String()+" "+did2)
		}
	}
	branch := fmt.Sprintf("adopt/%d", round)
	m, err := v.adopt(t, branch, func(req *rebuild.AdoptRequest) { req.Force = true }, nil)
	if m == nil {
		t.Fatalf("round %d: %v after\n%s", round, err, strings.Join(did, "\n"))
	}
	v.adopted += len(m.Adopted)
	var refused []string
	for _, r := range m.Refused {
		if strings.Contains(r.Reason, "does not serve its kind") {
			refused = append(refused, r.ID.String())
			continue
		}
		v.refused++
		t.Logf("round %d refused: %s (tried %q)", round, r, r.Tried)
		refused = append(refused, r.ID.String())
	}
	against := "main"
	if m.Proposed != nil {
		against = branch
	}
	for _, d := range v.differs(t, against) {
		if _, id, _ := strings.Cut(d, " "); !slices.Contains(refused, id) {
			t.Errorf("round %d: %s still after\n%s", round, d, strings.Join(did, "\n"))
		}
	}
	if m.Proposed != nil {
		t.Logf("round %d: %d damages, %d adopted: %s", round, len(did), len(m.Adopted), v.repo.Git("diff", "--shortstat", "main", branch))
		if os.Getenv("REKINDLE_TEST_ROUNDS") != "" {
			t.Logf("%s\n%s", strings.Join(did, "\n"), v.repo.Git("diff", "-U1", "main", branch))
		}
	}
	for path, raw := range was {
		v.undo(path, raw)
	}
}

// undo puts an object back as it was.
func (v *vandal) undo(path string, raw []byte) {
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(raw, &u.Object); err != nil {
		v.people.t.Fatal(err)
	}
	u.SetResourceVersion("")
	u.SetManagedFields(nil)
	body, err := json.Marshal(u.Object)
	if err != nil {
		v.people.t.Fatal(err)
	}
	nobody := v.people
	nobody.manager = "kube-controller-manager" // what it sets is nobody's
	if nobody.has(path) {
		nobody.send(http.MethodPut, path, plainJSON, body)
		return
	}
	u.SetUID("")
	if body, err = json.Marshal(u.Object); err != nil {
		v.people.t.Fatal(err)
	}
	nobody.send(http.MethodPost, path[:strings.LastIndexByte(path, '/')], plainJSON, body)
}

// damage changes one field of a live object in a way that the server takes.
func (v *vandal) damage(path string, raw []byte, o *object.Object) (string, bool) {
	if v.chance.IntN(15) == 0 {
		v.people.delete(path)
		return "deleted", true
	}
	for range 6 {
		u := map[string]any{}
		if err := json.Unmarshal(raw, &u); err != nil {
			v.people.t.Fatal(err)
		}
		did, ok := v.mutate(u, o.Object, "")
		if !ok {
			continue
		}
		body, err := json.Marshal(u)
		if err != nil {
			v.people.t.Fatal(err)
		}
		if code, _ := v.people.send(http.MethodPut, path, plainJSON, body); code/100 == 2 {
			return did, true
		}
	}
	return "", false
}

// mutate changes something below what git sets of a live value.
func (v *vandal) mutate(live, git any, at string) (string, bool) {
	switch l := live.(type) {
	case map[string]any:
		g, ok := git.(map[string]any)
		if !ok {
			return "", false
		}
		keys := slices.Sorted(maps.Keys(g))
		keys = slices.DeleteFunc(keys, func(k string) bool {
			return at == "" && (k == "apiVersion" || k == "kind" || k == "status") || at == ".metadata" && k != "labels" && k != "annotations"
		})
		if len(keys) == 0 {
			return "", false
		}
		key := keys[v.chance.IntN(len(keys))]
		below, has := l[key]
		if !has {
			return "", false
		}
		if strings.HasSuffix(at, "labels") || strings.HasSuffix(at, "annotations") || strings.HasSuffix(at, "data") {
			switch v.chance.IntN(3) {
			case 0:
				l["adopt.test"] = v.word()
				return at + " + adopt.test", true
			case 1:
				delete(l, key)
				return at + " - " + key, true
			}
		}
		if changed, ok := v.scalar(below); ok {
			if v.chance.IntN(5) == 0 && at != "" {
				delete(l, key)
				return at + " - " + key, true
			}
			l[key] = changed
			return fmt.Sprintf("%s.%s = %.60q", at, key, fmt.Sprint(changed)), true
		}
		if list, ok := below.([]any); ok {
			if out, did, ok := v.list(list); ok {
				l[key] = out
				return at + "." + key + " " + did, true
			}
		}
		return v.mutate(below, g[key], at+"."+key)
	case []any:
		g, ok := git.([]any)
		if !ok || len(l) == 0 || len(g) != len(l) {
			return "", false
		}
		i := v.chance.IntN(len(l))
		if changed, ok := v.scalar(l[i]); ok {
			l[i] = changed
			return fmt.Sprintf("%s[%d] = %.60q", at, i, fmt.Sprint(changed)), true
		}
		return v.mutate(l[i], g[i], fmt.Sprintf("%s[%d]", at, i))
	}
	return "", false
}

// list sometimes takes an item out of a list, or puts one into it.
func (v *vandal) list(list []any) ([]any, string, bool) {
	if len(list) == 0 || v.chance.IntN(3) > 0 {
		return nil, "", false
	}
	i := v.chance.IntN(len(list))
	if v.chance.IntN(2) == 0 {
		return slices.Delete(slices.Clone(list), i, i+1), fmt.Sprintf("- item %d", i), true
	}
	switch item := list[i].(type) {
	case string:
		return slices.Insert(slices.Clone(list), i, any(item+"x")), fmt.Sprintf("+ item %d", i), true
	case map[string]any:
		if name, ok := item["name"].(string); ok {
			more := maps.Clone(item)
			more["name"] = name + "x"
			if _, env := more["valueFrom"]; env || more["value"] != nil {
				delete(more, "valueFrom")
				more["value"] = v.word()
			}
			return slices.Insert(slices.Clone(list), i, any(more)), fmt.Sprintf("+ item %d", i), true
		}
	}
	return nil, "", false
}

func (v *vandal) scalar(x any) (any, bool) {
	switch x := x.(type) {
	case string:
		switch {
		case strings.Contains(x, "\n"):
			lines := strings.Split(x, "\n")
			i := v.chance.IntN(len(lines))
			lines[i] += " # " + v.word()
			return strings.Join(lines, "\n"), true
		case strings.HasSuffix(x, "Mi") || strings.HasSuffix(x, "m"):
			return "1" + x, true
		}
		return x + v.word(), true
	case float64:
		return x + 1, true
	case bool:
		return !x, true
	}
	return nil, false
}

// word draws what is hard to write.
func (v *vandal) word() string {
	words := []string{"x", "-1", "yes", "true", "0x10", "1e3", "a: b", "# no", "null", "~", "'q'", `"d"`, "tail ", "ü", "a\tb", "2001-01-01", "1:30", "{}", "[a]", "*x", "&x", "!t", "%p", "@a", "`b"}
	return words[v.chance.IntN(len(words))]
}
