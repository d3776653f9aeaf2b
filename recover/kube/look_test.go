package kube

import (
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/object"
)

func TestLookAtOneObject(t *testing.T) {
	c := dial(t, Options{})
	ns := namespace(t, c)
	targets := apply(t, c, strings.ReplaceAll(`
{apiVersion: v1, kind: ConfigMap, metadata: {namespace: NS, name: fine}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: NS, name: big}, spec: {selector: {matchLabels: {app: big}}, template: {metadata: {labels: {app: big}}, spec: {containers: [{name: c, image: i, resources: {requests: {cpu: "5000"}}}]}}}}
`, "NS", ns))
	ctx := within(t, 30*time.Second)
	fine, err := c.Look(ctx, targets[0])
	if err != nil || fine.State != StateSettled || fine.Object.GetName() != "fine" || fine.ID != targets[0].ID || fine.Reason != "" {
		t.Errorf("%+v, %v", fine, err)
	}
	gone, err := c.Look(ctx, Target{Kind: configMaps(), ID: object.ID{Kind: "ConfigMap", Namespace: ns, Name: "gone"}})
	if err != nil || gone.State != StateMissing || gone.Object != nil {
		t.Errorf("%+v, %v", gone, err)
	}
	for {
		big, err := c.Look(ctx, targets[1])
		if err != nil {
			t.Fatalf("%+v, %v", big, err)
		}
		if big.Reason == "Unschedulable" && len(big.Events) > 0 {
			if big.State != StateWaiting || !strings.Contains(big.Message, "no node fits") || big.Hint == "" ||
				!strings.Contains(strings.Join(big.Events, "\n"), "Pod big-") {
				t.Errorf("%+v", big)
			}
			return
		}
	}
}
