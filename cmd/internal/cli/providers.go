package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/eks"
	"github.com/rekindle-io/rekindle/providers/eks/permissions"
)

func (a *app) providersCommand() *cobra.Command {
	return group("providers", "Tell what providers need", a.providersPolicyCommand())
}

func (a *app) providersPolicyCommand() *cobra.Command {
	var scope permissions.Scope
	cmd := &cobra.Command{
		Use: "policy PROVIDER", Short: "Print the least permissions that a provider needs", Args: exactly("PROVIDER"),
		Long: `Print the least permissions that a provider needs, for eks as an IAM policy. What is
not said by flags is taken from rekindle.yaml: accounts, regions, roles and keys of
the clusters that it declares. Nobody is asked, and nothing is changed.

Roles that the settings name (role, nodeRole, podIdentities), and those that clusters
trust --update may change, are named with --role, keys of encryptionKey with --key.`,
		Example: `  rekindle providers policy eks --account 123456789012 --region eu-central-1
  rekindle providers policy eks > policy.json       # as rekindle.yaml has it
  aws iam create-policy --policy-name rekindle --policy-document file://policy.json`,
		ValidArgs: []string{eks.ProviderName},
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := a.providers.Get(args[0])
			if err != nil {
				return err
			}
			if p.Name() != eks.ProviderName {
				return &usageError{message: fmt.Sprintf("provider %s needs no permissions of a cloud", p.Name()), next: "rekindle providers policy eks"}
			}
			if err := a.scoped(&scope); err != nil {
				return err
			}
			policy, err := permissions.Policy(scope)
			if err != nil {
				return &usageError{message: err.Error()}
			}
			return a.file([]byte(strings.TrimSuffix(policy, "\n") + "\n"))
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVar(&scope.Account, "account", "", "`NUMBER` of the AWS account")
	fs.StringArrayVar(&scope.Regions, "region", nil, "`REGION` in which clusters may be made (repeatable)")
	fs.StringArrayVar(&scope.Roles, "role", nil, "`ARN` of a role that is named or trusts clusters, wildcards allowed (repeatable)")
	fs.StringArrayVar(&scope.Keys, "key", nil, "`ARN` of a KMS key (repeatable)")
	for _, flag := range []string{"account", "region", "role", "key"} {
		a.completeFlag(cmd, flag, nil)
	}
	return cmd
}

// scoped fills in what no flag says, as rekindle.yaml declares it. What flags say is
// all that counts for its part.
func (a *app) scoped(s *permissions.Scope) error {
	c, err := a.sharing()
	if err != nil {
		return err
	}
	var d declaredScope
	if c != nil {
		for _, settings := range settingsOf(c, eks.ProviderName) {
			if err := d.add(settings); err != nil {
				return err
			}
		}
	}
	if s.Account == "" && len(d.accounts) > 1 {
		return &usageError{message: "rekindle.yaml allows several accounts (" + strings.Join(unique(d.accounts), ", ") + "), and a policy is for one", next: "name it with --account"}
	}
	if s.Account == "" && len(d.accounts) == 1 {
		s.Account = d.accounts[0]
	}
	for _, part := range []struct {
		given *[]string
		found []string
	}{{&s.Regions, d.regions}, {&s.Roles, d.roles}, {&s.Keys, d.keys}} {
		if len(*part.given) == 0 {
			*part.given = unique(part.found)
		}
	}
	switch {
	case s.Account == "":
		return &usageError{message: "for which account? --account is missing", next: "add --account NUMBER, or declare providers.eks.allow.accounts in rekindle.yaml"}
	case len(s.Regions) == 0:
		return &usageError{message: "for which region? --region is missing", next: "add --region REGION, or declare providers.eks.region in rekindle.yaml"}
	}
	return nil
}

// declaredScope is what settings name of the cloud.
type declaredScope struct{ accounts, regions, roles, keys []string }

// add adds what one cluster's settings name. What else is in them the provider has
// checked.
func (d *declaredScope) add(s providers.Settings) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	var named struct {
		Region         string
		Allow          struct{ Accounts, Regions []string }
		Role, NodeRole string
		EncryptionKey  string
		PodIdentities  []struct{ Role string }
	}
	if err := json.Unmarshal(raw, &named); err != nil {
		return err
	}
	d.accounts = unique(append(d.accounts, named.Allow.Accounts...))
	d.regions = append(append(d.regions, named.Region), named.Allow.Regions...)
	d.roles = append(d.roles, named.Role, named.NodeRole)
	for _, p := range named.PodIdentities {
		d.roles = append(d.roles, p.Role)
	}
	d.keys = append(d.keys, named.EncryptionKey)
	return nil
}

// unique are the words that are not empty, sorted, each once.
func unique(words []string) []string {
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" })
	slices.Sort(words)
	return slices.Compact(words)
}
