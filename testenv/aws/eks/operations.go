package eks

import (
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Operations are what the SDK may call.
func (c *Cloud) Operations() map[string]wire.Operation {
	on, part := c.needsOn, c.needsPart
	return map[string]wire.Operation{
		"CreateCluster":           {Required: []string{"name", "roleArn", "resourcesVpcConfig"}, Needs: c.needsCluster, Do: c.createCluster},
		"DescribeCluster":         {Needs: on("name", "DescribeCluster"), Do: c.describeCluster},
		"UpdateClusterConfig":     {Needs: on("name", "UpdateClusterConfig"), Do: c.updateCluster},
		"DeleteCluster":           {Needs: on("name", "DeleteCluster"), Do: c.deleteCluster},
		"ListClusters":            {Needs: needsNothing("ListClusters"), Do: c.listClusters},
		"DescribeClusterVersions": {Needs: needsNothing("DescribeClusterVersions"), Do: c.describeVersions},

		"TagResource":         {Required: []string{"tags"}, Needs: c.needsTag("TagResource"), Do: c.tag},
		"UntagResource":       {Required: []string{"tagKeys"}, Needs: c.needsTag("UntagResource"), Do: c.untag},
		"ListTagsForResource": {Needs: c.needsTag("ListTagsForResource"), Do: c.listTags},

		"CreateNodegroup": {Required: []string{"nodegroupName", "subnets", "nodeRole"},
			Needs: c.needsMaking("CreateNodegroup", "nodegroup/{name}/*", c.needsForNodes), Do: c.createNodes},
		"DescribeNodegroup":     {Needs: part("DescribeNodegroup"), Do: c.describeNodes},
		"UpdateNodegroupConfig": {Needs: part("UpdateNodegroupConfig"), Do: c.updateNodes},
		"ListNodegroups":        {Needs: on("clusterName", "ListNodegroups"), Do: c.listNodes},
		"DeleteNodegroup":       {Needs: part("DeleteNodegroup"), Do: c.deleteNodes},

		"CreateAddon": {Required: []string{"addonName"},
			Needs: c.needsMaking("CreateAddon", "/clusters/{name}/addons", needsForAddon), Do: c.createAddon},
		"DescribeAddon":         {Needs: part("DescribeAddon"), Do: c.describeAddon},
		"ListAddons":            {Needs: on("clusterName", "ListAddons"), Do: c.listAddons},
		"DeleteAddon":           {Needs: part("DeleteAddon"), Do: c.deleteAddon},
		"DescribeAddonVersions": {Needs: needsNothing("DescribeAddonVersions"), Do: c.describeAddonVersions},

		"CreateAccessEntry":            {Required: []string{"principalArn"}, Needs: c.needsMaking("CreateAccessEntry", "access-entry/{name}/*", needsNoMore), Do: c.createEntry},
		"DescribeAccessEntry":          {Needs: part("DescribeAccessEntry"), Do: c.describeEntryOf},
		"ListAccessEntries":            {Needs: on("clusterName", "ListAccessEntries"), Do: c.listEntries},
		"DeleteAccessEntry":            {Needs: part("DeleteAccessEntry"), Do: c.deleteEntry},
		"AssociateAccessPolicy":        {Required: []string{"policyArn", "accessScope"}, Needs: part("AssociateAccessPolicy"), Do: c.associate},
		"ListAssociatedAccessPolicies": {Needs: part("ListAssociatedAccessPolicies"), Do: c.listPolicies},

		"CreatePodIdentityAssociation": {Required: []string{"namespace", "serviceAccount", "roleArn"},
			Needs: c.needsMaking("CreatePodIdentityAssociation", "podidentityassociation/{name}/*", needsForIdentity), Do: c.createIdentity},
		"DescribePodIdentityAssociation": {Needs: part("DescribePodIdentityAssociation"), Do: c.describeIdentityOf},
		"ListPodIdentityAssociations":    {Needs: on("clusterName", "ListPodIdentityAssociations"), Do: c.listIdentities},
		"DeletePodIdentityAssociation":   {Needs: part("DeletePodIdentityAssociation"), Do: c.deleteIdentity},
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func upper(s string) string { return strings.ToUpper(s) }

// arnOf is the ARN of something of a cluster.
func (k *cluster) arnOf(kind, name, id string) string {
	return k.where.arn(kind + "/" + k.name + "/" + name + "/" + id)
}
