package workload

// Trouble is a commit on top of Greeted in which one thing fails.
type Trouble struct {
	// Name of the branch.
	Name string
	// File is changed, Old replaced by New; or, without it, a file is added.
	File, Old, New string
	Adds           string

	// Object is what does not become healthy, as kube.Status has its ID in words,
	// and Reason the one word for it.
	Object, Reason string
	// Says are texts that the message holds, Log those of the log's last lines.
	Says, Log []string
	// Never are texts that must be nowhere in the report.
	Never []string
}

// Troubles are all of them.
func Troubles() []Trouble {
	return []Trouble{
		{
			Name: "no-such-image", File: "web.yaml", Old: "rekindle.test/workload:v1", New: "rekindle.test/workload:v99",
			Object: "Deployment.apps shop/web", Reason: "ImagePull",
			Says: []string{"rekindle.test/workload:v99", "container web"},
		},
		{
			Name: "never-ready", File: "web.yaml", Old: "args: [serve,", New: "args: [serve, -never-ready,",
			Object: "Deployment.apps shop/web", Reason: "Probe",
			Says: []string{"Readiness probe failed", "503"}, Log: []string{"web: listening"},
		},
		{
			Name: "killed-by-liveness", File: "agent.yaml", Old: "readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1}",
			New:    "livenessProbe: {httpGet: {path: /nowhere, port: 8080}, periodSeconds: 1, failureThreshold: 2}",
			Object: "DaemonSet.apps shop/agent", Reason: "Probe",
			Says: []string{"Liveness probe failed", "404"}, Log: []string{"agent: listening"},
		},
		{
			// It lives for two seconds each time, without a probe: a Deployment that is
			// available again and again.
			Name: "crash-loop", File: "worker.yaml", Old: "args: [serve, -name, worker]",
			New:    `args: [serve, -name, worker, -crash-after, 2s, -exit-code, "3", -last-words, "fatal: no database at postgres://shop@db:5432 with $(DATABASE_PASSWORD)"]`,
			Object: "Deployment.apps shop/worker", Reason: "CrashLoop",
			Says:  []string{"container worker ended with exit code 3", "fatal: no database"},
			Log:   []string{"worker: listening", "fatal: no database", "with [redacted]"},
			Never: []string{"correct-horse-battery"},
		},
		{
			Name: "out-of-memory", File: "worker.yaml", Old: "args: [serve, -name, worker]", New: `args: [serve, -name, worker, -eat-mib, "256"]`,
			Object: "Deployment.apps shop/worker", Reason: "OOMKilled",
			Says: []string{"container worker ended with exit code 137 (OOMKilled)"},
		},
		{
			Name: "too-big", File: "worker.yaml", Old: "requests: {cpu: 10m,", New: "requests: {cpu: 1000,",
			Object: "Deployment.apps shop/worker", Reason: "Unschedulable",
			Says: []string{"Insufficient cpu"},
		},
		{
			Name: "init-fails", File: "agent.yaml", Old: "args: [job, -last-words, prepared]", New: `args: [job, -last-words, "error: no disk", -exit-code, "4"]`,
			Object: "DaemonSet.apps shop/agent", Reason: "CrashLoop",
			Says: []string{"container prepare ended with exit code 4", "no disk"}, Log: []string{"error: no disk"},
		},
		{
			Name: "no-such-key", File: "worker.yaml", Old: "key: password", New: "key: passphrase",
			Object: "Deployment.apps shop/worker", Reason: "CreateContainerConfigError",
			Says: []string{"passphrase", "database"}, Never: []string{"correct-horse-battery"},
		},
		{
			Name: "no-such-class", Adds: `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: archive, namespace: shop}
spec:
  storageClassName: gold
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
---
apiVersion: v1
kind: Pod
metadata: {name: archive, namespace: shop}
spec:
  containers:
  - name: archive
    image: rekindle.test/workload:v1
    args: [serve, -name, archive]
    volumeMounts: [{name: archive, mountPath: /archive}]
  volumes: [{name: archive, persistentVolumeClaim: {claimName: archive}}]
`,
			Object: "Pod shop/archive", Reason: "UnknownStorageClass",
			Says: []string{"gold", "volume claim archive", "it has"},
		},
		{
			Name: "failing-job", Adds: `apiVersion: batch/v1
kind: Job
metadata: {name: migrate, namespace: shop}
spec:
  backoffLimit: 1
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: job
        image: rekindle.test/workload:v1
        args: [job, -takes, 1s, -last-words, "error: table orders is locked", -exit-code, "7"]
`,
			Object: "Job.batch shop/migrate", Reason: "JobFailed",
			Says: []string{"BackoffLimitExceeded", "exit code 7", "table orders is locked"}, Log: []string{"error: table orders is locked"},
		},
	}
}
