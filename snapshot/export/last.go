package export

import "context"

// Last asks the repository which commit the branch has now, and returns its SHA,
// empty when there is no such branch. Like Open it refuses a branch that is not
// ours, and waits for another process that exports to the same target.
func Last(ctx context.Context, target Target, opts Options) (commit string, err error) {
	opts.Anew = true // to look is no loss
	b, err := Open(ctx, target, opts)
	if err != nil {
		return "", err
	}
	if !b.tip.commit.IsZero() {
		commit = b.tip.commit.String()
	}
	return commit, b.Close()
}
