package eks

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	classictypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// How many things one request may name.
const (
	batchEC2 = 200
	batchELB = 20
)

// tag puts tags on things. What is gone meanwhile is no error.
func (a *account) tag(ctx context.Context, things []thing, tags map[string]string) error {
	byKind := map[kind][]string{}
	for _, t := range things {
		byKind[t.kind] = append(byKind[t.kind], t.id)
	}
	for _, k := range slices.Sorted(maps.Keys(byKind)) {
		var put func(ids []string) error
		size := batchEC2
		switch k {
		case kindClassic:
			put, size = func(ids []string) error { return a.tagClassic(ctx, ids, tags) }, 1
		case kindBalancer, kindTargets:
			put, size = func(ids []string) error { return a.tagELB(ctx, ids, tags) }, batchELB
		case kindLogs:
			put, size = func(ids []string) error { return a.tagLogs(ctx, ids[0], tags) }, 1
		default:
			put = func(ids []string) error { return a.tagEC2(ctx, ids, tags) }
		}
		if err := inBatches(byKind[k], size, put); err != nil {
			return err
		}
	}
	return nil
}

// inBatches makes requests about several things each. AWS refuses a request when one
// of them is gone: then they are asked about one by one.
func inBatches(ids []string, size int, put func([]string) error) error {
	for batch := range slices.Chunk(ids, size) {
		err := put(batch)
		if absent(err) && len(batch) > 1 {
			err = inBatches(batch, 1, put)
		}
		if err != nil && !absent(err) {
			return err
		}
	}
	return nil
}

func (a *account) tagEC2(ctx context.Context, ids []string, tags map[string]string) error {
	_, err := a.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: ids,
		Tags: tagList(tags, func(key, value *string) ec2types.Tag { return ec2types.Tag{Key: key, Value: value} })})
	return err
}

func (a *account) tagClassic(ctx context.Context, names []string, tags map[string]string) error {
	_, err := a.classic.AddTags(ctx, &elasticloadbalancing.AddTagsInput{LoadBalancerNames: names,
		Tags: tagList(tags, func(key, value *string) classictypes.Tag { return classictypes.Tag{Key: key, Value: value} })})
	return err
}

func (a *account) tagELB(ctx context.Context, arns []string, tags map[string]string) error {
	_, err := a.elb.AddTags(ctx, &elasticloadbalancingv2.AddTagsInput{ResourceArns: arns,
		Tags: tagList(tags, func(key, value *string) elbtypes.Tag { return elbtypes.Tag{Key: key, Value: value} })})
	return err
}

func (a *account) tagLogs(ctx context.Context, name string, tags map[string]string) error {
	_, err := a.logs.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: aws.String(a.logARN(name)), Tags: tags})
	return err
}

// tagList are tags as one of AWS' services writes them, by their keys.
func tagList[T any](tags map[string]string, of func(key, value *string) T) []T {
	list := make([]T, 0, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, of(aws.String(k), aws.String(tags[k])))
	}
	return list
}

// tagMap are tags without the form that one of AWS' services gives them.
func tagMap[T any](list []T, of func(T) (key, value *string)) map[string]string {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		key, value := of(t)
		tags[aws.ToString(key)] = aws.ToString(value)
	}
	return tags
}

func tagsOfEC2(list []ec2types.Tag) map[string]string {
	return tagMap(list, func(t ec2types.Tag) (key, value *string) { return t.Key, t.Value })
}
