package nights

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

// seedOf is the seed of all chance.
func seedOf(t *testing.T) uint64 {
	text := os.Getenv("REKINDLE_NIGHTS_SEED")
	if text == "" {
		return uint64(time.Now().UnixNano()) //nolint:gosec // any will do
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("REKINDLE_NIGHTS_SEED=%q is no seed", text)
	}
	return seed
}

// editByHand makes a ConfigMap on each cluster that is up and has none of its
// life: its export must have it.
func (l *life) editByHand(now time.Time) {
	l.t.Helper()
	for name := range l.models {
		if l.cluster(name).State != "awake" {
			continue // or it is half made
		}
		made, err := os.Stat(filepath.Join(l.root(), name, "kubeconfig"))
		if err != nil {
			continue
		}
		id := strconv.FormatInt(made.ModTime().UnixNano(), 36)
		label := "by-hand-" + id
		if list := l.marked[name]; len(list) > 0 && list[len(list)-1].name == label {
			continue
		}
		if err := l.create(name, label, now); err != nil {
			l.t.Fatalf("%s: %v", name, err)
		}
		l.marked[name] = append(l.marked[name], mark{label, l.clock.now()})
	}
}

func (h *house) create(cluster, name string, now time.Time) error {
	client, err := h.configMaps(cluster)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(h.t.Context(), limit)
	defer cancel()
	_, err = client.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name, "namespace": "shop"}, "data": map[string]any{"made": fmt.Sprint(now)},
	}}, metav1.CreateOptions{FieldManager: "kubectl-create"})
	return err
}

// find tells why a cluster has no such ConfigMap.
func (h *house) find(cluster, name string) error {
	client, err := h.configMaps(cluster)
	if err != nil {
		return err
	}
	_, err = client.Get(h.t.Context(), name, metav1.GetOptions{})
	return err
}

func (h *house) configMaps(cluster string) (dynamic.ResourceInterface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(h.root(), cluster, "kubeconfig"))
	if err != nil {
		return nil, err
	}
	config.Timeout = limit
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace("shop"), nil
}
