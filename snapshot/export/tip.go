package export

import (
	"context"
	"errors"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/rekindle-io/rekindle/recover/source"
)

// Tip tells which commit the target's branch has in repo, for who only reads it:
// nothing is locked, and a branch that is checked out does as well. The zero commit
// means that there is no such branch. Like Open it refuses one that is not ours,
// with a *ForeignBranchError; other errors are those of source.Repository.
func Tip(ctx context.Context, repo *source.Repository, target Target) (source.Commit, error) {
	if err := target.check(); err != nil {
		return source.Commit{}, err
	}
	tip, err := repo.Resolve(ctx, target.ref())
	var unknown *source.UnknownRevisionError
	switch {
	case errors.As(err, &unknown), errors.Is(err, source.ErrEmpty):
		return source.Commit{}, nil
	case err != nil:
		return source.Commit{}, err
	case tip.Ref != target.ref(): // something else that answers to the name
		return source.Commit{}, nil
	}
	objects, err := repo.Objects(ctx, tip.SHA)
	if err != nil {
		return source.Commit{}, err
	}
	c, err := objects.Commit(plumbing.NewHash(tip.SHA))
	if err != nil {
		return source.Commit{}, err
	}
	return tip, target.owns(repo.String(), c)
}
