package eks

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Only the part of a rule that names another group of the cluster is taken away: not
// what it allows to addresses, to itself, or to somebody else's group.
func TestCrossing(t *testing.T) {
	pair := func(id string) types.UserIdGroupPair { return types.UserIdGroupPair{GroupId: aws.String(id)} }
	group := func(id string) types.SecurityGroup { return types.SecurityGroup{GroupId: aws.String(id)} }
	rules := []types.IpPermission{
		{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(81), IpRanges: []types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}},
		{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(82), ToPort: aws.Int32(83), IpRanges: []types.IpRange{{CidrIp: aws.String("10.0.0.0/8")}},
			UserIdGroupPairs: []types.UserIdGroupPair{pair("sg-a"), pair("sg-b"), pair("sg-foreign")}},
	}
	have := crossing(group("sg-a"), rules, []types.SecurityGroup{group("sg-a"), group("sg-b")})
	want := []types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(82), ToPort: aws.Int32(83), UserIdGroupPairs: []types.UserIdGroupPair{pair("sg-b")}}}
	if diff := cmp.Diff(want, have, cmpopts.IgnoreUnexported(types.IpPermission{}, types.UserIdGroupPair{}, types.IpRange{})); diff != "" {
		t.Fatal(diff)
	}
}
