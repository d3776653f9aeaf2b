package wire

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

var keys = aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "secret", SessionToken: "session"}

// serve answers one operation with a value or an error, and hands on what was asked.
func serve(t *testing.T, answer any, fail error) (aws.Config, *Call) {
	t.Helper()
	asked := &Call{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Read(r, time.Now())
		*asked = *c
		if err == nil {
			err = Verify(r.Context(), r, c.Body, keys, c.Time)
		}
		if err == nil {
			err = fail
		}
		if err == nil {
			err = Write(w, c, answer)
		}
		if err != nil {
			WriteError(w, c, err)
		}
	}))
	t.Cleanup(server.Close)
	return aws.Config{Region: "eu-central-1", BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken)}, asked
}

func TestEachProtocolIsThatOfTheSDK(t *testing.T) {
	ctx := t.Context()
	t.Run("REST-JSON", func(t *testing.T) {
		cfg, asked := serve(t, map[string]any{"cluster": map[string]any{"name": "a", "createdAt": 1.5e9, "status": "ACTIVE"}}, nil)
		out, err := awseks.NewFromConfig(cfg).DescribeCluster(ctx, &awseks.DescribeClusterInput{Name: aws.String("a b/ü")})
		if err != nil {
			t.Fatal(err)
		}
		if asked.Operation != "DescribeCluster" || asked.Path["name"] != "a b/ü" || asked.Region != "eu-central-1" {
			t.Errorf("asked %+v", asked)
		}
		if out.Cluster.Status != types.ClusterStatusActive || out.Cluster.CreatedAt.Unix() != 1.5e9 {
			t.Errorf("answered %+v", out.Cluster)
		}
	})
	t.Run("ARN in a path", func(t *testing.T) {
		cfg, asked := serve(t, nil, nil)
		arn := "arn:aws:eks:eu-central-1:123456789012:cluster/a"
		if _, err := awseks.NewFromConfig(cfg).TagResource(ctx, &awseks.TagResourceInput{ResourceArn: aws.String(arn), Tags: map[string]string{"k": "v"}}); err != nil {
			t.Fatal(err)
		}
		if asked.Path["resourceArn"] != arn || string(asked.Body) != `{"tags":{"k":"v"}}` {
			t.Errorf("asked %+v %s", asked.Path, asked.Body)
		}
	})
	t.Run("EC2", func(t *testing.T) {
		cfg, asked := serve(t, struct {
			ID string `xml:"vpcSet>item>vpcId"`
		}{"vpc-1"}, nil)
		out, err := ec2.NewFromConfig(cfg).DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{"vpc-1"}})
		if err != nil || len(out.Vpcs) != 1 || aws.ToString(out.Vpcs[0].VpcId) != "vpc-1" {
			t.Fatal(out, err)
		}
		if asked.Operation != "DescribeVpcs" || asked.Form.Get("VpcId.1") != "vpc-1" {
			t.Errorf("asked %+v", asked)
		}
	})
	t.Run("query", func(t *testing.T) {
		cfg, asked := serve(t, struct {
			Account string
			Arn     string
		}{"123456789012", "arn:x"}, nil)
		out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil || aws.ToString(out.Account) != "123456789012" || asked.Operation != "GetCallerIdentity" {
			t.Fatal(out, err, asked)
		}
		cfg, asked = serve(t, nil, nil)
		if _, err := elasticloadbalancing.NewFromConfig(cfg).DeleteLoadBalancer(ctx, &elasticloadbalancing.DeleteLoadBalancerInput{LoadBalancerName: aws.String("x")}); err != nil {
			t.Fatal(err)
		}
		if asked.Service != "elasticloadbalancing" || asked.Version != "2012-06-01" {
			t.Errorf("asked %+v", asked)
		}
	})
	t.Run("JSON 1.1", func(t *testing.T) {
		cfg, asked := serve(t, map[string]any{"logGroups": []any{map[string]any{"logGroupName": "/a"}}}, nil)
		out, err := cloudwatchlogs.NewFromConfig(cfg).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/a")})
		if err != nil || len(out.LogGroups) != 1 || asked.Operation != "DescribeLogGroups" {
			t.Fatal(out, err, asked)
		}
	})
}

func TestErrorsAreThoseOfTheServices(t *testing.T) {
	ctx := t.Context()
	refusal := &Error{Status: 404, Code: "ResourceNotFoundException", Message: "No cluster found for name: a."}
	cfg, _ := serve(t, nil, refusal)
	_, err := awseks.NewFromConfig(cfg).DescribeCluster(ctx, &awseks.DescribeClusterInput{Name: aws.String("a")})
	var typed *types.ResourceNotFoundException
	if !errors.As(err, &typed) || typed.ErrorMessage() != refusal.Message {
		t.Errorf("EKS: %v", err)
	}
	for service, call := range map[string]func(aws.Config) error{
		"ec2": func(c aws.Config) error {
			_, err := ec2.NewFromConfig(c).DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
			return err
		},
		"sts": func(c aws.Config) error {
			_, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
			return err
		},
		"logs": func(c aws.Config) error {
			_, err := cloudwatchlogs.NewFromConfig(c).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
			return err
		},
	} {
		cfg, _ := serve(t, nil, &Error{Status: 400, Code: "Some.Code", Message: "because"})
		var said smithy.APIError
		if err := call(cfg); !errors.As(err, &said) || said.ErrorCode() != "Some.Code" || said.ErrorMessage() != "because" {
			t.Errorf("%s: %v", service, err)
		}
	}
}

func TestAnotherSecretIsRefused(t *testing.T) {
	cfg, _ := serve(t, nil, nil)
	cfg.Credentials = credentials.NewStaticCredentialsProvider(keys.AccessKeyID, "guessed", keys.SessionToken)
	_, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	var said smithy.APIError
	if !errors.As(err, &said) || said.ErrorCode() != "SignatureDoesNotMatch" {
		t.Errorf("%v", err)
	}
}

func TestPresigned(t *testing.T) {
	cfg, _ := serve(t, nil, nil)
	presign := func(cluster string) *url.URL {
		signed, err := sts.NewPresignClient(sts.NewFromConfig(cfg)).PresignGetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}, func(o *sts.PresignOptions) {
			o.ClientOptions = append(o.ClientOptions, sts.WithAPIOptions(smithyhttp.SetHeaderValue("x-k8s-aws-id", cluster), smithyhttp.SetHeaderValue("X-Amz-Expires", "60")))
		})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(signed.URL)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	verify := func(u *url.URL, cluster string, with aws.Credentials) error {
		_, err := VerifyPresigned(context.Background(), u, http.Header{"X-K8s-Aws-Id": {cluster}}, with)
		return err
	}
	u := presign("prod")
	if err := verify(u, "prod", keys); err != nil {
		t.Error(err)
	}
	if err := verify(u, "test", keys); err == nil {
		t.Error("a token for another cluster is taken")
	}
	if err := verify(u, "prod", aws.Credentials{AccessKeyID: keys.AccessKeyID, SecretAccessKey: "guessed", SessionToken: keys.SessionToken}); err == nil {
		t.Error("a token with another secret is taken")
	}
	q := u.Query()
	q.Set("Action", "AssumeRole")
	u.RawQuery = q.Encode()
	if err := verify(u, "prod", keys); err == nil {
		t.Error("a token that was changed is taken")
	}
}
