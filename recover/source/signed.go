package source

import (
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/rekindle-io/rekindle/recover/source/signature"
)

// SignatureError: signatures are required, and the commit has none that is
// accepted. errors.Is knows ErrSignature and the reasons of the package
// signature (ErrUnsigned, ErrUnknownSigner, ErrBad, ErrExpired).
type SignatureError struct {
	Repo, Commit string
	Err          error
}

func (e *SignatureError) Error() string {
	next := "check who made it before you trust it"
	switch {
	case errors.Is(e.Err, signature.ErrUnsigned):
		next = "sign it (git commit -S, git tag -s), choose a signed one, or do not require signatures"
	case errors.Is(e.Err, signature.ErrUnknownSigner):
		next = "add the signer's key to the allowed signers if it is trusted"
	}
	return fmt.Sprintf("repository %s: commit %s: %v; %s", e.Repo, e.Commit, e.Err, next)
}

// Unwrap gives the kind and the reason.
func (e *SignatureError) Unwrap() []error { return []error{ErrSignature, e.Err} }

// requireSignature verifies c, or the annotated tag that named it, when
// signatures are required. What was verified once is remembered.
func (r *Repository) requireSignature(st *store, c *object.Commit, tag *object.Tag) error {
	if !r.opts.RequireSigned || r.signerOf(c.Hash) != "" {
		return nil
	}
	signer, err := r.verify(st, c.Hash, plumbing.CommitObject)
	if err != nil && tag != nil {
		tagSigner, tagErr := r.verify(st, tag.Hash, plumbing.TagObject)
		if tagErr == nil || errors.Is(err, signature.ErrUnsigned) {
			signer, err = tagSigner, tagErr
		}
	}
	if err != nil {
		return &SignatureError{Repo: r.loc.display, Commit: c.Hash.String(), Err: err}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verified[c.Hash.String()] = signer
	return nil
}

func (r *Repository) signerOf(h plumbing.Hash) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.verified[h.String()]
}

func (r *Repository) verify(st *store, h plumbing.Hash, t plumbing.ObjectType) (string, error) {
	b, _, err := st.raw(h, t, maxMetaSize)
	if err != nil {
		return "", metaError(h, err)
	}
	if t == plumbing.TagObject {
		return r.signers.VerifyTag(b)
	}
	return r.signers.VerifyCommit(b)
}
