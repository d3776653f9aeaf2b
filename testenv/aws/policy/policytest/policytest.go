// Package policytest serves the operations of one simulated service of AWS to the SDK's
// real client, for the tests of that service: as AWS does it checks what a request must
// have and what the caller may do, but not who the caller is.
//
// In go the operations and a policy, out comes a configuration for the SDK's clients.
package policytest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/rekindle-io/rekindle/testenv/aws/policy"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Who asks, and where, unless a test sets it otherwise.
const (
	Account   = "123456789012"
	Region    = "eu-central-1"
	Principal = "arn:aws:iam::" + Account + ":user/rekindle"
)

// Everything is a policy that allows everything.
const Everything = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`

// Server is one service behind a policy.
type Server struct {
	// Operations of the service, by name.
	Operations map[string]wire.Operation
	// Policy is what the caller may do; may be changed between two requests.
	Policy string
	// Clock tells the time to the operations.
	Clock func() time.Time
}

// Start serves, until the test ends, and returns a configuration of the SDK that leads
// there. The SDK does not try again what failed.
func (s *Server) Start(t testing.TB) aws.Config {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := wire.Read(r, s.Clock())
		var answer any
		if err == nil {
			c.Account, c.Principal = Account, Principal
			answer, err = s.answer(r.Context(), c)
		}
		if err == nil {
			err = wire.Write(w, c, answer)
		}
		if err != nil {
			if !errors.As(err, new(*wire.Error)) {
				t.Errorf("%s %s: %v", c.Service, c.Operation, err)
			}
			wire.WriteError(w, c, err)
		}
	}))
	t.Cleanup(server.Close)
	return aws.Config{
		Region: Region, BaseEndpoint: aws.String(server.URL), HTTPClient: whole{server.Client()}, Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// whole sends bodies from memory, as providers/eks does and says why: here nothing is
// tried again.
type whole struct{ client *http.Client }

// Do is aws.HTTPClient.
func (w whole) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.WithContext(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return w.client.Do(r)
}

func (s *Server) answer(ctx context.Context, c *wire.Call) (any, error) {
	o, known := s.Operations[c.Operation]
	if !known {
		return nil, errors.New("no such operation")
	}
	needs, err := o.Needs(c)
	if err != nil {
		return nil, err
	}
	if err := s.Allow(c, needs); err != nil {
		return nil, err
	}
	return o.Do(ctx, c)
}

// Allow returns the error of the service when the policy does not give the caller what a
// call needs.
func (s *Server) Allow(c *wire.Call, needs []wire.Need) error {
	d, err := policy.Parse([]byte(s.Policy))
	if err != nil {
		return err
	}
	if denied := policy.Check(c, needs, d); denied != nil {
		return &wire.Error{Status: http.StatusForbidden, Code: "AccessDenied", Message: denied.Error()}
	}
	return nil
}
