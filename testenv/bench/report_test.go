package main

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestSumUp(t *testing.T) {
	seconds := func(s ...float64) []sample {
		list := make([]sample, len(s))
		for i, v := range s {
			list[i] = sample{took: time.Duration(v * float64(time.Second)), peak: int64(v * 1e6)}
		}
		return list
	}
	f := sumUp(seconds(4, 2, 3), 600)
	if f.best != 2*time.Second || f.median != 3*time.Second || f.peak != 4e6 || f.perSecond != 200 {
		t.Errorf("have %+v", f)
	}
	if f := sumUp(seconds(1, 2), 1); f.median != 1500*time.Millisecond {
		t.Errorf("median of two is %s", f.median)
	}
	r := report{
		settings: settings{maxRatio: 1.2, maxMemory: 3},
		sizes:    []sized{{objects: 10, by: map[string][]sample{nameBare: seconds(2, 2.5), nameRekindle: seconds(4, 3)}}},
	}
	err := r.withinLimits()
	if err == nil || !strings.Contains(err.Error(), "1.50 times") || !strings.Contains(err.Error(), "4 MB, more than 3") {
		t.Errorf("limits: %v", err)
	}
	page := r.applySection().text
	if !strings.Contains(page, "| 10 | rekindle | 2 | 3.00 s | 3.50 s | 3 | 1.50 |  | 4 MB |") || strings.Contains(page, nameKubectl+" |") {
		t.Errorf("page:\n%s", page)
	}
}

func TestFromReport(t *testing.T) {
	s, err := fromReport([]byte(`{"verified":true,"steps":[{"step":"provision","seconds":4},{"step":"apply","seconds":1.5},{"step":"verify","seconds":0.5}]}`), 7)
	if err != nil || s != (sample{took: 1500 * time.Millisecond, total: 2 * time.Second, peak: 7}) {
		t.Errorf("have %+v, %v", s, err)
	}
	for _, bad := range []string{`{`, `{"verified":false}`, `{"verified":true}`} {
		if _, err := fromReport([]byte(bad), 0); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

func TestRunMeasured(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, _, err := runMeasured(exec.CommandContext(ctx, "sh", "-c", "echo out; echo err >&2; exit 3"))
	if string(out) != "out\n" || err == nil || !strings.Contains(err.Error(), "err") {
		t.Errorf("have %q, %v", out, err)
	}
	if have := field("A: 1 kB\nVmHWM:\t  1234 kB\n", "VmHWM:"); have != 1234 {
		t.Errorf("VmHWM is %d", have)
	}
}
