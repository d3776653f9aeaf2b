package eks

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Tags of the EBS driver that say what a volume is for.
const (
	tagClaimSpace = "kubernetes.io/created-for/pvc/namespace"
	tagClaim      = "kubernetes.io/created-for/pvc/name"
	tagVolume     = "kubernetes.io/created-for/pv/name"
	tagSnapshot   = "CSIVolumeSnapshotName"
)

// volumes are disks that outlive the machine they are attached to.
func (a *account) volumes(ctx context.Context, filters []types.Filter) ([]thing, error) {
	list, err := pages(ctx, ec2.NewDescribeVolumesPaginator(a.ec2, &ec2.DescribeVolumesInput{Filters: filters}),
		func(p *ec2.DescribeVolumesOutput) []types.Volume { return p.Volumes })
	if err != nil {
		return nil, err
	}
	var found []thing
	for _, v := range list {
		if v.State == types.VolumeStateDeleting || v.State == types.VolumeStateDeleted {
			continue
		}
		t := thing{kind: kindVolume, id: aws.ToString(v.VolumeId), tags: tagsOfEC2(v.Tags), created: aws.ToTime(v.CreateTime)}
		t.label = fmt.Sprintf("%d GiB", aws.ToInt32(v.Size)) + purpose(t.tags)
		goes := false
		for _, at := range v.Attachments {
			t.holders = append(t.holders, aws.ToString(at.InstanceId))
			goes = goes || aws.ToBool(at.DeleteOnTermination)
		}
		if !goes {
			found = append(found, t)
		}
	}
	return found, nil
}

// purpose says what a volume or snapshot was made for, where its tags say so.
func purpose(tags map[string]string) string {
	switch {
	case tags[tagClaim] != "":
		return ", claim " + tags[tagClaimSpace] + "/" + tags[tagClaim]
	case tags[tagVolume] != "":
		return ", " + tags[tagVolume]
	case tags[tagSnapshot] != "":
		return ", " + tags[tagSnapshot]
	}
	return ""
}

func (a *account) snapshots(ctx context.Context, filters []types.Filter) ([]thing, error) {
	list, err := pages(ctx, ec2.NewDescribeSnapshotsPaginator(a.ec2, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, Filters: filters}),
		func(p *ec2.DescribeSnapshotsOutput) []types.Snapshot { return p.Snapshots })
	if err != nil {
		return nil, err
	}
	found := make([]thing, len(list))
	for i, s := range list {
		t := thing{kind: kindSnapshot, id: aws.ToString(s.SnapshotId), tags: tagsOfEC2(s.Tags), created: aws.ToTime(s.StartTime)}
		t.label = fmt.Sprintf("%d GiB", aws.ToInt32(s.VolumeSize)) + purpose(t.tags)
		if id := aws.ToString(s.VolumeId); id != "" {
			t.holders = []string{id}
		}
		found[i] = t
	}
	return found, nil
}

// whyKept says why a thing that may hold data is left.
func whyKept(t thing) string {
	if t.kind == kindSnapshot {
		return "it may hold data that is nowhere else: rekindle removes no snapshots"
	}
	return "it may hold data that is nowhere else: rekindle removes no volumes"
}
