package kube

import (
	"context"
	"net/http"
	"time"

	"k8s.io/client-go/rest"
)

// Credential is a bearer token and when another one has to be taken, some time
// before the server refuses it; the zero time: never.
type Credential struct {
	Value   string
	Expires time.Time
}

// identify makes config bring tokens of opts.Token in place of whatever the
// kubeconfig would have used: no command of it is run.
func identify(config *rest.Config, opts Options) {
	config.ExecProvider, config.AuthProvider = nil, nil
	config.CertData, config.CertFile, config.KeyData, config.KeyFile = nil, "", nil, ""
	config.BearerToken, config.BearerTokenFile, config.Username, config.Password = "", "", "", ""
	config.Wrap(func(below http.RoundTripper) http.RoundTripper {
		return &bearer{below: below, take: opts.Token, now: opts.Now, turn: make(chan struct{}, 1)}
	})
}

// bearer sends each request with a token, which it takes anew when it is about to
// expire and when the server refuses it. A watch that lasts longer than its token
// goes on; its successor brings another.
type bearer struct {
	below http.RoundTripper
	take  func(context.Context) (Credential, error)
	now   func() time.Time
	// turn is held by who looks at last or takes another; others wait for as long as
	// their requests may last.
	turn chan struct{}
	last Credential
}

// tokenError: there is no token, so that nothing was sent.
type tokenError struct{ cause error }

func (e *tokenError) Error() string { return "no token for the API server: " + e.cause.Error() }
func (e *tokenError) Unwrap() error { return e.cause }

func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	c, err := b.credential(r.Context())
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // who does not send a request closes its body all the same
		}
		return nil, &tokenError{err}
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+c.Value)
	res, err := b.below.RoundTrip(r)
	if err == nil && res.StatusCode == http.StatusUnauthorized {
		b.drop(c)
	}
	return res, err
}

// credential is the token at hand, or a new one.
func (b *bearer) credential(ctx context.Context) (Credential, error) {
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return Credential{}, context.Cause(ctx)
	}
	defer func() { <-b.turn }()
	if b.last.Value != "" && (b.last.Expires.IsZero() || b.now().Before(b.last.Expires)) {
		return b.last, nil
	}
	c, err := b.take(ctx)
	if err == nil {
		b.last = c
	}
	return c, err
}

// drop forgets a token that the server refused, unless there is another by now.
func (b *bearer) drop(refused Credential) {
	b.turn <- struct{}{}
	defer func() { <-b.turn }()
	if b.last.Value == refused.Value {
		b.last = Credential{}
	}
}
