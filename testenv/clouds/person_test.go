package clouds

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/rekindle-io/rekindle/providers/eks/permissions"
	"github.com/rekindle-io/rekindle/testenv"
	"github.com/rekindle-io/rekindle/testenv/aws"
)

const (
	account = "123456789012"
	region  = "eu-central-1"
	// limit bounds every command on a busy machine.
	limit = 5 * time.Minute
)

// person works with rekindle in a folder of her own, in an account of a simulated AWS.
type person struct {
	t     *testing.T
	world *aws.World
	dir   string
	env   []string
}

// newPerson starts the world and gives the person the permissions that are published.
func newPerson(t *testing.T, o aws.Options) *person {
	t.Helper()
	if testing.Short() {
		t.Skip("short")
	}
	o.Root, o.Binary = t.TempDir(), testenv.Binary(t)
	p := &person{t: t, world: aws.Start(t, o), dir: t.TempDir()}
	p.as(p.granted(account))
	p.write("repo/shop.yaml", shop)
	p.git("init", "-q", "-b", "main", "repo")
	p.git("-C", "repo", "add", "-A")
	p.git("-C", "repo", "commit", "-q", "-m", "The shop")
	p.git("init", "-q", "--bare", "live.git")
	p.declare("")
	return p
}

// granted makes a key with the published permissions in an account.
func (p *person) granted(account string) aws.Key {
	p.t.Helper()
	policy, err := permissions.Policy(permissions.Scope{Account: account, Regions: []string{region}})
	if err != nil {
		p.t.Fatal(err)
	}
	key, err := p.world.Grant(account, "rekindle", policy)
	if err != nil {
		p.t.Fatal(err)
	}
	return key
}

// as lets the person work with a key.
func (p *person) as(key aws.Key) {
	p.env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "AWS_") || strings.HasPrefix(v, "REKINDLE_") || strings.HasPrefix(v, "XDG_")
	}),
		"HOME="+p.dir, "REKINDLE_AWS_PACE=25ms", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com", "DOCKER_HOST=unix:///nowhere.sock")
	p.env = append(p.env, p.world.Environment(key, region)...)
}

// declare writes rekindle.yaml, with more settings of the cluster prod.
func (p *person) declare(more string) {
	p.write("rekindle.yaml", fmt.Sprintf(`providers:
  eks:
    region: %s
    allow: {accounts: [%q]}
clusters:
  prod:
    source: {repo: ./repo}
    provider: eks
    settings:
      version: "1.36"
      nodeGroups: [{name: workers, instanceTypes: [m6i.large], size: 2}]
      addons: [{name: vpc-cni}, {name: coredns}]
      logging: [audit]
      irsa: true
%s    drift: {export: {repo: ./live.git}}
    teardown: {acceptDataLoss: ["shop/*"]}
`, region, account, more))
}

func (p *person) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) git(args ...string) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), "git", args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// result is how a command ended.
type result struct {
	code        int
	out, errors string
}

func (r result) String() string { return fmt.Sprintf("exit %d\n%s%s", r.code, r.out, r.errors) }

// command is rekindle, ready to be started.
func (p *person) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(p.t.Context(), limit)
	p.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, rekindle, args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	return cmd
}

func (p *person) run(args ...string) result {
	p.t.Helper()
	cmd := p.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatalf("rekindle %v: %v", args, err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// must wants that a command ends with exit code 0.
func (p *person) must(args ...string) string {
	p.t.Helper()
	r := p.run(args...)
	if r.code != 0 {
		p.t.Fatalf("rekindle %s: %s", strings.Join(args, " "), r)
	}
	return r.out
}

// read is must for a command that prints JSON.
func read[T any](p *person, args ...string) T {
	p.t.Helper()
	var into T
	if text := p.must(args...); json.Unmarshal([]byte(text), &into) != nil {
		p.t.Fatalf("rekindle %s: no JSON of the right kind: %s", strings.Join(args, " "), text)
	}
	return into
}

// things are all that there is in the account, but for what a test says to leave out.
func (p *person) things(but ...string) []string {
	p.t.Helper()
	var list []string
	for _, one := range p.world.Things() {
		if text := one.String(); !slices.ContainsFunc(but, func(b string) bool { return strings.Contains(text, b) }) {
			list = append(list, text)
		}
	}
	slices.Sort(list)
	return list
}

// nothing wants an empty account, but for what a test says to leave out.
func (p *person) nothing(but ...string) {
	p.t.Helper()
	if left := p.things(but...); len(left) > 0 {
		p.t.Errorf("left in AWS:\n%s", strings.Join(left, "\n"))
	}
}

const shop = `apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: web
  namespace: shop
  annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::123456789012:role/shop-web"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {color: blue}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      containers: [{name: web, image: "example.test/web:1"}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{port: 80}]
`

// client reaches the cluster with the kubeconfig that people are handed out, whose
// tokens come from the real command.
func (p *person) client() *kubernetes.Clientset {
	p.t.Helper()
	config, err := clientcmd.RESTConfigFromKubeConfig([]byte(p.must("clusters", "kubeconfig", "prod")))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, v := range p.env {
		name, value, _ := strings.Cut(v, "=")
		config.ExecProvider.Env = append(config.ExecProvider.Env, api.ExecEnvVar{Name: name, Value: value})
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		p.t.Fatal(err)
	}
	return client
}

// recolor changes the live cluster by hand.
func (p *person) recolor(color string) {
	p.t.Helper()
	_, err := p.client().CoreV1().ConfigMaps("shop").Patch(p.t.Context(), "settings", types.MergePatchType, []byte(`{"data":{"color":"`+color+`"}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	if err != nil {
		p.t.Fatal(err)
	}
}

// balanced waits until the Service has its load balancer.
func (p *person) balanced() {
	p.t.Helper()
	client := p.client()
	p.eventually("a load balancer", func() bool {
		s, err := client.CoreV1().Services("shop").Get(p.t.Context(), "web", metav1.GetOptions{})
		return err == nil && len(s.Status.LoadBalancer.Ingress) > 0 && s.Status.LoadBalancer.Ingress[0].Hostname != ""
	})
}

// replace changes rekindle.yaml.
func (p *person) replace(old, with string) {
	p.t.Helper()
	raw, err := os.ReadFile(filepath.Join(p.dir, "rekindle.yaml"))
	if err != nil || !strings.Contains(string(raw), old) {
		p.t.Fatal(err, "rekindle.yaml has no ", old)
	}
	p.write("rekindle.yaml", strings.Replace(string(raw), old, with, 1))
}

// eventually waits until done says true.
func (p *person) eventually(what string, done func() bool) {
	p.t.Helper()
	for end := time.Now().Add(limit); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("%s: not within %s", what, limit)
		}
	}
}
