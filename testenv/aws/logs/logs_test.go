package logs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/rekindle-io/rekindle/testenv/aws/policy/policytest"
)

const (
	lag  = 10 * time.Second
	prod = "/aws/eks/prod/cluster"
	arn  = "arn:aws:logs:eu-central-1:123456789012:log-group:" + prod
)

type world struct {
	*policytest.Server
	now    time.Time
	cloud  *Cloud
	client *cloudwatchlogs.Client
}

func start(t *testing.T, groups ...string) *world {
	w := &world{now: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	w.cloud = New(Options{Clock: clock, Lag: lag, Page: 2})
	w.Server = &policytest.Server{Operations: w.cloud.Operations(), Policy: policytest.Everything, Clock: clock}
	w.client = cloudwatchlogs.NewFromConfig(w.Start(t))
	for _, name := range groups {
		if err := w.place().CreateGroup(name, nil); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) place() *Place { return w.cloud.At(policytest.Account, policytest.Region) }

func (w *world) list(t *testing.T, prefix string) []string {
	t.Helper()
	var names []string
	for pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(w.client, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String(prefix)}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page.LogGroups {
			names = append(names, aws.ToString(g.LogGroupName))
			if aws.ToString(g.Arn) != aws.ToString(g.LogGroupArn)+":*" || time.UnixMilli(aws.ToInt64(g.CreationTime)).After(w.now) {
				t.Errorf("%+v", g)
			}
		}
	}
	return names
}

func TestGroupsComeAndGo(t *testing.T) {
	w := start(t, "/aws/eks/b/cluster", prod, "/aws/eks/a/cluster", "/aws/lambda/x")
	if got := w.list(t, "/aws/"); len(got) > 0 {
		t.Errorf("%v are shown at once", got)
	}
	w.now = w.now.Add(lag)
	if got := w.list(t, "/aws/eks/"); !slices.Equal(got, []string{"/aws/eks/a/cluster", "/aws/eks/b/cluster", prod}) {
		t.Errorf("they are %v", got)
	}
	remove := func() error {
		_, err := w.client.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String(prod)})
		return err
	}
	if err := w.place().Protect(prod, true); err != nil {
		t.Fatal(err)
	}
	if err := remove(); err == nil || !strings.Contains(err.Error(), "deletion protection") {
		t.Errorf("a protected one: %v", err)
	}
	if err := errors.Join(w.place().Protect(prod, false), remove()); err != nil {
		t.Fatal(err)
	}
	if err := remove(); !errors.As(err, new(*types.ResourceNotFoundException)) {
		t.Errorf("removed twice: %v", err)
	}
	if got := w.list(t, prod); len(got) != 1 {
		t.Error("it is gone at once")
	}
	w.now = w.now.Add(lag)
	if got := w.list(t, prod); len(got) != 0 {
		t.Error("it is still shown")
	}
	if n := len(w.cloud.Things()); n != 3 {
		t.Errorf("%d are left", n)
	}
}

func TestTags(t *testing.T) {
	w := start(t, prod)
	put := func(arn string, tags map[string]string) error {
		_, err := w.client.TagResource(t.Context(), &cloudwatchlogs.TagResourceInput{ResourceArn: aws.String(arn), Tags: tags})
		return err
	}
	if err := put(arn, map[string]string{"rekindle.io/id": "x"}); err != nil {
		t.Fatal(err)
	}
	out, err := w.client.ListTagsForResource(t.Context(), &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: aws.String(arn)})
	if err != nil || len(out.Tags) != 1 || out.Tags["rekindle.io/id"] != "x" {
		t.Errorf("%+v, %v", out, err)
	}
	if err := put(arn+":*", map[string]string{"a": "b"}); err == nil {
		t.Error("an ARN that ends with :* is taken, which CloudWatch Logs refuses here")
	}
	if err := put(arn+"s", map[string]string{"a": "b"}); !errors.As(err, new(*types.ResourceNotFoundException)) {
		t.Errorf("one that is not there: %v", err)
	}
	many := map[string]string{}
	for i := range 50 {
		many[fmt.Sprint(i)] = ""
	}
	if err := put(arn, many); !errors.As(err, new(*types.TooManyTagsException)) {
		t.Errorf("51 tags: %v", err)
	}
}

func TestPermissionsByTags(t *testing.T) {
	w := start(t, prod, "/aws/eks/other/cluster")
	w.Policy = `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"logs:DeleteLogGroup","Resource":"arn:aws:logs:eu-central-1:123456789012:log-group:/aws/eks/*","Condition":{"Null":{"aws:ResourceTag/rekindle.io/id":"false"}}},
		{"Effect":"Allow","Action":"logs:TagResource","Resource":"*","Condition":{"Null":{"aws:RequestTag/rekindle.io/id":"false"}}}]}`
	for _, c := range []struct {
		tags    map[string]string
		allowed bool
	}{{map[string]string{"other": "x"}, false}, {map[string]string{"rekindle.io/id": "x"}, true}} {
		_, err := w.client.TagResource(t.Context(), &cloudwatchlogs.TagResourceInput{ResourceArn: aws.String(arn), Tags: c.tags})
		if (err == nil) != c.allowed {
			t.Errorf("%v: %v", c.tags, err)
		}
	}
	for name, allowed := range map[string]bool{prod: true, "/aws/eks/other/cluster": false} {
		_, err := w.client.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String(name)})
		if (err == nil) != allowed {
			t.Errorf("%s: %v", name, err)
		}
	}
}
