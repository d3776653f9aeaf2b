package eks

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// trustIssuer makes an OIDC provider in IAM of the cluster's issuer, so that roles
// can trust its service accounts.
func (w *work) trustIssuer(ctx context.Context) error {
	if w.issuer == "" {
		return errors.New("EKS names no issuer for the cluster's service accounts")
	}
	arn := w.providerARN(w.issuer)
	there, err := w.iam.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(arn)})
	if err == nil {
		return w.owns(tagsOf(there.Tags), "the OIDC provider "+arn)
	}
	if !errors.As(err, new(*types.NoSuchEntityException)) {
		return explain(err, w.region)
	}
	in := &iam.CreateOpenIDConnectProviderInput{Url: aws.String(w.issuer), ClientIDList: []string{"sts.amazonaws.com"}}
	for k, v := range w.tags(w.set.Tags) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	_, err = w.iam.CreateOpenIDConnectProvider(ctx, in)
	if errors.As(err, new(*types.EntityAlreadyExistsException)) {
		return nil
	}
	return explain(err, w.region)
}

func tagsOf(list []types.Tag) map[string]string {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags
}
