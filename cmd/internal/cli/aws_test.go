package cli_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/cli"
	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/testenv"
	"github.com/rekindle-io/rekindle/testenv/aws"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

const (
	awsAccount = "123456789012"
	awsRegion  = "eu-central-1"
)

// onAWS runs command lines in this process, against a simulated AWS.
type onAWS struct {
	t     *testing.T
	world *aws.World
	dir   string
}

func newOnAWS(t *testing.T) *onAWS {
	t.Helper()
	c := &onAWS{t: t, dir: t.TempDir()}
	c.world = aws.Start(t, aws.Options{Root: t.TempDir(), Binary: testenv.Binary(t), Own: true})
	key, err := c.world.Grant(awsAccount, "tester", aws.Everything)
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range c.world.Environment(key, awsRegion) { // which the SDK reads by itself
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
	for name, value := range map[string]string{"HOME": c.dir, "XDG_STATE_HOME": "", "XDG_CACHE_HOME": "", "REKINDLE_AWS_PACE": "50ms", "DOCKER_HOST": "unix://" + c.dir + "/no.sock"} {
		t.Setenv(name, value)
	}
	repo := gitserver.Repo(t)
	repo.CommitFile("all.yaml", `apiVersion: v1
kind: ServiceAccount
metadata: {name: app, namespace: default, annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::123456789012:role/app"}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: default}
data: {color: red}
`, "Run the shop")
	file := fmt.Sprintf(`providers:
  eks:
    region: %s
    allow: {accounts: [%q]}
clusters:
  prod:
    source: {repo: %s, revision: main}
    provider: eks
    settings: {nodeGroups: [{name: workers, instanceTypes: [m6i.large], size: 1}]}
  dev:
    source: {repo: %s, revision: main}
    provider: local
`, awsRegion, awsAccount, repo.Dir, repo.Dir)
	path := filepath.Join(c.dir, "rekindle.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("REKINDLE_CONFIG", path)
	return c
}

// run runs one command line, and fails the test unless it ends with that code.
func (c *onAWS) run(code int, args ...string) (out, errs string) {
	c.t.Helper()
	var stdout, stderr bytes.Buffer
	have := cli.Main(c.t.Context(), cli.Process{
		Args: args, Terminal: &terminal.Terminal{Out: &stdout, Err: &stderr, Width: 80}, Getenv: os.Getenv, Now: time.Now, Rand: rand.Reader,
		Executable: binary,
	})
	if have != code {
		c.t.Fatalf("rekindle %s: code %d, want %d\n%s%s", strings.Join(args, " "), have, code, stdout.String(), stderr.String())
	}
	return stdout.String(), stderr.String()
}

func (c *onAWS) says(text string, wants ...string) {
	c.t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			c.t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
}

// The life of a cluster in AWS by the command line: what it costs is said first, kubectl
// gets tokens from this program, what changed with a new cluster is told, nothing is left.
func TestALifeInAWS(t *testing.T) {
	c := newOnAWS(t)
	out, _ := c.run(0, "plan", "prod")
	c.says(out, "The provider makes", "control plane", "node group workers: 1 x m6i.large", "USD a month")

	out, errs := c.run(0, "restore", "prod")
	c.says(out, "verified", "costs        about")
	c.says(errs, "making control plane", "USD an hour")
	out, _ = c.run(0, "clusters", "list")
	c.says(out, "prod  eks       running")
	out, _ = c.run(0, "doctor")
	c.says(out, awsAccount)

	// The kubeconfig holds no key: whoever uses it runs the program, which is another
	// process that has but the environment.
	kubeconfig, _ := c.run(0, "clusters", "kubeconfig", "prod")
	if strings.Contains(kubeconfig, "client-key") || strings.Contains(kubeconfig, "token:") {
		t.Errorf("it holds credentials:\n%s", kubeconfig)
	}
	cluster, err := kube.Connect([]byte(kubeconfig), "", kube.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Discover(t.Context()); err != nil {
		t.Errorf("by the command of the kubeconfig: %v", err)
	}
	c.run(0, "verify", "prod")

	_, errs = c.run(0, "clusters", "delete", "prod", "--confirm", "prod")
	c.says(errs, "deleted prod (eks)")
	out, _ = c.run(0, "clusters", "leftovers", "prod")
	c.says(out, "nothing is left")

	out, _ = c.run(0, "restore", "prod", "--json")
	var report struct {
		Recreated struct {
			Changed  []string
			Accounts []struct{ Account string }
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	if r := report.Recreated; len(r.Changed) != 3 || len(r.Accounts) != 1 || r.Accounts[0].Account != "default/app" {
		t.Errorf("recreated: %+v", r)
	}
	out, _ = c.run(0, "clusters", "trust", "prod")
	c.says(out, "nobody trusts the earlier issuers of prod any more")
	c.run(0, "clusters", "delete", "prod", "--confirm", "prod")
}

// Where a command does not need AWS it is not asked, and one that does says what is wrong.
func TestAWSIsAskedWhenItIsItsTurn(t *testing.T) {
	c := newOnAWS(t)
	c.world.Fault(nil)
	c.run(0, "version")
	c.run(0, "config", "show")
	c.run(0, "plan", "dev", "--name", "")
	c.run(0, "__complete", "clusters", "show", "")
	if asked := c.world.Calls(); len(asked) > 0 {
		t.Errorf("AWS was asked: %v", asked)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, errs := c.run(0, "clusters", "list")
	c.says(errs, "the clusters of provider eks are unknown", "no AWS credentials")
	_, errs = c.run(1, "restore", "prod")
	c.says(errs, "no AWS credentials", "AWS_PROFILE")
	_, errs = c.run(1, "clusters", "token", "prod")
	c.says(errs, "no AWS credentials")
}
