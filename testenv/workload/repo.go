package workload

import (
	"embed"
	"io/fs"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// NodePort is where the web tier answers on each node.
const NodePort = 30080

// Namespace is where everything of the good commits lives.
const Namespace = "shop"

// Good are the tags of the commits in which everything is well: the second one
// changes the greeting that the web tier answers with.
const (
	Good    = "v1"
	Greeted = "v2"
)

// StuckStore is a branch whose StatefulSet cannot pull its image. A StatefulSet
// waits for its broken Pod even when the commit after it is good.
const StuckStore = "stuck-store"

// Provisioned is a branch with a claim that names no class, for clusters whose
// default class makes volumes, and a Job that writes to it.
const Provisioned = "provisioned"

const archived = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: archive, namespace: shop}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 16Mi}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: archive, namespace: shop}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: job
        image: rekindle.test/workload:v1
        args: [job, -write, /archive/first]
        volumeMounts: [{name: archive, mountPath: /archive}]
      volumes: [{name: archive, persistentVolumeClaim: {claimName: archive}}]
`

// Greeting is what the web tier answers at Good, and at Greeted.
const (
	Greeting        = "good morning"
	GreetingChanged = "good evening"
)

//go:embed deploy
var deploy embed.FS

// Repo makes the repository for one test and returns its directory: the good
// commits on main, under their tags, and on branches of their names each Trouble,
// Guarded and Denied.
// The folder with the manifests is deploy.
func Repo(t testing.TB) string {
	t.Helper()
	r := gitserver.Repo(t)
	files := map[string]string{}
	err := fs.WalkDir(deploy, "deploy", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := deploy.ReadFile(path)
		files[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range files {
		r.Write(path, content)
	}
	r.Commit("Run the shop")
	r.Git("tag", Good)
	const web = "deploy/web.yaml"
	files[web] = replaced(t, files[web], Greeting, GreetingChanged)
	// Pods read it anew when they are made anew.
	files[web] = replaced(t, files[web], "labels: {app: web}}\n    spec:", "labels: {app: web}, annotations: {greeting: changed}}\n    spec:")
	r.Write(web, files[web]).Commit("Greet in the evening")
	r.Git("tag", Greeted)
	for _, trouble := range Troubles() {
		r.Git("checkout", "--quiet", "-b", trouble.Name, Greeted)
		path := "deploy/" + trouble.Name + ".yaml"
		content := trouble.Adds
		if trouble.File != "" {
			path = "deploy/" + trouble.File
			content = replaced(t, files[path], trouble.Old, trouble.New)
		}
		r.Write(path, content).Commit("Trouble: " + trouble.Name)
	}
	const store = "deploy/store.yaml"
	r.Git("checkout", "--quiet", "-b", StuckStore, Greeted)
	r.Write(store, replaced(t, files[store], Image, "rekindle.test/workload:v98")).Commit("Trouble with the store")
	r.Git("checkout", "--quiet", "-b", Provisioned, Greeted)
	r.Write("deploy/archive.yaml", archived).Commit("Keep an archive")
	r.Git("checkout", "--quiet", "-b", Guarded, Greeted)
	r.Write("deploy/guard.yaml", guardManifests(t)).Commit("Guard the shop")
	r.Git("checkout", "--quiet", "-b", Denied)
	r.Write("deploy/judged.yaml", judged).Commit("Bring what is not welcome")
	r.Git("checkout", "--quiet", "main")
	return r.Dir
}

// replaced replaces what has to be there.
func replaced(t testing.TB, in, old, by string) string {
	t.Helper()
	if !strings.Contains(in, old) {
		t.Fatalf("%q is not in:\n%s", old, in)
	}
	return strings.ReplaceAll(in, old, by)
}
