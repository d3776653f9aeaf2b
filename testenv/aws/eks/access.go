package eks

import (
	"cmp"
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// entry lets a principal in.
type entry struct {
	thing
	principal, arn, kind, user string
	groups                     []string
	policies                   []policy
}

// policy is an access policy that an entry has.
type policy struct {
	ARN   string  `json:"policyArn"`
	Scope scope   `json:"accessScope"`
	Since float64 `json:"associatedAt"`
	// Changed is as Since: policies are put anew as a whole.
	Changed float64 `json:"modifiedAt"`
}

// scope is what an access policy is for.
type scope struct {
	Type       string   `json:"type"`
	Namespaces []string `json:"namespaces,omitempty"`
}

const (
	scopeCluster   = "cluster"
	scopeNamespace = "namespace"
	clusterAdmin   = "AmazonEKSClusterAdminPolicy"
)

// policies are the names of those that there are.
var policies = []string{clusterAdmin, "AmazonEKSAdminPolicy", "AmazonEKSEditPolicy", "AmazonEKSViewPolicy", "AmazonEKSAdminViewPolicy"}

func policyARN(w where, name string) string {
	return "arn:" + partition(w.region) + ":eks::aws:cluster-access-policy/" + name
}

var (
	principalShape = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:(role|user)/.+$`)
	sessionShape   = regexp.MustCompile(`^arn:(aws[a-z-]*):sts::(\d{12}):assumed-role/([^/]+)/.+$`)
)

// principalOf is who an entry has to name to let somebody in: the role of a session.
func principalOf(arn string) string {
	if found := sessionShape.FindStringSubmatch(arn); found != nil {
		return "arn:" + found[1] + ":iam::" + found[2] + ":role/" + found[3]
	}
	return arn
}

// admits tells the groups of a principal, and whether it is let in. The policy of
// cluster administrators is as good as the group of masters; the other policies let in
// without the rights that they give with EKS, which Kubernetes does not know of.
func (c *Cloud) admits(k *cluster, principal string) ([]string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.options.Clock()
	for _, e := range k.entries {
		if e.principal != principalOf(principal) || !e.seen(now, c.options.Lag) {
			continue
		}
		groups := slices.Clone(e.groups)
		if slices.ContainsFunc(e.policies, func(p policy) bool { return strings.HasSuffix(p.ARN, "/"+clusterAdmin) && p.Scope.Type == scopeCluster }) {
			groups = append(groups, "system:masters")
		}
		return groups, true
	}
	return nil, false
}

// byEntries is the cluster that a call is about, when entries say who is let in there.
func (c *Cloud) byEntries(k *cluster, err error) (*cluster, error) {
	if err == nil && k.asked.Access.Mode == "CONFIG_MAP" {
		return nil, refuse(400, "InvalidRequestException", "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.")
	}
	return k, err
}

func (c *Cloud) createEntry(_ context.Context, call *wire.Call) (any, error) {
	in, err := body[struct {
		Principal string            `json:"principalArn"`
		Groups    []string          `json:"kubernetesGroups"`
		Type      string            `json:"type"`
		User      string            `json:"username"`
		Tags      map[string]string `json:"tags"`
		Token     string            `json:"clientRequestToken"`
	}](call)
	if err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.byEntries(c.active(call, now))
	if err != nil {
		return nil, err
	}
	if e := k.entry(in.Principal, now); e != nil {
		same, err := e.again(call, in.Token)
		if same {
			return map[string]any{"accessEntry": k.describeEntry(e)}, nil
		}
		return nil, cmp.Or(err, error(inUse("The specified access entry resource is already in use on this cluster.")))
	}
	if !principalShape.MatchString(in.Principal) {
		return nil, invalid("The specified principalArn is invalid: invalid principal.")
	}
	for _, g := range in.Groups {
		if strings.HasPrefix(g, "system:") || strings.HasPrefix(g, "eks:") || strings.HasPrefix(g, "aws:") || strings.HasPrefix(g, "amazon:") || strings.HasPrefix(g, "iam:") {
			return nil, invalid("The kubernetes group name %s is invalid, it cannot start with %s", g, g[:strings.Index(g, ":")+1])
		}
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	e := &entry{thing: begun(call, now, in.Token, in.Tags), principal: in.Principal, groups: in.Groups, kind: cmp.Or(in.Type, "STANDARD"),
		user: cmp.Or(in.User, in.Principal), arn: k.entryARN(in.Principal, c.digits("entry"))}
	k.entries = append(k.entries, e)
	return map[string]any{"accessEntry": k.describeEntry(e)}, nil
}

// entryARN is the ARN of an entry: "access-entry/CLUSTER/role/ACCOUNT/NAME/ID".
func (k *cluster) entryARN(principal, id string) string {
	kind, name, _ := strings.Cut(principal[strings.LastIndex(principal, ":")+1:], "/")
	return k.arnOf("access-entry", kind+"/"+k.account+"/"+name, id)
}

// entry finds the entry of a principal; nil for none.
func (k *cluster) entry(principal string, now time.Time) *entry {
	for _, e := range k.entries {
		if e.principal == principal && e.there(now) {
			return e
		}
	}
	return nil
}

func (k *cluster) describeEntry(e *entry) map[string]any {
	return map[string]any{"clusterName": k.name, "principalArn": e.principal, "kubernetesGroups": append([]string{}, e.groups...), "accessEntryArn": e.arn,
		"createdAt": seconds(e.made), "modifiedAt": seconds(e.made), "tags": maps.Clone(e.tags), "type": e.kind, "username": e.user}
}

// entryOf finds the entry that a call is about, once it is known everywhere.
func (c *Cloud) entryOf(call *wire.Call, now time.Time) (*cluster, *entry, error) {
	k, err := c.byEntries(c.shown(call, now))
	if err != nil {
		return nil, nil, err
	}
	for _, e := range slices.Backward(k.entries) {
		if e.principal == call.Path["principalArn"] && e.seen(now, c.options.Lag) {
			return k, e, nil
		}
	}
	return nil, nil, absent("The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.")
}

func (c *Cloud) describeEntryOf(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k, e, err := c.entryOf(call, now)
	if err != nil {
		return nil, err
	}
	return map[string]any{"accessEntry": k.describeEntry(e)}, nil
}

func (c *Cloud) listEntries(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.byEntries(c.shown(call, now))
	if err != nil {
		return nil, err
	}
	policy := call.Query.Get("associatedPolicyArn")
	var list []string
	for _, e := range k.entries {
		if e.seen(now, c.options.Lag) && (policy == "" || e.has(policy)) {
			list = append(list, e.principal)
		}
	}
	return page(c, call, "accessEntries", list)
}

func (e *entry) has(arn string) bool {
	return slices.ContainsFunc(e.policies, func(p policy) bool { return p.ARN == arn })
}

func (c *Cloud) deleteEntry(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	_, e, err := c.entryOf(call, now)
	if err != nil {
		return nil, err
	}
	if !e.ending() {
		e.gone = now
	}
	return nil, nil
}

func (c *Cloud) associate(_ context.Context, call *wire.Call) (any, error) {
	in, err := body[struct {
		Policy string `json:"policyArn"`
		Scope  scope  `json:"accessScope"`
	}](call)
	if err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	k, e, err := c.entryOf(call, now)
	if err != nil {
		return nil, err
	}
	switch {
	case !slices.ContainsFunc(policies, func(name string) bool { return in.Policy == policyARN(k.where, name) }):
		return nil, invalid("The policyArn parameter format is not valid")
	case e.kind != "STANDARD":
		return nil, invalid("Access policies can be associated with access entries of the type STANDARD only")
	case in.Scope.Type == scopeNamespace && len(in.Scope.Namespaces) == 0:
		return nil, invalid("The namespaces parameter is required for access scopes of the type namespace")
	case in.Scope.Type == scopeCluster && len(in.Scope.Namespaces) > 0:
		return nil, invalid("The namespaces parameter is not allowed for access scopes of the type cluster")
	case in.Scope.Type != scopeCluster && in.Scope.Type != scopeNamespace:
		return nil, invalid("The access scope type is not valid: %s", in.Scope.Type)
	}
	e.policies = slices.DeleteFunc(e.policies, func(p policy) bool { return p.ARN == in.Policy })
	p := policy{ARN: in.Policy, Scope: in.Scope, Since: seconds(now), Changed: seconds(now)}
	e.policies = append(e.policies, p)
	return map[string]any{"clusterName": k.name, "principalArn": e.principal, "associatedAccessPolicy": p}, nil
}

func (c *Cloud) listPolicies(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k, e, err := c.entryOf(call, now)
	if err != nil {
		return nil, err
	}
	answer, err := page(c, call, "associatedAccessPolicies", e.policies)
	if err != nil {
		return nil, err
	}
	answer["clusterName"], answer["principalArn"] = k.name, e.principal
	return answer, nil
}
