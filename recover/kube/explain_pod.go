package kube

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// reasonStarting is the finding about a Pod of which nothing bad is known yet.
const reasonStarting = "Starting"

// explainPod finds why a Pod is not ready; empty when it is, or has ended well.
func explainPod(e evidence, p *unstructured.Unstructured) finding {
	phase := text(p.Object, "status", "phase")
	switch {
	case phase == "Succeeded":
		return finding{}
	case conditionOf(p, "Ready").Status == "True":
		return explainRestarts(e, p)
	}
	if p.GetDeletionTimestamp() != nil {
		return finding{Reason: "Terminating", Message: whyHeld(p)}
	}
	if phase == "Failed" && text(p.Object, "status", "message") != "" {
		return finding{Reason: or(text(p.Object, "status", "reason"), "PodFailed"), Message: text(p.Object, "status", "message")}
	}
	if c := conditionOf(p, "PodScheduled"); c.Status == "False" {
		return explainScheduling(e, p, c)
	}
	for _, list := range []string{"initContainerStatuses", "containerStatuses"} {
		for _, container := range entries(p.Object, "status", list) {
			if f := explainContainer(e, p, container); f.Reason != "" {
				return f
			}
		}
	}
	return explainStart(e, p)
}

// explainScheduling gives the scheduler's words, and the reason behind them
// when that is a volume.
func explainScheduling(e evidence, p *unstructured.Unstructured, c condition) finding {
	if c.Reason == "SchedulingGated" {
		return finding{Reason: c.Reason, Message: "the Pod is held by scheduling gates", Hint: "the controller that set spec.schedulingGates has to remove them"}
	}
	if c.Message == "" {
		return finding{Reason: or(c.Reason, "Unschedulable"), Message: "the scheduler has not found a node yet"}
	}
	f := finding{Reason: "Unschedulable", Message: "no node fits: " + c.Message}
	switch m := c.Message; {
	case strings.Contains(m, "persistentvolumeclaim") && strings.Contains(m, "not found"):
		f.Hint = "add the PersistentVolumeClaim to the commit"
	case strings.Contains(m, "PersistentVolumeClaim") || strings.Contains(m, "persistentvolumeclaim"):
		if claim := explainClaims(e, p); claim.Reason != "" {
			return claim
		}
	case strings.Contains(m, "no nodes available"):
		f.Hint = "the cluster has no nodes: add some"
	case strings.Contains(m, "Insufficient") || strings.Contains(m, "Too many pods"):
		f.Hint = "add nodes, or ask for less"
	case strings.Contains(m, "node affinity/selector") || strings.Contains(m, "node selector"):
		f.Hint = "no node bears the labels that the Pod wants: label the nodes, or map the node selector"
	case strings.Contains(m, "untolerated taint"):
		f.Hint = "all nodes are tainted: add a toleration, or nodes without the taint"
	}
	return f
}

func explainClaims(e evidence, p *unstructured.Unstructured) finding {
	for _, v := range entries(p.Object, "spec", "volumes") {
		if claim := e.claims[text(v, "persistentVolumeClaim", "claimName")]; claim != nil {
			if f := explainClaim(e, claim); f.Reason != "" && !f.fine {
				f.Message = fmt.Sprintf("volume claim %s: %s", claim.GetName(), f.Message)
				return f
			}
		}
	}
	return finding{}
}

// explainContainer finds why a container is not ready; empty when it is, or
// when nothing but waiting is to be seen.
func explainContainer(e evidence, p *unstructured.Unstructured, container map[string]any) finding {
	name := text(container, "name")
	waiting := text(container, "state", "waiting", "reason")
	words := text(container, "state", "waiting", "message")
	switch waiting {
	case "":
		return explainUnready(e, p, container)
	case "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed":
		f := finding{Reason: "ImagePull", Message: fmt.Sprintf("the image %s of container %s cannot be pulled: %s", text(container, "image"), name, pullCause(or(pullWords(e, p, name), or(words, waiting))))}
		f.Hint = pullHint(f.Message)
		return f
	case "CrashLoopBackOff":
		return crash(e, p, container, "lastState")
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
		f := finding{Reason: waiting, Message: fmt.Sprintf("container %s cannot be started: %s", name, or(words, waiting))}
		if strings.Contains(words, "not found") || strings.Contains(words, "couldn't find key") {
			f.Hint = "add what it names to the commit"
		}
		if waiting == "RunContainerError" { // it quotes the command, with what the environment put into it
			f.Message, f.said, f.voice = fmt.Sprintf("container %s cannot be started", name), or(words, waiting), &voice{pod: p, container: name}
		}
		return f
	}
	return finding{}
}

// pullWords returns what the kubelet said about the pull for a container
// itself, which is more than that it backs off.
func pullWords(e evidence, p *unstructured.Unstructured, container string) string {
	for _, ev := range slices.Backward(e.events[string(p.GetUID())]) {
		if ev.Reason == "Failed" && ev.about(container) && strings.HasPrefix(ev.Message, "Failed to pull image") {
			_, words, _ := strings.Cut(ev.Message, ": ")
			return words
		}
	}
	return ""
}

// pullPreamble is what kubelet and containerd say before they come to the
// cause; it repeats the image.
var pullPreamble = regexp.MustCompile(`^(?:rpc error: code = \w+ desc = |failed to pull and unpack image "[^"]*": |failed to resolve (?:reference|image) "[^"]*": |failed to copy: |failed to do request: )+`)

func pullCause(words string) string {
	return or(pullPreamble.ReplaceAllString(words, ""), words)
}

func pullHint(message string) string {
	switch {
	case strings.Contains(message, "not found") || strings.Contains(message, "manifest unknown"):
		return "the tag does not exist (any more): use one that does, or a digest"
	case strings.Contains(message, "unauthorized") || strings.Contains(message, "denied") || strings.Contains(message, "authentication required"):
		return "the registry wants credentials: add an imagePullSecret"
	case strings.Contains(message, "no such host") || strings.Contains(message, "timeout") || strings.Contains(message, "connection refused"):
		return "the nodes cannot reach the registry"
	}
	return "check the image's name, and that the nodes can reach the registry"
}

// crash tells how a container ended, from its state or lastState.
func crash(e evidence, p *unstructured.Unstructured, container map[string]any, state string) finding {
	name := text(container, "name")
	code := number(container, state, "terminated", "exitCode")
	reason := text(container, state, "terminated", "reason")
	f := finding{Reason: "CrashLoop", Hint: fmt.Sprintf("see the logs of container %s", name)}
	f.voice = &voice{pod: p, container: name, previous: state == "lastState"}
	f.Message = fmt.Sprintf("container %s ended with exit code %d", name, code)
	if reason != "" && reason != "Error" {
		f.Message += " (" + reason + ")"
	}
	if n := number(container, "restartCount"); n > 0 {
		f.Message += fmt.Sprintf(", restarted %s", times(n))
	}
	f.said = text(container, state, "terminated", "message")
	switch probe := killedByProbe(e, p, name); {
	case reason == "OOMKilled":
		f.Reason, f.Hint = "OOMKilled", "raise the container's memory limit"
	case probe != "":
		f.Reason, f.Message, f.said = "Probe", f.Message+", because a probe failed", f.said+"\n"+probe
		f.Hint = probeHint(name)
	case reason == "Completed":
		f.Hint = fmt.Sprintf("container %s ends although its Pod is to run for ever: give it a command that stays, or make it a Job", name)
	}
	return f
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func probeHint(container string) string {
	return fmt.Sprintf("see the logs of container %s, and whether the probe asks the right port and path", container)
}

// killedByProbe returns the words of the probe for which the kubelet killed a
// container; "" when that did not happen.
func killedByProbe(e evidence, p *unstructured.Unstructured, container string) string {
	killed, words := false, ""
	for _, ev := range e.events[string(p.GetUID())] {
		switch {
		case ev.Reason == "Killing" && strings.HasPrefix(ev.Message, "Container "+container+" failed "):
			killed = true
		case ev.Reason == "Unhealthy" && ev.about(container) && !strings.HasPrefix(ev.Message, "Readiness"):
			words = ev.Message
		}
	}
	if !killed {
		return ""
	}
	return words
}

// explainRestarts finds how a container ended that is up again, and has not
// been for long.
func explainRestarts(e evidence, p *unstructured.Unstructured) finding {
	for _, container := range lasting(p) {
		if mayCrashAgain(e, p, container) {
			return crash(e, p, container, "lastState")
		}
	}
	return finding{}
}

// mayCrashAgain tells whether a container that runs crashed so shortly before
// that it is expected to do it again.
func mayCrashAgain(e evidence, p *unstructured.Unstructured, container map[string]any) bool {
	started, ok := instant(container, "state", "running", "startedAt")
	return ok && number(container, "restartCount") > 0 && e.now.Sub(started) < lifeNeeded(p, container)
}

// explainUnready finds why a container that runs, or has ended, is not ready.
func explainUnready(e evidence, p *unstructured.Unstructured, container map[string]any) finding {
	name := text(container, "name")
	if container["ready"] == true {
		return finding{}
	}
	if _, ended, _ := unstructured.NestedMap(container, "state", "terminated"); ended {
		if text(container, "state", "terminated", "reason") == "Completed" {
			return finding{}
		}
		f := crash(e, p, container, "state")
		if f.Reason == "CrashLoop" && number(container, "restartCount") == 0 {
			f.Reason = "ContainerFailed"
		}
		return f
	}
	_, running, _ := unstructured.NestedMap(container, "state", "running")
	if running && mayCrashAgain(e, p, container) {
		return crash(e, p, container, "lastState")
	}
	own := &voice{pod: p, container: name}
	for _, ev := range slices.Backward(e.events[string(p.GetUID())]) {
		if ev.Reason == "Unhealthy" && ev.about(name) {
			return finding{Reason: "Probe", Message: fmt.Sprintf("container %s runs but is not ready", name), said: ev.Message,
				Hint: probeHint(name), voice: own}
		}
	}
	if running && text(p.Object, "status", "phase") == "Running" {
		return finding{Reason: "NotReady", Message: fmt.Sprintf("container %s runs but is not ready", name), voice: own}
	}
	return finding{}
}

// explainStart finds what holds a Pod that has a node but does not run.
func explainStart(e evidence, p *unstructured.Unstructured) finding {
	for _, ev := range slices.Backward(e.events[string(p.GetUID())]) {
		switch ev.Reason {
		case "FailedMount", "FailedAttachVolume", "FailedMapVolume":
			f := finding{Reason: "Volume", Message: ev.Message}
			if strings.Contains(ev.Message, "not found") {
				f.Hint = "add what the volume names to the commit"
			}
			return f
		case "FailedCreatePodSandBox", "NetworkNotReady", "FailedPodSandBoxStatus":
			return finding{Reason: "Network", Message: ev.Message, Hint: "check the network plugin of the node"}
		}
	}
	for _, gate := range entries(p.Object, "spec", "readinessGates") {
		if kind := text(gate, "conditionType"); conditionOf(p, kind).Status != "True" {
			return finding{Reason: "ReadinessGate", Message: fmt.Sprintf("the readiness gate %s is not open", kind), Hint: "the controller that opens it has to run"}
		}
	}
	node := text(p.Object, "spec", "nodeName")
	if n := e.nodes[node]; n != nil && conditionOf(n, "Ready").Status != "True" {
		return finding{Reason: "NodeNotReady", Message: fmt.Sprintf("its node %s is not ready: %s", node, or(conditionOf(n, "Ready").Message, "nothing was heard from it yet")), Hint: "see why the node is not ready"}
	}
	if f := warned(e, p); f.Reason != "" && f.Reason != "FailedScheduling" { // that is over when it has a node
		return f
	}
	if node != "" {
		return finding{Reason: reasonStarting, Message: "it has node " + node + " and is starting"}
	}
	return finding{Reason: reasonStarting, Message: "the scheduler has not looked at it yet"}
}
