package eks

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/rekindle-io/rekindle/testenv/aws/policy/policytest"
)

func containsAll(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(text, p) })
}

// Add-ons with pods of their own are degraded for as long as there are no machines.
func TestAddons(t *testing.T) {
	w := newWorld(t, Options{Lag: lag})
	c := w.client()
	w.made(c, "prod")
	add := func(name string) *sdk.CreateAddonInput {
		return &sdk.CreateAddonInput{ClusterName: aws.String("prod"), AddonName: aws.String(name), Tags: map[string]string{"a": "1", "b": "2", "c": "3"},
			ResolveConflicts: types.ResolveConflictsOverwrite, ConfigurationValues: aws.String(`{"a":1}`), ClientRequestToken: aws.String("token of " + name)}
	}
	for range 20 {
		_, err := c.CreateAddon(t.Context(), add("coredns"))
		w.ok(err)
	}
	_, err := c.CreateAddon(t.Context(), add("vpc-cni"))
	w.ok(err)
	_, err = c.CreateAddon(t.Context(), add("nothing"))
	w.refused("InvalidParameterException", "not supported", err)
	bad := add("metrics-server")
	bad.AddonVersion = aws.String("v9")
	_, err = c.CreateAddon(t.Context(), bad)
	w.refused("InvalidParameterException", "version specified is not supported", err)
	bad = add("metrics-server")
	bad.ConfigurationValues = aws.String("{")
	_, err = c.CreateAddon(t.Context(), bad)
	w.refused("InvalidParameterException", "ConfigurationValue", err)
	bad = add("coredns")
	bad.ClientRequestToken = nil
	_, err = c.CreateAddon(t.Context(), bad)
	w.refused("ResourceInUseException", "already exists", err)

	status := func(name string) types.AddonStatus {
		t.Helper()
		out, err := c.DescribeAddon(t.Context(), &sdk.DescribeAddonInput{ClusterName: aws.String("prod"), AddonName: aws.String(name)})
		w.ok(err)
		return out.Addon.Status
	}
	w.pass(lag)
	if s := status("vpc-cni"); s != types.AddonStatusCreating {
		t.Errorf("it is %s", s)
	}
	w.pass(delay)
	if a, b := status("vpc-cni"), status("coredns"); a != types.AddonStatusActive || b != types.AddonStatusDegraded {
		t.Errorf("they are %s, %s", a, b)
	}
	_, err = c.CreateNodegroup(t.Context(), w.nodesInput("prod", "n"))
	w.ok(err)
	w.pass(delay + lag)
	if s := status("coredns"); s != types.AddonStatusActive {
		t.Errorf("it is %s", s)
	}
	_, err = c.DeleteAddon(t.Context(), &sdk.DeleteAddonInput{ClusterName: aws.String("prod"), AddonName: aws.String("vpc-cni"), Preserve: true})
	w.ok(err)
	if s := status("vpc-cni"); s != types.AddonStatusDeleting {
		t.Errorf("it is %s", s)
	}
	w.pass(delay + lag)
	list, err := c.ListAddons(t.Context(), &sdk.ListAddonsInput{ClusterName: aws.String("prod")})
	w.ok(err)
	if !slices.Equal(list.Addons, []string{"coredns"}) {
		t.Errorf("there are %v", list.Addons)
	}
}

func TestAddonVersions(t *testing.T) {
	w := newWorld(t, Options{})
	c := w.client()
	out, err := c.DescribeAddonVersions(t.Context(), &sdk.DescribeAddonVersionsInput{AddonName: aws.String("kube-proxy"), KubernetesVersion: aws.String("1.35")})
	w.ok(err)
	if len(out.Addons) != 1 || len(out.Addons[0].AddonVersions) != 2 {
		t.Fatalf("%+v", out.Addons)
	}
	v := out.Addons[0].AddonVersions[0]
	if !strings.HasPrefix(aws.ToString(v.AddonVersion), "v1.35") || len(v.Compatibilities) != 1 || !v.Compatibilities[0].DefaultVersion {
		t.Errorf("%+v", v)
	}
	all, err := c.DescribeAddonVersions(t.Context(), &sdk.DescribeAddonVersionsInput{})
	w.ok(err)
	if len(all.Addons) != len(addonNames) {
		t.Errorf("%+v", all.Addons)
	}
}

// Who made a cluster is let in as its administrator; everybody else by an entry.
func TestWhoIsLetIn(t *testing.T) {
	w := newWorld(t, Options{Lag: lag})
	c := w.client()
	w.made(c, "prod")
	admits := func(who string, groups ...string) {
		t.Helper()
		have, admitted := w.planes["prod"].Admits(who)
		if admitted != (groups != nil) || !slices.Equal(have, slices.DeleteFunc(groups, func(g string) bool { return g == "" })) {
			t.Errorf("%s: %v, %v", who, have, admitted)
		}
	}
	const dev, session = "arn:aws:iam::" + account + ":role/dev", "arn:aws:sts::" + account + ":assumed-role/dev/monday"
	admits(me, "system:masters")
	admits(dev)
	add := &sdk.CreateAccessEntryInput{ClusterName: aws.String("prod"), PrincipalArn: aws.String(dev), KubernetesGroups: []string{"devs"}}
	for _, group := range []string{"system:masters", "eks:x"} {
		_, err := c.CreateAccessEntry(t.Context(), &sdk.CreateAccessEntryInput{ClusterName: aws.String("prod"), PrincipalArn: aws.String(dev), KubernetesGroups: []string{group}})
		w.refused("InvalidParameterException", group, err)
	}
	_, err := c.CreateAccessEntry(t.Context(), &sdk.CreateAccessEntryInput{ClusterName: aws.String("prod"), PrincipalArn: aws.String("dev")})
	w.refused("InvalidParameterException", "principalArn", err)
	add.ClientRequestToken = aws.String("a")
	_, err = c.CreateAccessEntry(t.Context(), add)
	w.ok(err)
	_, err = c.CreateAccessEntry(t.Context(), add)
	w.ok(err)
	add.ClientRequestToken = aws.String("b")
	_, err = c.CreateAccessEntry(t.Context(), add)
	w.refused("ResourceInUseException", "already in use", err)
	admits(dev) // not yet
	describe := &sdk.DescribeAccessEntryInput{ClusterName: aws.String("prod"), PrincipalArn: aws.String(dev)}
	_, err = c.DescribeAccessEntry(t.Context(), describe)
	w.refused("ResourceNotFoundException", "could not be found", err)
	w.pass(lag)
	admits(dev, "devs")
	admits(session, "devs")
	_, err = c.DescribeAccessEntry(t.Context(), describe)
	w.ok(err)
}

// Where a ConfigMap says who is let in there are no entries.
func TestNoEntriesBesideAConfigMap(t *testing.T) {
	w := newWorld(t, Options{})
	c := w.client()
	in := w.clusterInput("prod")
	in.AccessConfig = nil
	_, err := c.CreateCluster(t.Context(), in)
	w.ok(err)
	w.up("prod")
	_, err = c.CreateAccessEntry(t.Context(), &sdk.CreateAccessEntryInput{ClusterName: aws.String("prod"), PrincipalArn: aws.String("arn:aws:iam::" + account + ":role/dev")})
	w.refused("InvalidRequestException", "authentication mode", err)
}

func TestAccessPolicies(t *testing.T) {
	w := newWorld(t, Options{})
	c := w.client()
	w.made(c, "prod")
	const dev = "arn:aws:iam::" + account + ":role/dev"
	_, err := c.CreateAccessEntry(t.Context(), &sdk.CreateAccessEntryInput{ClusterName: aws.String("prod"), PrincipalArn: aws.String(dev)})
	w.ok(err)
	associate := func(policy string, scope *types.AccessScope) error {
		_, err := c.AssociateAccessPolicy(t.Context(), &sdk.AssociateAccessPolicyInput{ClusterName: aws.String("prod"), PrincipalArn: aws.String(dev),
			PolicyArn: aws.String("arn:aws:eks::aws:cluster-access-policy/" + policy), AccessScope: scope})
		return err
	}
	everywhere := &types.AccessScope{Type: types.AccessScopeTypeCluster}
	w.refused("InvalidParameterException", "policyArn", associate("Nothing", everywhere))
	w.refused("InvalidParameterException", "namespaces", associate("AmazonEKSViewPolicy", &types.AccessScope{Type: types.AccessScopeTypeNamespace}))
	w.ok(associate("AmazonEKSViewPolicy", &types.AccessScope{Type: types.AccessScopeTypeNamespace, Namespaces: []string{"shop"}}))
	if groups, admitted := w.planes["prod"].Admits(dev); !admitted || len(groups) > 0 {
		t.Errorf("%v %v", groups, admitted)
	}
	w.ok(associate("AmazonEKSClusterAdminPolicy", everywhere))
	if groups, _ := w.planes["prod"].Admits("arn:aws:sts::" + account + ":assumed-role/dev/monday"); !slices.Equal(groups, []string{"system:masters"}) {
		t.Errorf("%v", groups)
	}
	list, err := c.ListAssociatedAccessPolicies(t.Context(), &sdk.ListAssociatedAccessPoliciesInput{ClusterName: aws.String("prod"), PrincipalArn: aws.String(dev)})
	w.ok(err)
	if len(list.AssociatedAccessPolicies) != 2 || list.AssociatedAccessPolicies[0].AccessScope.Namespaces[0] != "shop" {
		t.Errorf("%+v", list.AssociatedAccessPolicies)
	}
	_, err = c.DeleteAccessEntry(t.Context(), &sdk.DeleteAccessEntryInput{ClusterName: aws.String("prod"), PrincipalArn: aws.String(dev)})
	w.ok(err)
	entries, err := c.ListAccessEntries(t.Context(), &sdk.ListAccessEntriesInput{ClusterName: aws.String("prod")})
	w.ok(err)
	if _, admitted := w.planes["prod"].Admits(dev); admitted || !slices.Equal(entries.AccessEntries, []string{me}) {
		t.Errorf("%v", entries.AccessEntries)
	}
}

func TestPodIdentities(t *testing.T) {
	w := newWorld(t, Options{Lag: lag})
	c := w.client()
	w.made(c, "prod")
	in := &sdk.CreatePodIdentityAssociationInput{ClusterName: aws.String("prod"), Namespace: aws.String("shop"), ServiceAccount: aws.String("web"),
		RoleArn: aws.String(role), ClientRequestToken: aws.String("a"), Tags: map[string]string{"a": "1", "b": "2", "c": "3"}}
	made, err := c.CreatePodIdentityAssociation(t.Context(), in)
	w.ok(err)
	for range 20 {
		again, err := c.CreatePodIdentityAssociation(t.Context(), in)
		w.ok(err)
		if aws.ToString(again.Association.AssociationId) != aws.ToString(made.Association.AssociationId) {
			t.Fatal("it is another one")
		}
	}
	in.ClientRequestToken = aws.String("b")
	_, err = c.CreatePodIdentityAssociation(t.Context(), in)
	w.refused("ResourceInUseException", "already exists", err)
	list := func() int {
		out, err := c.ListPodIdentityAssociations(t.Context(), &sdk.ListPodIdentityAssociationsInput{ClusterName: aws.String("prod"), Namespace: aws.String("shop")})
		w.ok(err)
		return len(out.Associations)
	}
	if list() != 0 {
		t.Error("it is listed at once")
	}
	w.pass(lag)
	got, err := c.DescribePodIdentityAssociation(t.Context(), &sdk.DescribePodIdentityAssociationInput{ClusterName: aws.String("prod"), AssociationId: made.Association.AssociationId})
	w.ok(err)
	if aws.ToString(got.Association.RoleArn) != role || list() != 1 {
		t.Errorf("%+v", got.Association)
	}
	remove := &sdk.DeletePodIdentityAssociationInput{ClusterName: aws.String("prod"), AssociationId: made.Association.AssociationId}
	_, err = c.DeletePodIdentityAssociation(t.Context(), remove)
	w.ok(err)
	_, err = c.DeletePodIdentityAssociation(t.Context(), remove)
	w.refused("ResourceNotFoundException", "could not be found", err)
	w.pass(lag)
	if list() != 0 {
		t.Error("it is still listed")
	}
}

// Tags that a thing got when it was made count at once; those put on it later a while
// later.
func TestTags(t *testing.T) {
	w := newWorld(t, Options{Lag: lag})
	c := w.client()
	k := w.made(c, "prod")
	w.server.Policy = policyOf(`{"Effect": "Allow", "Action": ["eks:Describe*", "eks:List*", "eks:TagResource", "eks:UntagResource"], "Resource": "*"},
		{"Effect": "Allow", "Action": "eks:DeleteCluster", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/new": "yes"}}}`)
	_, err := c.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: k.Arn, Tags: map[string]string{"new": "yes"}})
	w.ok(err)
	if tags := w.cluster(c, "prod").Tags; tags["new"] != "yes" || tags["a"] != "1" {
		t.Errorf("%v", tags)
	}
	remove := &sdk.DeleteClusterInput{Name: aws.String("prod")}
	_, err = c.DeleteCluster(t.Context(), remove)
	w.refused("AccessDenied", "eks:DeleteCluster", err)
	w.pass(lag)
	_, err = c.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: k.Arn, TagKeys: []string{"a", "b"}})
	w.ok(err)
	out, err := c.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceArn: k.Arn})
	w.ok(err)
	if len(out.Tags) != 3 || out.Tags["new"] != "yes" {
		t.Errorf("%v", out.Tags)
	}
	_, err = c.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: aws.String(aws.ToString(k.Arn) + "x"), Tags: map[string]string{"a": "b"}})
	w.refused("NotFoundException", "No resource", err)
	_, err = c.DeleteCluster(t.Context(), remove)
	w.ok(err)
}

func policyOf(statements string) string {
	return `{"Version": "2012-10-17", "Statement": [` + statements + `]}`
}

// Each permission that making a cluster and a node group takes is asked for.
func TestPermissions(t *testing.T) {
	for _, action := range []string{"eks:CreateCluster", "eks:TagResource", "iam:PassRole", "iam:CreateServiceLinkedRole", "eks:CreateNodegroup", "iam:ListAttachedRolePolicies"} {
		w := newWorld(t, Options{})
		c := w.client()
		nodes := slices.Contains([]string{"eks:CreateNodegroup", "iam:ListAttachedRolePolicies"}, action)
		if nodes {
			w.made(c, "prod")
		}
		w.server.Policy = policyOf(`{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "` + action + `", "Resource": "*"}`)
		_, err := c.CreateCluster(t.Context(), w.clusterInput("prod"))
		if nodes {
			_, err = c.CreateNodegroup(t.Context(), w.nodesInput("prod", "n"))
		}
		w.refused("AccessDenied", action, err)
		if w.server.Policy = policytest.Everything; !nodes && len(w.clusters(c)) > 0 {
			t.Error("something was made")
		}
	}
}

func TestListsHavePages(t *testing.T) {
	w := newWorld(t, Options{Page: 2})
	c := w.client()
	names := []string{"a", "b", "c", "d", "e"}
	for _, name := range names {
		_, err := c.CreateCluster(t.Context(), w.clusterInput(name))
		w.ok(err)
	}
	if list := w.clusters(c); !slices.Equal(list, names) {
		t.Errorf("got %v", list)
	}
	_, err := c.ListClusters(t.Context(), &sdk.ListClustersInput{NextToken: aws.String("?")})
	w.refused("InvalidParameterException", "nextToken", err)
}
