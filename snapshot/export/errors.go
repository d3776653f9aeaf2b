package export

import (
	"errors"
	"fmt"
	"strings"
)

// ErrRefused is what errors.Is knows of every error by which a guard refuses
// to write: *ForeignBranchError, *CheckedOutError, *LostBranchError and
// *MassDeletionError.
var ErrRefused = errors.New("export refused")

// ForeignBranchError: the branch's last commit is not an export of the cluster.
type ForeignBranchError struct {
	Repo, Branch string
	// Commit is the SHA of the tip, Author and Subject are the repository's own
	// words. Cluster is whose export it is, empty when it is none.
	Commit, Author, Subject, Cluster string
	// Want is the cluster that was to be exported, or adopted from.
	Want string
	// Proposal: a proposal was wanted, and not an export.
	Proposal bool
}

func (e *ForeignBranchError) Error() string {
	if e.Proposal {
		return e.noProposal()
	}
	is := fmt.Sprintf("was not written by an export (%q by %q)", e.Subject, e.Author)
	if e.Cluster != "" {
		is = fmt.Sprintf("is an export of the cluster %q, not of %q", e.Cluster, e.Want)
	}
	return fmt.Sprintf("branch %s of %s is left alone: its last commit %s %s; name another branch, or move that commit to a branch of its own and the branch back to the last export",
		e.Branch, e.Repo, short(e.Commit), is)
}

func (e *ForeignBranchError) noProposal() string {
	is := fmt.Sprintf("is none of rekindle drift adopt (%q by %q)", e.Subject, e.Author)
	if e.Cluster != "" {
		is = fmt.Sprintf("proposes what was adopted from the cluster %q, not from %q", e.Cluster, e.Want)
	}
	return fmt.Sprintf("branch %s of %s is left alone: its last commit %s %s; name a new branch", e.Branch, e.Repo, short(e.Commit), is)
}

// Is makes it an ErrRefused.
func (e *ForeignBranchError) Is(target error) bool { return target == ErrRefused }

// CheckedOutError: a work tree has the branch checked out, and its files and
// index would fall behind.
type CheckedOutError struct {
	Repo, Branch string
	// WorkTree is the git folder whose HEAD names the branch.
	WorkTree string
}

func (e *CheckedOutError) Error() string {
	return fmt.Sprintf("branch %s of %s is checked out (%s), and work trees are never touched; run git switch to another branch there, or name another one here",
		e.Branch, e.Repo, e.WorkTree)
}

// Is makes it an ErrRefused.
func (e *CheckedOutError) Is(target error) bool { return target == ErrRefused }

// LostBranchError: the branch was there at the last export, and is gone.
type LostBranchError struct {
	Repo, Branch string
	// Commit is the SHA that it had.
	Commit string
}

func (e *LostBranchError) Error() string {
	return fmt.Sprintf("branch %s of %s was at %s and is not there any more: exporting would begin it anew, without what it held",
		e.Branch, e.Repo, short(e.Commit))
}

// Is makes it an ErrRefused.
func (e *LostBranchError) Is(target error) bool { return target == ErrRefused }

// MassDeletionError: the commit would delete most of what the branch has.
type MassDeletionError struct {
	Repo, Branch string
	// Deleted of Total files below the folder Live; Examples are up to three of them.
	Deleted, Total int
	Examples       []string
}

func (e *MassDeletionError) Error() string {
	more := ""
	if e.Deleted > len(e.Examples) {
		more = ", …"
	}
	return fmt.Sprintf("the export to branch %s of %s is refused: it would delete %d of %d files below %s/ (%s%s); check that the cluster is whole and all of it could be read, or force the export",
		e.Branch, e.Repo, e.Deleted, e.Total, Live, strings.Join(e.Examples, ", "), more)
}

// Is makes it an ErrRefused.
func (e *MassDeletionError) Is(target error) bool { return target == ErrRefused }

// PushError: the commit was made and the branch does not have it.
type PushError struct {
	Repo, Branch string
	// Commit is kept in the git folder Kept; the next export sends it, or what
	// is newer.
	Commit, Kept string
	// Attempts made.
	Attempts int
	Err      error
}

func (e *PushError) Error() string {
	return fmt.Sprintf("commit %s was not pushed to branch %s: %v (%s; the commit is kept in %s, and the next export goes on from it)",
		short(e.Commit), e.Branch, e.Err, attempts(e.Attempts), e.Kept)
}

func (e *PushError) Unwrap() error { return e.Err }

// ProposalError: the branch does not have the proposal. Nothing of it is kept.
type ProposalError struct {
	Repo, Branch string
	// Attempts made.
	Attempts int
	Err      error
}

func (e *ProposalError) Error() string {
	return fmt.Sprintf("nothing was pushed to branch %s: %v (%s)", e.Branch, e.Err, attempts(e.Attempts))
}

func (e *ProposalError) Unwrap() error { return e.Err }

func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}

func short(sha string) string { return sha[:min(len(sha), 12)] }
