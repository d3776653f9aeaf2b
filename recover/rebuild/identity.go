package rebuild

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/run"
)

// identityRecord is the kind of the records of what clusters are known by, which
// outlive them; keptIdentities is how many of one name are kept.
const (
	identityRecord = "identities"
	keptIdentities = 20
)

// Identity is by what others know a cluster: what stands in their kubeconfigs, and whom
// they trust.
type Identity struct {
	ID string `json:"id"`
	// Run made the cluster, or found it first.
	Run  string    `json:"run"`
	Seen time.Time `json:"seen"`
	// Endpoint is the URL of the API server.
	Endpoint string `json:"endpoint,omitempty"`
	// Authority is the SHA-256 of the certificate authority's certificates, in
	// hexadecimal; empty where the system's are trusted.
	Authority string `json:"authority,omitempty"`
	// Issuer signs the tokens of service accounts.
	Issuer string `json:"issuer,omitempty"`
}

// Recreation is what others have to learn of a cluster that took the place of an
// earlier one of its name.
type Recreation struct {
	Before Identity `json:"before"`
	Now    Identity `json:"now"`
	// Changed are the words of what is different: endpoint, authority, issuer.
	Changed []string `json:"changed"`
	// Accounts are the commit's service accounts that take on a role of the cloud,
	// which trusts the earlier issuer; only when that changed.
	Accounts []RoleAccount `json:"accounts,omitempty"`
}

// What may be different.
const (
	ChangedEndpoint  = "endpoint"
	ChangedAuthority = "authority"
	ChangedIssuer    = "issuer"
)

// RoleAccount is a service account that takes on a role of the cloud.
type RoleAccount struct {
	Account string            `json:"account"` // namespace/name
	Role    string            `json:"role"`
	From    object.Provenance `json:"from"`
}

// roleAnnotation names the role of a service account (EKS user guide, "IAM roles for
// service accounts").
const roleAnnotation = "eks.amazonaws.com/role-arn"

// Identities returns what the journal knows of the clusters that had a name, oldest
// first.
func (e *Engine) Identities(ctx context.Context, provider, name string) ([]Identity, error) {
	var list []Identity
	_, err := run.Into(ctx, e.Journal, identityRecord, recordKey(provider, name), &list)
	return list, err
}

// EarlierIssuers are who signed for the clusters that had a name before the one with
// this id and issuer, each once.
func EarlierIssuers(list []Identity, id, issuer string) []string {
	var issuers []string
	for _, one := range list {
		if one.ID != id && one.Issuer != "" && one.Issuer != issuer && !slices.Contains(issuers, one.Issuer) {
			issuers = append(issuers, one.Issuer)
		}
	}
	return issuers
}

// identify keeps by what the connected cluster is known. That of a borrowed cluster is
// its owner's business.
func (r *restore) identify(ctx context.Context, runID, issuer string) error {
	if r.borrowed() {
		return nil
	}
	list, err := r.e.Identities(ctx, r.req.Provider, r.req.Cluster)
	if err != nil {
		return err
	}
	now := Identity{ID: r.id, Run: runID, Seen: r.e.Now().UTC(), Endpoint: r.cluster.Host(), Authority: r.cluster.Authority(), Issuer: issuer}
	if n := len(list); n > 0 && list[n-1].ID == r.id {
		now.Run, now.Issuer = list[n-1].Run, cmp.Or(issuer, list[n-1].Issuer)
		list = list[:n-1]
	}
	list = append(list, now)
	raw, err := json.Marshal(list[max(0, len(list)-keptIdentities):])
	if err != nil {
		return err
	}
	return r.e.Journal.PutRecord(ctx, identityRecord, recordKey(r.req.Provider, r.req.Cluster), raw)
}

// tellOthers puts into the report what follows from the cluster that a run made: what
// others have to learn, and what it costs.
func (r *restore) tellOthers(ctx context.Context, made run.Run) (err error) {
	if MadeBy(made, cmp.Or(r.id, r.report.ID)) {
		r.report.Estimate = r.e.Estimate(r.provider, r.req.Settings)
	}
	r.report.Recreated, err = r.recreated(ctx, made)
	return err
}

// recreated tells what a run that made a cluster changed for others; nil when it made
// none, when there was none before, or when all is as it was.
func (r *restore) recreated(ctx context.Context, done run.Run) (*Recreation, error) {
	list, err := r.e.Identities(ctx, done.Provider, done.Cluster)
	n := len(list)
	if err != nil || n < 2 || list[n-1].Run != done.ID {
		return nil, err
	}
	c := &Recreation{Before: list[n-2], Now: list[n-1]}
	for _, one := range []struct{ what, before, now string }{
		{ChangedEndpoint, c.Before.Endpoint, c.Now.Endpoint},
		{ChangedAuthority, c.Before.Authority, c.Now.Authority},
		{ChangedIssuer, c.Before.Issuer, c.Now.Issuer},
	} {
		if one.before != "" && one.before != one.now {
			c.Changed = append(c.Changed, one.what)
		}
	}
	if len(c.Changed) == 0 {
		return nil, nil
	}
	if slices.Contains(c.Changed, ChangedIssuer) && r.rendered != nil {
		c.Accounts = roleAccounts(r.rendered.Objects)
	}
	return c, nil
}

// roleAccounts are the service accounts of a set that take on a role, by name.
func roleAccounts(set *object.Set) []RoleAccount {
	var list []RoleAccount
	for o := range set.All() {
		role := o.GetAnnotations()[roleAnnotation]
		if id := o.ID(); id.Kind == "ServiceAccount" && id.Group == "" && role != "" {
			list = append(list, RoleAccount{Account: cmp.Or(id.Namespace, "default") + "/" + id.Name, Role: role, From: o.From})
		}
	}
	slices.SortFunc(list, func(a, b RoleAccount) int { return strings.Compare(a.Account, b.Account) })
	return list
}

// Lines say in words what others have to learn, and what to do about it; name is the
// cluster's.
func (c *Recreation) Lines(name string) []string {
	if c == nil {
		return nil
	}
	var lines []string
	reached := slices.DeleteFunc(slices.Clone(c.Changed), func(what string) bool { return what == ChangedIssuer })
	if len(reached) > 0 {
		what := strings.NewReplacer(ChangedAuthority, "certificate authority").Replace(strings.Join(reached, " and "))
		lines = append(lines, "another "+what+" than that of the cluster before: make kubeconfigs anew with rekindle clusters kubeconfig "+name)
	}
	if !slices.Contains(c.Changed, ChangedIssuer) {
		return lines
	}
	text := "another issuer of service accounts' tokens (" + cmp.Or(c.Now.Issuer, "none") + "): who trusted " + c.Before.Issuer + " does not trust this cluster"
	if c.Now.Issuer != "" {
		text += "; rekindle clusters trust " + name + " lists who, and updates them with --update"
	}
	lines = append(lines, text)
	if len(c.Accounts) > 0 {
		lines = append(lines, "pod identity associations need no trust in an issuer: prefer them to roles that are named in annotations")
	}
	return lines
}
