package permissions_test

import (
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/testenv/aws/policy"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// What the policy is there to keep from happening, whatever the program does.
func TestThePolicyRefuses(t *testing.T) {
	d, err := policy.Parse([]byte(published(t)))
	if err != nil {
		t.Fatal(err)
	}
	const (
		ec2 = "arn:aws:ec2:eu-central-1:" + account + ":"
		of  = "arn:aws:eks:eu-central-1:" + account + ":"
		iam = "arn:aws:iam::" + account + ":"
	)
	marked := map[string]string{"aws:RequestTag/rekindle.io/id": "x", "aws:TagKeys": "rekindle.io/id"}
	ours := map[string]string{"aws:ResourceTag/rekindle.io/id": "x"}
	via := map[string]string{"aws:CalledVia": "cloudformation.amazonaws.com", "aws:CalledViaFirst": "cloudformation.amazonaws.com"}
	elsewhere := strings.NewReplacer("eu-central-1", "us-east-1")
	with := func(all ...map[string]string) map[string]string {
		keys := map[string]string{}
		for _, m := range all {
			for k, v := range m {
				keys[k] = v
			}
		}
		return keys
	}
	for _, c := range []struct {
		what, action, resource string
		keys                   map[string]string
		allowed                bool
	}{
		{"a cluster with our tag", "eks:CreateCluster", of + "cluster/prod", marked, true},
		{"a cluster without it", "eks:CreateCluster", of + "cluster/prod", nil, false},
		{"a cluster in another region", "eks:CreateCluster", elsewhere.Replace(of) + "cluster/prod", marked, false},
		{"the end of a cluster of ours", "eks:DeleteCluster", of + "cluster/prod", ours, true},
		{"the end of another's", "eks:DeleteCluster", of + "cluster/prod", nil, false},
		{"nodes in a cluster of ours", "eks:CreateNodegroup", of + "cluster/prod", with(marked, ours), true},
		{"nodes in another's", "eks:CreateNodegroup", of + "cluster/prod", marked, false},
		{"access to another's", "eks:AssociateAccessPolicy", of + "access-entry/prod/role/1/x/y", nil, false},
		{"a change of settings", "eks:UpdateClusterConfig", of + "cluster/prod", ours, false},
		{"a stack of ours", "cloudformation:CreateStack", "arn:aws:cloudformation:eu-central-1:" + account + ":stack/rekindle-prod/*", marked, true},
		{"a stack of another name", "cloudformation:CreateStack", "arn:aws:cloudformation:eu-central-1:" + account + ":stack/prod/*", marked, false},
		{"the end of another's stack of our name", "cloudformation:DeleteStack", "arn:aws:cloudformation:eu-central-1:" + account + ":stack/rekindle-prod/1", nil, false},
		{"a network by CloudFormation", "ec2:CreateVpc", ec2 + "vpc/*", with(marked, via), true},
		{"a network by hand", "ec2:CreateVpc", ec2 + "vpc/*", marked, false},
		{"the end of a network by hand", "ec2:DeleteVpc", ec2 + "vpc/vpc-1", ours, false},
		{"the end of another's network", "ec2:DeleteVpc", ec2 + "vpc/vpc-1", via, false},
		{"our mark on a balancer's group", "ec2:CreateTags", ec2 + "security-group/sg-1", marked, true},
		{"our mark on a snapshot", "ec2:CreateTags", "arn:aws:ec2:eu-central-1::snapshot/snap-1", marked, true},
		{"our mark on a network", "ec2:CreateTags", ec2 + "vpc/vpc-1", marked, false},
		{"another mark", "ec2:CreateTags", ec2 + "security-group/sg-1", map[string]string{"aws:RequestTag/rekindle.io/id": "x", "aws:TagKeys": "rekindle.io/id,team"}, false},
		{"a mark without an id", "ec2:CreateTags", ec2 + "security-group/sg-1", map[string]string{"aws:TagKeys": "rekindle.io/cluster"}, false},
		{"the end of a marked group", "ec2:DeleteSecurityGroup", ec2 + "security-group/sg-1", ours, true},
		{"the end of any group", "ec2:DeleteSecurityGroup", ec2 + "security-group/sg-1", nil, false},
		{"the end of a machine", "ec2:TerminateInstances", ec2 + "instance/i-1", nil, false},
		{"the end of a volume", "ec2:DeleteVolume", ec2 + "volume/vol-1", ours, false},
		{"the end of a snapshot", "ec2:DeleteSnapshot", "arn:aws:ec2:eu-central-1::snapshot/snap-1", ours, false},
		{"a machine", "ec2:RunInstances", ec2 + "instance/*", marked, false},
		{"the end of a balancer", "elasticloadbalancing:DeleteLoadBalancer", "arn:aws:elasticloadbalancing:eu-central-1:" + account + ":loadbalancer/x", nil, false},
		{"the end of other logs", "logs:DeleteLogGroup", "arn:aws:logs:eu-central-1:" + account + ":log-group:/aws/lambda/x:log-stream:", nil, false},
		{"our mark on other logs", "logs:TagResource", "arn:aws:logs:eu-central-1:" + account + ":log-group:/aws/lambda/x", marked, false},
		{"our roles for EKS", "iam:PassRole", iam + "role/rekindle-prod-ClusterRole-1", map[string]string{"iam:PassedToService": "eks.amazonaws.com"}, true},
		{"our roles for another service", "iam:PassRole", iam + "role/rekindle-prod-ClusterRole-1", map[string]string{"iam:PassedToService": "lambda.amazonaws.com"}, false},
		{"a role that is named", "iam:PassRole", app, map[string]string{"iam:PassedToService": "pods.eks.amazonaws.com"}, true},
		{"any role", "iam:PassRole", iam + "role/admin", map[string]string{"iam:PassedToService": "pods.eks.amazonaws.com"}, false},
		{"a role by hand", "iam:CreateRole", iam + "role/rekindle-x", marked, false},
		{"a role of another name", "iam:CreateRole", iam + "role/x", with(marked, via), false},
		{"a policy of the template", "iam:AttachRolePolicy", iam + "role/rekindle-x", with(via, map[string]string{"iam:PolicyARN": "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"}), true},
		{"the policy of an administrator", "iam:AttachRolePolicy", iam + "role/rekindle-x", with(via, map[string]string{"iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"}), false},
		{"a policy of its own", "iam:PutRolePolicy", iam + "role/rekindle-x", via, false},
		{"the trust of a role that is named", "iam:UpdateAssumeRolePolicy", app, nil, true},
		{"the trust of our roles", "iam:UpdateAssumeRolePolicy", iam + "role/rekindle-x", ours, false},
		{"an issuer of EKS", "iam:CreateOpenIDConnectProvider", iam + "oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/1", marked, true},
		{"another issuer", "iam:CreateOpenIDConnectProvider", iam + "oidc-provider/example.com", marked, false},
		{"the end of another's issuer", "iam:DeleteOpenIDConnectProvider", iam + "oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/1", nil, false},
		{"the role of EKS", "iam:CreateServiceLinkedRole", iam + "role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS", map[string]string{"iam:AWSServiceName": "eks.amazonaws.com"}, true},
		{"the role of another service", "iam:CreateServiceLinkedRole", iam + "role/aws-service-role/x.amazonaws.com/x", map[string]string{"iam:AWSServiceName": "x.amazonaws.com"}, false},
		{"a look", "eks:ListClusters", "*", nil, true},
		{"somebody else's role", "sts:AssumeRole", iam + "role/admin", nil, false},
	} {
		call := &wire.Call{Account: account, Region: region, Principal: iam + "role/me"}
		if strings.Contains(c.resource, ":us-east-1:") {
			call.Region = "us-east-1"
		}
		denied := policy.Check(call, []wire.Need{{Action: c.action, Resources: []string{c.resource}, Keys: c.keys}}, d)
		if (denied == nil) != c.allowed {
			t.Errorf("%s: allowed is %v", c.what, denied == nil)
		}
	}
	call := &wire.Call{Account: account, Region: "us-east-1", Principal: iam + "role/me"}
	if policy.Check(call, []wire.Need{{Action: "eks:ListClusters"}}, d) == nil {
		t.Error("a look into another region is allowed")
	}
}
