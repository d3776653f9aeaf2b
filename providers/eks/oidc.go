package eks

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// trustIssuer makes an OIDC provider in IAM of the cluster's issuer, so that roles
// can trust its service accounts. One that somebody else made does as well.
func (m *making) trustIssuer(ctx context.Context, issuer string) error {
	if issuer == "" {
		return &Error{What: "EKS names no issuer for the cluster's service accounts", Remedy: "set settings.irsa to false, or run the same again later"}
	}
	_, err := m.iam.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(m.providerARN(issuer))})
	if !errors.As(err, new(*types.NoSuchEntityException)) {
		return explain(err, m.region)
	}
	in := &iam.CreateOpenIDConnectProviderInput{Url: aws.String(issuer), ClientIDList: []string{"sts.amazonaws.com"}}
	for k, v := range m.tags(m.set.Tags) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	_, err = m.iam.CreateOpenIDConnectProvider(ctx, in)
	if errors.As(err, new(*types.EntityAlreadyExistsException)) {
		return nil
	}
	return explain(err, m.region)
}

// issuerOf is who signs the tokens of a cluster's service accounts: "" when unknown.
func issuerOf(c *awseks.Cluster) string {
	if c == nil || c.Identity == nil || c.Identity.Oidc == nil {
		return ""
	}
	return aws.ToString(c.Identity.Oidc.Issuer)
}

// providerARN is the ARN of the OIDC provider of an issuer.
func (a *account) providerARN(issuer string) string {
	return fmt.Sprintf("arn:%s:iam::%s:oidc-provider/%s", a.partition(), a.number, strings.TrimPrefix(issuer, "https://"))
}

func tagsOf(list []types.Tag) map[string]string {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags
}
