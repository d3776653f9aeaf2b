package kube

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// scene is evidence written as YAML: the subject first, then whatever belongs
// to it, each in its place by kind. Events name the uid of what they are about.
func scene(t testing.TB, docs string) evidence {
	t.Helper()
	e := evidence{now: time.Date(2026, 11, 22, 10, 0, 30, 0, time.UTC), events: map[string][]event{}, claims: map[string]*unstructured.Unstructured{}, nodes: map[string]*unstructured.Unstructured{}}
	for doc := range strings.SplitSeq(docs, "\n---\n") {
		u := parse(t, doc)
		switch u.GetKind() {
		case "Event":
			uid := text(u.Object, "involvedObject", "uid")
			e.events[uid] = append(e.events[uid], reduced([]*unstructured.Unstructured{u})...)
			continue
		case "Pod":
			e.pods = append(e.pods, u)
		case "ReplicaSet":
			e.sets = append(e.sets, u)
		case "PersistentVolumeClaim":
			e.claims[u.GetName()] = u
		case "StorageClass":
			e.classes = append(e.classes, u)
		case "Node":
			e.nodes[u.GetName()] = u
		}
		if e.subject == nil {
			e.subject = u
		}
	}
	return e
}

const subjectDeployment = `{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: shop, name: web, uid: d}, spec: {replicas: 2}}`

func pod(status string) string {
	return `{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: web-1, uid: p}, spec: {nodeName: n1, volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]}, status: ` + status + `}`
}

func eventAbout(uid, kind, reason, message string) string {
	return `{apiVersion: v1, kind: Event, metadata: {name: e}, involvedObject: {uid: ` + uid + `}, type: ` + kind + `, reason: ` + reason + `, message: '` + message + `'}`
}

func TestExplain(t *testing.T) {
	const claim = `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: shop, name: data, uid: c}, spec: {SPEC}, status: {phase: Pending}}`
	const class = `{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: fast}, provisioner: disk.example.com, volumeBindingMode: MODE}`
	tests := map[string]struct {
		scene                 []string
		reason, message, hint string
		fine                  bool
	}{
		"the image does not exist": {scene: []string{subjectDeployment,
			pod(`{phase: Pending, conditions: [{type: PodScheduled, status: "True"}], containerStatuses: [{name: web, image: "shop/web:v9", ready: false, state: {waiting: {reason: ImagePullBackOff, message: 'Back-off pulling image "shop/web:v9"'}}}]}`),
			eventAbout("p", "Warning", "Failed", `Failed to pull image "shop/web:v9": rpc error: code = NotFound desc = shop/web:v9: not found`),
			eventAbout("p", "Warning", "Failed", `Error: ImagePullBackOff`)},
			reason: "ImagePull", message: "Pod web-1: the image shop/web:v9 of container web cannot be pulled: shop/web:v9: not found", hint: "the tag does not exist"},
		"two images cannot be reached": {scene: []string{
			pod(`{phase: Pending, containerStatuses: [{name: web, image: "shop/web:v9", state: {waiting: {reason: ImagePullBackOff}}}, {name: proxy, image: "shop/proxy:v1", state: {waiting: {reason: ImagePullBackOff}}}]}`),
			`{apiVersion: v1, kind: Event, metadata: {name: e}, involvedObject: {uid: p, fieldPath: "spec.containers{web}"}, type: Warning, reason: Failed, message: 'Failed to pull image "shop/web:v9": failed to pull and unpack image "docker.io/shop/web:v9": failed to resolve reference "docker.io/shop/web:v9": failed to do request: Head "https://registry-1.docker.io/v2/shop/web/manifests/v9": dial tcp: lookup registry-1.docker.io: no such host'}`,
			`{apiVersion: v1, kind: Event, metadata: {name: e}, involvedObject: {uid: p, fieldPath: "spec.containers{proxy}"}, type: Warning, reason: Failed, message: 'Failed to pull image "shop/proxy:v1": not found'}`},
			reason: "ImagePull", message: `the image shop/web:v9 of container web cannot be pulled: Head "https://registry-1.docker.io/v2/shop/web/manifests/v9": dial tcp`, hint: "cannot reach the registry"},
		"the registry wants credentials": {scene: []string{pod(`{phase: Pending, containerStatuses: [{name: web, image: i, state: {waiting: {reason: ErrImagePull, message: 'failed to authorize: 401 unauthorized'}}}]}`)},
			reason: "ImagePull", message: "unauthorized", hint: "imagePullSecret"},
		"a crash loop": {scene: []string{subjectDeployment,
			pod(`{phase: Running, containerStatuses: [{name: web, ready: false, restartCount: 4, state: {waiting: {reason: CrashLoopBackOff, message: back-off}}, lastState: {terminated: {exitCode: 3, reason: Error, message: "no database\n"}}}]}`)},
			reason: "CrashLoop", message: "container web ended with exit code 3, restarted 4 times: no database", hint: "logs of container web"},
		"out of memory": {scene: []string{pod(`{phase: Running, containerStatuses: [{name: web, ready: false, restartCount: 1, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 137, reason: OOMKilled}}}]}`)},
			reason: "OOMKilled", message: "exit code 137 (OOMKilled)", hint: "memory limit"},
		"an init container fails": {scene: []string{pod(`{phase: Pending, initContainerStatuses: [{name: ok, ready: true, state: {terminated: {exitCode: 0, reason: Completed}}}, {name: migrate, ready: false, state: {terminated: {exitCode: 1, reason: Error}}}], containerStatuses: [{name: web, ready: false, state: {waiting: {reason: PodInitializing}}}]}`)},
			reason: "ContainerFailed", message: "container migrate ended with exit code 1", hint: "logs of container migrate"},
		"a Secret is missing": {scene: []string{pod(`{phase: Pending, containerStatuses: [{name: web, state: {waiting: {reason: CreateContainerConfigError, message: 'secret "db" not found'}}}]}`)},
			reason: "CreateContainerConfigError", message: `secret "db" not found`, hint: "to the commit"},
		"a probe fails": {scene: []string{subjectDeployment,
			pod(`{phase: Running, containerStatuses: [{name: web, ready: false, state: {running: {startedAt: "2026-11-22T10:00:00Z"}}}]}`),
			eventAbout("p", "Warning", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")},
			reason: "Probe", message: "Readiness probe failed: HTTP probe failed with statuscode: 503", hint: "logs"},
		"it runs between two crashes": {scene: []string{subjectDeployment,
			pod(`{phase: Running, conditions: [{type: Ready, status: "True"}], containerStatuses: [{name: web, ready: true, restartCount: 3, state: {running: {startedAt: "2026-11-22T10:00:29Z"}}, lastState: {terminated: {exitCode: 3, reason: Error}}}]}`)},
			reason: "CrashLoop", message: "container web ended with exit code 3, restarted 3 times", hint: "logs of container web"},
		"its sidecar runs between two crashes": {scene: []string{subjectDeployment,
			strings.Replace(pod(`{phase: Running, conditions: [{type: Ready, status: "True"}], initContainerStatuses: [{name: proxy, ready: true, restartCount: 3, state: {running: {startedAt: "2026-11-22T10:00:29Z"}}, lastState: {terminated: {exitCode: 3, reason: Error}}}]}`), "spec: {", "spec: {initContainers: [{name: proxy, restartPolicy: Always}], ", 1)},
			reason: "CrashLoop", message: "container proxy ended with exit code 3, restarted 3 times", hint: "logs of container proxy"},
		"it crashed once, long ago, and a probe fails now": {scene: []string{
			pod(`{phase: Running, containerStatuses: [{name: web, ready: false, restartCount: 1, state: {running: {startedAt: "2026-11-21T10:00:29Z"}}, lastState: {terminated: {exitCode: 3, reason: Error}}}]}`),
			eventAbout("p", "Warning", "Unhealthy", "Readiness probe failed: no route")},
			reason: "Probe", message: "not ready: Readiness probe failed: no route", hint: "probe"},
		"its liveness probe kills it": {scene: []string{
			pod(`{phase: Running, containerStatuses: [{name: web, ready: false, restartCount: 2, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 137, reason: Error}}}]}`),
			eventAbout("p", "Warning", "Unhealthy", "Liveness probe failed: connection refused"),
			eventAbout("p", "Normal", "Killing", "Container web failed liveness probe, will be restarted")},
			reason: "Probe", message: "ended with exit code 137, restarted 2 times, because a probe failed: Liveness probe failed: connection refused", hint: "right port"},
		"it ends well and too soon": {scene: []string{pod(`{phase: Running, containerStatuses: [{name: web, ready: false, restartCount: 2, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 0, reason: Completed}}}]}`)},
			reason: "CrashLoop", message: "exit code 0 (Completed)", hint: "make it a Job"},
		"the new template counts": {scene: []string{
			`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, uid: d, annotations: {deployment.kubernetes.io/revision: "2"}}}`,
			`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-old, uid: r1, labels: {pod-template-hash: old}, annotations: {deployment.kubernetes.io/revision: "1"}}}`,
			`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-new, uid: r2, labels: {pod-template-hash: new}, annotations: {deployment.kubernetes.io/revision: "2"}}}`,
			`{apiVersion: v1, kind: Pod, metadata: {name: web-new-1, labels: {pod-template-hash: new}}, status: {phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: "3 Insufficient cpu"}]}}`,
			`{apiVersion: v1, kind: Pod, metadata: {name: web-old-1, labels: {pod-template-hash: old}}, status: {phase: Pending, containerStatuses: [{name: web, image: i, state: {waiting: {reason: ErrImagePull}}}]}}`},
			reason: "Unschedulable", message: "Pod web-new-1: no node fits", hint: "ask for less"},
		"a StatefulSet waits for an old Pod": {scene: []string{
			`{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, uid: d}, status: {updateRevision: db-2}}`,
			`{apiVersion: v1, kind: Pod, metadata: {name: db-0, labels: {controller-revision-hash: db-1}}, status: {phase: Pending, containerStatuses: [{name: db, image: i, state: {waiting: {reason: ErrImagePull}}}]}}`},
			reason: "ImagePull", message: "Pod db-0: the image i", hint: "older revision"},
		"a Job gave up": {scene: []string{
			`{apiVersion: batch/v1, kind: Job, metadata: {name: once, uid: j}, status: {conditions: [{type: Failed, status: "True", reason: BackoffLimitExceeded, message: Job has reached the specified backoff limit}]}}`,
			`{apiVersion: v1, kind: Pod, metadata: {name: once-1}, status: {phase: Failed, containerStatuses: [{name: job, ready: false, state: {terminated: {exitCode: 7, reason: Error}}}]}}`},
			reason: "JobFailed", message: "the specified backoff limit (BackoffLimitExceeded): Pod once-1: container job ended with exit code 7", hint: "deleted before it can run again"},
		"a Job tries again": {scene: []string{
			`{apiVersion: batch/v1, kind: Job, metadata: {name: once, uid: j}, status: {active: 1, failed: 1}}`,
			`{apiVersion: v1, kind: Pod, metadata: {name: once-1}, status: {phase: Failed, containerStatuses: [{name: job, ready: false, state: {terminated: {exitCode: 7, reason: Error}}}]}}`},
			reason: "ContainerFailed", message: "Pod once-1: container job ended with exit code 7", hint: "logs"},
		"no room": {scene: []string{pod(`{phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: "0/3 nodes are available: 3 Insufficient memory."}]}`)},
			reason: "Unschedulable", message: "3 Insufficient memory", hint: "add nodes"},
		"tainted": {scene: []string{pod(`{phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: "0/1 nodes are available: 1 node(s) had untolerated taint {a: b}."}]}`)},
			reason: "Unschedulable", message: "untolerated taint", hint: "toleration"},
		"the claim behind it": {scene: []string{subjectDeployment,
			pod(`{phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."}]}`),
			strings.Replace(claim, "SPEC", "storageClassName: gold", 1), strings.Replace(class, "MODE", "Immediate", 1)},
			reason: "UnknownStorageClass", message: "volume claim data: the storage class gold does not exist (it has fast)", hint: "map it"},
		"gated": {scene: []string{pod(`{phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: SchedulingGated}]}`)},
			reason: "SchedulingGated", message: "scheduling gates", hint: "schedulingGates"},
		"a volume does not mount": {scene: []string{pod(`{phase: Pending, conditions: [{type: PodScheduled, status: "True"}], containerStatuses: [{name: web, state: {waiting: {reason: ContainerCreating}}}]}`),
			eventAbout("p", "Warning", "FailedMount", `MountVolume.SetUp failed for volume "conf": configmap "conf" not found`)},
			reason: "Volume", message: `configmap "conf" not found`, hint: "to the commit"},
		"the node is down": {scene: []string{pod(`{phase: Pending, conditions: [{type: PodScheduled, status: "True"}]}`),
			`{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {conditions: [{type: Ready, status: "False", message: "container runtime is down"}]}}`,
			eventAbout("p", "Warning", "FailedScheduling", "0/1 nodes are available")},
			reason: "NodeNotReady", message: "n1 is not ready: container runtime is down", hint: "node"},
		"the quota is used up": {scene: []string{subjectDeployment,
			`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-5, uid: r}, status: {conditions: [{type: ReplicaFailure, status: "True", reason: FailedCreate, message: 'pods "web-5-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4'}]}}`},
			reason: "QuotaExceeded", message: "exceeded quota: small", hint: "ResourceQuota"},
		"a DaemonSet's pods are refused": {scene: []string{`{apiVersion: apps/v1, kind: DaemonSet, metadata: {namespace: shop, name: agent, uid: d}}`,
			eventAbout("d", "Warning", "FailedCreate", `Error creating: pods "agent-x" is forbidden: violates PodSecurity "restricted:latest": privileged`)},
			reason: "PodSecurity", message: "violates PodSecurity", hint: "pod-security"},
		"no service account": {scene: []string{subjectDeployment,
			`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-5, uid: r}}`,
			eventAbout("r", "Warning", "FailedCreate", `Error creating: pods "web-5-" is forbidden: error looking up service account shop/web: serviceaccount "web" not found`)},
			reason: "ServiceAccountMissing", message: "service account shop/web", hint: "ServiceAccount"},
		"no class and no default": {scene: []string{strings.Replace(claim, "SPEC", "", 1)},
			reason: "NoStorageClass", message: "has no default one (it has none at all)", hint: "default"},
		"nobody provisions": {scene: []string{strings.Replace(claim, "SPEC", "storageClassName: fast", 1), strings.Replace(class, "MODE", "Immediate", 1),
			eventAbout("c", "Normal", "ExternalProvisioning", "Waiting for a volume to be created")},
			reason: "NoProvisioner", message: "disk.example.com of storage class fast", hint: "provisioner runs"},
		"provisioning fails": {scene: []string{strings.Replace(claim, "SPEC", "storageClassName: fast", 1), strings.Replace(class, "MODE", "Immediate", 1),
			eventAbout("c", "Warning", "ProvisioningFailed", "failed to provision volume: out of disks")},
			reason: "ProvisioningFailed", message: "out of disks (storage class fast)"},
		"a claim that nobody uses yet": {scene: []string{strings.Replace(claim, "SPEC", "storageClassName: fast", 1), strings.Replace(class, "MODE", "WaitForFirstConsumer", 1)},
			reason: "WaitForFirstConsumer", message: "once a Pod", fine: true},
		"bound to a volume of the old cluster": {scene: []string{strings.Replace(claim, "SPEC", "storageClassName: fast, volumeName: pvc-1", 1), strings.Replace(class, "MODE", "Immediate", 1)},
			reason: "VolumeNotBound", message: "volume pvc-1", hint: "spec.volumeName"},
		"paused": {scene: []string{`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, uid: d}, spec: {paused: true}}`},
			reason: "Paused", message: "spec.paused", hint: "remove"},
		"a custom resource": {scene: []string{`{apiVersion: example.com/v1, kind: Database, metadata: {name: db, uid: x}, status: {conditions: [{type: Ready, status: "False", reason: NoBackup, message: "the backup bucket is not there"}]}}`},
			reason: "NoBackup", message: "the backup bucket"},
		"nothing is known": {scene: []string{`{apiVersion: example.com/v1, kind: Database, metadata: {name: db, uid: x}}`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := explain(scene(t, strings.Join(test.scene, "\n---\n")))
			if f.Reason != test.reason || !strings.Contains(f.whole(nil), test.message) || !strings.Contains(f.Hint, test.hint) || f.fine != test.fine {
				t.Errorf("got %+v", f)
			}
			if (test.hint == "") != (f.Hint == "") {
				t.Errorf("hint %q", f.Hint)
			}
		})
	}
}

func TestAssess(t *testing.T) {
	tests := map[string]struct {
		manifest string
		state    State
		reason   string
	}{
		"a Job that runs":      {`{apiVersion: batch/v1, kind: Job, status: {startTime: "2026-11-22T10:00:00Z", active: 1}}`, StateWaiting, "JobRunning"},
		"a Job that completed": {`{apiVersion: batch/v1, kind: Job, status: {conditions: [{type: Complete, status: "True"}]}}`, StateSettled, ""},
		"a Job that failed":    {`{apiVersion: batch/v1, kind: Job, status: {conditions: [{type: Failed, status: "True", reason: BackoffLimitExceeded}]}}`, StateFailed, "BackoffLimitExceeded"},
		"a suspended Job":      {`{apiVersion: batch/v1, kind: Job, spec: {suspend: true}}`, StateSettled, ""},
		"a Pod that failed":    {`{apiVersion: v1, kind: Pod, status: {phase: Failed, reason: Evicted}}`, StateFailed, "Evicted"},
		"a Pod that crashes":   {`{apiVersion: v1, kind: Pod, status: {phase: Running, containerStatuses: [{name: c, state: {waiting: {reason: CrashLoopBackOff}}}]}}`, StateWaiting, "ContainerCrashLooping"},
		"a Deployment that gave up": {`{apiVersion: apps/v1, kind: Deployment, metadata: {generation: 1}, spec: {progressDeadlineSeconds: 600}, status: {observedGeneration: 1, conditions: [{type: Progressing, status: "False", reason: ProgressDeadlineExceeded}]}}`,
			StateFailed, "ProgressDeadlineExceeded"},
		"an older generation":    {`{apiVersion: apps/v1, kind: Deployment, metadata: {generation: 2}, status: {observedGeneration: 1}}`, StateWaiting, "LatestGenerationNotObserved"},
		"being deleted":          {`{apiVersion: apps/v1, kind: Deployment, metadata: {deletionTimestamp: "2026-11-22T10:00:00Z", finalizers: [f]}}`, StateWaiting, "Terminating"},
		"conditions of no shape": {`{apiVersion: example.com/v1, kind: Odd, status: {conditions: {a: b}}}`, StateUnknown, "Unreadable"},
		"a custom resource":      {`{apiVersion: example.com/v1, kind: Plain}`, StateSettled, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if st := assess(parse(t, test.manifest)); st.State != test.state || st.Reason != test.reason {
				t.Errorf("got %+v", st)
			}
		})
	}
}

// FuzzExplain: no shape of a Pod, which any controller may have written, stops
// a diagnosis.
func FuzzExplain(f *testing.F) {
	for _, seed := range []string{
		pod(`{phase: Running, conditions: [{type: Ready, status: "True"}], containerStatuses: [{name: web, ready: true, containerID: c, restartCount: 3, state: {running: {startedAt: "2026-11-22T10:00:29Z"}}, lastState: {terminated: {exitCode: 3}}}]}`),
		pod(`{phase: Pending, containerStatuses: [{name: web, state: {waiting: {reason: ImagePullBackOff}}}], initContainerStatuses: [1, {name: {}}]}`),
		pod(`{conditions: {a: b}, containerStatuses: [{restartCount: x, state: [], lastState: {terminated: 1}}]}`),
		pod(`[]`),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, doc string) {
		var content map[string]any
		if err := yaml.Unmarshal([]byte(doc), &content); err != nil || content == nil {
			return
		}
		u := &unstructured.Unstructured{Object: content}
		now := time.Date(2026, 11, 22, 10, 0, 30, 0, time.UTC)
		e := evidence{subject: u, now: now, pods: []*unstructured.Unstructured{u}, events: map[string][]event{}}
		if found := explain(e); found.voice != nil {
			secretsUsed(found.voice.pod)
		}
		lives{}.proofOf(u, now, 0)
	})
}
