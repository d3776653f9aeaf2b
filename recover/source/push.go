package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// The kinds of *Error that only a push knows.
var (
	// ErrMoved: the branch does not name the commit that it should.
	ErrMoved = errors.New("branch has moved")
	// ErrRejected: the server took the push and decided against it.
	ErrRejected = errors.New("push rejected")
)

// Pack is a packfile to send.
type Pack struct {
	// Open may be called more than once.
	Open func() (io.ReadCloser, error)
	// Size in bytes.
	Size int64
}

// RefUpdate moves a branch, a full ref name, from one commit to its descendant.
// Old is zero when there is no such branch yet.
type RefUpdate struct {
	Branch   string
	Old, New plumbing.Hash
}

// receivePack is one conversation with a server's git-receive-pack.
type receivePack interface {
	advertiser
	ReceivePack(context.Context, *packp.ReferenceUpdateRequest) (*packp.ReportStatus, error)
	Close() error
}

// Push sends pack, which must hold what New reaches and the server lacks, and
// asks the server to move the branch. Nothing is forced: ErrMoved when the
// branch is not at Old, ErrRejected when a rule or a hook of the server says no.
// After any other error the push may have arrived all the same.
func (r *Remote) Push(ctx context.Context, u RefUpdate, pack Pack) error {
	said := &boundedBuffer{}
	err := r.push(ctx, u, pack, said)
	if err == nil {
		return nil
	}
	e := explain(ctx, err, r.loc, r.creds)
	var own *Error
	if !errors.As(e, &own) {
		return e
	}
	if errors.Is(own, ErrUnreachable) {
		own.Next = "check the server and the network, then push again"
	}
	switch {
	case errors.Is(own, ErrAuth):
		own.Err = nil
		own.What = "the server does not let us push to " + u.Branch
		own.Next = pushHint(r.loc, r.creds)
	case errors.Is(own, ErrUnreachable) && ctx.Err() == nil && said.String() != "":
		own.Err = errors.Join(own.Err, errors.New("the server said: "+oneLine(r.creds.scrub(said.String()))))
	}
	return own
}

// pushHint says what may make a server take a push.
func pushHint(l location, creds credentials) string {
	if l.kind != sshRemote && creds.password != "" {
		return "check that the token is valid, and that its account may write to this repository"
	}
	return authHint(l, creds) + "; its account must be allowed to write to the repository"
}

func (r *Remote) push(ctx context.Context, u RefUpdate, pack Pack, said *boundedBuffer) error {
	session, err := connectPush(ctx, r.loc, r.creds, &pack)
	if err != nil {
		return err
	}
	defer session.Close()
	adv, a, err := ask(ctx, session)
	if err != nil {
		return err
	}
	if a.refs[u.Branch] != u.Old {
		return &Error{Kind: ErrMoved, Repo: r.loc.display, What: fmt.Sprintf("%s is at %s, not at %s", u.Branch, a.refs[u.Branch], u.Old), Next: "try again"}
	}
	req := packp.NewReferenceUpdateRequestFromCapabilities(adv.Capabilities)
	req.Commands = []*packp.Command{{Name: plumbing.ReferenceName(u.Branch), Old: u.Old, New: u.New}}
	if adv.Capabilities.Supports(capability.Sideband64k) {
		if err := req.Capabilities.Set(capability.Sideband64k); err != nil {
			return err
		}
	}
	req.Progress = said
	if r.loc.kind == sshRemote {
		if req.Packfile, err = pack.Open(); err != nil {
			return err
		}
	}
	report, err := session.ReceivePack(ctx, req)
	if report != nil {
		return r.judge(u, report, said)
	}
	if err == nil {
		err = errNoReport
	}
	return err
}

// errNoReport: the server ended well and did not say what it did.
var errNoReport = fmt.Errorf("the server sent no report: %w", io.ErrUnexpectedEOF)

// judge reads the server's report.
func (r *Remote) judge(u RefUpdate, report *packp.ReportStatus, said *boundedBuffer) error {
	reason := ""
	if report.UnpackStatus != "ok" {
		reason = "unpacking: " + report.UnpackStatus
	}
	done := false
	for _, c := range report.CommandStatuses {
		if c.ReferenceName.String() != u.Branch {
			continue
		}
		done = c.Status == "ok"
		if !done {
			reason = cmp.Or(reason, c.Status)
		}
	}
	if done && reason == "" {
		return nil
	}
	reason = oneLine(r.creds.scrub(cmp.Or(reason, "it does not mention the branch")))
	if words := oneLine(r.creds.scrub(said.String())); words != "" {
		reason += " (" + words + ")"
	}
	return &Error{Kind: ErrRejected, Repo: r.loc.display, What: "the server rejected the push to " + u.Branch, Err: errors.New(reason), Next: rejectionHint(reason)}
}

// rejectionHint knows the words of git, GitHub, GitLab and Gitea.
func rejectionHint(reason string) string {
	lower := strings.ToLower(reason)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(lower, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("checked out"):
		return "the branch is checked out there: name another branch, or switch that work tree to another one"
	case has("protected", "rule violation", "hook declined", "not allowed"):
		return "allow this account to push to the branch, or name a branch that is not protected"
	case has("no space", "disk", "quota"):
		return "make room on the server, then try again"
	case has("directory file conflict", "cannot lock ref"):
		return "a branch whose name is the beginning of this one may be in the way: name another branch"
	}
	return "ask whoever runs the server what its rules are"
}

// connectPush opens a conversation with the remote's git-receive-pack. Over
// http the pack follows the commands by itself.
func connectPush(ctx context.Context, l location, creds credentials, pack *Pack) (receivePack, error) {
	if l.kind == sshRemote {
		return connectSSH(ctx, l, creds, transport.ReceivePackServiceName)
	}
	git, ep, auth, err := httpClient(l, creds, &guardedTransport{base: http.DefaultTransport, silence: pushSilence, query: l.query, pack: pack})
	if err != nil {
		return nil, err
	}
	return git.NewReceivePackSession(ep, auth)
}

// follow puts the pack behind the commands in a request's body: go-git's own
// way holds all of it in memory. alive is called while the server takes it.
func (p *Pack) follow(req *http.Request, alive func()) (*http.Request, error) {
	content, err := p.Open()
	if err != nil {
		return nil, err
	}
	req = req.Clone(req.Context())
	commands := req.Body
	req.Body = &pushBody{Reader: io.MultiReader(commands, content), close: func() error { return errors.Join(commands.Close(), content.Close()) }, alive: alive}
	req.ContentLength += p.Size
	req.GetBody = nil
	return req, nil
}

// maxReport bounds what a server answers to a push, in bytes.
const maxReport = 4 << 20

type pushBody struct {
	io.Reader
	close func() error
	alive func()
}

func (b *pushBody) Read(p []byte) (int, error) {
	b.alive()
	return b.Reader.Read(p)
}

func (b *pushBody) Close() error { return b.close() }
