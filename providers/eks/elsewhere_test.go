package eks

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/testenv/aws"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Credentials for another account, also for one in which clusters may be made, tell
// nothing of a cluster that is where they do not lead: it is neither gone nor forgotten.
func deleteForgetsNothingThatItCannotSee(w *theatre) {
	other := "9" + w.number[1:]
	own, next := w.key, w.grant(other)
	for name, accounts := range map[string][]any{"both": {other, w.number}, "the other alone": {other}} {
		s := w.declare("prod", testRegion, map[string]any{"allow": map[string]any{"accounts": []any{w.number}}})
		w.create(s)
		before := w.inventory()
		w.declare("prod", testRegion, map[string]any{"allow": map[string]any{"accounts": accounts}})
		w.key = next
		for what, err := range map[string]error{
			"find": func() error { _, err := w.provider().Find(w.Context(), "prod"); return err }(), "delete": w.provider().Delete(w.Context(), "prod", s.ID, nil),
		} {
			if !errors.As(err, new(*AccountError)) {
				w.Errorf("%s, %s is declared: %v", what, name, err)
			}
		}
		w.wantOnly(before)
		w.key = own
		w.no(w.provider().Delete(w.Context(), "prod", s.ID, nil))
		w.wantOnly(nil)
		if records, err := w.provider().recorded("prod"); err != nil || len(records) > 0 {
			w.Errorf("remembered is %v, %v", records, err)
		}
	}
}

// A node group that somebody else made in our cluster is refused, and what the living
// cluster stands on is left.
func createLeavesWhatALivingClusterStandsOn(w *theatre) {
	s := w.declare("prod", testRegion, nil)
	w.create(s)
	own := w.key
	w.key = must(w, ret(w.World.Grant(w.number, "admin", aws.Everything)))
	a := w.account(testRegion)
	group := must(w, ret(a.eks.DescribeNodegroup(w.Context(), &awseks.DescribeNodegroupInput{ClusterName: sdk.String("prod"), NodegroupName: sdk.String("workers")})))
	_, err := a.eks.UntagResource(w.Context(), &awseks.UntagResourceInput{ResourceArn: group.Nodegroup.NodegroupArn, TagKeys: []string{tagID, tagCluster, tagCreated}})
	w.no(err)
	w.await(func(ctx context.Context) bool {
		out, err := a.eks.DescribeNodegroup(ctx, &awseks.DescribeNodegroupInput{ClusterName: sdk.String("prod"), NodegroupName: sdk.String("workers")})
		w.no(err)
		return out.Nodegroup.Tags[tagID] == ""
	})
	before := w.inventory()
	w.key = own
	if _, err := w.provider().Create(w.Context(), s, nil); !errors.As(err, new(*providers.ForeignError)) {
		w.Errorf("create: %v", err)
	}
	w.wantOnly(before)
	w.no(w.provider().Delete(w.Context(), "prod", s.ID, nil))
	w.wantOnly(nil)
}

// What the control plane wrote last may make its log group again, after the delete
// removed that.
func deleteFindsLogsThatComeBack(w *theatre) {
	s := w.declare("prod", testRegion, nil)
	w.create(s)
	var late sync.WaitGroup
	var once sync.Once
	w.Fault(func(c wire.Call, _ int) aws.Fault {
		if c.Operation != "DeleteLogGroup" {
			return aws.Fault{}
		}
		return aws.Fault{Done: func() {
			once.Do(func() {
				late.Go(func() {
					time.Sleep(20 * time.Millisecond)
					_ = w.Logs.At(w.number, testRegion).CreateGroup(logGroup("prod"), nil)
				})
			})
		}}
	})
	err := w.provider().Delete(w.Context(), "prod", s.ID, nil)
	w.Fault(nil)
	late.Wait()
	w.no(err)
	w.wantOnly(nil)
}

// A machine that somebody has protected is named, and keeps neither the control plane
// from going nor the other machines.
func deleteNamesProtectedMachines(w *theatre) {
	_, theirs := w.network(testRegion)
	before := w.inventory()
	s := w.declare("prod", testRegion, map[string]any{"network": map[string]any{"subnets": []any{theirs[0], theirs[1]}}})
	w.create(s)
	kept := w.strewFor(s)
	w.Fault(func(c wire.Call, _ int) aws.Fault {
		if c.Operation != "TerminateInstances" {
			return aws.Fault{}
		}
		return aws.Fault{Error: &wire.Error{Code: "OperationNotPermitted",
			Message: "The instance 'i-1' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."}}
	})
	err := w.provider().Delete(w.Context(), "prod", s.ID, nil)
	w.Fault(nil)
	var held *HeldError
	if !errors.As(err, &held) || !strings.Contains(err.Error(), "protected") || !strings.Contains(err.Error(), "instance i-") {
		w.Errorf("delete: %v", err)
	}
	if c, err := w.account(testRegion).cluster(w.Context(), "prod"); err != nil || c != nil {
		w.Errorf("the control plane is there: %v", err)
	}
	w.no(w.provider().Delete(w.Context(), "prod", s.ID, nil))
	w.wantOnly(before, kept...)
}

// What has the name is not ours any more, while ours is being removed: from then on the
// tags of controllers are about that.
func deleteTakesNothingOnceTheNameIsAnothers(w *theatre) {
	s := w.declare("prod", testRegion, nil)
	w.create(s)
	p := w.provider()
	h, err := p.find(w.Context(), "prod")
	w.no(err)
	r, err := p.removal(h, nil)
	w.no(err)
	w.key = must(w, ret(w.World.Grant(w.number, "admin", aws.Everything)))
	_, err = w.account(testRegion).eks.UntagResource(w.Context(), &awseks.UntagResourceInput{ResourceArn: h.cluster.Arn, TagKeys: []string{tagID, tagCluster, tagCreated}})
	w.no(err)
	w.await(func(ctx context.Context) bool {
		c, err := h.account.cluster(ctx, "prod")
		w.no(err)
		return c.Tags[tagID] == ""
	})
	w.Fault(nil) // the calls from here on are looked at
	if err := r.give(w.Context(), []claim{{thing: thing{kind: kindVolume, id: "vol-0123456789abcdef0"}}}); !errors.As(err, new(*providers.ForeignError)) {
		w.Errorf("have %v", err)
	}
	for _, c := range w.Calls() {
		if c.Operation == "CreateTags" {
			w.Errorf("%s was called", c.Operation)
		}
	}
}

// Fargate profiles are made by nobody but people: they are named at once.
func deleteNamesFargateProfiles(w *theatre) {
	s := w.declare("prod", testRegion, nil)
	w.create(s)
	w.Fault(func(c wire.Call, _ int) aws.Fault {
		if c.Operation != "DeleteCluster" {
			return aws.Fault{}
		}
		return aws.Fault{Error: &wire.Error{Status: 409, Code: "ResourceInUseException", Message: "Cluster has Fargate profiles attached"}}
	})
	err := w.provider().Delete(w.Context(), "prod", s.ID, nil)
	w.Fault(nil)
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(e.Remedy, "remove its Fargate profiles") {
		w.Errorf("have %v", err)
	}
	w.no(w.provider().Delete(w.Context(), "prod", s.ID, nil))
	w.wantOnly(nil)
}
