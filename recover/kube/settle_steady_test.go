package kube

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestSettleBetweenTwoCrashes: a Pod that is ready, and was restarted shortly
// before, has not settled; once it has lived for longer, it has. A node that no
// kubelet looks after leaves the status to the test.
func TestSettleBetweenTwoCrashes(t *testing.T) {
	c := dial(t, Options{})
	ns := namespace(t, c)
	targets := apply(t, c, strings.ReplaceAll(`{apiVersion: v1, kind: Pod, metadata: {namespace: NS, name: web}, spec: {nodeName: nowhere, containers: [{name: web, image: i}], tolerations: [{operator: Exists}]}}`, "NS", ns))
	lives := func(since time.Duration) {
		t.Helper()
		at := func(ago time.Duration) string { return time.Now().Add(-ago).UTC().Format(time.RFC3339) }
		status := fmt.Sprintf(`{"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [{"name": "web", "image": "i", "imageID": "i", "containerID": "c://1", "ready": true, "restartCount": 2,
			"state": {"running": {"startedAt": %q}}, "lastState": {"terminated": {"exitCode": 3, "reason": "Error", "containerID": "c://0", "startedAt": %q, "finishedAt": %q}}}]}}`, at(since), at(since+3*time.Second), at(since+2*time.Second))
		err := c.do(within(t, 10*time.Second), call{method: http.MethodPatch, path: pathOf(targets[0].Kind, ns, "web") + "/status", contentType: "application/merge-patch+json", body: []byte(status)}, func(*http.Response) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	lives(time.Second)
	statuses, err := c.Settle(within(t, 4*time.Second), targets, SettleOptions{})
	var e *UnsettledError
	if st := statuses[0]; !errors.As(err, &e) || st.State != StateWaiting || st.Reason != "CrashLoop" || !strings.Contains(st.Message, "container web ended with exit code 3, restarted 2 times") || st.Ended != EndedDeadline {
		t.Errorf("%+v, %v", statuses, err)
	}
	lives(shortestProof - 2*time.Second)
	began := time.Now()
	if statuses, err := c.Settle(within(t, 20*time.Second), targets, SettleOptions{}); err != nil || statuses[0].State != StateSettled {
		t.Errorf("%+v, %v", statuses, err)
	}
	if took := time.Since(began); took < time.Second || took > 8*time.Second {
		t.Errorf("it settled after %s", took)
	}
}

func TestProofOf(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 30, 0, time.UTC)
	pod := func(probe, status string) string {
		return `{apiVersion: v1, kind: Pod, metadata: {name: web-1}, spec: {containers: [{name: web` + probe + `}]}, status: {phase: Running, containerStatuses: [{name: web, ` + status + `}]}}`
	}
	const (
		probed  = `, readinessProbe: {}`
		started = `containerID: "containerd://1", state: {running: {startedAt: "2026-11-22T10:00:28Z"}}`
		crashed = `, restartCount: 2, lastState: {terminated: {exitCode: 7, startedAt: "2026-11-22T10:00:00Z", finishedAt: "2026-11-22T10:00:ENDZ"}}`
	)
	tests := map[string]struct {
		pod     string
		seen    time.Duration
		left    time.Duration
		crashed bool
	}{
		"found ready by a probe":           {pod: pod(probed, started)},
		"started two seconds ago":          {pod: pod("", started), left: 3 * time.Second},
		"seen for longer":                  {pod: pod("", started), seen: 4 * time.Second, left: time.Second},
		"long ago":                         {pod: pod("", strings.Replace(started, "10:00:28", "09:00:00", 1))},
		"by a clock that is ahead":         {pod: pod("", strings.Replace(started, "10:00:28", "11:00:00", 1)), seen: 4 * time.Second, left: time.Second},
		"crashed after a second":           {pod: pod(probed, started+strings.Replace(crashed, "END", "01", 1)), left: 8 * time.Second, crashed: true},
		"crashed after twenty seconds":     {pod: pod(probed, started+strings.Replace(crashed, "END", "20", 1)), left: 38 * time.Second, crashed: true},
		"crashed after a long life":        {pod: pod(probed, started+strings.Replace(crashed, "00:00Z\", finishedAt: \"2026-11-22T10:00:END", "00:00Z\", finishedAt: \"2026-11-22T10:59:00", 1)), left: 58 * time.Second, crashed: true},
		"crashed, nobody knows when":       {pod: pod(probed, started+`, restartCount: 1`), left: 8 * time.Second, crashed: true},
		"crashed and came back for good":   {pod: pod(probed, strings.Replace(started, "10:00:28", "10:00:10", 1)+strings.Replace(crashed, "END", "01", 1))},
		"it only seems to run":             {pod: pod("", strings.Replace(started, `"containerd://1"`, `""`, 1))},
		"it is about to go":                {pod: strings.Replace(pod("", started), "name: web-1", `name: web-1, deletionTimestamp: "2026-11-22T10:00:29Z"`, 1)},
		"it has ended":                     {pod: strings.Replace(pod("", started), "phase: Running", "phase: Succeeded", 1)},
		"the start is no time (hostile)":   {pod: pod("", strings.Replace(started, "2026-11-22T10:00:28Z", "soon", 1))},
		"the lives are no times (hostile)": {pod: pod("", started+`, restartCount: 1, lastState: {terminated: {startedAt: x, finishedAt: y}}`), left: 8 * time.Second, crashed: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := proofOf(parse(t, test.pod), now, test.seen)
			if max(p.time, 0) != test.left || (p.crashed != "") != test.crashed {
				t.Errorf("left %+v", p)
			}
			if test.crashed && !strings.Contains(p.crashed, "container web of Pod web-1 was restarted") {
				t.Errorf("%q", p.crashed)
			}
		})
	}
}
