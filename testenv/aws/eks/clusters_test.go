package eks

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
)

// The same request with the same token makes one thing, however its JSON is written (the
// SDK writes maps in any order); what differs is refused.
func TestTokens(t *testing.T) {
	w := newWorld(t, Options{})
	c := w.client()
	first := w.made(c, "prod")
	for range 20 {
		out, err := c.CreateCluster(t.Context(), w.clusterInput("prod"))
		w.ok(err)
		if aws.ToString(out.Cluster.Identity.Oidc.Issuer) != aws.ToString(first.Identity.Oidc.Issuer) {
			t.Fatal("it is another cluster")
		}
	}
	other := w.clusterInput("prod")
	other.Tags["a"] = "9"
	_, err := c.CreateCluster(t.Context(), other)
	w.refused("InvalidParameterException", "token", err)
	other.ClientRequestToken = aws.String("another token")
	_, err = c.CreateCluster(t.Context(), other)
	w.refused("ResourceInUseException", "already exists", err)

	for range 20 {
		_, err := c.CreateNodegroup(t.Context(), w.nodesInput("prod", "n"))
		w.ok(err)
	}
	in := w.nodesInput("prod", "n")
	in.DiskSize = aws.Int32(50)
	_, err = c.CreateNodegroup(t.Context(), in)
	w.refused("InvalidParameterException", "token", err)
	in.ClientRequestToken = nil
	_, err = c.CreateNodegroup(t.Context(), in)
	w.refused("ResourceInUseException", "already exists", err)
	list, err := c.ListNodegroups(t.Context(), &sdk.ListNodegroupsInput{ClusterName: aws.String("prod")})
	w.ok(err)
	if len(list.Nodegroups) != 1 || len(w.Instances(aws.ToString(first.ResourcesVpcConfig.VpcId))) != 2 {
		t.Errorf("there are %v", list.Nodegroups)
	}
}
