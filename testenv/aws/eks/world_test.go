package eks

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/smithy-go"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/policy/policytest"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

const (
	account  = policytest.Account
	region   = policytest.Region
	delay    = time.Minute
	lag      = 10 * time.Second
	me       = policytest.Principal
	role     = "arn:aws:iam::123456789012:role/cluster"
	nodeRole = "arn:aws:iam::123456789012:role/nodes"
)

// world is a Cloud, and what stands in for the parts of AWS that it needs.
type world struct {
	testing.TB
	*Cloud
	network *ec2.Cloud
	*ec2.Place
	subnets []string

	mu      sync.Mutex
	time    time.Time
	refuse  map[string]error // what IAM says of roles
	failing error            // of Planes.Start
	planes  map[string]Plane
	started chan string
	stopped []string
	logs    []string
	// services are those whose roles were made.
	services []string
	server   *policytest.Server
}

func newWorld(t testing.TB, o Options) *world {
	w := &world{TB: t, time: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), refuse: map[string]error{}, planes: map[string]Plane{}, started: make(chan string, 100)}
	o.Clock, o.Delay = w.now, delay
	w.network = ec2.New(ec2.Options{Clock: w.now, Delay: delay})
	w.Cloud = New(o, Parts{Planes: w, Network: w.network, Roles: w, ServiceRoles: w, Logs: w})
	w.Place = w.network.At(account, region)
	w.subnets = w.net("10.0.0.0/16", "a", "b", "c")
	return w
}

// net makes a VPC with a subnet in each of some zones.
func (w *world) net(cidr string, zones ...string) []string {
	w.Helper()
	v, err := w.CreateVPC(cidr, nil)
	w.ok(err)
	var ids []string
	for i, z := range zones {
		s, err := w.CreateSubnet(ec2.Subnet{VPC: v.ID, CIDR: strings.Replace(cidr, ".0.0/16", "."+string(rune('1'+i))+".0/24", 1), Zone: region + z})
		w.ok(err)
		ids = append(ids, s.ID)
	}
	return ids
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.time
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(d)
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// Start is Planes.
func (w *world) Start(_ context.Context, p Plane) (string, []byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { w.started <- p.Cluster }()
	w.planes[p.Cluster] = p
	return "https://" + p.ID + ".example", []byte("authority of " + p.Cluster), w.failing
}

// Stop is Planes.
func (w *world) Stop(p Plane) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = append(w.stopped, p.Cluster)
}

// Assumable is Roles.
func (w *world) Assumable(_, role, service string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refuse[role+" "+service]
}

// Ensure is LogGroups.
func (w *world) Ensure(_, _, name string) { w.logs = append(w.logs, name) }

// Needs is ServiceRoles.
func (w *world) Needs(_, service string) []wire.Need {
	return []wire.Need{{Action: "iam:CreateServiceLinkedRole", Keys: map[string]string{"iam:AWSServiceName": service}}}
}

// Make is ServiceRoles.
func (w *world) Make(_, service string) error {
	w.services = append(w.services, service)
	return nil
}

// client is the SDK's, over HTTP.
func (w *world) client() *sdk.Client {
	w.server = &policytest.Server{Operations: w.Operations(), Policy: policytest.Everything, Clock: w.now}
	return sdk.NewFromConfig(w.server.Start(w.TB))
}

// refused wants an error of a code, whose message has a text in it.
func (w *world) refused(code, text string, err error) {
	w.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), text) {
		w.Errorf("got %v, want %s: …%s…", err, code, text)
	}
}

func (w *world) clusterInput(name string) *sdk.CreateClusterInput {
	return &sdk.CreateClusterInput{Name: aws.String(name), RoleArn: aws.String(role), Tags: map[string]string{"a": "1", "b": "2", "c": "3", "d": "4"},
		ResourcesVpcConfig: &types.VpcConfigRequest{SubnetIds: w.subnets}, ClientRequestToken: aws.String("token of " + name),
		AccessConfig: &types.CreateAccessConfigRequest{AuthenticationMode: types.AuthenticationModeApi}}
}

// made makes a cluster and lets the time pass until it is active.
func (w *world) made(c *sdk.Client, name string) *types.Cluster {
	w.Helper()
	_, err := c.CreateCluster(w.Context(), w.clusterInput(name))
	w.ok(err)
	w.up(name)
	k := w.cluster(c, name)
	if k.Status != types.ClusterStatusActive {
		w.Fatalf("it is %s: %+v", k.Status, k.Health)
	}
	return k
}

// up waits for the control plane of a cluster.
func (w *world) up(name string) {
	w.Helper()
	for got := ""; got != name; {
		select {
		case got = <-w.started:
		case <-time.After(10 * time.Second):
			w.Fatalf("the control plane of %s was not started", name)
		}
	}
	w.pass(delay)
	end := time.Now().Add(10 * time.Second)
	for {
		w.Cloud.lock()
		k := w.holder(where{account, region}, name, w.now())
		done := k == nil || k.endpoint != "" || k.failed != ""
		w.Cloud.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(end) {
			w.Fatal("what Start returned was not noted")
		}
	}
}

func (w *world) cluster(c *sdk.Client, name string) *types.Cluster {
	w.Helper()
	out, err := c.DescribeCluster(w.Context(), &sdk.DescribeClusterInput{Name: aws.String(name)})
	w.ok(err)
	return out.Cluster
}

func (w *world) nodesInput(cluster, name string) *sdk.CreateNodegroupInput {
	return &sdk.CreateNodegroupInput{ClusterName: aws.String(cluster), NodegroupName: aws.String(name), NodeRole: aws.String(nodeRole), Subnets: w.subnets,
		Tags: map[string]string{"a": "1", "b": "2", "c": "3", "d": "4"}, ClientRequestToken: aws.String("token of " + name),
		ScalingConfig: &types.NodegroupScalingConfig{MinSize: aws.Int32(1), DesiredSize: aws.Int32(2), MaxSize: aws.Int32(3)}}
}

func (w *world) nodes(c *sdk.Client, cluster, name string) *types.Nodegroup {
	w.Helper()
	out, err := c.DescribeNodegroup(w.Context(), &sdk.DescribeNodegroupInput{ClusterName: aws.String(cluster), NodegroupName: aws.String(name)})
	w.ok(err)
	return out.Nodegroup
}

func (w *world) clusters(c *sdk.Client) (names []string) {
	w.Helper()
	for pages := sdk.NewListClustersPaginator(c, &sdk.ListClustersInput{}); pages.HasMorePages(); {
		out, err := pages.NextPage(w.Context())
		w.ok(err)
		names = append(names, out.Clusters...)
	}
	return names
}

func (w *world) vpcOf(subnet string) string {
	w.Helper()
	s, err := w.Subnet(subnet)
	w.ok(err)
	return s.VPC
}
