package eks

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/eks/permissions"
	"github.com/rekindle-io/rekindle/testenv"
	"github.com/rekindle-io/rekindle/testenv/aws"
	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/elb"
	"github.com/rekindle-io/rekindle/testenv/aws/iam"
)

const (
	testRegion = "eu-central-1"
	elsewhere  = "us-east-1"
)

// TestRemovals is all that needs an AWS, in one of them, because a control plane is dear:
// each test has an account of its own.
func TestRemovals(t *testing.T) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 20}}
	t.Cleanup(client.CloseIdleConnections)
	world := aws.Start(t, aws.Options{Root: t.TempDir(), Binary: testenv.Binary(t), Delay: 2 * time.Millisecond, Lag: 4 * time.Millisecond})
	for i, test := range []struct {
		name string
		run  func(*theatre)
	}{
		{"delete leaves nothing", deleteLeavesNothing},
		{"delete leaves nothing in a network of somebody else", deleteLeavesNothingInTheirNetwork},
		{"delete leaves what is older", deleteLeavesWhatIsOlder},
		{"delete refuses", deleteRefuses},
		{"delete refuses what is protected", deleteRefusesWhatIsProtected},
		{"delete one of two", deleteOneOfTwo},
		{"delete names what holds the network", deleteNamesWhatHoldsTheNetwork},
		{"delete leaves protected load balancers", deleteLeavesProtectedBalancers},
		{"delete keeps logs", deleteKeepsLogs},
		{"deleted together", deletedTogether},
		{"delete finds what comes late", deleteFindsWhatComesLate},
		{"delete names what comes again", deleteNamesWhatComesAgain},
		{"delete names the permission that is missing", deleteNamesTheMissingPermission},
		{"leftovers", leftovers},
		{"leftovers of a cluster that was removed by hand", leftoversOfAClusterThatWasRemovedByHand},
		{"delete forgets nothing that it cannot see", deleteForgetsNothingThatItCannotSee},
		{"create leaves what a living cluster stands on", createLeavesWhatALivingClusterStandsOn},
		{"delete finds logs that come back", deleteFindsLogsThatComeBack},
		{"delete names protected machines", deleteNamesProtectedMachines},
		{"delete takes nothing once the name is another's", deleteTakesNothingOnceTheNameIsAnothers},
		{"delete names Fargate profiles", deleteNamesFargateProfiles},
		{"trusts", trusts},
		{"delete survives trouble", deleteSurvivesTrouble},
		{"delete survives throttling", deleteSurvivesThrottling},
		{"delete survives lost answers", deleteSurvivesLostAnswers},
		{"delete goes on after a denial", deleteGoesOnAfterADenial},
		{"delete goes on where it died", deleteGoesOnWhereItDied},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &theatre{World: world, T: t, client: client, number: fmt.Sprintf("1000000000%02d", i), root: t.TempDir(), declared: map[string]providers.Settings{}, timeout: 20 * time.Second}
			w.key = w.grant(w.number)
			test.run(w)
		})
	}
}

// theatre is an AWS with an account for one test, a provider in it, and what the test
// put there.
type theatre struct {
	*aws.World
	*testing.T
	number string
	key    aws.Key
	client *http.Client
	// root holds the records, declared the settings.
	root     string
	declared map[string]providers.Settings
	timeout  time.Duration
	// strewn counts calls of strew.
	strewn int
}

// grant makes a key that may do in an account what the published policy allows, as far
// as no other denies that.
func (w *theatre) grant(account string, others ...string) aws.Key {
	w.Helper()
	policy := must(w, ret(permissions.Policy(permissions.Scope{Account: account, Regions: []string{testRegion, elsewhere}, Roles: []string{"arn:aws:iam::" + account + ":role/*"}})))
	return must(w, ret(w.World.Grant(account, fmt.Sprintf("rekindle-%d", len(others)), append(others, policy)...)))
}

// provider is one as a new process has it.
func (w *theatre) provider() *Provider {
	w.Helper()
	p, err := New(Options{
		Load: func(_ context.Context, region string) (sdk.Config, error) {
			c := w.Config(w.key, region)
			c.HTTPClient = w.client
			c.Retryer = func() sdk.Retryer {
				return retry.NewStandard(func(o *retry.StandardOptions) {
					o.MaxAttempts, o.MaxBackoff, o.RateLimiter = 3, time.Millisecond, ratelimit.None
				})
			}
			return c, nil
		},
		Declared: func() (map[string]providers.Settings, error) { return w.declared, nil },
		Root:     w.root, Now: time.Now, Every: 2 * time.Millisecond, Settle: 100 * time.Millisecond, DeleteTimeout: w.timeout,
		Token: []string{"/bin/rekindle", "clusters", "token"},
	})
	if err != nil {
		w.Fatal(err)
	}
	return p
}

// declare makes settings for a cluster in a region.
func (w *theatre) declare(name, region string, more map[string]any) providers.Spec {
	s := providers.Settings{"region": region, "allow": map[string]any{"accounts": []any{w.number}}, "irsa": true, "logging": []any{"api"},
		"nodeGroups": []any{map[string]any{"name": "workers", "instanceTypes": []any{"m6i.large"}, "size": 2}},
		"addons":     []any{map[string]any{"name": "vpc-cni"}}}
	maps.Copy(s, more)
	w.declared[name] = s
	return providers.Spec{Name: name, ID: "id-" + name + "-" + region, Settings: s}
}

// create makes a cluster.
func (w *theatre) create(s providers.Spec) providers.Cluster {
	w.Helper()
	c, err := w.provider().Create(context.Background(), s, nil)
	if err != nil {
		w.Fatalf("create %s: %v", s.Name, err)
	}
	return c
}

// vanish removes a cluster as somebody does who knows nothing of us.
func (w *theatre) vanish(name, region string) {
	w.Helper()
	a := w.account(region)
	_, err := a.eks.DeleteCluster(context.Background(), &awseks.DeleteClusterInput{Name: sdk.String(name)})
	w.no(err)
	w.await(func(ctx context.Context) bool {
		c, err := a.cluster(ctx, name)
		w.no(err)
		return c == nil
	})
}

// where says where a cluster is.
func (w *theatre) where(s providers.Spec) (vpc string, subnets []string, group string) {
	w.Helper()
	p := w.provider()
	h, err := p.find(context.Background(), s.Name)
	if err != nil {
		w.Fatal(err)
	}
	v := h.cluster.ResourcesVpcConfig
	return sdk.ToString(v.VpcId), v.SubnetIds, sdk.ToString(v.ClusterSecurityGroupId)
}

// strewFor puts there what the controllers of a cluster leave.
func (w *theatre) strewFor(s providers.Spec) (kept []string) {
	w.Helper()
	vpc, subnets, group := w.where(s)
	return w.strew(s.Name, fmt.Sprint(s.Settings["region"]), vpc, subnets, group)
}

// strew puts there what controllers of a cluster leave when nobody tells them to clean
// up: it returns the ids of what has to stay.
func (w *theatre) strew(name, region, vpc string, subnets []string, group string) (kept []string) {
	w.Helper()
	net, lbs := w.EC2.At(w.number, region), w.ELB.At(w.number, region)
	w.strewn++
	at := fmt.Sprint(w.strewn)
	mine := map[string]string{tagShared + name: owned}
	byLBC := map[string]string{"elbv2.k8s.aws/cluster": name, "service.k8s.aws/stack": "shop/web"}

	front := must(w, ret(net.CreateGroup(ec2.Group{Name: "k8s-elb-a" + at, Description: "Security group for Kubernetes ELB a1", VPC: vpc, Thing: ec2.Thing{Tags: maps.Clone(mine)}})))
	w.no(net.AuthorizeIngress(front.ID, ec2.Rule{Protocol: "tcp", From: 80, To: 80, CIDR: "0.0.0.0/0"}))
	backend := must(w, ret(net.CreateGroup(ec2.Group{Name: "k8s-traffic-" + at, Description: "[k8s] Shared Backend SecurityGroup", VPC: vpc, Thing: ec2.Thing{Tags: maps.Clone(byLBC)}})))
	w.no(net.AuthorizeEgress(backend.ID, ec2.Rule{Protocol: "tcp", From: 1, To: 65535, Group: front.ID}))
	w.no(net.AuthorizeIngress(front.ID, ec2.Rule{Protocol: "tcp", From: 1, To: 65535, Group: backend.ID}))
	groups := []string{}
	if group != "" {
		w.no(net.AuthorizeIngress(group, ec2.Rule{Protocol: "-1", Group: front.ID}, ec2.Rule{Protocol: "tcp", From: 30000, To: 32767, Group: backend.ID}))
		groups = []string{group}
	}

	must(w, ret(lbs.Create(elb.Balancer{Kind: elb.Classic, Name: "a" + at, Subnets: subnets, Groups: []string{front.ID}, Tags: maps.Clone(mine)})))
	targets := must(w, ret(lbs.CreateTargetGroup(elb.TargetGroup{Name: "k8s-shop-" + at, VPC: vpc, Protocol: "TCP", Port: 80, Type: "ip", Tags: maps.Clone(byLBC)})))
	must(w, ret(lbs.Create(elb.Balancer{Kind: elb.Network, Name: "k8s-nlb-" + at, Subnets: subnets, Targets: []string{targets.ARN}, Tags: maps.Clone(byLBC)})))
	must(w, ret(lbs.Create(elb.Balancer{Kind: elb.Application, Name: "k8s-alb-" + at, Subnets: subnets, Groups: []string{backend.ID}, Tags: maps.Clone(byLBC)})))

	must(w, ret(net.CreateInterface(ec2.Interface{Subnet: subnets[0], Description: "aws-K8S-i-0123", Groups: groups, Thing: ec2.Thing{Tags: map[string]string{
		tagNode: "i-0123", "cluster.k8s.amazonaws.com/name": name}}})))
	must(w, ret(net.Launch(ec2.Launch{Type: "m6i.large", Image: "ami-0123456789abcdef0", Subnet: subnets[0], Groups: groups,
		Tags: map[string]string{tagShared + name: owned, "karpenter.sh/nodepool": "default"}, PartTags: maps.Clone(mine)})))

	volume := must(w, ret(net.CreateVolume(ec2.Volume{Zone: region + "a", Size: 8, Thing: ec2.Thing{Tags: map[string]string{
		tagShared + name: owned, "ebs.csi.aws.com/cluster": "true", tagClaim: "data", tagClaimSpace: "shop", tagVolume: "pvc-1", "CSIVolumeName": "pvc-1"}}})))
	snapshot := must(w, ret(net.CreateSnapshot(ec2.Snapshot{Volume: volume.ID, Thing: ec2.Thing{Tags: map[string]string{tagShared + name: owned, tagSnapshot: "snapshot-1"}}})))
	w.seen(name, region, snapshot.ID)
	return []string{volume.ID, snapshot.ID}
}

// seen waits until AWS shows what was put there last.
func (w *theatre) seen(name, region, id string) {
	w.Helper()
	a := w.account(region)
	w.await(func(ctx context.Context) bool {
		all, err := a.survey(ctx, []string{name}, nil)
		w.no(err)
		return slices.ContainsFunc(all, func(t thing) bool { return t.id == id })
	})
}

// result and must: what a call on a Place returns, or the end of the test.
type result[T any] struct {
	value T
	err   error
}

func ret[T any](value T, err error) result[T] { return result[T]{value, err} }

func must[T any](w *theatre, r result[T]) T {
	w.Helper()
	w.no(r.err)
	return r.value
}

func (w *theatre) no(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// network is a VPC of somebody else, with two subnets.
func (w *theatre) network(region string) (vpc string, subnets []string) {
	w.Helper()
	net := w.EC2.At(w.number, region)
	v := must(w, ret(net.CreateVPC("10.7.0.0/16", map[string]string{"Name": "theirs"})))
	for i, zone := range []string{"a", "b"} {
		s := must(w, ret(net.CreateSubnet(ec2.Subnet{VPC: v.ID, CIDR: fmt.Sprintf("10.7.%d.0/24", i), Zone: region + zone, Public: true})))
		subnets = append(subnets, s.ID)
	}
	a := w.account(region)
	w.await(func(ctx context.Context) bool {
		_, err := a.ec2.DescribeSubnets(ctx, &awsec2.DescribeSubnetsInput{SubnetIds: subnets})
		return err == nil
	})
	return v.ID, subnets
}

// role makes a role of somebody else's that a service may take on, and does from now on.
func (w *theatre) role(name, service string) string {
	w.Helper()
	r := must(w, ret(w.IAM.At(w.number).CreateRole(iam.Role{Name: name,
		Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole"}]}`})))
	w.await(func(context.Context) bool { return w.IAM.At(w.number).Assume(r.ARN, service) == nil })
	return r.ARN
}

// account is the account in a region, as the provider sees it.
func (w *theatre) account(region string) *account {
	w.Helper()
	a, err := w.provider().enter(context.Background(), settings{Region: region, Allow: allow{Accounts: []string{w.number}}})
	w.no(err)
	return a
}

// await waits for a condition.
func (w *theatre) await(met func(context.Context) bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), w.timeout)
	defer cancel()
	for !met(ctx) {
		if err := sleep(ctx, time.Millisecond); err != nil {
			w.Fatalf("waited in vain: %v", err)
		}
	}
}

// inventory is all that there is, one line each, with its tags.
func (w *theatre) inventory() []string {
	var lines []string
	for _, i := range w.Things() {
		if i.Account == w.number {
			lines = append(lines, i.String())
		}
	}
	slices.Sort(lines)
	return lines
}

// wantOnly compares all that there is with what there was before, and ids of things
// that have come and are to stay.
func (w *theatre) wantOnly(before []string, kept ...string) {
	w.Helper()
	now := w.inventory()
	for _, line := range before {
		if !slices.Contains(now, line) {
			w.Errorf("this is gone or changed:\n  %s", line)
		}
	}
	left := map[string]bool{}
	for _, id := range kept {
		left[id] = true
	}
	for _, line := range now {
		if slices.Contains(before, line) {
			continue
		}
		stays := slices.ContainsFunc(kept, func(id string) bool {
			if strings.Contains(line, id) {
				delete(left, id)
				return true
			}
			return false
		})
		if !stays {
			w.Errorf("this is left:\n  %s", line)
		}
	}
	for id := range left {
		w.Errorf("%s is gone, and was to be kept", id)
	}
}
