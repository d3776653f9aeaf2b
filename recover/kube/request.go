package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rekindle-io/rekindle/recover/object"
)

const (
	// attemptTimeout bounds one try of a request: the API server's own limit
	// is 60 s.
	attemptTimeout = 65 * time.Second
	// faultPatience is how long a server that answers 5xx is asked again.
	faultPatience = 15 * time.Second
	// webhookPatience is how long a webhook that cannot be called is asked
	// again; its backend may come with objects that the caller applies later.
	webhookPatience = 3 * time.Second
	// conflictTries is how often a request is sent that the server's own
	// optimistic lock refuses.
	conflictTries = 6

	acceptJSON = "application/json"
	// errorBody is the most of an error response that is read, in bytes.
	errorBody = 1 << 20
)

// call is one request to the API server, safe to be sent again.
type call struct {
	method      string
	path        string
	query       url.Values
	body        []byte
	contentType string
	accept      string
	// measured: its latency is comparable to that of others, so it may teach
	// the limiter.
	measured bool
}

// pathOf returns the path of a collection, or of one object with a name.
func pathOf(kind object.Kind, namespace, name string) string {
	var b strings.Builder
	if kind.Group == "" {
		b.WriteString("/api/")
	} else {
		b.WriteString("/apis/")
		b.WriteString(url.PathEscape(kind.Group))
		b.WriteByte('/')
	}
	b.WriteString(url.PathEscape(kind.Version))
	if kind.Namespaced && namespace != "" {
		b.WriteString("/namespaces/")
		b.WriteString(url.PathEscape(namespace))
	}
	b.WriteByte('/')
	b.WriteString(url.PathEscape(kind.Resource))
	if name != "" {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(name))
	}
	return b.String()
}

// do sends r until it is answered for good, and calls read with a 2xx answer,
// whose body it closes. An error of read is an error of the transfer when the
// connection broke, and only then is r sent again; read has to start over.
// Other answers are returned as *apierrors.StatusError, no answer at all as
// *unansweredError.
func (c *Cluster) do(ctx context.Context, r call, read func(*http.Response) error) error {
	var b backoff
	var last error // of an attempt that was not cut off
	for {
		err := c.attempt(ctx, r, read)
		if err == nil {
			return nil
		}
		if end := ctx.Err(); end != nil {
			return cutOff(end, err, last)
		}
		last = err
		wait, again := b.next(r, err, c)
		if !again {
			return err
		}
		c.opts.Log.Debug("asking the API server again", "method", r.method, "path", r.path, "wait", wait, "error", err)
		if end := pause(ctx, wait); end != nil {
			return cutOff(end, end, last)
		}
	}
}

// cutOff is the error of a request that ended with its context: it tells what
// was wrong before, if anything was.
func cutOff(end, err, last error) error {
	if last != nil {
		return fmt.Errorf("%w: %w", last, end)
	}
	if errors.Is(err, end) {
		return err
	}
	return fmt.Errorf("%w: %w", err, end)
}

// attempt sends r once.
func (c *Cluster) attempt(ctx context.Context, r call, read func(*http.Response) error) error {
	t, err := c.limiter.acquire(ctx)
	if err != nil {
		return err
	}
	try, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	err = c.send(try, r, read)
	v, retryAfter := unmeasured, time.Duration(0)
	switch {
	case apierrors.IsTooManyRequests(err):
		v, retryAfter = overloaded, retryAfterOf(err)
	case apierrors.IsTimeout(err), ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		v = overloaded
	case err == nil && r.measured:
		v = served
	}
	c.limiter.release(t, v, retryAfter)
	return err
}

// send is the round trip below limiter and retries.
func (c *Cluster) send(ctx context.Context, r call, read func(*http.Response) error) error {
	res, err := c.open(ctx, r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := read(res); err != nil {
		return err
	}
	// Only a body that was read to its end gives its connection back.
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	return nil
}

// open sends r and returns a 2xx answer with its body open, or an error.
func (c *Cluster) open(ctx context.Context, r call) (*http.Response, error) {
	u := *c.host
	raw := strings.TrimSuffix(u.EscapedPath(), "/") + r.path
	path, err := url.PathUnescape(raw)
	if err != nil {
		return nil, err
	}
	u.Path, u.RawPath, u.RawQuery = path, raw, r.query.Encode()
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", acceptJSON)
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	res, err := c.client.Do(req)
	if token := (*tokenError)(nil); errors.As(err, &token) {
		return nil, token
	}
	if err != nil {
		return nil, &unansweredError{host: c.host.Host, cause: err}
	}
	c.outage.answered()
	if res.StatusCode/100 != 2 {
		defer res.Body.Close()
		return nil, statusErrorOf(res)
	}
	return res, nil
}

// unansweredError: the API server did not answer.
type unansweredError struct {
	host  string
	cause error
}

func (e *unansweredError) Error() string {
	cause := e.cause
	if u := (*url.Error)(nil); errors.As(cause, &u) {
		cause = u.Err // without the URL, which repeats the host
	}
	return "the API server at " + e.host + " does not answer: " + cause.Error()
}

func (e *unansweredError) Unwrap() error { return e.cause }

// brokenError: the answer broke off before its end.
type brokenError struct{ cause error }

func (e *brokenError) Error() string {
	return "the API server's answer broke off: " + e.cause.Error()
}

func (e *brokenError) Unwrap() error { return e.cause }

// statusErrorOf reads what the server says about a request that it refused.
func statusErrorOf(res *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(res.Body, errorBody))
	var s metav1.Status
	if json.Unmarshal(body, &s) != nil || s.Kind != "Status" {
		text := strings.TrimSpace(string(body))
		if len(text) > 8000 {
			text = text[:8000] + "…"
		}
		s = metav1.Status{Message: http.StatusText(res.StatusCode) + ": " + text}
		switch res.StatusCode {
		case http.StatusNotFound:
			s.Reason = metav1.StatusReasonNotFound
		case http.StatusTooManyRequests:
			s.Reason = metav1.StatusReasonTooManyRequests
		case http.StatusServiceUnavailable:
			s.Reason = metav1.StatusReasonServiceUnavailable
		case http.StatusGatewayTimeout:
			s.Reason = metav1.StatusReasonTimeout
		}
	}
	s.Code = int32(res.StatusCode)
	if after, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && after > 0 {
		if s.Details == nil {
			s.Details = &metav1.StatusDetails{}
		}
		s.Details.RetryAfterSeconds = int32(min(after, 3600))
	}
	return &apierrors.StatusError{ErrStatus: s}
}

// retryAfterOf is how long the server wants to be left alone; 0 when it does
// not say.
func retryAfterOf(err error) time.Duration {
	if s := apierrors.APIStatus(nil); errors.As(err, &s) && s.Status().Details != nil {
		return time.Duration(s.Status().Details.RetryAfterSeconds) * time.Second
	}
	return 0
}

// backoff decides whether and when a failed request is sent again.
type backoff struct {
	began     time.Time
	tries     int
	conflicts int
	logins    int
}

func (b *backoff) next(r call, err error, c *Cluster) (time.Duration, bool) {
	now := c.opts.Now()
	if b.tries == 0 {
		b.began = now
	}
	b.tries++
	spent := now.Sub(b.began)
	wait := b.wait(r)
	if asked := retryAfterOf(err); asked > wait {
		wait = asked
	}
	var broken *brokenError
	var unanswered *unansweredError
	var token *tokenError
	switch {
	case errors.As(err, &token):
		return wait, spent < faultPatience
	case errors.As(err, &broken):
		return wait, b.tries < conflictTries
	case errors.As(err, &unanswered):
		return wait, !hopeless(err) && c.outage.silent() < c.opts.Patience
	case apierrors.IsTooManyRequests(err): // also said of a kind whose conversion webhook does not answer
		return wait, spent < webhookPatience || !webhookUnreachable(err.Error())
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		b.conflicts++
		return wait, r.method == http.MethodPatch && b.conflicts < conflictTries
	case apierrors.IsUnauthorized(err): // who takes tokens, or an exec plugin, gets new ones after a 401
		b.logins++
		return wait, (c.opts.Token != nil || c.config.ExecProvider != nil) && b.logins == 1
	}
	s := apierrors.APIStatus(nil)
	if !errors.As(err, &s) {
		return 0, false
	}
	switch code := s.Status().Code; {
	case code < 500:
		return 0, false
	case webhookUnreachable(s.Status().Message):
		return wait, spent < webhookPatience
	case permanentFault(s.Status().Message):
		return 0, false
	default:
		return wait, spent < faultPatience
	}
}

// wait grows from 50 ms to 3 s. The spread comes from the path, so that many
// requests that failed together do not come back together.
func (b *backoff) wait(r call) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(r.path))
	_, _ = h.Write([]byte{byte(b.tries)})
	base := min(3*time.Second, 50*time.Millisecond<<min(b.tries-1, 10))
	return base/2 + base*time.Duration(h.Sum32()%1000)/1000/2
}

// hopeless tells that no answer will come however long one waits: wrong
// certificates, no credentials, a host name that does not exist.
func hopeless(err error) bool {
	if dns := (*net.DNSError)(nil); errors.As(err, &dns) {
		return dns.IsNotFound
	}
	text := err.Error()
	for _, sign := range []string{"x509:", "tls: ", "getting credentials: ", "server gave HTTP response to HTTPS client", "unsupported protocol scheme"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

func webhookUnreachable(message string) bool {
	return strings.Contains(message, "failed calling webhook") || strings.Contains(message, "conversion webhook for")
}

// permanentFault tells a 500 that repeats: server-side apply reports a manifest
// that does not fit the schema this way.
func permanentFault(message string) bool {
	for _, sign := range []string{"failed to create typed patch object", "failed to create manager for existing fields", "failed to convert", "unable to convert", "invalid object type"} {
		if strings.Contains(message, sign) {
			return true
		}
	}
	return false
}
