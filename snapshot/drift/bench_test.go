package drift_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/testenv"
	generate "github.com/rekindle-io/rekindle/testenv/bench/objects"
)

// A comparison of a clean cluster beside its limit, a bare parallel list of the
// same resources that reads the answers and throws them away. The number of
// objects is REKINDLE_BENCH_OBJECTS, 2000 when that is not set.
func BenchmarkCleanCluster(b *testing.B) {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("REKINDLE_BENCH_OBJECTS"), "2000"))
	if err != nil {
		b.Fatal(err)
	}
	s := dial(b, testenv.Start(b).Kubeconfig)
	expected := s.fill(n)
	kinds, catalogue := s.listed(expected), s.catalogue()
	b.Run("bare", func(b *testing.B) {
		defer spent(b)()
		for b.Loop() {
			var g errgroup.Group
			g.SetLimit(8)
			for _, kind := range kinds {
				g.Go(func() error { return s.bareList(kind) })
			}
			if err := g.Wait(); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, whole := range map[string]bool{"compare": false, "export": true} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			defer spent(b)()
			for b.Loop() {
				opts := drift.Options{Catalogue: catalogue, Restored: func(u *unstructured.Unstructured) bool {
					return u.GetLabels()["applyset.kubernetes.io/part-of"] == "bench"
				}}
				if whole {
					opts.Whole, opts.Observer = drift.Everything, &exporter{files: map[object.ID]string{}, kinds: map[string]error{}}
				}
				report, err := drift.Compare(b.Context(), s, expected, opts)
				if err != nil {
					b.Fatal(err)
				}
				if len(report.Missing)+len(report.Changed)+report.Confirmed > 0 {
					b.Fatalf("not clean: %s", words(report))
				}
			}
		})
	}
}

// spent reports the processor time of this process alone, which other work on the
// machine changes less than the time on the clock.
func spent(b *testing.B) func() {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/1e6/float64(b.N), "cpu-ms/op") }
}

// fill applies n objects as a restore does.
func (s *server) fill(n int) []drift.Expected {
	s.t.Helper()
	catalogue := s.catalogue()
	var expected []drift.Expected
	var namespaces, rest errgroup.Group
	rest.SetLimit(16)
	for _, o := range generate.Generate(n) {
		raw, err := json.Marshal(o.Content)
		if err != nil {
			s.t.Fatal(err)
		}
		u := &unstructured.Unstructured{}
		if err := u.UnmarshalJSON(raw); err != nil {
			s.t.Fatal(err)
		}
		kind, _ := catalogue.Lookup(u.GroupVersionKind())
		expected = append(expected, drift.Expected{Object: &object.Object{Unstructured: u}, Kind: kind})
		if u.GetKind() == "Namespace" {
			namespace := expected[len(expected)-1]
			namespaces.Go(func() error { return s.apply(namespace) })
		}
	}
	if err := namespaces.Wait(); err != nil {
		s.t.Fatal(err)
	}
	for _, e := range expected {
		if e.Kind.Kind == "Namespace" {
			continue
		}
		rest.Go(func() error { return s.apply(e) })
	}
	if err := rest.Wait(); err != nil {
		s.t.Fatal(err)
	}
	return expected
}

func (s *server) apply(e drift.Expected) error {
	_, err := s.kube.Apply(s.t.Context(), e.Kind, e.Object.Unstructured, kube.ApplyOptions{
		Labels:      map[string]string{"applyset.kubernetes.io/part-of": "bench"},
		Annotations: map[string]string{object.AppliedAnnotation: object.DigestOf(object.Canonical(e.Object.Unstructured)).Short()},
	})
	return err
}

// listed are the kinds that a comparison lists.
func (s *server) listed(expected []drift.Expected) []object.Kind {
	s.t.Helper()
	e := &exporter{files: map[object.ID]string{}, kinds: map[string]error{}}
	if _, err := drift.Compare(s.t.Context(), s, expected, drift.Options{Catalogue: s.catalogue(), Observer: e}); err != nil {
		s.t.Fatal(err)
	}
	var kinds []object.Kind
	for _, kind := range s.catalogue().Kinds() {
		if _, ok := e.kinds[kind.GroupKind().String()]; ok {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// bareList reads a kind's pages and keeps nothing but the token of the next one.
func (s *server) bareList(kind object.Kind) error {
	path := "/apis/" + kind.Group + "/" + kind.Version + "/" + kind.Resource
	if kind.Group == "" {
		path = "/api/" + kind.Version + "/" + kind.Resource
	}
	for token := ""; ; {
		req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.config.Host+path+"?limit=500&continue="+token, nil)
		if err != nil {
			return err
		}
		res, err := s.client.Do(req)
		if err != nil {
			return err
		}
		head := make([]byte, 4096)
		n, _ := io.ReadFull(res.Body, head)
		_, err = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if err != nil {
			return err
		}
		if token = tokenOf(head[:n]); token == "" {
			return nil
		}
	}
}

// tokenOf finds the token of the next page in the beginning of a list.
func tokenOf(head []byte) string {
	const key = `"continue":"`
	at := bytes.Index(head, []byte(key))
	if at < 0 {
		return ""
	}
	rest := head[at+len(key):]
	for i, c := range rest {
		if c == '"' {
			return string(rest[:i])
		}
	}
	return ""
}
