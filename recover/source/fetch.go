package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
)

const (
	// maxHaves commits are told to the server, so that it sends only what is new.
	maxHaves = 1024
	// havesPerRef are taken from each branch: after a force push the server may
	// know an ancestor only.
	havesPerRef = 48
)

// uploadPack is one conversation with a server's git-upload-pack.
type uploadPack interface {
	advertiser
	UploadPack(context.Context, *packp.UploadPackRequest) (*packp.UploadPackResponse, error)
	Close() error
}

// advertised is what a remote has: branches and tags, and its HEAD.
type advertised struct {
	refs     map[string]plumbing.Hash
	branch   string // full name, "" when HEAD is detached
	head     plumbing.Hash
	shallows []plumbing.Hash
}

func newAdvertised() advertised { return advertised{refs: map[string]plumbing.Hash{}} }

func (a advertised) names() []string { return slices.Sorted(maps.Keys(a.refs)) }

// fetch brings the mirror up to date: branches, tags, and the commit want when
// it is not zero. What is gone on the remote is gone afterwards too, except for
// objects.
func fetch(ctx context.Context, r *Repository, want plumbing.Hash) (*store, error) {
	creds, err := credentialsFor(r.loc, r.opts.Getenv)
	if err != nil {
		return nil, err
	}
	return r.mirror.update(ctx, func(gitDir string, have *store) error {
		err := fetchInto(ctx, r, creds, gitDir, have, want)
		if err != nil && !want.IsZero() && strings.Contains(err.Error(), "not our ref") {
			// The server has no such commit; what it has may be new all the same.
			err = fetchInto(ctx, r, creds, gitDir, have, plumbing.ZeroHash)
		}
		return explain(ctx, err, r.loc, creds)
	})
}

func fetchInto(ctx context.Context, r *Repository, creds credentials, gitDir string, have *store, want plumbing.Hash) error {
	r.say("asking " + r.loc.display)
	session, err := connect(ctx, r.loc, creds)
	if err != nil {
		return err
	}
	defer session.Close()
	adv, a, err := ask(ctx, session)
	if err != nil {
		return err
	}
	req := packp.NewUploadPackRequestFromCapabilities(adv.Capabilities)
	req.Wants = a.missing(have)
	if !want.IsZero() && !slices.Contains(req.Wants, want) && (have == nil || !have.has(want)) && servesAnySHA(adv.Capabilities) {
		req.Wants = append(req.Wants, want)
	}
	if len(req.Wants) > 0 {
		if req.Haves, err = haves(ctx, have); err != nil {
			return err
		}
		if err := receive(ctx, r.say, session, req, gitDir); err != nil {
			return err
		}
	}
	if err := setRefs(gitDir, a); err != nil {
		return r.mirror.cacheError(err)
	}
	return nil
}

func servesAnySHA(caps *capability.List) bool {
	return caps.Supports(capability.AllowReachableSHA1InWant) || caps.Supports("allow-any-sha1-in-want")
}

// advertiser is either conversation with a server.
type advertiser interface {
	AdvertisedReferencesContext(context.Context) (*packp.AdvRefs, error)
}

// ask begins a conversation: what the server can do, and what it has.
func ask(ctx context.Context, session advertiser) (*packp.AdvRefs, advertised, error) {
	adv, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return nil, advertised{}, err
	}
	a, err := readAdvertised(adv)
	return adv, a, err
}

func readAdvertised(adv *packp.AdvRefs) (advertised, error) {
	a := newAdvertised()
	if f := adv.Capabilities.Get(capability.ObjectFormat); len(f) > 0 && f[0] != "sha1" {
		return a, &Error{Kind: ErrUnsupported, What: fmt.Sprintf("uses %.20q object names, which cannot be read yet", f[0]), Next: "use a repository with sha1 object names"}
	}
	for name, h := range adv.References {
		if validRefName(name) && (strings.HasPrefix(name, "refs/heads/") || strings.HasPrefix(name, "refs/tags/")) {
			a.refs[name] = h
		}
	}
	for _, symref := range adv.Capabilities.Get(capability.SymRef) {
		if target, ok := strings.CutPrefix(symref, "HEAD:"); ok && validRefName(target) {
			a.branch = target
		}
	}
	if adv.Head != nil {
		a.head = *adv.Head
	}
	if a.branch == "" && a.head.IsZero() {
		a.branch = "refs/heads/main" // HEAD names no commit
	}
	a.shallows = adv.Shallows
	return a, nil
}

// missing are the advertised objects that have does not hold.
func (a advertised) missing(have *store) []plumbing.Hash {
	var wants []plumbing.Hash
	seen := map[plumbing.Hash]bool{plumbing.ZeroHash: true}
	add := func(h plumbing.Hash) {
		if !seen[h] && (have == nil || !have.has(h)) {
			wants = append(wants, h)
		}
		seen[h] = true
	}
	for _, name := range a.names() {
		add(a.refs[name])
	}
	add(a.head)
	return wants
}

// haves names commits that the mirror holds with all of their history.
func haves(ctx context.Context, have *store) ([]plumbing.Hash, error) {
	if have == nil || have.shallow {
		return nil, nil
	}
	refs, _, _, err := have.refs()
	if err != nil {
		return nil, err
	}
	known := map[plumbing.Hash]bool{}
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		c, _, err := have.peel(refs[name])
		for n := 0; err == nil && n < havesPerRef && len(known) < maxHaves && !known[c.Hash]; n++ {
			known[c.Hash] = true
			if len(c.ParentHashes) == 0 {
				break
			}
			c, err = have.commit(c.ParentHashes[0])
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return slices.Collect(maps.Keys(known)), nil
}

// receive asks for a pack and stores it.
func receive(ctx context.Context, say func(string), session uploadPack, req *packp.UploadPackRequest, gitDir string) error {
	resp, err := session.UploadPack(ctx, req)
	if err != nil {
		return err
	}
	defer resp.Close()
	var pack io.Reader = resp
	switch {
	case req.Capabilities.Supports(capability.Sideband64k):
		d := sideband.NewDemuxer(sideband.Sideband64k, resp)
		d.Progress = &lineWriter{say: say}
		pack = d
	case req.Capabilities.Supports(capability.Sideband):
		d := sideband.NewDemuxer(sideband.Sideband, resp)
		d.Progress = &lineWriter{say: say}
		pack = d
	}
	if err := addPack(ctx, gitDir, pack); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errors.Join(errTransfer, err)
	}
	return nil
}

func (r *Repository) say(line string) {
	if r.opts.Progress != nil && line != "" {
		r.opts.Progress(line)
	}
}

// lineWriter hands on what a server says line by line, without control
// characters.
type lineWriter struct {
	say  func(string)
	line []byte
}

const maxProgressLine = 200

func (w *lineWriter) Write(p []byte) (int, error) {
	for _, c := range p {
		switch {
		case c == '\n' || c == '\r':
			w.say(strings.ToValidUTF8(string(w.line), "?"))
			w.line = w.line[:0]
		case c >= 0x20 && c != 0x7f && len(w.line) < maxProgressLine:
			w.line = append(w.line, c)
		}
	}
	return len(p), nil
}
