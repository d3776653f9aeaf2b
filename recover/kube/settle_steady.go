package kube

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A workload is available in each moment in which its containers run, and a
// container that crashes runs, too, between two crashes. So a workload has only
// settled once its containers have shown that they stay:
//
//   - one that a readiness probe has found ready and that never crashed, at once;
//   - one without a readiness probe, after unprobedLife, because it is called
//     ready the moment it starts;
//   - one that crashed before, when it has lived for twice as long as the last
//     time, at least shortestProof and at most longestProof;
//   - one that does not run, and has not ended well where it may, not before it
//     is back.
//
// Sidecars, which are init containers that are to stay, count like the others.
// Containers that only seem to run (kwok) have no id and cannot crash.
const (
	unprobedLife  = 5 * time.Second
	shortestProof = 10 * time.Second
	longestProof  = time.Minute
	// clockDoubt is by how much a node's clock may be behind ours: Kubernetes
	// makes its certificates valid five minutes early for such clocks.
	clockDoubt = 5 * time.Minute
	// restAtLeast is the least time between two looks at the Pods, and restTimes
	// how much longer than a look the rest after it is.
	restAtLeast = 200 * time.Millisecond
	restTimes   = 4
)

// reasonSteadying is the reason of what runs and has not shown yet that it
// stays.
const reasonSteadying = "Steadying"

// runsContainers tells the kinds of which Pods come that are to stay.
func runsContainers(gk schema.GroupKind) bool {
	switch gk.String() {
	case "Pod", "ReplicationController", "Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "ReplicaSet.apps":
		return true
	}
	return false
}

// steadying is the status of a workload that looks settled.
func steadying() Status {
	return Status{State: StateWaiting, Reason: reasonSteadying, Message: "it runs; whether it stays is being watched", Hint: "allow more time with --wait"}
}

// steady looks at the Pods of what looks settled, again and again, until ctx
// ends.
func (s *settling) steady(ctx context.Context) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.look:
		}
		began := s.cluster.opts.Now()
		s.lookAtPods(ctx)
		if pause(ctx, max(restAtLeast, restTimes*s.cluster.opts.Now().Sub(began))) != nil {
			return
		}
	}
}

// suspect is a workload whose Pods are looked at.
type suspect struct {
	p     *progress
	since time.Time // when it began to look settled
	pods  labels.Selector
	name  string // of the Pod, when it is one
}

// suspects are those that are due, by namespace.
func (s *settling) suspects() map[string][]*suspect {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cluster.opts.Now()
	due := map[string][]*suspect{}
	for _, p := range s.all {
		if !p.unproven || now.Before(p.lookAt) {
			continue
		}
		x := &suspect{p: p, since: p.moved}
		if p.target.ID.Kind == "Pod" {
			x.name = p.target.ID.Name
		} else if selector, err := labels.Parse(p.selector); err == nil {
			x.pods = selector
		}
		due[p.target.ID.Namespace] = append(due[p.target.ID.Namespace], x)
	}
	return due
}

func (x *suspect) owns(pod *unstructured.Unstructured) bool {
	if x.pods == nil {
		return pod.GetName() == x.name
	}
	return !x.pods.Empty() && x.pods.Matches(labels.Set(pod.GetLabels()))
}

// lookAtPods lists the Pods of each namespace with suspects once, and settles
// those whose containers have all lived long enough. Where Pods may not be read
// the workload's own word has to do.
func (s *settling) lookAtPods(ctx context.Context) {
	for namespace, list := range s.suspects() {
		now := s.cluster.opts.Now()
		left := make(map[*suspect]proof, len(list))
		err := s.cluster.List(ctx, coreKind("Pod", "pods"), ListOptions{Namespace: namespace}, func(pod *unstructured.Unstructured) error {
			for _, x := range list {
				if x.owns(pod) {
					left[x] = left[x].worse(s.lives.proofOf(pod, now, now.Sub(x.since)))
				}
			}
			return nil
		})
		if ctx.Err() != nil {
			return
		}
		for _, x := range list {
			switch {
			case apierrors.IsForbidden(err):
				left[x] = proof{}
			case err != nil:
				left[x] = proof{time: tickEvery, doubt: err.Error()}
			}
			s.proven(x, left[x])
		}
	}
}

// proven settles a workload that has nothing left to prove, or says what it
// has, unless it has moved.
func (s *settling) proven(x *suspect, left proof) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := x.p
	if !p.unproven || p.moved != x.since {
		return
	}
	st := p.shown
	if left.time <= 0 {
		p.unproven = false
		s.set(p, st)
		return
	}
	p.lookAt = s.cluster.opts.Now().Add(min(left.time, tickEvery))
	st = steadying()
	st.ID = p.target.ID
	if left.doubt != "" {
		st.Message = "it runs; whether it stays this time is being watched: " + left.doubt
	}
	told := p.status.Reason == st.Reason && p.status.Message == st.Message
	if diagnosed := !p.explained.IsZero() && p.status.Reason != st.Reason; !told && !diagnosed {
		s.set(p, st)
	}
}

// proof is what a workload has left to prove.
type proof struct {
	// time is for how long its containers must stay yet; nothing is left when it
	// is not positive.
	time time.Duration
	// doubt says how a container ended before, or why nobody knows.
	doubt string
}

// worse returns what takes longer, and the doubt about either.
func (p proof) worse(other proof) proof {
	return proof{time: max(p.time, other.time), doubt: or(p.doubt, other.doubt)}
}

// lives are when each life of a container that was restarted was seen first, by
// its id. One goroutine at a time uses them.
type lives map[string]time.Time

// proofOf returns what a Pod has left to prove. It has been seen well without
// interruption for the time seen, so that a node's clock that is ahead of ours
// does no harm.
func (l lives) proofOf(pod *unstructured.Unstructured, now time.Time, seen time.Duration) proof {
	if pod.GetDeletionTimestamp() != nil || text(pod.Object, "status", "phase") != "Running" {
		return proof{}
	}
	var worst proof
	for _, container := range lasting(pod) {
		if !runs(container) {
			worst = worst.worse(proofOfEnded(pod, container))
			continue
		}
		started, ok := instant(container, "state", "running", "startedAt")
		if !ok || text(container, "containerID") == "" {
			continue
		}
		lived := max(now.Sub(started), seen)
		if number(container, "restartCount") > 0 {
			lived = max(now.Sub(started)-clockDoubt, l.seen(text(container, "containerID"), now))
		}
		p := proof{time: lifeNeeded(pod, container) - lived}
		if p.time > 0 && number(container, "restartCount") > 0 {
			p.doubt = fmt.Sprintf("container %s of Pod %s was restarted %s, and ended with exit code %d the last time", text(container, "name"), pod.GetName(),
				times(number(container, "restartCount")), number(container, "lastState", "terminated", "exitCode"))
		}
		worst = worst.worse(p)
	}
	return worst
}

// seen is for how long the container with that id has been seen.
func (l lives) seen(id string, now time.Time) time.Duration {
	first, known := l[id]
	if !known {
		first, l[id] = now, now
	}
	return now.Sub(first)
}

// proofOfEnded returns what a container has left to prove that does not run.
func proofOfEnded(pod *unstructured.Unstructured, container map[string]any) proof {
	name := text(container, "name")
	policy := or(text(specOf(pod, name), "restartPolicy"), text(pod.Object, "spec", "restartPolicy"))
	_, ended, _ := unstructured.NestedMap(container, "state", "terminated")
	code := number(container, "state", "terminated", "exitCode")
	switch {
	case ended && code == 0 && (policy == "OnFailure" || policy == "Never"):
		return proof{}
	case ended:
		return proof{time: shortestProof, doubt: fmt.Sprintf("container %s of Pod %s ended with exit code %d", name, pod.GetName(), code)}
	}
	return proof{time: shortestProof, doubt: fmt.Sprintf("container %s of Pod %s does not run (%s)", name, pod.GetName(), or(text(container, "state", "waiting", "reason"), "Waiting"))}
}

// runs tells whether a container runs, or seems to.
func runs(container map[string]any) bool {
	_, running, _ := unstructured.NestedFieldNoCopy(container, "state", "running")
	return running
}

// lasting returns the statuses of the containers that are to stay while their
// Pod runs: all but the init containers that end.
func lasting(pod *unstructured.Unstructured) []map[string]any {
	list := entries(pod.Object, "status", "containerStatuses")
	for _, container := range entries(pod.Object, "status", "initContainerStatuses") {
		if text(specOf(pod, text(container, "name")), "restartPolicy") == "Always" {
			list = append(list, container)
		}
	}
	return list
}

// specOf returns what a Pod says of the container with that name; nil when it
// says nothing.
func specOf(pod *unstructured.Unstructured, container string) map[string]any {
	for _, list := range []string{"containers", "initContainers"} {
		for _, c := range entries(pod.Object, "spec", list) {
			if text(c, "name") == container {
				return c
			}
		}
	}
	return nil
}

// lifeNeeded is for how long a container must live until it is believed to stay.
func lifeNeeded(pod *unstructured.Unstructured, container map[string]any) time.Duration {
	if number(container, "restartCount") == 0 {
		if probed(pod, text(container, "name")) {
			return 0
		}
		return unprobedLife
	}
	began, ok := instant(container, "lastState", "terminated", "startedAt")
	ended, also := instant(container, "lastState", "terminated", "finishedAt")
	if !ok || !also {
		return shortestProof
	}
	return min(longestProof, max(shortestProof, 2*ended.Sub(began)))
}

// probed tells whether a container has a readiness or startup probe.
func probed(pod *unstructured.Unstructured, container string) bool {
	c := specOf(pod, container)
	return c["readinessProbe"] != nil || c["startupProbe"] != nil
}

// instant reads a time of the API.
func instant(content map[string]any, fields ...string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, text(content, fields...))
	return t, err == nil
}
