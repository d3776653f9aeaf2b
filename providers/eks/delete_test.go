package eks

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/testenv/aws"
	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/elb"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Whatever controllers left, nobody's API server is asked: all of it goes, volumes and
// snapshots stay, and so does what is somebody else's, whatever it is called.
func deleteLeavesNothing(w *theatre) { w.wantNothingLeft(nil) }

func deleteLeavesNothingInTheirNetwork(w *theatre) {
	_, subnets := w.network(testRegion)
	w.wantNothingLeft(map[string]any{"network": map[string]any{"subnets": []any{subnets[0], subnets[1]}}})
}

func (w *theatre) wantNothingLeft(more map[string]any) {
	w.Helper()
	w.foreign("prod")
	before := w.inventory()
	s := w.declare("prod", testRegion, more)
	w.create(s)
	kept := w.strewFor(s)
	w.no(w.Deaden(w.number, testRegion, "prod", true))
	var said []string
	w.no(w.provider().Delete(w.Context(), s.Name, s.ID, func(line string) { said = append(said, line) }))
	w.wantOnly(before, kept...)
	if !slices.Contains(said, "removing the control plane") {
		w.Errorf("said was only %q", said)
	}
	if err := w.provider().Delete(w.Context(), s.Name, s.ID, nil); err != nil {
		w.Errorf("deleted again: %v", err)
	}
	if records, err := w.provider().recorded(""); err != nil || len(records) > 0 {
		w.Errorf("records %v, %v", records, err)
	}
}

// foreign puts things there that are not ours, although they are called as if: by a
// cluster of the same name that somebody made without EKS, in the same region and in
// another, and things that nobody tagged.
func (w *theatre) foreign(name string) {
	w.Helper()
	for _, region := range []string{testRegion, elsewhere} {
		vpc, subnets := w.network(region)
		w.strew(name, region, vpc, subnets, "")
		net := w.EC2.At(w.number, region)
		must(w, ret(net.CreateGroup(ec2.Group{Name: "plain", Description: "x", VPC: vpc})))
		must(w, ret(w.ELB.At(w.number, region).Create(elb.Balancer{Kind: elb.Application, Name: "theirs", Subnets: subnets})))
		must(w, ret(net.CreateVolume(ec2.Volume{Zone: region + "a", Size: 1, Thing: ec2.Thing{Tags: map[string]string{"Name": "plain"}}})))
	}
}

// What was in somebody's network before the cluster came there stays, with the tags of
// a cluster of the same name.
func deleteLeavesWhatIsOlder(w *theatre) {
	vpc, subnets := w.network(testRegion)
	w.strew("prod", testRegion, vpc, subnets, "")
	before := w.inventory()
	s := w.declare("prod", testRegion, map[string]any{"network": map[string]any{"subnets": []any{subnets[0], subnets[1]}}})
	w.create(s)
	w.no(w.provider().Delete(w.Context(), s.Name, s.ID, nil))
	w.wantOnly(before)
}

func deleteRefuses(w *theatre) {
	s := w.declare("prod", testRegion, nil)
	w.create(s)
	before := w.inventory()
	var taken *providers.TakenError
	if err := w.provider().Delete(w.Context(), s.Name, "another", nil); !errors.As(err, &taken) || taken.Have != s.ID {
		w.Errorf("another id: %v", err)
	}
	own := w.key
	w.key = w.grant("999999999999")
	var account *AccountError
	if err := w.provider().Delete(w.Context(), s.Name, s.ID, nil); !errors.As(err, &account) {
		w.Errorf("another account: %v", err)
	}
	w.key = own
	w.wantOnly(before)
	w.no(w.provider().Delete(w.Context(), s.Name, s.ID, nil))
}

// Two clusters of one name in two regions are two, made from two machines: the id says
// which, also to a machine that remembers none of them.
func deleteOneOfTwo(w *theatre) {
	there := w.declare("prod", elsewhere, nil)
	w.create(there)
	before := w.inventory()
	w.root = w.TempDir()
	here := w.declare("prod", testRegion, nil)
	w.create(here)
	w.no(w.provider().Delete(w.Context(), "prod", here.ID, nil))
	w.wantOnly(before)
	w.create(here)
	before = w.inventory()
	w.root = w.TempDir()
	w.declared = map[string]providers.Settings{"a": here.Settings, "b": there.Settings}
	if err := w.provider().Delete(w.Context(), "prod", "another", nil); !errors.As(err, new(*providers.TakenError)) {
		w.Errorf("another id: %v", err)
	}
	w.wantOnly(before)
	w.no(w.provider().Delete(w.Context(), "prod", there.ID, nil))
	w.no(w.provider().Delete(w.Context(), "prod", here.ID, nil))
	w.wantOnly(nil)
}

// What somebody has protected in AWS is refused before anything of it goes.
func deleteRefusesWhatIsProtected(w *theatre) {
	s := w.declare("prod", testRegion, nil)
	w.create(s)
	w.no(w.CloudFormation.Protect(w.number, testRegion, "rekindle-prod", true))
	before := w.inventory()
	var e *ProtectedError
	if err := w.provider().Delete(w.Context(), s.Name, s.ID, nil); !errors.As(err, &e) || !strings.Contains(e.What, "rekindle-prod") {
		w.Errorf("have %v", err)
	}
	w.wantOnly(before)
	w.no(w.CloudFormation.Protect(w.number, testRegion, "rekindle-prod", false))
	w.no(w.provider().Delete(w.Context(), s.Name, s.ID, nil))
	w.wantOnly(nil)
}

// Logs that the settings want to keep are kept, marked, and listed as that.
func deleteKeepsLogs(w *theatre) {
	s := w.declare("prod", testRegion, map[string]any{"keepLogs": true})
	w.create(s)
	w.no(w.provider().Delete(w.Context(), s.Name, s.ID, nil))
	w.wantOnly(nil, "/aws/eks/prod/cluster")
	left, err := w.provider().Leftovers(w.Context())
	w.no(err)
	if len(left) != 1 || !left[0].Kept || left[0].ID != s.ID || !strings.Contains(left[0].What, "log group /aws/eks/prod/cluster") {
		w.Errorf("leftovers %+v", left)
	}
}

// What somebody put into the cluster's network holds it: it is named, and once it is
// gone the delete ends.
func deleteNamesWhatHoldsTheNetwork(w *theatre) {
	s := w.declare("prod", testRegion, nil)
	w.create(s)
	_, subnets, _ := w.where(s)
	net := w.EC2.At(w.number, testRegion)
	foreign := must(w, ret(net.CreateInterface(ec2.Interface{Subnet: subnets[0], Description: "somebody's own"})))
	w.timeout = 2 * time.Second
	err := w.provider().Delete(w.Context(), s.Name, s.ID, nil)
	var held *HeldError
	if !errors.As(err, &held) {
		w.Fatalf("have %v", err)
	}
	for _, want := range []string{foreign.ID, "somebody's own", subnets[0], "rekindle-prod"} {
		if !strings.Contains(err.Error(), want) {
			w.Errorf("%q is not in: %v", want, err)
		}
	}
	w.timeout = 20 * time.Second
	w.await(func(ctx context.Context) bool { // AWS may still be at the last try to remove it
		left, err := w.provider().Leftovers(ctx)
		w.no(err)
		return slices.ContainsFunc(left, func(l providers.Leftover) bool { return strings.Contains(l.What, "rekindle-prod") && l.ID == s.ID })
	})
	w.no(net.DeleteInterface(foreign.ID))
	w.no(w.provider().Delete(w.Context(), s.Name, s.ID, nil))
	w.wantOnly(nil)
}

// A load balancer that somebody has protected stays, with the network below it; the
// cluster and its nodes, which cost more, go.
func deleteLeavesProtectedBalancers(w *theatre) {
	s := w.declare("prod", testRegion, nil)
	w.create(s)
	_, subnets, _ := w.where(s)
	lbs := w.ELB.At(w.number, testRegion)
	b := must(w, ret(lbs.Create(elb.Balancer{Kind: elb.Network, Name: "k8s-shop", Subnets: subnets, Tags: map[string]string{"elbv2.k8s.aws/cluster": "prod"}})))
	w.no(lbs.Protect(b.ARN, true))
	err := w.provider().Delete(w.Context(), s.Name, s.ID, nil)
	var held *HeldError
	if !errors.As(err, &held) || len(held.List) != 1 || !strings.Contains(held.List[0].What, b.ARN) {
		w.Fatalf("have %v", err)
	}
	for _, line := range w.inventory() {
		if strings.Contains(line, " instance ") || strings.Contains(line, " cluster ") {
			w.Errorf("this still costs: %s", line)
		}
	}
	w.no(lbs.Protect(b.ARN, false))
	w.no(w.provider().Delete(w.Context(), s.Name, s.ID, nil))
	w.wantOnly(nil)
}

// Several processes that delete one cluster all succeed.
func deletedTogether(w *theatre) {
	s := w.declare("prod", testRegion, nil)
	w.create(s)
	kept := w.strewFor(s)
	errs := make([]error, 3)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = w.provider().Delete(context.Background(), s.Name, s.ID, nil) })
	}
	all.Wait()
	w.no(errors.Join(errs...))
	w.wantOnly(nil, kept...)
}

// A controller of the control plane makes a load balancer while that is removed.
func deleteFindsWhatComesLate(w *theatre) {
	for _, mine := range []bool{true, false} {
		more := map[string]any{}
		if !mine {
			_, subnets := w.network(testRegion)
			more["network"] = map[string]any{"subnets": []any{subnets[0], subnets[1]}}
		}
		before := w.inventory()
		s := w.declare("prod", testRegion, more)
		w.create(s)
		vpc, subnets, _ := w.where(s)
		var once sync.Once
		w.Fault(func(c wire.Call, _ int) aws.Fault {
			if c.Operation != "DeleteCluster" {
				return aws.Fault{}
			}
			return aws.Fault{Done: func() {
				once.Do(func() {
					tags := map[string]string{tagShared + "prod": owned}
					g := must(w, ret(w.EC2.At(w.number, testRegion).CreateGroup(ec2.Group{Name: "k8s-elb-late", Description: "x", VPC: vpc, Thing: ec2.Thing{Tags: tags}})))
					must(w, ret(w.ELB.At(w.number, testRegion).Create(elb.Balancer{Kind: elb.Classic, Name: "late", Subnets: subnets, Groups: []string{g.ID}, Tags: tags})))
				})
			}}
		})
		err := w.provider().Delete(w.Context(), s.Name, s.ID, nil)
		w.Fault(nil)
		w.no(err)
		w.wantOnly(before)
	}
}

// Nodes that somebody's Auto Scaling group makes again are named, and left to it.
func deleteNamesWhatComesAgain(w *theatre) {
	_, theirs := w.network(testRegion)
	s := w.declare("prod", testRegion, map[string]any{"network": map[string]any{"subnets": []any{theirs[0], theirs[1]}}})
	w.create(s)
	net := w.EC2.At(w.number, testRegion)
	i := must(w, ret(net.Launch(ec2.Launch{Type: "m6i.large", Image: "ami-0123456789abcdef0", Subnet: theirs[0],
		Tags: map[string]string{tagShared + "prod": owned, tagScaler: "self-made"}})))
	before := must(w, ret(net.Instance(i.ID)))
	w.await(func(ctx context.Context) bool {
		list, err := w.account(testRegion).instances(ctx, nil)
		w.no(err)
		return slices.ContainsFunc(list, func(t thing) bool { return t.id == i.ID })
	})
	err := w.provider().Delete(w.Context(), s.Name, s.ID, nil)
	if !isHeld(err) || !strings.Contains(err.Error(), i.ID) || !strings.Contains(err.Error(), "self-made") {
		w.Errorf("have %v", err)
	}
	if now := must(w, ret(net.Instance(i.ID))); len(now.Tags) != len(before.Tags) || now.State != ec2.StateRunning {
		w.Errorf("it was %+v, and is %+v", before, now)
	}
	w.no(net.Terminate(i.ID))
	w.no(w.provider().Delete(w.Context(), s.Name, s.ID, nil))
}

// A permission that is missing is named, whichever it is, and once it is given the
// delete ends.
func deleteNamesTheMissingPermission(w *theatre) {
	all := w.key
	for _, action := range []string{
		"ec2:CreateTags", "elasticloadbalancing:AddTags", "elasticloadbalancing:DeleteLoadBalancer", "eks:DeleteNodegroup", "ec2:TerminateInstances", "eks:DeleteCluster",
		"ec2:DeleteNetworkInterface", "ec2:DeleteSecurityGroup", "logs:DeleteLogGroup", "iam:DeleteOpenIDConnectProvider", "cloudformation:DeleteStack",
	} {
		before := w.inventory()
		s := w.declare("prod", testRegion, nil)
		w.create(s)
		kept := w.strewFor(s)
		w.key = w.grant(w.number, `{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "`+action+`", "Resource": "*"}]}`)
		err := w.provider().Delete(w.Context(), s.Name, s.ID, nil)
		var e *Error
		if !errors.As(err, &e) || e.Action != action || !strings.Contains(e.Hint(), action) {
			w.Errorf("without %s: %v", action, err)
		}
		w.key = all
		w.no(w.provider().Delete(w.Context(), s.Name, s.ID, nil))
		w.wantOnly(before, kept...)
	}
}

// moment is one call of a removal: the operation, and which time that it is asked.
type moment struct {
	operation string
	time      int
}

// repeats is how often a question is asked before it is one of many in a wait.
const repeats = 1

// sweep makes clusters and deletes them, with a fault at one call of each delete: at
// every call that changes something, and the first times that something is asked, or at
// one in so many of these. The delete may fail; the one after it ends, and leaves nothing.
func (w *theatre) sweep(oneIn int, fault func(cancel context.CancelFunc) aws.Fault, survives bool) {
	w.foreign("x0")
	before := w.inventory()
	moments := w.strike(before, moment{}, nil, survives)
	for i, m := range moments {
		if testing.Short() {
			oneIn = 7
		}
		if i%oneIn == 0 {
			w.strike(before, m, fault, survives)
		}
	}
	if len(moments) < 40 {
		w.Errorf("only %d moments", len(moments))
	}
}

// strike makes a cluster and deletes it, with a fault at one moment. It returns all
// moments of the delete.
func (w *theatre) strike(before []string, at moment, fault func(cancel context.CancelFunc) aws.Fault, survives bool) (moments []moment) {
	s := w.declare("x0", testRegion, nil)
	w.create(s)
	kept := w.strewFor(s)
	ctx, cancel := context.WithCancel(w.Context())
	defer cancel()
	var mu sync.Mutex
	asked := map[string]int{}
	w.Fault(func(c wire.Call, _ int) aws.Fault {
		mu.Lock()
		defer mu.Unlock()
		now := moment{operation: c.Service + " " + c.Version + " " + c.Operation}
		now.time = asked[now.operation]
		asked[now.operation]++
		question := strings.HasPrefix(c.Operation, "Describe") || strings.HasPrefix(c.Operation, "List") || strings.HasPrefix(c.Operation, "Get")
		if !question || now.time < repeats {
			moments = append(moments, now)
		}
		if now != at || fault == nil {
			return aws.Fault{}
		}
		return fault(cancel)
	})
	err := w.provider().Delete(ctx, s.Name, s.ID, nil)
	w.Fault(nil)
	if err != nil && survives {
		w.Fatalf("a fault at %v: %v", at, err)
	}
	if err != nil {
		if err = w.provider().Delete(w.Context(), s.Name, s.ID, nil); err != nil {
			w.Fatalf("after a fault at %v: %v", at, err)
		}
	}
	w.wantOnly(before, kept...)
	if w.Failed() {
		w.Fatalf("the fault was at %v", at)
	}
	for _, id := range kept {
		remove := w.EC2.At(w.number, testRegion).DeleteVolume
		if strings.HasPrefix(id, "snap-") {
			remove = w.EC2.At(w.number, testRegion).DeleteSnapshot
		}
		w.no(remove(id))
	}
	w.await(func(context.Context) bool { return len(w.inventory()) == len(before) })
	return moments
}

func deleteSurvivesTrouble(w *theatre) {
	w.sweep(3, func(context.CancelFunc) aws.Fault {
		return aws.Fault{Error: &wire.Error{Status: 503, Code: "ServiceUnavailable", Message: "try again"}}
	}, true)
}

func deleteSurvivesThrottling(w *theatre) {
	w.sweep(3, func(context.CancelFunc) aws.Fault {
		return aws.Fault{Error: &wire.Error{Status: 400, Code: "ThrottlingException", Message: "Rate exceeded"}}
	}, true)
}

func deleteSurvivesLostAnswers(w *theatre) {
	w.sweep(2, func(context.CancelFunc) aws.Fault { return aws.Fault{Lost: true} }, true)
}

func deleteGoesOnAfterADenial(w *theatre) {
	w.sweep(2, func(context.CancelFunc) aws.Fault {
		return aws.Fault{Error: &wire.Error{Status: 403, Code: "AccessDenied", Message: "not authorized"}}
	}, false)
}

// The process dies once a call is done, before it hears of that.
func deleteGoesOnWhereItDied(w *theatre) {
	w.sweep(1, func(cancel context.CancelFunc) aws.Fault { return aws.Fault{Lost: true, Done: cancel} }, false)
}
