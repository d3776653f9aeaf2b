package main

import (
	"fmt"
	"strings"
	"time"
)

// driftSection returns what the page says about drift.
func (r report) driftSection() section {
	var b strings.Builder
	fmt.Fprintf(&b, `How fast a clean cluster is compared with its commit: generated objects (as above) were restored onto a local cluster by
`+"`rekindle restore`"+`, nobody touched them since, and all contenders look at that one cluster in turn, in an order that
alternates. Each is a process of its own; its whole time counts, start included. Measured on %s.

- **bare list**: sends the list requests that a comparison sends (recorded from one), %d at once, in pages of 500, and
  throws the answers away. The limit: nothing can compare a cluster without reading it.
- **rekindle drift**: `+"`rekindle drift NAME --json`"+`: it reads the commit from the local repository (each file is a loose
  git object there) and renders it, lists, compares all fields, and says what would be lost with the cluster.
- **the lists alone**, **list and compare alone**: what both do, without what only a comparison has to do before. Measured inside
  the process, from the first list request until all is read, and compared: with expected objects that are in memory already,
  and the limits of memory (GOGC=50) of rekindle. Their ratio is the price of comparing.
- **rekindle drift, commit of 1000**: as rekindle drift, but the commit has only the first 1000 of the objects, and a rule leaves
  the rest of the cluster out. It lists all the same. What its memory needs is what the commit takes, whatever the cluster holds.
- **rekindle drift --export**: the same, and all that is live goes into a git branch, one file for each object. First: a
  commit of everything. Unchanged: nothing has changed since, so no commit is made.
- **kubectl diff**: `+"`kubectl diff --server-side --recursive`"+` over the same manifests: one dry run for each object. It does not see
  what is in the cluster alone. By default it asks for one object at a time.
- **kubectl get**: `+"`kubectl get KINDS --all-namespaces --output=yaml`"+` of every kind that can be listed. It compares nothing.

`, r.began.UTC().Format("2 January 2006, 15:04 UTC"), listWorkers)
	b.WriteString("| objects | contender | runs | best | median | of the bare list | processor time | peak memory |\n|---:|---|---:|---:|---:|---:|---:|---:|\n")
	for _, size := range r.looks {
		for _, name := range []string{
			nameListAlone, nameCompare, nameList, nameDrift, nameFew, nameExport, nameSame, nameDiff, nameDiffAtOnce, nameGet,
		} {
			if f := sumUp(size.by[name], size.objects); f.times > 0 {
				fmt.Fprintf(&b, "| %d | %s | %d | %s | %s | %.2f | %s | %d MB |\n", size.objects, name, f.times,
					inSeconds(f.best), inSeconds(f.median), size.ratio(name, limitOf(name)), inSeconds(f.cpu), f.peak/1e6)
			}
		}
	}
	b.WriteString("\n\"Of the bare list\" compares the best times, those alone with the lists alone; \"processor time\" is the median of the process\n" +
		"itself without that of the API server. Peak memory counts the program's own pages too, some 65 MB of rekindle.\n\n")
	for _, size := range r.looks {
		fmt.Fprintf(&b, "- %d objects: the bare list is %d requests and %.1f MB of JSON.%s\n", size.objects, size.requests, float64(size.bytes)/1e6, size.compared())
	}
	b.WriteString(`
What one cannot conclude:

- API server, etcd and contender share the machine: a contender that computes takes processors away from the server that
  it waits for. With the server elsewhere the ratios are other ones, and the network counts.
- The cluster is clean. Each object that looks changed costs a dry run; what a cluster with much drift costs was not
  measured.
- The objects are small (a few kilobytes) and of a dozen kinds; there are no pods and no custom resources.
- The server's caches are warm, etcd does not sync, nobody else uses the server. Other work on the machine shows in the
  load average below: the higher it is, the less the seconds say, and the more the processor time.
- Best and median of few runs say little about rare slow ones.

Measured on:

`)
	for _, line := range r.machine {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	for _, size := range r.looks {
		if size.loadBefore != "" {
			fmt.Fprintf(&b, "- %d objects: load average %s before, %s after\n", size.objects, size.loadBefore, size.loadAfter)
		}
	}
	return section{driftHeading, b.String()}
}

// compared says how much longer than rekindle drift the others take.
func (s sized) compared() string {
	var parts []string
	for _, name := range []string{nameDiff, nameDiffAtOnce, nameGet} {
		if len(s.by[name]) > 0 && len(s.by[nameDrift]) > 0 {
			parts = append(parts, fmt.Sprintf("%s takes %.1f times as long as rekindle drift", name, s.ratio(name, nameDrift)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " " + strings.Join(parts, ", ") + "."
}

// limitOf is what a contender is compared with.
func limitOf(name string) string {
	if name == nameListAlone || name == nameCompare {
		return nameListAlone
	}
	return nameList
}

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
