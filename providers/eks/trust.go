package eks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/rekindle-io/rekindle/providers"
)

// Trusts returns the roles of IAM whose trust policies name the OIDC provider of an
// earlier issuer and not that of the cluster with this id, sorted. With update they
// are made to trust the cluster's in its place; all else that they trust stays. A role
// that cannot be changed is listed with why.
func (p *Provider) Trusts(ctx context.Context, name, id string, earlier []string, update bool) ([]providers.Trust, error) {
	if err := errors.Join(providers.CheckName(ProviderName, name), providers.CheckID(ProviderName, id)); err != nil {
		return nil, err
	}
	ctx, cancel := bounded(ctx, p.opts.DeleteTimeout, "looking for roles that trust an earlier cluster")
	defer cancel()
	found, err := p.trusts(ctx, name, id, earlier, update)
	return found, about(ctx, name, err)
}

func (p *Provider) trusts(ctx context.Context, name, id string, earlier []string, update bool) ([]providers.Trust, error) {
	h, err := p.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if h.id != id {
		return nil, &providers.TakenError{Provider: ProviderName, Name: name, Wanted: id, Have: h.id}
	}
	issuer := issuerOf(h.cluster)
	if issuer == "" {
		return nil, errors.New("EKS names no issuer for its service accounts: wait until the cluster is there, and ask again")
	}
	earlier = slices.DeleteFunc(slices.Clone(earlier), func(e string) bool { return issuerPath(e) == "" || issuerPath(e) == issuerPath(issuer) })
	if len(earlier) == 0 {
		return nil, nil
	}
	w := &renewal{account: h.account, mark: h.mark, earlier: earlier, issuer: issuer, update: update}
	if update {
		if err := w.provided(ctx); err != nil {
			return nil, err
		}
	}
	return w.roles(ctx)
}

// renewal lets roles trust a cluster in place of its predecessors.
type renewal struct {
	*account
	mark
	earlier []string
	issuer  string
	update  bool
}

// provided refuses when the cluster has no OIDC provider of ours that a role could
// trust.
func (w *renewal) provided(ctx context.Context) error {
	arn := w.providerARN(w.issuer)
	t, err := w.oidcProvider(ctx, arn)
	if err != nil {
		return explain(err, w.region)
	}
	if t == nil {
		return &Error{What: "the cluster has no OIDC provider in IAM that a role could trust",
			Remedy: "set settings.irsa: true and restore again, or give the roles to their service accounts by settings.podIdentities, which need no such trust"}
	}
	return w.owns(t.tags, "the OIDC provider "+arn)
}

// roles looks through all roles of the account.
func (w *renewal) roles(ctx context.Context) ([]providers.Trust, error) {
	list, err := pages(ctx, iam.NewListRolesPaginator(w.iam, &iam.ListRolesInput{}), func(p *iam.ListRolesOutput) []types.Role { return p.Roles })
	if err != nil {
		return nil, explain(err, w.region)
	}
	var found []providers.Trust
	for _, r := range list {
		t, err := w.role(ctx, r)
		if err != nil {
			return found, err
		}
		if t != nil {
			found = append(found, *t)
		}
	}
	slices.SortFunc(found, func(a, b providers.Trust) int { return cmp.Compare(a.What, b.What) })
	return found, nil
}

// role looks at one role: nil when it has nothing to do with earlier clusters.
func (w *renewal) role(ctx context.Context, r types.Role) (*providers.Trust, error) {
	before, concerned := w.concerned(aws.ToString(r.AssumeRolePolicyDocument))
	if before == nil || len(concerned) == 0 {
		return nil, nil
	}
	t := &providers.Trust{What: fmt.Sprintf("role %s (%s)", aws.ToString(r.RoleName), aws.ToString(r.Arn)), Issuer: concerned[0]}
	for _, e := range concerned {
		t.Accounts = append(t.Accounts, before.accounts(e)...)
	}
	slices.Sort(t.Accounts)
	t.Accounts = slices.Compact(t.Accounts)
	if !w.update {
		return t, nil
	}
	err := w.renew(ctx, aws.ToString(r.RoleName))
	switch {
	case err == nil:
		t.Updated, t.Issuer = true, w.issuer
	case ctx.Err() != nil:
		return t, err
	default:
		t.Why = explain(err, w.region).Error()
	}
	return t, nil
}

// concerned reads a trust policy, and says which of the earlier issuers it trusts: none
// when it trusts the present one already, or is not understood.
func (w *renewal) concerned(document string) (trustPolicy, []string) {
	if !slices.ContainsFunc(w.earlier, func(e string) bool {
		path := issuerPath(e)
		return strings.Contains(document, path[strings.LastIndex(path, "/")+1:])
	}) {
		return nil, nil // most roles: not worth reading
	}
	p, err := readTrust(document)
	if err != nil || p.trusts(w.issuer) {
		return nil, nil //nolint:nilerr // IAM has checked it: what cannot be read names no issuer
	}
	var found []string
	for _, e := range w.earlier {
		if p.trusts(e) && !slices.Contains(found, e) {
			found = append(found, e)
		}
	}
	return p, found
}

// renew changes the policy of a role as it is at this moment.
func (w *renewal) renew(ctx context.Context, name string) error {
	out, err := w.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(name)})
	if err != nil {
		return err
	}
	p, concerned := w.concerned(aws.ToString(out.Role.AssumeRolePolicyDocument))
	if p == nil || len(concerned) == 0 {
		return nil // somebody else has done it
	}
	for _, e := range concerned {
		if err := p.renew(e, w.issuer, w.providerARN(w.issuer)); err != nil {
			return err
		}
	}
	_, err = w.iam.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String(name), PolicyDocument: aws.String(p.String())})
	return err
}
