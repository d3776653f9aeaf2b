package aws

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/rekindle-io/rekindle/testenv/aws/policy"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Key is who may ask, and for what.
type Key struct {
	Access, Secret, Session string
	Account                 string
	// Principal is an ARN.
	Principal string
	// Expires is the zero time for keys that last.
	Expires time.Time

	policies []*policy.Document
}

// Everything is a policy that allows everything.
const Everything = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}`

// Grant makes a key of an account for a role of that name, which may do what the
// policies say. Those of one role are the same principal.
func (w *World) Grant(account, role string, policies ...string) (Key, error) {
	k := Key{Access: "AKIA" + rand.Text()[:16], Secret: rand.Text() + rand.Text()[:14], Account: account,
		Principal: "arn:aws:iam::" + account + ":role/" + role}
	for _, text := range policies {
		d, err := policy.Parse([]byte(text))
		if err != nil {
			return k, err
		}
		k.policies = append(k.policies, d)
	}
	w.put(k)
	return k, nil
}

// Lend makes a key of a session out of one, which ends at a time.
func (w *World) Lend(k Key, until time.Time) Key {
	k.Access, k.Secret, k.Session, k.Expires = "ASIA"+rand.Text()[:16], rand.Text()+rand.Text()[:14], rand.Text()+rand.Text(), until
	w.put(k)
	return k
}

func (w *World) put(k Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[k.Access] = k
}

func (w *World) key(access string) (Key, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	k, known := w.keys[access]
	return k, known
}

// Config is a configuration of the SDK that reaches this world with a key.
func (w *World) Config(k Key, region string) awssdk.Config {
	return awssdk.Config{Region: region, BaseEndpoint: awssdk.String(w.address),
		Credentials: credentials.NewStaticCredentialsProvider(k.Access, k.Secret, k.Session)}
}

// Environment lets a process reach this world with a key, and nothing of AWS beside.
func (w *World) Environment(k Key, region string) []string {
	env := []string{"AWS_ENDPOINT_URL=" + w.address, "AWS_ACCESS_KEY_ID=" + k.Access, "AWS_SECRET_ACCESS_KEY=" + k.Secret, "AWS_REGION=" + region,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"}
	if k.Session != "" {
		env = append(env, "AWS_SESSION_TOKEN="+k.Session)
	}
	return env
}

// signer finds who signed a request, and proves it.
func (w *World) signer(ctx context.Context, r *http.Request, c *wire.Call) (Key, error) {
	k, known := w.key(wire.AccessKey(r))
	if !known || k.Session != r.Header.Get("X-Amz-Security-Token") {
		return k, unknownKey(c)
	}
	if !k.Expires.IsZero() && !c.Time.Before(k.Expires) {
		return k, expired(c)
	}
	return k, wire.Verify(ctx, r, c.Body, k.credentials(), c.Time)
}

func (k Key) credentials() awssdk.Credentials {
	return awssdk.Credentials{AccessKeyID: k.Access, SecretAccessKey: k.Secret, SessionToken: k.Session}
}

// unknownKey is how each service says that it does not know a key.
func unknownKey(c *wire.Call) error {
	switch c.Service {
	case "ec2":
		return &wire.Error{Status: http.StatusUnauthorized, Code: "AuthFailure", Message: "AWS was not able to validate the provided access credentials"}
	case "eks", "logs":
		return &wire.Error{Status: http.StatusForbidden, Code: "UnrecognizedClientException", Message: "The security token included in the request is invalid."}
	}
	return &wire.Error{Status: http.StatusForbidden, Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid."}
}

func expired(c *wire.Call) error {
	code := "ExpiredToken"
	switch c.Service {
	case "ec2":
		code = "RequestExpired"
	case "eks", "logs":
		code = "ExpiredTokenException"
	}
	return &wire.Error{Status: http.StatusForbidden, Code: code, Message: "The security token included in the request is expired"}
}

// allowed tells whether the policies of a key have all permissions that a call needs.
func (k Key) allowed(c *wire.Call, needs []wire.Need) error {
	d := policy.Check(c, needs, k.policies...)
	switch {
	case d == nil:
		return nil
	case c.Service == "ec2":
		return &wire.Error{Status: http.StatusForbidden, Code: "UnauthorizedOperation", Message: "You are not authorized to perform this operation. " + d.Error()}
	case c.Service == "eks" || c.Service == "logs":
		return &wire.Error{Status: http.StatusForbidden, Code: "AccessDeniedException", Message: d.Error()}
	}
	return &wire.Error{Status: http.StatusForbidden, Code: "AccessDenied", Message: d.Error()}
}

// may tells whether the key that a call was signed with allows something more, as
// CloudFormation asks for its caller.
func (w *World) may(c *wire.Call, needs ...wire.Need) error {
	k, known := w.key(c.Key)
	if !known {
		return &wire.Error{Status: http.StatusForbidden, Code: "AccessDenied", Message: c.Principal + " is nobody"}
	}
	return k.allowed(c, needs)
}
