package source

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

// errTransfer: the pack did not arrive whole.
var errTransfer = errors.New("the transfer broke off or was damaged")

// connect opens a conversation with the remote's git-upload-pack.
func connect(ctx context.Context, l location, creds credentials) (uploadPack, error) {
	if l.kind == sshRemote {
		return connectSSH(ctx, l, creds, transport.UploadPackServiceName)
	}
	git, ep, auth, err := httpClient(l, creds, &guardedTransport{base: http.DefaultTransport, silence: maxSilence, query: l.query})
	if err != nil {
		return nil, err
	}
	return git.NewUploadPackSession(ep, auth)
}

func httpClient(l location, creds credentials, through http.RoundTripper) (transport.Transport, *transport.Endpoint, transport.AuthMethod, error) {
	// Credentials go into the header only, never into the endpoint, which
	// net/http would print.
	ep := &transport.Endpoint{Protocol: l.scheme, Host: l.host, Path: l.path}
	if strings.Contains(l.host, ":") {
		ep.Host = "[" + l.host + "]"
	}
	if l.port != "" {
		port, err := strconv.Atoi(l.port)
		if err != nil {
			return nil, nil, nil, err
		}
		ep.Port = port
	}
	var auth transport.AuthMethod
	if creds.user != "" || creds.password != "" {
		auth = &githttp.BasicAuth{Username: creds.user, Password: creds.password}
	}
	return githttp.NewClient(&http.Client{Transport: through}), ep, auth, nil
}

// guardedTransport bounds what a server says in errors, which would be read
// whole otherwise, and adds the address's query to requests.
type guardedTransport struct {
	base  http.RoundTripper
	query string
	// silence is how long a server may say nothing at all, and take nothing.
	silence time.Duration
	// pack follows the commands of a push, nil otherwise.
	pack *Pack
}

// maxSilence ends a fetch from a server that accepts connections and says
// nothing. Servers that count objects send progress meanwhile.
const maxSilence = time.Minute

// pushSilence is longer: hooks of the server judge a push without a word.
const pushSilence = 5 * time.Minute

// errSilent is why a request ends to a server that has nothing to say.
var errSilent = errors.New("the server accepted the connection and then said nothing for a long time")

const maxErrorBody = 2 << 10

// watchedBody ends when nothing comes for too long.
type watchedBody struct {
	io.ReadCloser
	ctx     context.Context // of the one request it belongs to
	watch   *time.Timer
	silence time.Duration
	done    func()
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil {
		b.watch.Reset(b.silence)
		return n, nil
	}
	b.watch.Stop()
	if errors.Is(err, io.EOF) {
		return n, err
	}
	return n, silent(b.ctx, err)
}

func (b *watchedBody) Close() error {
	b.watch.Stop()
	err := b.ReadCloser.Close()
	b.done()
	return err
}

// silent returns why a request really ended.
func silent(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errSilent) {
		return cause
	}
	return err
}

func (t *guardedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.query != "" {
		req = req.Clone(req.Context())
		if req.URL.RawQuery != "" {
			req.URL.RawQuery += "&"
		}
		req.URL.RawQuery += t.query
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	watch := time.AfterFunc(t.silence, func() { cancel(errSilent) })
	req = req.WithContext(ctx)
	if t.pack != nil && req.Method == http.MethodPost {
		var err error
		if req, err = t.pack.follow(req, func() { watch.Reset(t.silence) }); err != nil {
			watch.Stop()
			cancel(nil)
			return nil, err
		}
	}
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		watch.Stop()
		cancel(nil)
		return nil, silent(ctx, err)
	}
	resp.Body = &watchedBody{ReadCloser: resp.Body, ctx: ctx, watch: watch, silence: t.silence, done: func() { cancel(nil) }}
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		resp.Body = limited(resp.Body, maxErrorBody)
	case t.pack != nil && req.Method == http.MethodPost:
		resp.Body = limited(resp.Body, maxReport)
	}
	return resp, nil
}

func limited(body io.ReadCloser, n int64) io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(body, n), body}
}

// explain turns what a transport said into an error that says what to do. A
// nil error and an *Error of our own pass.
func explain(ctx context.Context, err error, l location, creds credentials) error {
	if err == nil {
		return nil
	}
	var own *Error
	if errors.As(err, &own) {
		if own.Repo == "" {
			own.Repo = l.display
		}
		return own
	}
	e := &Error{Repo: l.display, Err: &cause{text: oneLine(creds.scrub(err.Error())), err: err}}
	if ctx.Err() != nil {
		e.Kind, e.What, e.Err = ErrUnreachable, "gave up waiting for the server", ctx.Err()
		e.Next = "check that it answers, or allow more time"
		return e
	}
	classify(e, err, l, creds)
	return e
}

func classify(e *Error, err error, l location, creds credentials) {
	var certificate *x509.UnknownAuthorityError
	var status *githttp.Err
	var hostCert x509.HostnameError
	var unexpected *packp.ErrUnexpectedData
	switch {
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		e.Kind, e.What, e.Next, e.Err = ErrEmpty, "the repository has no commit yet", "push one first", nil
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed):
		e.Kind, e.What = ErrAuth, "the server refused access"
		e.Next = authHint(l, creds)
	case errors.Is(err, transport.ErrRepositoryNotFound):
		e.Kind, e.What = ErrNotFound, "the server knows no such repository"
		e.Next = "check the address; servers also say so when credentials are missing: " + authHint(l, creds)
	case errors.As(err, &certificate), errors.As(err, &hostCert):
		e.Kind, e.What = ErrUnreachable, "the server's certificate is not trusted"
		e.Next = "add its authority to the system's, or name a file with it in SSL_CERT_FILE"
	case errors.As(err, &status):
		e.Kind, e.What = ErrUnreachable, fmt.Sprintf("the server answered %s", status.Response.Status)
		e.Err, e.Next = nil, "try again later, or ask whoever runs it"
	case errors.As(err, &unexpected), errors.Is(err, pktline.ErrInvalidPktLen):
		e.Kind, e.What = ErrNotRepository, "the server's answer is not git's"
		e.Err, e.Next = nil, "check the address: it must be the one that git clone takes"
	case errors.Is(err, errTransfer), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		e.Kind, e.What = ErrUnreachable, "the transfer broke off"
		e.Next = "try again; nothing of it was kept"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EROFS):
		e.Kind, e.What, e.Next = ErrCache, "its mirror cannot be written", "check free space and permissions of the cache folder"
	default:
		e.Kind, e.What = ErrUnreachable, "cannot talk to the server"
		e.Next = "check the address and the network"
		var dns *net.DNSError
		if errors.As(err, &dns) {
			e.What = fmt.Sprintf("the host %s cannot be found", l.host)
		}
	}
}

func authHint(l location, creds credentials) string {
	switch {
	case l.kind == sshRemote && creds.keyRequired:
		return "check that the server knows the public half of the key in " + EnvSSHKey
	case l.kind == sshRemote:
		return "add a key to the ssh agent, or name one in " + EnvSSHKey
	case creds.password != "":
		return "check that the token is valid and may read this repository"
	}
	return "put a token into " + EnvToken + " or the path of a file with it into " + EnvTokenFile
}

// cause keeps an error's chain but prints a text without secrets.
type cause struct {
	text string
	err  error
}

func (c *cause) Error() string { return c.text }
func (c *cause) Unwrap() error { return c.err }

const maxCause = 300

// oneLine makes a server's words printable: one line of bounded length.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < 0x20 || r == 0x7f }), " ")
	if len(text) > maxCause {
		text = text[:maxCause] + "…"
	}
	return strings.TrimSpace(strings.ToValidUTF8(text, "?"))
}
