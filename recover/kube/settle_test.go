package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/testenv"
)

func TestSettleWhatIsWell(t *testing.T) {
	c := dial(t, Options{})
	ns := namespace(t, c)
	targets := apply(t, c, strings.ReplaceAll(`
{apiVersion: v1, kind: ConfigMap, metadata: {namespace: NS, name: a}}
---
{apiVersion: batch/v1, kind: Job, metadata: {namespace: NS, name: once}, spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {namespace: NS, name: a}, spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}}
---
`+deployment, "NS", ns))
	told := map[object.ID]Status{}
	statuses, err := c.Settle(within(t, 60*time.Second), targets, SettleOptions{OnStatus: func(s Status) { told[s.ID] = s }})
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range statuses {
		if s.State != StateSettled || s.ID != targets[i].ID || s.Ended != "" || told[s.ID] != s {
			t.Errorf("%+v, told %+v", s, told[s.ID])
		}
	}
}

func TestSettleSaysWhyNot(t *testing.T) {
	c := dial(t, Options{})
	ns := namespace(t, c)
	workload := func(name, spec string) string {
		return fmt.Sprintf(`{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: NS, name: %s}, spec: {selector: {matchLabels: {app: %[1]s}}, template: {metadata: {labels: {app: %[1]s}}, spec: {containers: [{name: c, image: i%s}}}}`, name, spec)
	}
	want := map[string]struct {
		state                 State
		reason, message, hint string
	}{
		"big":      {StateWaiting, "Unschedulable", "Insufficient cpu", "add nodes"},
		"selector": {StateWaiting, "Unschedulable", "node affinity/selector", "label"},
		"pod":      {StateWaiting, "Unschedulable", "node affinity/selector", "label"},
		"claim":    {StateWaiting, "UnknownStorageClass", "gold", "map it"},
		"stuck":    {StateWaiting, "UnknownStorageClass", "volume claim claim", "map it"},
		"quota":    {StateWaiting, "QuotaExceeded", "exceeded quota: none", "ResourceQuota"},
		"absent":   {StateMissing, "Missing", "does not exist", "apply it again"},
		"gone":     {StateMissing, "Missing", "does not exist", "apply it again"},
		"fine":     {StateSettled, "", "", ""},
	}
	apply(t, c, "{apiVersion: v1, kind: Namespace, metadata: {name: "+ns+"-q}}\n---\n"+
		"{apiVersion: v1, kind: ResourceQuota, metadata: {namespace: "+ns+"-q, name: none}, spec: {hard: {pods: \"0\"}}}")
	manifests := strings.Join([]string{
		workload("big", `, resources: {requests: {cpu: "5000"}}}]`),
		workload("selector", `}], nodeSelector: {disk: ssd}`),
		`{apiVersion: v1, kind: Pod, metadata: {namespace: NS, name: pod}, spec: {nodeSelector: {disk: ssd}, containers: [{name: c, image: i}]}}`,
		`{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: NS, name: claim}, spec: {storageClassName: gold, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}`,
		workload("stuck", `}], volumes: [{name: v, persistentVolumeClaim: {claimName: claim}}]`),
		strings.ReplaceAll(workload("quota", `}]`), "namespace: NS", "namespace: NS-q"),
		`{apiVersion: v1, kind: ConfigMap, metadata: {namespace: NS, name: fine}}`,
	}, "\n---\n")
	targets := apply(t, c, strings.ReplaceAll(manifests, "NS", ns))
	targets = append(targets,
		Target{Kind: targets[0].Kind, ID: object.ID{Group: "apps", Kind: "Deployment", Namespace: ns, Name: "absent"}},
		Target{Kind: configMaps(), ID: object.ID{Kind: "ConfigMap", Namespace: ns, Name: "gone"}})
	statuses, err := c.Settle(within(t, 12*time.Second), targets, SettleOptions{})
	var e *UnsettledError
	if !errors.As(err, &e) || !errors.Is(err, context.DeadlineExceeded) || e.Waiting != 6 || e.Missing != 2 || e.Ended != EndedDeadline {
		t.Errorf("got %v", err)
	}
	for _, s := range statuses {
		w := want[s.ID.Name]
		if s.State != w.state || s.Reason != w.reason || !strings.Contains(s.Message, w.message) || !strings.Contains(s.Hint, w.hint) {
			t.Errorf("%s: %+v", s.ID, s)
		}
		if s.State == StateWaiting && s.Ended != EndedDeadline {
			t.Errorf("%s ended %q", s.ID, s.Ended)
		}
	}
}

func TestSettleEnds(t *testing.T) {
	c := dial(t, Options{})
	ns := namespace(t, c)
	targets := apply(t, c, strings.ReplaceAll(`{apiVersion: v1, kind: Pod, metadata: {namespace: NS, name: pod}, spec: {nodeSelector: {disk: ssd}, containers: [{name: c, image: i}]}}`, "NS", ns))
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		statuses, err := c.Settle(ctx, targets, SettleOptions{OnStatus: func(Status) { cancel() }})
		if !errors.Is(err, context.Canceled) || statuses[0].Ended != EndedInterrupted || statuses[0].State != StateWaiting {
			t.Errorf("%+v, %v", statuses, err)
		}
	})
	t.Run("nothing to wait for", func(t *testing.T) {
		if statuses, err := c.Settle(t.Context(), nil, SettleOptions{}); err != nil || len(statuses) != 0 {
			t.Errorf("%v, %v", statuses, err)
		}
	})
	t.Run("a Job that fails ends early", func(t *testing.T) {
		job := apply(t, c, strings.ReplaceAll(`{apiVersion: batch/v1, kind: Job, metadata: {namespace: NS, name: late}, spec: {activeDeadlineSeconds: 1, template: {spec: {nodeSelector: {disk: ssd}, restartPolicy: Never, containers: [{name: c, image: i}]}}}}`, "NS", ns))
		statuses, err := c.Settle(within(t, time.Minute), job, SettleOptions{})
		if err == nil || errors.Is(err, context.DeadlineExceeded) || statuses[0].State != StateFailed || statuses[0].Reason != "DeadlineExceeded" {
			t.Errorf("%+v, %v", statuses, err)
		}
	})
}

// The API server is killed while objects are applied and settle; its
// supervisor brings it back.
func TestTheAPIServerDiesInTheMiddle(t *testing.T) {
	if testing.Short() || shared == nil {
		t.Skip("needs a cluster of its own")
	}
	own := testenv.Start(t)
	c := dialTo(t, own, Options{})
	ns := namespace(t, c)
	targets := apply(t, c, strings.ReplaceAll(deployment, "NS", ns))
	var killed atomic.Bool
	g, ctx := errgroup.WithContext(within(t, 90*time.Second))
	for i := range 300 {
		g.Go(func() error {
			if i == 150 && killed.CompareAndSwap(false, true) {
				if err := killAPIServer(own); err != nil {
					return err
				}
			}
			_, err := c.Apply(ctx, configMaps(), configMap(ns, fmt.Sprint("c", i)), ApplyOptions{})
			return err
		})
		targets = append(targets, Target{Kind: configMaps(), ID: object.ID{Kind: "ConfigMap", Namespace: ns, Name: fmt.Sprint("c", i)}})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	// A Pod that waits keeps the settling open over the second death.
	targets = append(targets, apply(t, c, strings.ReplaceAll(`{apiVersion: v1, kind: Pod, metadata: {namespace: NS, name: gated}, spec: {schedulingGates: [{name: example.com/hold}], containers: [{name: c, image: i}]}}`, "NS", ns))...)
	once := atomic.Bool{}
	statuses, err := c.Settle(within(t, 90*time.Second), targets, SettleOptions{OnStatus: func(s Status) {
		if s.ID.Kind != "Deployment" || s.State != StateSettled || !once.CompareAndSwap(false, true) {
			return
		}
		go func() {
			if err := killAPIServer(own); err != nil {
				t.Error(err)
			}
			ungated := parse(t, strings.ReplaceAll(`{apiVersion: v1, kind: Pod, metadata: {namespace: NS, name: gated}, spec: {schedulingGates: [], containers: [{name: c, image: i}]}}`, "NS", ns))
			if _, err := c.Apply(t.Context(), coreKind("Pod", "pods"), ungated, ApplyOptions{}); err != nil {
				t.Error(err)
			}
		}()
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !once.Load() || len(statuses) != len(targets) {
		t.Errorf("%d statuses, second death %v", len(statuses), once.Load())
	}
}

// killAPIServer kills the API server of a test's own cluster.
func killAPIServer(own *testenv.Cluster) error {
	raw, err := os.ReadFile(filepath.Join(own.Detail["directory"], "run", "status.json"))
	if err != nil {
		return err
	}
	var s struct {
		Components []struct {
			Name string `json:"name"`
			PID  int    `json:"pid"`
		} `json:"components"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	for _, c := range s.Components {
		if c.Name == "kube-apiserver" && c.PID > 1 {
			return syscall.Kill(c.PID, syscall.SIGKILL)
		}
	}
	return errors.New("no API server runs")
}
