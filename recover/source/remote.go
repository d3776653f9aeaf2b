package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// Remote is a repository that somebody writes to: one branch is read, without
// history, and pushed. For reading only, Open is the way. Its methods return
// *Error.
type Remote struct {
	loc            location
	creds          credentials
	say            func(string)
	gitDir, common string
}

// OpenRemote finds the repository and its credentials, and asks no server.
// Getenv of opts is required, Progress is used, the rest is not.
func OpenRemote(repo string, opts Options) (*Remote, error) {
	if opts.Getenv == nil {
		return nil, errors.New("source: Getenv must be set")
	}
	loc, err := locate(repo)
	if err != nil {
		return nil, err
	}
	r := &Remote{loc: loc, say: (&Repository{opts: opts}).say}
	switch loc.kind {
	case bundleFile:
		return nil, &Error{Kind: ErrUnsupported, Repo: loc.display, What: "is a bundle, which cannot be pushed to", Next: "name the repository that it was made from"}
	case localRepository:
		if r.gitDir, err = findGitDir(loc.path); err != nil {
			return nil, err
		}
		if r.common, err = commonDir(r.gitDir); err != nil {
			return nil, &Error{Kind: ErrNotRepository, Repo: loc.display, What: "its commondir file cannot be read", Err: err}
		}
		return r, nil
	}
	r.creds, err = credentialsFor(loc, opts.Getenv)
	return r, err
}

// String is the repository's address without credentials.
func (r *Remote) String() string { return r.loc.display }

// Local returns where the repository lies on this machine: its git folder, and
// the folder that linked work trees share, or "". Both are empty for a server.
func (r *Remote) Local() (gitDir, common string) { return r.gitDir, r.common }

// Name is a file name for what is kept about the repository.
func (r *Remote) Name() string {
	if r.loc.remote() {
		return r.loc.cacheName()
	}
	sum := sha256.Sum256([]byte(r.loc.path))
	return readable(r.loc.path) + "-" + hex.EncodeToString(sum[:12])
}

// Fetch returns the commit that the branch (a full ref name) names on the
// server, zero when there is none. Unless has finds it here, it is brought into
// gitDir with all of its folders, without history. Unless files is set, files
// are left out where the server can do so.
func (r *Remote) Fetch(ctx context.Context, branch, gitDir string, has func(plumbing.Hash) bool, files bool) (plumbing.Hash, error) {
	tip, err := r.fetch(ctx, branch, gitDir, has, files)
	if err == nil || errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return tip, nil
	}
	return plumbing.ZeroHash, explain(ctx, err, r.loc, r.creds)
}

func (r *Remote) fetch(ctx context.Context, branch, gitDir string, has func(plumbing.Hash) bool, files bool) (plumbing.Hash, error) {
	r.say("asking " + r.loc.display)
	session, err := connect(ctx, r.loc, r.creds)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	defer session.Close()
	adv, a, err := ask(ctx, session)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	tip := a.refs[branch]
	if tip.IsZero() || has(tip) {
		return tip, nil
	}
	return tip, r.fetchTip(ctx, session, adv, tip, gitDir, files)
}

func (r *Remote) fetchTip(ctx context.Context, session uploadPack, adv *packp.AdvRefs, tip plumbing.Hash, gitDir string, files bool) error {
	req := packp.NewUploadPackRequestFromCapabilities(adv.Capabilities)
	req.Wants = []plumbing.Hash{tip}
	if adv.Capabilities.Supports(capability.Shallow) {
		if err := req.Capabilities.Set(capability.Shallow); err != nil {
			return err
		}
		req.Depth = packp.DepthCommits(1)
	}
	if !files && adv.Capabilities.Supports(capability.Filter) {
		if err := req.Capabilities.Set(capability.Filter); err != nil {
			return err
		}
		req.Filter = packp.FilterBlobNone()
	}
	return receive(ctx, r.say, session, req, gitDir)
}

// InitBare makes dir an empty bare repository.
func InitBare(dir, description string) error {
	if err := initBare(dir, description); err != nil {
		return err
	}
	return setRefs(dir, advertised{branch: "refs/heads/main"})
}

// SetRefs replaces the refs of a repository made by InitBare, and what is
// known as the end of its history. Objects must be in place before.
func SetRefs(gitDir string, refs map[string]plumbing.Hash, shallows []plumbing.Hash) error {
	return setRefs(gitDir, advertised{refs: refs, branch: "refs/heads/main", shallows: slices.Clone(shallows)})
}

// InstallPack verifies the pack in f, a file in the folder objects/pack of a
// repository, indexes it and renames it into place: a reader sees nothing of it
// or all. The caller removes f when there was an error.
func InstallPack(folder string, f *os.File) error { return installPack(folder, f) }

// TempPack is the pattern for os.CreateTemp of files for InstallPack.
const TempPack = tempPackPrefix + "*"

// ValidRefName is git-check-ref-format(1) for a full name.
func ValidRefName(name string) bool { return validRefName(name) }
