package source

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The kinds of *Error, for errors.Is.
var (
	// ErrNotRepository: the path or address holds no git repository.
	ErrNotRepository = errors.New("not a git repository")
	// ErrNotFound: the server knows no such repository, or hides it.
	ErrNotFound = errors.New("repository not found")
	// ErrEmpty: the repository has no commit.
	ErrEmpty = errors.New("repository is empty")
	// ErrUnreachable: the server did not answer, or broke off.
	ErrUnreachable = errors.New("remote unreachable")
	// ErrAuth: credentials are missing or wrong.
	ErrAuth = errors.New("access denied")
	// ErrHostKey: the ssh server's host key is unknown or has changed.
	ErrHostKey = errors.New("host key not trusted")
	// ErrHistory: the commits asked for are missing from a shallow or partial
	// clone.
	ErrHistory = errors.New("history is incomplete")
	// ErrUnsupported: a repository format that cannot be read.
	ErrUnsupported = errors.New("unsupported repository format")
	// ErrCorrupt: an object is damaged or missing.
	ErrCorrupt = errors.New("repository is damaged")
	// ErrCache: the mirror cannot be written.
	ErrCache = errors.New("cache cannot be used")
	// ErrSignature: signatures are required and this one is not good.
	ErrSignature = errors.New("signature not accepted")
)

// Error is a failure of a repository as a whole.
type Error struct {
	// Kind is one of the variables above.
	Kind error
	// Repo is the address without credentials.
	Repo string
	// What happened and what to do Next, for people.
	What, Next string
	// Err is the cause, may be nil.
	Err error
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Repo != "" {
		fmt.Fprintf(&b, "repository %s: ", e.Repo)
	}
	b.WriteString(e.What)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Next != "" {
		fmt.Fprintf(&b, "; %s", e.Next)
	}
	return b.String()
}

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// RevisionError: the text is no revision at all.
type RevisionError struct {
	Revision, Reason string
}

func (e *RevisionError) Error() string {
	return fmt.Sprintf("revision %q %s", e.Revision, e.Reason)
}

// UnknownRevisionError: nothing in the repository has that name.
type UnknownRevisionError struct {
	Repo, Revision string
	// Reason says what is missing when it is not the name itself.
	Reason string
	// Nearest are the names of refs that may have been meant, nearest first.
	Nearest []string
	// Hint is what else may help, such as fetching a shallow clone's history.
	Hint string
}

func (e *UnknownRevisionError) Error() string {
	msg := fmt.Sprintf("repository %s has no revision %q", e.Repo, e.Revision)
	if e.Reason != "" {
		msg += ": " + e.Reason
	}
	if len(e.Nearest) > 0 {
		quoted := make([]string, len(e.Nearest))
		for i, n := range e.Nearest {
			quoted[i] = fmt.Sprintf("%q", n)
		}
		msg += "; did you mean " + strings.Join(quoted, " or ") + "?"
	}
	if e.Hint != "" {
		msg += "; " + e.Hint
	}
	return msg
}

// Candidate is one commit that an ambiguous revision may mean.
type Candidate struct {
	// Name is a SHA or a full ref name.
	Name    string
	Time    time.Time
	Subject string
}

// AmbiguousError: several commits answer to the revision.
type AmbiguousError struct {
	Repo, Revision string
	Candidates     []Candidate
	// More candidates were left out.
	More int
}

func (e *AmbiguousError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "repository %s: revision %q is ambiguous, type more of one of:", e.Repo, e.Revision)
	for _, c := range e.Candidates {
		fmt.Fprintf(&b, "\n  %s %s %q", c.Name, c.Time.UTC().Format("2006-01-02T15:04Z"), c.Subject)
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\n  and %d more", e.More)
	}
	return b.String()
}
