package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// files are the content of a commit by path.
type files map[string]string

// gitRepo makes a repository with one commit for each set of files; a later one
// replaces what the earlier had.
func gitRepo(t *testing.T, commits ...files) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repo")
	git(t, "", "init", "-q", "-b", "main", dir)
	for i, c := range commits {
		commit(t, dir, c, fmt.Sprintf("commit %d", i+1))
	}
	return dir
}

// commit makes the work tree exactly c and commits it.
func commit(t *testing.T, dir string, c files, message string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == ".git" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range c {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(content, symlinkTo); ok {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "--allow-empty", "-m", message)
}

// symlinkTo begins the content of a file that is a symbolic link.
const symlinkTo = "symlink:"

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com",
		"GIT_AUTHOR_DATE=2026-11-20T18:00:00Z", "GIT_COMMITTER_DATE=2026-11-20T18:00:00Z")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// estate is a repository of about 150 objects of the kinds that depend on each
// other: namespaces, a definition with objects of its kind, accounts, rights,
// configuration, services and workloads.
func estate() files {
	f := files{"definition.yaml": definition}
	for n := range 6 {
		ns := fmt.Sprintf("team-%d", n)
		var b strings.Builder
		fmt.Fprintf(&b, "apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n", ns)
		for i := range 8 {
			fmt.Fprintf(&b, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings-%d, namespace: %s}\ndata: {n: \"%d\", text: \"%s\"}\n",
				i, ns, i, strings.Repeat("x", 200))
		}
		for i := range 4 {
			fmt.Fprintf(&b, "---\napiVersion: v1\nkind: Secret\nmetadata: {name: key-%d, namespace: %s}\nstringData: {key: not-so-secret-%d}\n", i, ns, i)
			fmt.Fprintf(&b, "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: app-%d, namespace: %s}\n", i, ns)
			fmt.Fprintf(&b, "---\napiVersion: shop.example.com/v1\nkind: Queue\nmetadata: {name: queue-%d, namespace: %s}\nspec: {depth: %d}\n", i, ns, i+1)
		}
		for i := range 2 {
			fmt.Fprintf(&b, "---\napiVersion: v1\nkind: Service\nmetadata: {name: app-%d, namespace: %s}\nspec: {selector: {app: app-%d}, ports: [{port: 80}]}\n", i, ns, i)
			fmt.Fprintf(&b, "---\n%s", deployment(ns, fmt.Sprintf("app-%d", i), "      serviceAccountName: app-0\n"))
		}
		f["teams/"+ns+".yaml"] = b.String()
	}
	return f
}

// deployment is a Deployment of one replica; pod are more lines of its pod spec,
// indented by six.
func deployment(namespace, name, pod string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  replicas: 1
  selector: {matchLabels: {app: %[2]s}}
  template:
    metadata: {labels: {app: %[2]s}}
    spec:
%[3]s      containers: [{name: app, image: "registry.example.com/app:1"}]
`, namespace, name, pod)
}

const definition = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: queues.shop.example.com}
spec:
  group: shop.example.com
  scope: Namespaced
  names: {kind: Queue, listKind: QueueList, plural: queues, singular: queue}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {depth: {type: integer}}}
`
