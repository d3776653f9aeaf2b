package kube

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/object"
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
	lives(clockDoubt + shortestProof - 2*time.Second)
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
	sidecar := func(probe, status string) string {
		return strings.NewReplacer("containers:", "initContainers:", "containerStatuses:", "initContainerStatuses:", "name: web"+probe+"}", "name: web, restartPolicy: Always"+probe+"}").Replace(pod(probe, status))
	}
	const (
		probed    = `, readinessProbe: {}`
		restarted = "container web of Pod web-1 was restarted"
		started   = `containerID: "containerd://1", state: {running: {startedAt: "2026-11-22T10:00:28Z"}}`
		crashed   = `, restartCount: 2, lastState: {terminated: {exitCode: 7, startedAt: "2026-11-22T10:00:00Z", finishedAt: "2026-11-22T10:00:ENDZ"}}`
	)
	tests := map[string]struct {
		pod   string
		seen  time.Duration
		left  time.Duration
		doubt string
	}{
		"found ready by a probe":           {pod: pod(probed, started)},
		"started two seconds ago":          {pod: pod("", started), left: 3 * time.Second},
		"seen for longer":                  {pod: pod("", started), seen: 4 * time.Second, left: time.Second},
		"long ago":                         {pod: pod("", strings.Replace(started, "10:00:28", "09:00:00", 1))},
		"by a clock that is ahead":         {pod: pod("", strings.Replace(started, "10:00:28", "11:00:00", 1)), seen: 4 * time.Second, left: time.Second},
		"crashed after a second":           {pod: pod(probed, started+strings.Replace(crashed, "END", "01", 1)), left: 10 * time.Second, doubt: restarted},
		"seen since it crashed":            {pod: pod(probed, started+strings.Replace(crashed, "END", "01", 1)), seen: 8 * time.Second, left: 2 * time.Second, doubt: restarted},
		"crashed after twenty seconds":     {pod: pod(probed, started+strings.Replace(crashed, "END", "20", 1)), left: 40 * time.Second, doubt: restarted},
		"crashed after a long life":        {pod: pod(probed, started+strings.Replace(crashed, "00:00Z\", finishedAt: \"2026-11-22T10:00:END", "00:00Z\", finishedAt: \"2026-11-22T10:59:00", 1)), left: time.Minute, doubt: restarted},
		"crashed, nobody knows when":       {pod: pod(probed, started+`, restartCount: 1`), left: 10 * time.Second, doubt: restarted},
		"crashed and came back for good":   {pod: pod(probed, started+strings.Replace(crashed, "END", "01", 1)), seen: 20 * time.Second},
		"crashed, by a clock behind ours":  {pod: pod(probed, strings.Replace(started, "10:00:28", "09:56:00", 1)+strings.Replace(crashed, "END", "01", 1)), left: 10 * time.Second, doubt: restarted},
		"crashed long ago":                 {pod: pod(probed, strings.Replace(started, "10:00:28", "09:00:00", 1)+strings.Replace(crashed, "END", "01", 1))},
		"crashed, and is down":             {pod: pod(probed, `restartCount: 1, containerID: c, state: {terminated: {exitCode: 7}}`), seen: time.Hour, left: 10 * time.Second, doubt: "ended with exit code 7"},
		"down between two tries":           {pod: pod(probed, `restartCount: 1, containerID: c, state: {waiting: {reason: CrashLoopBackOff}}`), seen: time.Hour, left: 10 * time.Second, doubt: "does not run (CrashLoopBackOff)"},
		"not even begun":                   {pod: pod(probed, `state: {}`), left: 10 * time.Second, doubt: "does not run (Waiting)"},
		"ended well, and may not":          {pod: pod(probed, `state: {terminated: {exitCode: 0}}`), left: 10 * time.Second, doubt: "ended with exit code 0"},
		"ended well, and may":              {pod: strings.Replace(pod(probed, `state: {terminated: {exitCode: 0}}`), "spec: {", "spec: {restartPolicy: OnFailure, ", 1)},
		"ended badly for good":             {pod: strings.Replace(pod(probed, `state: {terminated: {exitCode: 1}}`), "spec: {", "spec: {restartPolicy: Never, ", 1), left: 10 * time.Second, doubt: "ended with exit code 1"},
		"a sidecar that crashed":           {pod: sidecar(probed, started+strings.Replace(crashed, "END", "01", 1)), left: 10 * time.Second, doubt: restarted},
		"a sidecar without a probe":        {pod: sidecar("", started), left: 3 * time.Second},
		"a sidecar that is down":           {pod: strings.Replace(sidecar("", `state: {terminated: {exitCode: 0}}`), "spec: {", "spec: {restartPolicy: Never, ", 1), left: 10 * time.Second, doubt: "ended with exit code 0"},
		"an init container that ended":     {pod: strings.Replace(sidecar("", `state: {terminated: {exitCode: 0}}`), ", restartPolicy: Always", "", 1)},
		"it only seems to run":             {pod: pod("", strings.Replace(started, `"containerd://1"`, `""`, 1))},
		"it is about to go":                {pod: strings.Replace(pod("", started), "name: web-1", `name: web-1, deletionTimestamp: "2026-11-22T10:00:29Z"`, 1)},
		"it has ended":                     {pod: strings.Replace(pod("", started), "phase: Running", "phase: Succeeded", 1)},
		"the start is no time (hostile)":   {pod: pod("", strings.Replace(started, "2026-11-22T10:00:28Z", "soon", 1))},
		"the lives are no times (hostile)": {pod: pod("", started+`, restartCount: 1, lastState: {terminated: {startedAt: x, finishedAt: y}}`), left: 10 * time.Second, doubt: restarted},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := lives{"containerd://1": now.Add(-test.seen)}
			p := l.proofOf(parse(t, test.pod), now, test.seen)
			if max(p.time, 0) != test.left || (p.doubt != "") != (test.doubt != "") || !strings.Contains(p.doubt, test.doubt) {
				t.Errorf("left %+v", p)
			}
		})
	}
}

// TestLives: a container is new when its id is, whatever was seen of its Pod.
func TestLives(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 30, 0, time.UTC)
	l := lives{}
	for _, step := range []struct {
		id   string
		at   time.Duration
		left time.Duration
	}{{"c://1", 0, 10 * time.Second}, {"c://1", 6 * time.Second, 4 * time.Second}, {"c://2", 7 * time.Second, 10 * time.Second}, {"c://2", 17 * time.Second, 0}} {
		p := parse(t, `{apiVersion: v1, kind: Pod, metadata: {name: web-1}, spec: {containers: [{name: web}]}, status: {phase: Running, containerStatuses: [{name: web, restartCount: 1, containerID: "`+step.id+`", state: {running: {startedAt: "2026-11-22T09:59:00Z"}}}]}}`)
		if left := l.proofOf(p, now.Add(step.at), time.Hour); max(left.time, 0) != step.left {
			t.Errorf("%s after %s has %s left", step.id, step.at, left.time)
		}
	}
}

// TestSettleWithoutPods: what looks settled has settled where its Pods may not be
// read, and not where they could not be read this time.
func TestSettleWithoutPods(t *testing.T) {
	const crashing = `{"metadata":{},"items":[{"metadata":{"namespace":"shop","name":"web-1","labels":{"app":"web"}},"status":{"phase":"Running","containerStatuses":[{"name":"web","state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}}]}`
	tests := map[string]struct {
		code  int
		body  string
		state State
		words string
	}{
		"forbidden": {403, status(403, "Forbidden", "no"), StateSettled, ""},
		"refused":   {400, status(400, "BadRequest", "not today"), StateWaiting, "not today"},
		"cut off":   {200, `{"metadata":{},"items":[`, StateWaiting, "broke off"},
		"crashing":  {200, crashing, StateWaiting, "container web of Pod web-1 does not run (CrashLoopBackOff)"},
		"well":      {200, `{"metadata":{},"items":[]}`, StateSettled, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := dialServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(test.code)
				fmt.Fprint(w, test.body)
			}))
			to := Target{Kind: object.Kind{GroupVersionKind: gvk("apps", "v1", "Deployment"), Resource: "deployments", Namespaced: true}, ID: object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}}
			s := newSettling(c, []Target{to}, SettleOptions{})
			s.report(s.all[to.ID], Status{State: StateSettled}, "app=web")
			s.lookAtPods(within(t, 20*time.Second))
			if st := s.all[to.ID].status; st.State != test.state || !strings.Contains(st.Message, test.words) || s.all[to.ID].unproven != (test.state == StateWaiting) {
				t.Errorf("%+v", st)
			}
		})
	}
}
