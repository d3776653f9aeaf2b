package rebuild_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/existing"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

// guest is a place whose cluster is somebody else's: the provider local made it,
// nobody restored it, and the provider existing knows it by a kubeconfig.
type guest struct {
	*place
	declared map[string]providers.Settings
}

func newGuest(t *testing.T) *guest {
	t.Helper()
	g := &guest{place: newPlace(t)}
	g.req.Provider = existing.ProviderName
	g.declared = map[string]providers.Settings{g.req.Cluster: g.host(t, g.req.Cluster)}
	g.req.Settings = g.declared[g.req.Cluster]
	g.Providers = g.registry(t, nil)
	return g
}

// host makes a cluster and returns what declares it.
func (g *guest) host(t *testing.T, name string) providers.Settings {
	t.Helper()
	if _, err := g.local.Create(t.Context(), providers.Spec{Name: name, ID: "of-somebody-else"}, nil); err != nil {
		t.Fatal(err)
	}
	config, err := g.local.Connect(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	return providers.Settings{"kubeconfig": file, "context": "rekindle-" + name}
}

// registry is one with the provider existing, as wrap makes it.
func (g *guest) registry(t *testing.T, wrap func(*existing.Provider) providers.Provider) *providers.Registry {
	t.Helper()
	lent, err := existing.New(existing.Options{
		Declared: func() (map[string]providers.Settings, error) { return g.declared, nil }, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	var p providers.Provider = lent
	if wrap != nil {
		p = wrap(lent)
	}
	registry, err := providers.NewRegistry(p)
	if err != nil {
		t.Fatal(err)
	}
	return registry
}

func (g *guest) leave(t *testing.T, change func(*rebuild.DeleteRequest), observe func(run.Event)) error {
	t.Helper()
	req := rebuild.DeleteRequest{Cluster: g.req.Cluster, Provider: g.req.Provider, Confirm: g.req.Cluster, Wait: 15 * time.Second}
	if change != nil {
		change(&req)
	}
	return g.Delete(t.Context(), req, observe)
}

const (
	shopPath  = "/api/v1/namespaces/shop"
	marked    = "rekindle.io/taken-over"
	inventory = "/api/v1/namespaces/kube-system/configmaps/rekindle-inventory"
)

// A guest takes nothing along, and leaves nothing behind. The cases share a
// cluster and come one after the other.
func TestABorrowedCluster(t *testing.T) {
	g := newGuest(t)
	team := g.by(t, "team-b")
	team.post("/api/v1/namespaces", shop)
	team.post("/api/v1/namespaces/shop/configmaps", settings("shared", "theirs", ""))
	t.Run("what others have is taken over by name", g.takesOver)
	t.Run("another journal knows what was taken over", g.fromElsewhere)
	t.Run("prune gives back, and leaves strangers their namespace", g.prunes)
	t.Run("another cluster behind the name is refused", g.refusesOthers)
	t.Run("a delete that is held up or cut off is taken up again", g.leavesInTheEnd)
}

func (g *guest) takesOver(t *testing.T) {
	g.commit(t, shop, settings("shared", "ours", ""), settings("own", "1", ""))
	report, asked, err := g.try(t, nil)
	if err != nil || !report.Verified {
		t.Fatalf("%v: %s", err, words(t, report))
	}
	if len(asked) != 1 || len(asked[0].TakenOver) != 2 || !asked[0].Cluster.Borrowed {
		t.Fatalf("asked: %s", words(t, asked))
	}
	for _, o := range asked[0].TakenOver {
		if o.From != "team-b" {
			t.Errorf("%s is said to be of %q", o.ID, o.From)
		}
	}
	live := g.by(t, "test")
	for path, want := range map[string]string{shopPath: "team-b", configMapPath("shared"): "team-b", configMapPath("own"): ""} {
		if have := live.get(path).GetAnnotations()[marked]; have != want {
			t.Errorf("%s is marked as taken over from %q, want %q", path, have, want)
		}
	}
	// Once more, it changes nothing and asks nobody, and the marks stay.
	again, asked, err := g.try(t, nil)
	if err != nil || len(asked) != 0 {
		t.Errorf("again: %v, asked %s", err, words(t, asked))
	}
	unchanged(t, again)
	g.commit(t, shop, settings("shared", "ours again", ""), settings("own", "1", ""))
	g.verified(t)
	if have := live.get(configMapPath("shared")); have.GetAnnotations()[marked] != "team-b" {
		t.Errorf("a later restore lost the mark: %v", have.GetAnnotations())
	}
}

// fromElsewhere: the marks lie on the cluster, not in one machine's journal.
func (g *guest) fromElsewhere(t *testing.T) {
	other := &guest{place: &place{bench: newBench(t), repo: g.repo, req: g.req}, declared: g.declared}
	other.Providers = other.registry(t, nil)
	if err := other.leave(t, nil, nil); err == nil || !strings.Contains(err.Error(), "from here") {
		t.Errorf("a cluster that this journal does not know: %v", err)
	}
	report := other.verified(t)
	unchanged(t, report)
	if v := other.verify(t); !v.Verified {
		t.Errorf("%s", words(t, v))
	}
}

func (g *guest) prunes(t *testing.T) {
	const mixed = "apiVersion: v1\nkind: Namespace\nmetadata: {name: mixed}\n"
	g.commit(t, shop, settings("shared", "ours", ""), settings("own", "1", ""), mixed)
	g.verified(t)
	team := g.by(t, "team-b")
	team.post("/api/v1/namespaces/mixed/configmaps", "{apiVersion: v1, kind: ConfigMap, metadata: {name: guest, namespace: mixed}}")
	team.post("/api/v1/namespaces/shop/configmaps", settings("later", "theirs", ""))
	if v := g.verify(t); !v.Verified {
		t.Errorf("what others made since is unexpected: %s", words(t, v))
	}

	copied := team.get(configMapPath("own")) // as with kubectl get -o yaml
	team.post("/api/v1/namespaces/shop/configmaps", settings("copy", "1", ", labels: {applyset.kubernetes.io/part-of: "+
		copied.GetLabels()["applyset.kubernetes.io/part-of"]+"}, annotations: {rekindle.io/applied: "+copied.GetAnnotations()["rekindle.io/applied"]+"}"))

	g.commit(t, settings("new", "1", ""))
	report, asked, err := g.try(t, func(r *rebuild.Request) { pruning(r); r.AllowDataLoss = true })
	if err != nil || !report.Verified {
		t.Errorf("%v: %s", err, words(t, report))
	}
	if len(asked) != 1 || !slices.Contains(asked[0].GivenBack, configMap("shared")) {
		t.Errorf("asked: %s", words(t, asked))
	}
	if !slices.Equal(report.Pruned, []object.ID{configMap("own")}) {
		t.Errorf("pruned %v", report.Pruned)
	}
	for _, id := range []object.ID{configMap("shared"), {Kind: "Namespace", Name: "shop"}, {Kind: "Namespace", Name: "mixed"}} {
		if !slices.Contains(report.GivenBack, id) {
			t.Errorf("%s was not given back: %s", id, words(t, report))
		}
	}
	if u := team.get(configMapPath("shared")); u.GetAnnotations()[marked] != "" || len(u.GetLabels()) > 0 {
		t.Errorf("it still bears marks: %v, %v", u.GetLabels(), u.GetAnnotations())
	}
	if !team.has("/api/v1/namespaces/mixed/configmaps/guest") || !team.has(configMapPath("later")) || !team.has(configMapPath("copy")) {
		t.Error("an object of others is gone")
	}
}

// refusesOthers: neither a declaration that moved, nor a kubeconfig that changes
// between two looks, nor a second name leads to another cluster.
func (g *guest) refusesOthers(t *testing.T) {
	honest, registry := g.declared[g.req.Cluster], g.Providers
	defer func() { g.declared[g.req.Cluster], g.Providers, g.req.Settings = honest, registry, honest }()
	elsewhere := g.host(t, "elsewhere")

	g.declared[g.req.Cluster], g.req.Settings = elsewhere, elsewhere
	_, restoreErr := g.Restore(t.Context(), g.req, (&agree{}).consent, nil)
	_, verifyErr := g.Verify(t.Context(), g.req)
	_, planErr := g.Plan(t.Context(), g.req)
	for what, err := range map[string]error{"restore": restoreErr, "verify": verifyErr, "plan": planErr, "delete": g.leave(t, nil, nil)} {
		if err == nil || !strings.Contains(err.Error(), "points at another cluster than the one recorded") {
			t.Errorf("%s: %v", what, err)
		}
	}

	g.declared[g.req.Cluster], g.req.Settings = honest, honest
	g.Providers = g.registry(t, func(p *existing.Provider) providers.Provider { return &swapping{p, g, elsewhere} })
	_, restoreErr = g.Restore(t.Context(), g.req, (&agree{}).consent, nil)
	for what, err := range map[string]error{"restore": restoreErr, "delete": g.leave(t, nil, nil)} {
		if err == nil || !strings.Contains(err.Error(), "points at another cluster") {
			t.Errorf("%s with a kubeconfig that changed in between: %v", what, err)
		}
	}
	config, err := g.local.Connect(t.Context(), "elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	if handOn(t, config, "test").has(inventory) {
		t.Error("something was made on the other cluster")
	}

	g.Providers = registry
	g.declared["second"] = honest
	defer delete(g.declared, "second")
	req := g.req
	req.Cluster = "second"
	_, err = g.Restore(t.Context(), req, (&agree{}).consent, nil)
	var refused *rebuild.RefusedError
	if !errors.As(err, &refused) || !strings.Contains(refused.Reason, `restored as "place"`) {
		t.Errorf("a second name: %v", err)
	}
}

// swapping is the provider whose kubeconfig changes right after it was found.
type swapping struct {
	*existing.Provider
	g    *guest
	with providers.Settings
}

func (s *swapping) Connect(ctx context.Context, name string) ([]byte, error) {
	was := s.g.declared[name]
	s.g.declared[name] = s.with
	defer func() { s.g.declared[name] = was }()
	return s.Provider.Connect(ctx, name)
}

func (g *guest) leavesInTheEnd(t *testing.T) {
	g.commit(t, shop, settings("shared", "ours", ""), settings("a", "1", ""), settings("b", "1", ""),
		settings("stuck", "1", ", finalizers: [example.com/hold]"), "apiVersion: v1\nkind: Namespace\nmetadata: {name: own}", settings("new", "1", ""))
	g.verified(t)
	live := g.by(t, "kubectl-edit")

	// Cut off as soon as something is gone.
	ctx, cancel := context.WithCancel(t.Context())
	req := rebuild.DeleteRequest{Cluster: g.req.Cluster, Provider: g.req.Provider, Confirm: g.req.Cluster, Wait: time.Minute}
	err := g.Delete(ctx, req, func(ev run.Event) {
		if ev.Type == "object.given-back" {
			cancel()
		}
	})
	cancel()
	if err == nil {
		t.Fatal("it was not cut off")
	}
	if !live.has(inventory) {
		t.Error("the inventory went before what is in it")
	}

	// Held up by a finalizer: named, and the rest goes.
	err = g.leave(t, func(r *rebuild.DeleteRequest) { r.Wait = 10 * time.Second }, nil)
	if err == nil || !strings.Contains(err.Error(), "example.com/hold") {
		t.Fatalf("held up: %v", err)
	}
	if live.has(configMapPath("a")) || live.has("/api/v1/namespaces/own") || !live.has(inventory) {
		t.Error("what is stuck kept the rest, or the inventory is gone")
	}
	if _, err := g.Remains(t.Context(), g.req.Provider, g.req.Cluster); err != nil {
		t.Errorf("the record is gone: %v", err)
	}

	live.patch(configMapPath("stuck"), `{"metadata":{"finalizers":null}}`)
	if err := g.leave(t, nil, nil); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{configMapPath("stuck"), configMapPath("new"), inventory} {
		if live.has(path) {
			t.Errorf("%s is still there", path)
		}
	}
	for _, path := range []string{shopPath, configMapPath("shared"), "/api/v1/namespaces/mixed", "/api/v1/namespaces/kube-system"} {
		if u := live.get(path); u.GetDeletionTimestamp() != nil || u.GetAnnotations()["rekindle.io/applied"] != "" {
			t.Errorf("%s is going, or still bears our marks: %v", path, u.GetAnnotations())
		}
	}
	if _, err := g.Remains(t.Context(), g.req.Provider, g.req.Cluster); !errors.Is(err, providers.ErrNotFound) {
		t.Errorf("it is still recorded: %v", err)
	}
	if strings.Contains(g.journaled(t), "client-key-data") {
		t.Error("the journal holds credentials")
	}
}

// What is not declared any more can only be forgotten, and what is ours cannot.
func TestForgetABorrowedCluster(t *testing.T) {
	g := newGuest(t)
	g.commit(t, shop, settings("own", "1", ""))
	g.verified(t)
	delete(g.declared, g.req.Cluster)
	var refused *rebuild.RefusedError
	if err := g.leave(t, nil, nil); !errors.As(err, &refused) || !strings.Contains(refused.Remedy, "clusters forget place") {
		t.Errorf("delete of what is not declared: %v", err)
	}
	if err := g.Forget(t.Context(), "", "place"); err != nil {
		t.Fatal(err)
	}
	if err := g.Forget(t.Context(), "", "place"); !errors.Is(err, providers.ErrNotFound) {
		t.Errorf("forgotten twice: %v", err)
	}
	if !g.by(t, "test").has(configMapPath("own")) {
		t.Error("what was restored is gone")
	}
}
