package kube

import (
	"strings"
	"testing"
	"time"
)

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
