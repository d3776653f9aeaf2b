package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/providers"
)

// execInfo names the variable in which a client of Kubernetes says what it wants of
// a credential plugin.
const execInfo = "KUBERNETES_EXEC_INFO"

// execVersions are the versions of ExecCredential that are spoken, the first unless
// the client wants another.
func execVersions() []string {
	return []string{"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"}
}

// execCredential is what a credential plugin prints (client.authentication.k8s.io).
type execCredential struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Status     struct {
		Expires time.Time `json:"expirationTimestamp,omitzero"`
		Token   string    `json:"token"`
	} `json:"status"`
}

func (a *app) clustersTokenCommand() *cobra.Command {
	var provider string
	cmd := &cobra.Command{
		Use: "token NAME", Short: "Print a short-lived token for a cluster, as kubectl wants it", Args: exactly("NAME"),
		Long: `Print a short-lived token for a cluster as an ExecCredential: the kubeconfig that
rekindle clusters kubeconfig prints for a cluster in a cloud holds no key, but has
kubectl run this command. It asks for nothing and writes nothing down.`,
		ValidArgsFunction: a.completeClusters,
		RunE: func(cmd *cobra.Command, args []string) error {
			version, err := a.execVersion()
			if err != nil {
				return err
			}
			t, err := a.token(cmd.Context(), args[0], provider)
			if err != nil {
				return err
			}
			c := execCredential{APIVersion: version, Kind: "ExecCredential"}
			c.Status.Token, c.Status.Expires = t.Value, t.Expires.UTC().Truncate(time.Second)
			if t.Expires.IsZero() {
				c.Status.Expires = time.Time{}
			}
			return a.Terminal.JSON(c)
		},
	}
	a.providerFlag(cmd, &provider)
	return cmd
}

// execVersion is the version of ExecCredential that the client wants.
func (a *app) execVersion() (string, error) {
	known := execVersions()
	said := a.Getenv(execInfo)
	if said == "" {
		return known[0], nil
	}
	var info struct {
		APIVersion string `json:"apiVersion"`
	}
	if err := json.Unmarshal([]byte(said), &info); err != nil { // which may hold what is secret
		return "", &usageError{message: "$" + execInfo + " is not JSON", next: "it is set by kubectl; without it the answer is of " + known[0]}
	}
	if !slices.Contains(known, info.APIVersion) {
		return "", &usageError{message: fmt.Sprintf("$%s wants an answer of %.100q, which is none of %s", execInfo, info.APIVersion, strings.Join(known, ", ")),
			next: "make the kubeconfig anew with rekindle clusters kubeconfig"}
	}
	return info.APIVersion, nil
}

// token asks who has the cluster for a token. That there is one, and whose, need not be
// asked where the journal or rekindle.yaml say who has it.
func (a *app) token(ctx context.Context, name, provider string) (providers.Token, error) {
	if provider == "" {
		var err error
		if provider, err = a.hasIt(ctx, name); err != nil {
			return providers.Token{}, err
		}
	}
	p, err := a.providers.Get(provider)
	if err != nil {
		return providers.Token{}, err
	}
	makes, ok := p.(providers.Tokener)
	if !ok {
		return providers.Token{}, &usageError{message: fmt.Sprintf("cluster %s needs no token: kubeconfigs of provider %s hold a key", name, provider),
			next: "rekindle clusters kubeconfig " + quote(name)}
	}
	return makes.Token(ctx, name)
}

// hasIt is the provider that has a cluster, by the journal, by rekindle.yaml, or by
// asking all of them.
func (a *app) hasIt(ctx context.Context, name string) (string, error) {
	records, err := a.engine().ClusterRecords(ctx)
	if err != nil {
		return "", err
	}
	var has []string
	for _, r := range records {
		if r.Name == name {
			has = append(has, r.Provider)
		}
	}
	if len(has) == 1 {
		return has[0], nil
	}
	if c, err := a.readConfig(); err == nil && c.Clusters[name].Name != "" && len(has) == 0 {
		return c.Clusters[name].Provider, nil
	}
	c, err := a.locate(ctx, name, "")
	return c.Provider, err
}
