package drift_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/local"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/raw"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/testenv"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// world is an engine with clusters of the local provider.
type world struct {
	*rebuild.Engine
	clusters *local.Provider
}

func newWorld(t testing.TB) *world {
	t.Helper()
	state := t.TempDir()
	clusters, err := local.New(local.Options{Root: filepath.Join(state, "clusters"), Binary: testenv.Binary(t), Now: time.Now, Tethered: true})
	if err != nil {
		t.Fatal(err)
	}
	registry, err := providers.NewRegistry(clusters)
	if err != nil {
		t.Fatal(err)
	}
	store, err := run.OpenStore(state, run.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{clusters: clusters, Engine: &rebuild.Engine{
		Providers: registry, Journal: store,
		Executor: &run.Executor{Journal: store, Leases: store.Leases(), Now: time.Now, Chance: rand.Reader},
		Source:   source.Options{CacheDir: filepath.Join(state, "cache"), Getenv: os.Getenv, Now: time.Now},
		Now:      time.Now, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Version: "test",
	}}
	t.Cleanup(func() { w.removeAll(t) })
	return w
}

func (w *world) removeAll(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	list, err := w.clusters.List(ctx)
	if err != nil {
		t.Error(err)
	}
	for _, c := range list {
		if err := w.clusters.Delete(ctx, c.Name, c.ID, nil); err != nil {
			t.Error(err)
		}
	}
}

// restore restores a source onto the cluster called name, and fails the test
// unless that is verified.
func (w *world) restore(t testing.TB, name string, from rebuild.Source) *server {
	t.Helper()
	yes := func(context.Context, rebuild.InPlace) (bool, error) { return true, nil }
	report, err := w.Restore(t.Context(), rebuild.Request{Cluster: name, Provider: "local", Wait: 2 * time.Minute, Source: from, Convert: true}, yes, nil)
	if err != nil {
		t.Fatalf("restoring %s: %v\n%s", name, err, words(report))
	}
	kubeconfig, err := w.clusters.Connect(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return dial(t, kubeconfig)
}

func words(v any) string {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// server is a live cluster as tests see it.
type server struct {
	t      testing.TB
	kube   *kube.Cluster
	config *rest.Config
	client *http.Client
	// had is what it had before anybody did anything.
	had capture.Birth
}

func dial(t testing.TB, kubeconfig []byte) *server {
	t.Helper()
	c, err := kube.Connect(kubeconfig, "", kube.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return &server{t: t, kube: c, config: config, client: client}
}

// List, Get and DryRun make the server a drift.Cluster.
func (s *server) List(ctx context.Context, kind object.Kind, metadataOnly bool, each func(*unstructured.Unstructured) error) error {
	return s.kube.List(ctx, kind, kube.ListOptions{MetadataOnly: metadataOnly}, each)
}

func (s *server) Get(ctx context.Context, kind object.Kind, namespace, name string) (*unstructured.Unstructured, error) {
	return s.kube.Get(ctx, kind, namespace, name)
}

func (s *server) DryRun(ctx context.Context, kind object.Kind, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	applied, err := s.kube.Apply(ctx, kind, o, kube.ApplyOptions{DryRun: true})
	return applied.Object, err
}

func (s *server) catalogue() *object.Catalogue {
	s.t.Helper()
	c, err := s.kube.Discover(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// send is a request of the field manager called manager; a status of 400 or more
// is in code.
func (s *server) send(manager, method, path, contentType, body string) (code int, answer []byte) {
	s.t.Helper()
	url := s.config.Host + path
	if strings.Contains(path, "?") {
		url += "&fieldManager=" + manager
	} else {
		url += "?fieldManager=" + manager
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	res, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, answer
}

// pathOf is where the objects of a kind are.
func pathOf(kind object.Kind, namespace string) string {
	path := "/apis/" + kind.Group + "/" + kind.Version
	if kind.Group == "" {
		path = "/api/" + kind.Version
	}
	if kind.Namespaced {
		path += "/namespaces/" + namespace
	}
	return path + "/" + kind.Resource
}

// create makes objects as a person does with kubectl create, in whatever order
// the server takes them.
func (s *server) create(manifests []map[string]any) {
	s.t.Helper()
	s.await(time.Minute, "objects that the server does not take", func() string {
		catalogue := s.catalogue()
		var refused []string
		manifests = slices.DeleteFunc(manifests, func(content map[string]any) bool {
			u := &unstructured.Unstructured{Object: content}
			kind, served := catalogue.Lookup(u.GroupVersionKind())
			if !served {
				refused = append(refused, object.IDOf(u).String()+": not served")
				return false
			}
			raw, err := json.Marshal(content)
			if err != nil {
				s.t.Fatal(err)
			}
			code, answer := s.send("kubectl-create", http.MethodPost, pathOf(kind, u.GetNamespace()), "application/json", string(raw))
			if code/100 != 2 {
				refused = append(refused, fmt.Sprintf("%s: %d %s", object.IDOf(u), code, answer))
			}
			return code/100 == 2
		})
		return strings.Join(refused, "\n")
	})
}

// await asks until nothing is left to wait for.
func (s *server) await(d time.Duration, what string, left func() string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), d)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		now := left()
		if now == "" {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("%s: %s", what, now)
		}
	}
}

// exporter keeps what an export would write: canonical YAML by identity.
type exporter struct {
	mu    sync.Mutex
	files map[object.ID]string
	kinds map[string]error
}

func (e *exporter) See(s drift.Sighting) error {
	if !s.Verdict.Taken() {
		return nil
	}
	form := s.Canonical
	if form == nil {
		form = object.Form(s.Live)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.files[s.ID] = string(object.YAML(form))
	return nil
}

func (e *exporter) Listed(kind object.Kind, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.kinds[kind.GroupKind().String()] = err
}

// compare compares the server with manifests, and exports it on the way.
func (s *server) compare(expected []*object.Object, change func(*drift.Options)) (*drift.Report, *exporter) {
	s.t.Helper()
	filter, err := capture.New(capture.Options{Birth: s.had})
	if err != nil {
		s.t.Fatal(err)
	}
	catalogue := s.catalogue()
	e := &exporter{files: map[object.ID]string{}, kinds: map[string]error{}}
	opts := drift.Options{Catalogue: catalogue, Capture: filter, Observer: e, Whole: drift.Everything, Tally: capture.NewTally(true)}
	if change != nil {
		change(&opts)
	}
	var list []drift.Expected
	for _, o := range expected {
		kind, served := catalogue.Lookup(o.GroupVersionKind())
		list = append(list, drift.Expected{Object: o, Kind: kind, Unserved: !served})
	}
	report, err := drift.Compare(s.t.Context(), s, list, opts)
	if err != nil {
		s.t.Fatal(err)
	}
	// Rules count what they are asked; and where every object is asked about, because
	// another content was restored, no glance is enough.
	if opts.Ignore == nil && report.Confirmed < 50 {
		s.glance(list, opts, words(report))
	}
	return report, e
}

// scanner is a server that shows objects undecoded.
type scanner struct{ *server }

var _ drift.Scanner = scanner{}

func (s scanner) Scan(ctx context.Context, kind object.Kind, metadataOnly bool, each func(*raw.Object) error) error {
	return s.kube.Scan(ctx, kind, kube.ListOptions{MetadataOnly: metadataOnly}, each)
}

// glance compares once more, with as little decoded as can be, and wants the same
// report. The cluster may change between the two, so both get another try.
func (s *server) glance(list []drift.Expected, opts drift.Options, want string) {
	s.t.Helper()
	opts.Observer, opts.Tally = nil, nil
	for tries := 0; ; tries++ {
		quick, err := drift.Compare(s.t.Context(), scanner{s}, list, opts)
		if err != nil {
			s.t.Fatal(err)
		}
		if words(quick) == want {
			return
		}
		if tries == 5 {
			s.t.Fatalf("undecoded it is another report (-decoded +undecoded):\n%s", cmp.Diff(want, words(quick)))
		}
		slow, err := drift.Compare(s.t.Context(), s, list, opts)
		if err != nil {
			s.t.Fatal(err)
		}
		want = words(slow)
	}
}

// export is what an export of the server would write.
func (s *server) export() map[object.ID]string {
	s.t.Helper()
	_, e := s.compare(nil, nil)
	return e.files
}

// remember takes down what the server has now as what it always had.
func (s *server) remember() {
	s.t.Helper()
	had := capture.Birth{}
	for id := range s.export() {
		had[id] = time.Now()
	}
	s.had = had
}

func manifests(t testing.TB, file string) []map[string]any {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	for _, doc := range strings.Split(string(raw), "\n---\n") {
		var content map[string]any
		if err := yaml.Unmarshal([]byte(doc), &content); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		list = append(list, content)
	}
	return list
}

// objects are files as a commit of them would be rendered.
func objects(t testing.TB, files map[object.ID]string) []*object.Object {
	t.Helper()
	var list []*object.Object
	for _, text := range files {
		u := &unstructured.Unstructured{}
		raw, err := yaml.YAMLToJSON([]byte(text))
		if err == nil {
			err = u.UnmarshalJSON(raw)
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, &object.Object{Unstructured: u})
	}
	return list
}

// commit makes files the whole content of a repository.
func commit(t testing.TB, files map[object.ID]string) rebuild.Source {
	t.Helper()
	repo := gitserver.Repo(t)
	for i, id := range slices.SortedFunc(maps.Keys(files), object.ID.Compare) {
		repo.Write(fmt.Sprintf("live/%04d.yaml", i), files[id])
	}
	repo.Commit("an export")
	return rebuild.Source{Repo: repo.Dir, Path: "live", Revision: "main"}
}

// replays exports a server, restores the export onto a fresh cluster, and wants
// the very same export of that.
func (w *world) replays(t *testing.T, from *server, name string) {
	t.Helper()
	first := from.export()
	if len(first) == 0 {
		t.Fatal("nothing was exported")
	}
	report, _ := from.compare(objects(t, first), nil)
	if !report.Clean() {
		t.Errorf("a cluster differs from its own export: %s", words(report))
	}
	fresh := w.restore(t, name, commit(t, first))
	var diff string
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for tick := time.NewTicker(200 * time.Millisecond); ; {
		fresh.had = w.baseline(t, name)
		if diff = cmp.Diff(first, fresh.export()); diff == "" {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the export of the replay is another one (-first +second):\n%s", diff)
		}
	}
}

// baseline is what a restored cluster had when it was new.
func (w *world) baseline(t testing.TB, name string) capture.Birth {
	t.Helper()
	found, err := w.clusters.Find(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	var birth capture.Birth
	if known, err := run.Into(t.Context(), w.Journal, "baseline", found.ID, &birth); err != nil || !known {
		t.Fatalf("no baseline of %s: %v", name, err)
	}
	return birth
}
