package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/fake"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// cloudy is a machine with a cloud behind it that is only played.
type cloudy struct {
	t     *testing.T
	world *fake.World
	cloud providers.Provider
	env   map[string]string
	dir   string
	width int
}

func newCloudy(t *testing.T) *cloudy {
	t.Helper()
	w := fake.NewWorld(func() time.Time { return time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC) })
	dir := t.TempDir()
	return &cloudy{t: t, world: w, cloud: fake.NewCloud(w), dir: dir, width: 80, env: map[string]string{
		"HOME": dir, "PATH": os.Getenv("PATH"), "DOCKER_HOST": "unix://" + dir + "/no.sock",
		"REKINDLE_CONTROLPLANE": os.Getenv("REKINDLE_CONTROLPLANE"),
	}}
}

// file writes rekindle.yaml.
func (c *cloudy) file(text string) {
	c.t.Helper()
	path := filepath.Join(c.dir, "rekindle.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.env["REKINDLE_CONFIG"] = path
}

// run runs one command line.
func (c *cloudy) run(args ...string) (out, errs string, code int) {
	c.t.Helper()
	var stdout, stderr bytes.Buffer
	code = Main(c.t.Context(), Process{
		Args: args, Terminal: &terminal.Terminal{Out: &stdout, Err: &stderr, Width: c.width},
		Getenv: func(name string) string { return c.env[name] }, Now: c.world.Now, Rand: rand.Reader,
		Executable: "/opt/rekindle", Providers: []providers.Provider{c.cloud},
	})
	return stdout.String(), stderr.String(), code
}

func (c *cloudy) create(name, id string) {
	c.t.Helper()
	if _, err := c.cloud.Create(c.t.Context(), providers.Spec{Name: name, ID: id}, nil); err != nil {
		c.t.Fatal(err)
	}
}

func TestTokenAsKubectlWantsIt(t *testing.T) {
	c := newCloudy(t)
	c.create("prod", "1")
	for _, tc := range []struct{ info, version string }{
		{"", "client.authentication.k8s.io/v1"},
		{`{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":false}}`, "client.authentication.k8s.io/v1"},
		{`{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential"}`, "client.authentication.k8s.io/v1beta1"},
	} {
		c.env[execInfo] = tc.info
		out, errs, code := c.run("clusters", "token", "prod", "--provider", "fake", "--log-level", "debug")
		var got execCredential
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
			t.Fatalf("code %d, %v: %s", code, err, errs)
		}
		if got.APIVersion != tc.version || got.Kind != "ExecCredential" || !strings.HasPrefix(got.Status.Token, "fake-token-") ||
			!got.Status.Expires.Equal(c.world.Now().Add(fake.TokenLife)) {
			t.Errorf("%+v", got)
		}
		if strings.Contains(errs, "fake-token-") {
			t.Errorf("the token is in the log: %s", errs)
		}
	}
	c.env[execInfo] = `{"apiVersion":"client.authentication.k8s.io/v1alpha1","spec":{"cluster":{"config":"s3cret"}}}`
	if out, errs, code := c.run("clusters", "token", "prod", "--provider", "fake"); code != exitUsage || out != "" || !strings.Contains(errs, "v1alpha1") || strings.Contains(errs, "s3cret") {
		t.Errorf("code %d: %s%s", code, out, errs)
	}
}

// Without --provider the journal, rekindle.yaml or the providers say whose it is.
func TestTokenFindsTheProvider(t *testing.T) {
	c := newCloudy(t)
	c.create("prod", "1")
	if _, errs, code := c.run("clusters", "token", "prod"); code != 0 {
		t.Errorf("code %d: %s", code, errs)
	}
	c.file("clusters: {dev: {source: {repo: r}, provider: local}}\n")
	if _, errs, code := c.run("clusters", "token", "dev"); code != exitUsage || !strings.Contains(errs, "hold a key") || !strings.Contains(errs, "clusters kubeconfig dev") {
		t.Errorf("code %d: %s", code, errs)
	}
	c.world.FailToken(errors.New("the session has expired"))
	if out, errs, code := c.run("clusters", "token", "prod", "--provider", "fake"); code != exitFailed || out != "" || !strings.Contains(errs, "the session has expired") {
		t.Errorf("code %d: %s%s", code, out, errs)
	}
}

func TestTokenCommandIsWhole(t *testing.T) {
	c := newCloudy(t)
	a := &app{Process: Process{Executable: "/opt/rekindle"}, flags: globalFlags{stateDir: c.dir, config: "rekindle.yaml"}}
	have, err := a.tokenCommand("eks")
	here, _ := os.Getwd()
	want := []string{"/opt/rekindle", "clusters", "token", "--provider", "eks", "--state-dir", c.dir, "--config", filepath.Join(here, "rekindle.yaml")}
	if err != nil || strings.Join(have, " ") != strings.Join(want, " ") {
		t.Errorf("have %q, %v\nwant %q", have, err, want)
	}
}

func TestLeftoversAreTold(t *testing.T) {
	c := newCloudy(t)
	if out, errs, code := c.run("clusters", "leftovers"); code != 0 || out != "nothing is left\n" || !strings.Contains(errs, "no Docker daemon answers") {
		t.Fatalf("code %d: %s%s", code, out, errs)
	}
	balancer := providers.Leftover{What: "load balancer k8s-web-12ab (network), in eu-central-1 of account 123456789012", Cluster: "prod", ID: "1", Why: "its cluster is gone"}
	volume := providers.Leftover{What: "volume vol-1 (8 GiB), in eu-central-1 of account 123456789012", Cluster: "prod", ID: "1", Kept: true, Why: "its claim wanted it to outlive the cluster, so that whoever has its data decides about it"}
	other := providers.Leftover{What: "volume vol-2\x1b[31m", Kept: true}
	c.world.SetLeftovers(volume, balancer, other)
	out, errs, code := c.run("clusters", "leftovers")
	const screen = `of no known cluster (fake)
  kept  volume vol-2\x1b[31m

prod (fake)
  left  load balancer k8s-web-12ab (network), in eu-central-1 of account
        123456789012
        its cluster is gone
  kept  volume vol-1 (8 GiB), in eu-central-1 of account 123456789012
        its claim wanted it to outlive the cluster, so that whoever has its data
        decides about it
`
	if code != exitFailed || !strings.Contains(errs, "1 thing is left") {
		t.Errorf("code %d: %s", code, errs)
	}
	if out != screen {
		t.Errorf("have\n%s\nwant\n%s", out, screen)
	}
	out, _, code = c.run("clusters", "leftovers", "prod", "--json")
	var list leftoverList
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != exitFailed || len(list.Leftovers) != 2 || list.Leftovers[0].Kept || !list.Leftovers[1].Kept {
		t.Errorf("code %d, %v: %s", code, err, out)
	}
	c.world.SetLeftovers(volume)
	if _, errs, code := c.run("clusters", "leftovers", "prod"); code != 0 || strings.Contains(errs, "error") {
		t.Errorf("what is kept is no failure: code %d: %s", code, errs)
	}
	if out, _, _ := c.run("doctor"); !strings.Contains(out, "none but 1 that are kept on purpose") {
		t.Errorf("doctor: %s", out)
	}
	c.world.SetLeftovers(balancer)
	if out, _, _ := c.run("doctor"); !strings.Contains(out, "rekindle clusters leftovers names them") {
		t.Errorf("doctor: %s", out)
	}
}

// away is a cloud that cannot be asked.
type away struct{ *fake.Cloud }

func (away) List(context.Context) ([]providers.Cluster, error) { return nil, errAway }
func (away) Find(context.Context, string) (providers.Cluster, error) {
	return providers.Cluster{}, errAway
}
func (away) Leftovers(context.Context) ([]providers.Leftover, error) { return nil, errAway }

var errAway = &hintedError{errors.New("provider fake: there are no credentials"), "log in"}

func TestOneProviderThatIsAwayIsSaid(t *testing.T) {
	c := newCloudy(t)
	c.cloud = away{fake.NewCloud(c.world)}
	if _, errs, code := c.run("clusters", "list"); code != 0 || !strings.Contains(errs, "the clusters of provider fake are unknown: provider fake: there are no credentials") {
		t.Errorf("list: code %d: %s", code, errs)
	}
	if out, _, code := c.run("clusters", "leftovers"); code != 0 || out != "nothing is left\n" {
		t.Errorf("leftovers of a provider that nobody uses: code %d: %s", code, out)
	}
	c.file("clusters: {dev: {source: {repo: r}, provider: fake}}\n")
	if out, errs, code := c.run("clusters", "leftovers"); code != exitFailed || strings.Contains(out, "nothing is left") || !strings.Contains(errs, "there are no credentials") || !strings.Contains(errs, "log in") {
		t.Errorf("leftovers: code %d: %s%s", code, out, errs)
	}
	if out, _, _ := c.run("doctor"); !strings.Contains(out, "there are no credentials") || !strings.Contains(out, "disk space") {
		t.Errorf("doctor: %s", out)
	}
}

func TestConfigShow(t *testing.T) {
	c := newCloudy(t)
	c.file(`providers:
  fake: {flavour: plain}
clusters:
  own: {source: {repo: https://example.com/r, path: deploy}, provider: fake, settings: {flavour: sweet}}
  same: {source: {repo: https://example.com/r}, provider: fake}
`)
	out, errs, code := c.run("config", "show")
	want := strings.ReplaceAll(`own (fake)
  source       https://example.com/r, deploy
  revision     HEAD
    flavour: sweet                   # FILE:4:89

same (fake)
  source       https://example.com/r
  revision     HEAD
    flavour: plain                   # FILE:2:10, shared
`, "FILE", c.env["REKINDLE_CONFIG"])
	if code != 0 || out != want {
		t.Errorf("code %d: %s\nhave\n%s\nwant\n%s", code, errs, out, want)
	}
	if out, _, code := c.run("config", "show", "same", "--json"); code != 0 || !strings.Contains(out, `"flavour": "plain"`) || strings.Contains(out, "own") {
		t.Errorf("code %d: %s", code, out)
	}
	if _, errs, code := c.run("config", "show", "sam"); code != exitUsage || !strings.Contains(errs, `did you mean "same"`) {
		t.Errorf("code %d: %s", code, errs)
	}
}

const cloudFile = `clusters:
  prod: {source: {repo: REPO}, provider: fake}
`

// repo makes a repository of one file, and declares prod from it.
func (c *cloudy) repo(manifest string) {
	c.t.Helper()
	r := gitserver.Repo(c.t)
	r.CommitFile("all.yaml", manifest, "a commit")
	c.file(strings.ReplaceAll(cloudFile, "REPO", r.Dir))
}

func TestPlanSaysWhatIsMadeAndWhatItCosts(t *testing.T) {
	c := newCloudy(t)
	c.repo(`{apiVersion: v1, kind: ConfigMap, metadata: {name: web, namespace: default}}`)
	out, errs, code := c.run("plan", "prod")
	const want = `
The provider makes
  WHAT             USD AN HOUR
  control plane          0.100
  1 x fake.large         0.250
  network                    -
  in all at least        0.350
  by the prices of 2026-11-01: at least 255 USD a month, if never taken down
  not in it: traffic

`
	if code != 0 || !strings.Contains(out, want) {
		t.Errorf("code %d: %s\n%s", code, errs, out)
	}
	out, _, _ = c.run("plan", "prod", "--json")
	if !strings.Contains(out, `"asOf": "2026-11-01"`) {
		t.Errorf("%s", out)
	}
	if out, _, code := c.run("plan", "prod", "--provider", "local"); code != 0 || strings.Contains(out, "USD") {
		t.Errorf("code %d: %s", code, out)
	}
}

func TestReportTakesTheProvidersPrices(t *testing.T) {
	c := newCloudy(t)
	c.file("clusters:\n  prod: {source: {repo: r}, provider: fake}\n  dev: {source: {repo: r}, provider: fake, price: {hour: 1, currency: EUR}}\n")
	store, err := run.OpenStore(filepath.Join(c.dir, ".local/state/rekindle"), run.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"prod", "dev"} {
		r := tornDown(rebuild.TeardownRecipe, 20)
		r.ID, r.Cluster, r.Provider = "20261116-"+name, name, "fake"
		if err := store.Begin(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	out, errs, code := c.run("schedule", "report", "--since", "7d")
	if code != 0 || !strings.Contains(out, "~52.50 USD") || !strings.Contains(out, " 150.00 EUR") ||
		!strings.Contains(out, "~ by the provider's prices of 2026-11-01: rekindle.yaml has none") {
		t.Errorf("code %d: %s\n%s", code, errs, out)
	}
	if out, _, _ := c.run("schedule", "report", "prod", "--json"); !strings.Contains(out, `"pricesAsOf": "2026-11-01"`) {
		t.Errorf("%s", out)
	}
}

func TestTrustIsToldAndUpdated(t *testing.T) {
	c := newCloudy(t)
	c.create("prod", "2")
	if out, _, code := c.run("clusters", "trust", "prod"); code != 0 || out != "nothing is known of an earlier issuer of prod\n" {
		t.Errorf("code %d: %s", code, out)
	}
	store, err := run.OpenStore(filepath.Join(c.dir, ".local/state/rekindle"), run.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal([]rebuild.Identity{{ID: "1", Issuer: fake.IssuerOf("1")}, {ID: "2", Issuer: fake.IssuerOf("2")}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.PutRecord(t.Context(), "identities", "fake/prod", raw); err != nil {
		t.Fatal(err)
	}
	if out, _, code := c.run("clusters", "trust", "prod"); code != 0 || out != "nobody trusts the earlier issuers of prod any more\n" {
		t.Errorf("code %d: %s", code, out)
	}
	c.world.AddTrust(providers.Trust{What: "role app-prod (arn:aws:iam::123456789012:role/app-prod)", Accounts: []string{"shop/app"}, Issuer: fake.IssuerOf("1")})
	out, _, code := c.run("clusters", "trust", "prod")
	const told = `prod signs as https://issuer.invalid/2
  - role app-prod (arn:aws:iam::123456789012:role/app-prod)
      for shop/app
      trusts https://issuer.invalid/1
`
	if code != 0 || out != told {
		t.Errorf("code %d:\n%s", code, out)
	}
	if _, errs, code := c.run("clusters", "trust", "prod", "--update"); code != exitRefused || !strings.Contains(errs, "add --confirm prod") {
		t.Errorf("nobody agreed: code %d: %s", code, errs)
	}
	if _, errs, code := c.run("clusters", "trust", "prod", "--update", "--confirm", "dev"); code != exitRefused || !strings.Contains(errs, "nothing was changed") {
		t.Errorf("another name: code %d: %s", code, errs)
	}
	if out, errs, code := c.run("clusters", "trust", "prod", "--update", "--confirm", "prod"); code != 0 || !strings.Contains(out, "✓ role app-prod") || !strings.Contains(out, "trusts it now") {
		t.Errorf("code %d: %s%s", code, out, errs)
	}
	c.world.AddTrust(providers.Trust{What: "locked role", Issuer: fake.IssuerOf("1")})
	if out, errs, code := c.run("clusters", "trust", "prod", "--update", "--confirm", "prod", "--json"); code != exitFailed || !strings.Contains(errs, "1 of 1 could not be updated") || !strings.Contains(out, `"why": "it may not be changed"`) {
		t.Errorf("code %d: %s%s", code, out, errs)
	}
}

func TestDeleteNamesWhatStays(t *testing.T) {
	c := newCloudy(t)
	c.create("prod", "1")
	c.world.SetLeftovers(providers.Leftover{What: "volume vol-1", ID: "1", Kept: true, Why: "its data may be nowhere else"}, providers.Leftover{What: "volume vol-2", ID: "2", Kept: true})
	_, errs, code := c.run("clusters", "delete", "prod", "--confirm", "prod")
	if code != 0 || !strings.Contains(errs, "stays on purpose: volume vol-1: its data may be nowhere else\n") || strings.Contains(errs, "vol-2") {
		t.Errorf("code %d: %s", code, errs)
	}
}

func TestPolicyOfAProvider(t *testing.T) {
	c := newCloudy(t)
	if _, errs, code := c.run("providers", "policy", "eks"); code != exitUsage || !strings.Contains(errs, "--account is missing") {
		t.Errorf("code %d: %s", code, errs)
	}
	out, errs, code := c.run("providers", "policy", "eks", "--account", "123456789012", "--region", "eu-central-1")
	var policy struct{ Statement []struct{ Sid string } }
	if err := json.Unmarshal([]byte(out), &policy); err != nil || code != 0 || len(policy.Statement) == 0 || !strings.Contains(out, "eks:CreateCluster") {
		t.Errorf("code %d, %v: %s", code, err, errs)
	}
	c.file(`providers:
  eks: {region: eu-central-1, allow: {accounts: ["123456789012"]}}
clusters:
  a:
    source: {repo: r}
    provider: eks
    settings:
      region: us-east-1
      nodeGroups: [{name: w, instanceTypes: [m6i.large]}]
      podIdentities: [{namespace: shop, serviceAccount: app, role: "arn:aws:iam::123456789012:role/app"}]
`)
	out, errs, code = c.run("providers", "policy", "eks")
	for _, want := range []string{"123456789012", "eu-central-1", "us-east-1", "role/app"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("code %d: %s: it does not say %q", code, errs, want)
		}
	}
	if out, _, _ := c.run("providers", "policy", "eks", "--region", "us-east-1"); strings.Contains(out, "eu-central-1") {
		t.Errorf("a region that was not named: %s", out)
	}
	for _, args := range [][]string{{"local"}, {"esk"}, {"eks", "--account", "12"}} {
		if _, errs, code := c.run(append([]string{"providers", "policy"}, args...)...); code != exitUsage || errs == "" {
			t.Errorf("%q: code %d: %s", args, code, errs)
		}
	}
}
