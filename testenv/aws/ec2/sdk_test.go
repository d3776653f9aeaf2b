package ec2

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// client is the SDK's, over HTTP.
func (w *world) client() *sdk.Client {
	operations := w.cloud.Operations()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		c, err := wire.Read(r, w.now)
		c.Account = account
		var answer any
		if o := operations[c.Operation]; err == nil {
			if _, err = o.Needs(c); err == nil {
				answer, err = o.Do(r.Context(), c)
			}
		}
		if err == nil {
			err = wire.Write(rw, c, answer)
		}
		if err != nil {
			wire.WriteError(rw, c, err)
		}
	}))
	w.Cleanup(server.Close)
	return sdk.New(sdk.Options{
		Region: region, BaseEndpoint: aws.String(server.URL), Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
		}),
	})
}

func filterBy(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}

func (w *world) code(code string, err error) {
	w.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		w.Errorf("got %v, want %s", err, code)
	}
}
