package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/providers/local"
)

// sized are the measurements of one number of objects, by contender.
type sized struct {
	objects int
	by      map[string][]sample
	// What follows is known of drift alone: the load average before and after,
	// and what the bare list asks for and reads.
	loadBefore, loadAfter string
	requests              int
	bytes                 int64
}

// report is what a run of the benchmark found.
type report struct {
	settings settings
	machine  []string
	began    time.Time
	// sizes are of the apply, looks of the drift.
	sizes, looks []sized
}

// figures sums up the samples of one contender.
type figures struct {
	times        int
	best, median time.Duration // of sample.took
	totalMedian  time.Duration
	cpu          time.Duration // median
	peak         int64
	perSecond    float64
}

func sumUp(samples []sample, objects int) figures {
	if len(samples) == 0 {
		return figures{}
	}
	pick := func(of func(sample) time.Duration) []time.Duration {
		list := make([]time.Duration, len(samples))
		for i, s := range samples {
			list[i] = of(s)
		}
		slices.Sort(list)
		return list
	}
	took := pick(func(s sample) time.Duration { return s.took })
	cpu := pick(func(s sample) time.Duration { return s.cpu })
	total := pick(func(s sample) time.Duration { return s.total })
	f := figures{times: len(samples), best: took[0], median: median(took), totalMedian: median(total), cpu: median(cpu)}
	for _, s := range samples {
		f.peak = max(f.peak, s.peak)
	}
	f.perSecond = float64(objects) / f.median.Seconds()
	return f
}

// median of a sorted list; of an even number the mean of the two in the middle.
func median(sorted []time.Duration) time.Duration {
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}

// sections are what was measured.
func (r report) sections() []section {
	var list []section
	if len(r.sizes) > 0 {
		list = append(list, r.applySection())
	}
	if len(r.looks) > 0 {
		list = append(list, r.driftSection())
	}
	return list
}

// applySection returns what the page says about applying.
func (r report) applySection() section {
	var b strings.Builder
	fmt.Fprintf(&b, `How fast generated objects of mixed kinds (namespaces, RBAC, ConfigMaps, Secrets, Deployments, Services, Ingress,
NetworkPolicy, PodDisruptionBudget, HorizontalPodAutoscaler) get onto a fresh local cluster. Measured on
%s.

- **bare loop**: %d workers, server-side apply of requests that are ready beforehand, nothing else. The limit.
  Its client asks for whole objects back, as clients do; rekindle asks for their metadata alone, in protobuf, which is
  cheaper for the server to write, and so it may stay below the limit.
- **rekindle**: the apply step of `+"`rekindle restore`"+`, dependency order and journal included. "all steps" adds reading the
  commit, settling and verifying, without the creation of the cluster.
- **kubectl**: the whole of `+"`kubectl apply --server-side --recursive`"+`.

Each meets a new cluster each time; who comes first alternates. Deployments ask for no replicas, so that pods do not
add the load of controllers and nodes. Contender, API server and etcd share the machine.

| objects | contender | runs | best | median | objects/s | of the bare loop | all steps | peak memory |
|---:|---|---:|---:|---:|---:|---:|---:|---:|
`, r.began.UTC().Format("2 January 2006"), r.settings.workers)
	for _, size := range r.sizes {
		for _, name := range []string{nameBare, nameRekindle, nameKubectl} {
			if f := sumUp(size.by[name], size.objects); f.times > 0 {
				b.WriteString(row(size, name, f))
			}
		}
	}
	b.WriteString("\nMeasured on:\n\n")
	for _, line := range r.machine {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	return section{applyHeading, b.String()}
}

func row(size sized, name string, f figures) string {
	total, peak := "", ""
	if f.totalMedian > 0 {
		total = fmt.Sprintf("%.2f s", f.totalMedian.Seconds())
	}
	if f.peak > 0 {
		peak = fmt.Sprintf("%d MB", f.peak/1e6)
	}
	return fmt.Sprintf("| %d | %s | %d | %.2f s | %.2f s | %.0f | %.2f | %s | %s |\n", size.objects, name, f.times,
		f.best.Seconds(), f.median.Seconds(), f.perSecond, size.ratio(name, nameBare), total, peak)
}

// ratio is one contender's best time over another's: the best of several is
// what noise on the machine disturbs least.
func (s sized) ratio(name, to string) float64 {
	return float64(sumUp(s.by[name], s.objects).best) / float64(sumUp(s.by[to], s.objects).best)
}

// withinLimits returns an error for each limit that rekindle broke.
func (r report) withinLimits() error {
	var errs []error
	for _, size := range r.sizes {
		errs = append(errs, size.within(nameRekindle, nameBare, r.settings.maxRatio, r.settings.maxMemory))
	}
	for _, size := range r.looks {
		errs = append(errs, size.within(nameDrift, nameList, r.settings.maxDriftRatio, r.settings.maxMemory),
			size.within(nameCompare, nameListAlone, r.settings.maxCompareRatio, 0))
	}
	return errors.Join(errs...)
}

// within returns an error when a contender took more than maxRatio times the
// limit, or more than maxMemory megabytes; 0 is no limit.
func (s sized) within(name, limit string, maxRatio, maxMemory float64) error {
	if len(s.by[name]) == 0 {
		return nil
	}
	var errs []error
	if ratio := s.ratio(name, limit); maxRatio > 0 && ratio > maxRatio {
		errs = append(errs, fmt.Errorf("%d objects: %s takes %.2f times the %s, more than %.2f", s.objects, name, ratio, limit, maxRatio))
	}
	if peak := float64(sumUp(s.by[name], s.objects).peak) / 1e6; maxMemory > 0 && peak > maxMemory {
		errs = append(errs, fmt.Errorf("%d objects: %s's peak is %.0f MB, more than %.0f", s.objects, name, peak, maxMemory))
	}
	return errors.Join(errs...)
}

// describeMachine says what the figures depend on.
func describeMachine(ctx context.Context, s settings) []string {
	lines := []string{fmt.Sprintf("%d cores%s, %s/%s", runtime.NumCPU(), processor(), runtime.GOOS, runtime.GOARCH)}
	if mem, err := os.ReadFile("/proc/meminfo"); err == nil {
		lines = append(lines, fmt.Sprintf("%.0f GiB of memory", float64(field(string(mem), "MemTotal:"))/(1<<20)))
	}
	lines = append(lines, "Kubernetes "+local.Version+" with etcd, one simulated node, no fsync", "built with "+runtime.Version())
	if s.rekindle != "" {
		if out, err := exec.CommandContext(ctx, s.rekindle, "version").Output(); err == nil {
			first, _, _ := strings.Cut(string(out), "\n")
			lines = append(lines, first)
		}
	}
	if s.kubectl != "" {
		if out, err := exec.CommandContext(ctx, s.kubectl, "version", "--client").Output(); err == nil {
			first, _, _ := strings.Cut(string(out), "\n")
			lines = append(lines, "kubectl: "+first)
		}
	}
	return lines
}

func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return " (" + strings.TrimSpace(value) + ")"
		}
	}
	return ""
}
