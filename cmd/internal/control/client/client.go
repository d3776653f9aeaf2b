// Package client talks to the daemon's HTTP API. In go the path of its socket, or
// an https address with certificates; out come the types of package api, events in
// order without holes and without repeats across reconnections, and typed errors:
// ErrNoDaemon when nobody serves, a *SilentError when somebody does and does not
// answer, an *api.Problem when the daemon says what is wrong.
package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/control/socket"
	"github.com/rekindle-io/rekindle/recover/api"
)

// maxAnswer is the longest answer that is read, in bytes.
const maxAnswer = 256 << 20

// ErrNoDaemon: nobody serves at the address. The command line works alone then.
var ErrNoDaemon = errors.New("no daemon serves")

// NoDaemonError is an ErrNoDaemon with the address.
type NoDaemonError struct {
	Address string
	Err     error
}

func (e *NoDaemonError) Error() string { return "no daemon serves " + e.Address }

// Hint says what to do next.
func (e *NoDaemonError) Hint() string { return "start one: rekindle daemon" }

// Unwrap makes it an ErrNoDaemon.
func (e *NoDaemonError) Unwrap() []error { return []error{ErrNoDaemon, e.Err} }

// SilentError: somebody serves at the address and did not answer, or not to the
// end. Whether the request was carried out is not known.
type SilentError struct {
	Address string
	Err     error
}

func (e *SilentError) Error() string {
	return fmt.Sprintf("the daemon at %s does not answer: %s", e.Address, e.Err)
}

// Hint says what to do next.
func (e *SilentError) Hint() string { return "look at the daemon's log, or restart it" }

func (e *SilentError) Unwrap() error { return e.Err }

// DeniedError: the socket is another user's.
type DeniedError struct {
	Address string
	Err     error
}

func (e *DeniedError) Error() string {
	return "the daemon's socket " + e.Address + " is not yours to use"
}

// Hint says what to do next.
func (e *DeniedError) Hint() string { return "use the daemon as its own user" }

func (e *DeniedError) Unwrap() error { return e.Err }

// Options of a client; what is zero takes the default that is named.
type Options struct {
	// TLS is needed for an https address: see socket.ClientTLS.
	TLS *tls.Config
	// Chance is where idempotency keys come from. Required by Start and Follow.
	Chance io.Reader
	// Timeout is how long a request may take that is no stream; 60 s.
	Timeout time.Duration
	// Patience is how long a question may take, of those that the daemon has to
	// fetch, render or compare something for; 20 min, more than the daemon allows.
	Patience time.Duration
	// Silence is how long a stream may be silent before it is taken for dead; it
	// must be longer than the server's heartbeat. 60 s.
	Silence time.Duration
	// GiveUp is how long a stream is tried again without a single line before its
	// error is returned; 0: until ctx ends.
	GiveUp time.Duration
}

// Client is one daemon. Safe for many goroutines; Close gives its connections back.
type Client struct {
	address string
	base    string
	opts    Options
	http    *http.Client
}

// Dial makes a client for a daemon at the absolute path of a socket, or at an
// https address. It does not connect yet: ErrNoDaemon comes with the first call,
// also for a path that is too long for any socket.
func Dial(address string, opts Options) (*Client, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	c, tr := newClient(address, opts)
	tr.DialContext = dialer.DialContext
	if u, err := url.Parse(address); err == nil && u.Scheme != "" && u.Host != "" {
		if err := checkURL(u, opts.TLS); err != nil {
			return nil, err
		}
		c.base = "https://" + u.Host
		return c, nil
	}
	unfit := socket.CheckPath(address)
	if unfit != nil && !filepath.IsAbs(address) {
		return nil, unfit
	}
	tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		if unfit != nil { // no daemon can have a socket there
			return nil, unfit
		}
		return dialer.DialContext(ctx, "unix", address)
	}
	return c, nil
}

// newClient is a client without a way to its daemon yet.
func newClient(address string, opts Options) (*Client, *http.Transport) {
	opts.Timeout = cmp.Or(opts.Timeout, time.Minute)
	opts.Patience = cmp.Or(opts.Patience, 20*time.Minute)
	opts.Silence = cmp.Or(opts.Silence, time.Minute)
	tr := &http.Transport{
		TLSClientConfig: opts.TLS, TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConns: 4, IdleConnTimeout: 30 * time.Second, DisableCompression: true,
	}
	return &Client{address: address, base: "http://rekindle", opts: opts, http: &http.Client{
		Transport: tr,
		// The API redirects nobody; who does is somebody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, tr
}

// Over makes a client whose connections somebody else makes; address is what people
// are told.
func Over(dial func(context.Context) (net.Conn, error), address string, opts Options) *Client {
	c, tr := newClient(address, opts)
	tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }
	return c
}

func checkURL(u *url.URL, conf *tls.Config) error {
	switch {
	case u.Scheme != "https":
		return fmt.Errorf("%s: a daemon is reached by the path of its socket or by https, not by %s", u.Redacted(), u.Scheme)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil || u.Fragment != "":
		return fmt.Errorf("%s: only a host and a port are wanted", u.Redacted())
	case conf == nil || len(conf.Certificates) == 0 && conf.GetClientCertificate == nil:
		return fmt.Errorf("%s: a client certificate is needed", u.Redacted())
	}
	return nil
}

// Address is where the daemon is.
func (c *Client) Address() string { return c.address }

// Close gives idle connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// request is one call.
type request struct {
	method, path string
	query        url.Values
	body         any
	key          string
	// slow: the answer may take minutes.
	slow bool
}

// call sends a request and decodes the answer into a value; nil throws it away.
func (c *Client) call(ctx context.Context, q request, into any) error {
	timeout := c.opts.Timeout
	if q.slow {
		timeout = c.opts.Patience
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	resp, err := c.send(ctx, q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := wantMedia(resp, "application/json"); err != nil {
		return err
	}
	body := io.LimitReader(resp.Body, maxAnswer)
	raw, err := io.ReadAll(body)
	if err != nil {
		return c.failed(ctx, err)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return api.NewProblem(api.Foreign, "the answer of %s cannot be read: %s", c.address, err.Error())
	}
	return nil
}

// send sends a request and returns an answer that is no problem; the caller closes
// its body.
func (c *Client) send(ctx context.Context, q request) (*http.Response, error) {
	var body io.Reader
	if q.body != nil {
		raw, err := json.Marshal(q.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(raw)
	}
	address := c.base + q.path
	if len(q.query) > 0 {
		address += "?" + q.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, q.method, address, body)
	if err != nil {
		return nil, err
	}
	if q.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.key != "" {
		r.Header.Set("Idempotency-Key", q.key) // tells package http, too, that it may try again
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		return nil, c.problem(ctx, resp)
	}
	return resp, nil
}

// problem reads what the daemon says is wrong.
func (c *Client) problem(ctx context.Context, resp *http.Response) error {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return c.failed(ctx, err)
	}
	var p api.Problem
	if wantMedia(resp, "application/problem+json") != nil || json.Unmarshal(raw, &p) != nil || p.Type == "" {
		return api.NewProblem(api.Foreign, "%s answered with status %d and no problem of ours: is that a rekindle daemon?", c.address, resp.StatusCode)
	}
	p.Status = resp.StatusCode
	return &p
}

func wantMedia(resp *http.Response, want string) error {
	got, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || got != want {
		return api.NewProblem(api.Foreign, "the answer is of type %q, and %s is wanted: is that a rekindle daemon?", resp.Header.Get("Content-Type"), want)
	}
	return nil
}

// failed tells nobody there from somebody who does not answer.
func (c *Client) failed(ctx context.Context, err error) error {
	if cause := ctx.Err(); errors.Is(cause, context.Canceled) {
		return cause
	}
	var dialed *net.OpError
	dialing := errors.As(err, &dialed) && dialed.Op == "dial"
	switch {
	case errors.As(err, new(*socket.PathError)):
		return &NoDaemonError{c.address, err}
	case dialing && (errors.Is(err, fs.ErrPermission)):
		return &DeniedError{c.address, err}
	case dialing && (errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)):
		return &NoDaemonError{c.address, err}
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the address that was made up for a socket
	}
	return &SilentError{c.address, err}
}

// newKey makes an idempotency key.
func (c *Client) newKey() (string, error) {
	if c.opts.Chance == nil {
		return "", errors.New("the client has no source of chance for idempotency keys")
	}
	var b [16]byte
	if _, err := io.ReadFull(c.opts.Chance, b[:]); err != nil {
		return "", fmt.Errorf("make an idempotency key: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}
