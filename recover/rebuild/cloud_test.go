package rebuild_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/fake"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// rented makes real control planes that are reached as clusters in a cloud are: its
// kubeconfigs hold no key, and tokens last a moment.
type rented struct {
	providers.Provider
	prices providers.Estimator
	tokens atomic.Int64
}

const cloudName = "local" // the suite's clusters are this provider's

func (c *rented) issued(made providers.Cluster, err error) (providers.Cluster, error) {
	made.Issuer = fake.IssuerOf(made.ID)
	return made, err
}

func (c *rented) Create(ctx context.Context, s providers.Spec, progress providers.Progress) (providers.Cluster, error) {
	return c.issued(c.Provider.Create(ctx, s, progress))
}

func (c *rented) Find(ctx context.Context, name string) (providers.Cluster, error) {
	return c.issued(c.Provider.Find(ctx, name))
}

func (c *rented) Estimate(providers.Settings) (providers.Estimate, error) {
	return c.prices.Estimate(nil)
}

// Connect takes the key out, and puts in a plugin that cannot be run.
func (c *rented) Connect(ctx context.Context, name string) ([]byte, error) {
	raw, err := c.Provider.Connect(ctx, name)
	if err != nil {
		return nil, err
	}
	config, err := clientcmd.Load(raw)
	if err != nil {
		return nil, err
	}
	for _, user := range config.AuthInfos {
		user.ClientCertificateData, user.ClientKeyData = nil, nil
	}
	raw, err = clientcmd.Write(*config)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := yaml.Unmarshal(raw, &tree); err != nil {
		return nil, err
	}
	for _, user := range tree["users"].([]any) {
		user.(map[string]any)["user"] = map[string]any{"exec": map[string]any{
			"apiVersion": "client.authentication.k8s.io/v1", "command": "/nowhere/rekindle", "interactiveMode": "Never",
		}}
	}
	return yaml.Marshal(tree)
}

// Token is one of the API server's own, for a service account that may do everything.
func (c *rented) Token(ctx context.Context, name string) (providers.Token, error) {
	raw, err := c.Provider.Connect(ctx, name)
	if err != nil {
		return providers.Token{}, err
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(raw)
	if err != nil {
		return providers.Token{}, err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return providers.Token{}, err
	}
	post := func(path, body string) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, config.Host+path, bytes.NewBufferString(body))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if res.StatusCode/100 != 2 && res.StatusCode != http.StatusConflict {
			err = fmt.Errorf("%s: %s", res.Status, answer)
		}
		return answer, err
	}
	const accounts = "/api/v1/namespaces/kube-system/serviceaccounts"
	if _, err := post(accounts, `{"metadata":{"name":"caller"}}`); err != nil {
		return providers.Token{}, err
	}
	if _, err := post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", `{"metadata":{"name":"system:caller"},
		"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"},
		"subjects":[{"kind":"ServiceAccount","namespace":"kube-system","name":"caller"}]}`); err != nil {
		return providers.Token{}, err
	}
	answer, err := post(accounts+"/caller/token", `{"spec":{"expirationSeconds":600}}`)
	if err != nil {
		return providers.Token{}, err
	}
	var made struct {
		Status struct{ Token string }
	}
	c.tokens.Add(1)
	return providers.Token{Value: made.Status.Token, Expires: time.Now().Add(100 * time.Millisecond)}, json.Unmarshal(answer, &made)
}

const roleAccount = `apiVersion: v1
kind: ServiceAccount
metadata:
  name: app
  namespace: default
  annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::123456789012:role/app"}`

// A restore of a cluster in a cloud goes by tokens that expire on the way. The report
// says what it costs, and after a recreation what others have to learn.
func TestRestoreInACloud(t *testing.T) {
	b := newBench(t)
	maker := &rented{Provider: b.local, prices: fake.NewCloud(fake.NewWorld(time.Now))}
	registry, err := providers.NewRegistry(maker)
	if err != nil {
		t.Fatal(err)
	}
	b.Providers = registry
	repo := gitserver.Repo(t)
	repo.CommitFile("all.yaml", roleAccount+"\n---\n"+`{apiVersion: v1, kind: ConfigMap, metadata: {name: web, namespace: default}, data: {color: red}}`, "a commit")
	req := rebuild.Request{Cluster: "prod", Provider: cloudName, Wait: time.Minute, Source: rebuild.Source{Repo: repo.Dir, Revision: "main"}}

	planned, err := b.Plan(t.Context(), req)
	if err != nil || planned.Estimate == nil || planned.Estimate.Hourly != 0.35 {
		t.Fatalf("plan: %+v, %v", planned, err)
	}
	first, err := b.Restore(t.Context(), req, nil, nil)
	if err != nil || !first.Verified {
		t.Fatalf("restore: %v: %s", err, words(t, first))
	}
	if maker.tokens.Load() < 2 {
		t.Errorf("%d tokens were taken, each for a moment", maker.tokens.Load())
	}
	if first.Recreated != nil || rebuild.Cost(first.Estimate) != "at least 0.35 USD an hour by the prices of 2026-11-01" {
		t.Errorf("the first cluster: %+v, %s", first.Recreated, rebuild.Cost(first.Estimate))
	}
	if planned, err = b.Plan(t.Context(), req); err != nil || planned.Estimate != nil {
		t.Errorf("nothing is made for a cluster that is there: %+v, %v", planned.Estimate, err)
	}
	place, err := b.Restore(t.Context(), req, (&agree{}).consent, nil)
	if err != nil || place.Recreated != nil || place.Estimate != nil {
		t.Errorf("in place: %v, %+v, %+v", err, place.Recreated, place.Estimate)
	}

	if err := b.local.Delete(t.Context(), "prod", first.ID, nil); err != nil {
		t.Fatal(err)
	}
	second, err := b.Restore(t.Context(), req, nil, nil)
	if err != nil || second.Recreated == nil {
		t.Fatalf("restore: %v: %s", err, words(t, second))
	}
	c := second.Recreated
	if !slices.Contains(c.Changed, rebuild.ChangedAuthority) || !slices.Contains(c.Changed, rebuild.ChangedIssuer) ||
		c.Before.Issuer != fake.IssuerOf(first.ID) || c.Now.Issuer != fake.IssuerOf(second.ID) || len(c.Now.Authority) != 64 {
		t.Errorf("recreated: %+v", c)
	}
	if len(c.Accounts) != 1 || c.Accounts[0].Account != "default/app" || c.Accounts[0].Role != "arn:aws:iam::123456789012:role/app" || c.Accounts[0].From.String() != "all.yaml:1" {
		t.Errorf("accounts: %+v", c.Accounts)
	}
	text := strings.Join(c.Lines("prod"), "\n")
	for _, want := range []string{"certificate authority than that of the cluster before: make kubeconfigs anew with rekindle clusters kubeconfig prod", "rekindle clusters trust prod", "pod identity"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	list, err := b.Identities(t.Context(), cloudName, "prod")
	if err != nil || len(list) != 2 || !slices.Equal(rebuild.EarlierIssuers(list, second.ID, c.Now.Issuer), []string{fake.IssuerOf(first.ID)}) {
		t.Errorf("identities: %+v, %v", list, err)
	}
}
