package source

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/rekindle-io/rekindle/recover/nearest"
)

const (
	maxCandidates = 10
	minShortSHA   = 4
	maxSubject    = 200
)

var (
	shortSHA  = regexp.MustCompile(`^[0-9a-fA-F]{4,40}$`)
	described = regexp.MustCompile(`-\d+-g([0-9a-f]{4,40})$`)
)

// Resolve finds the commit that revision names:
//
//	SHA, short SHA (4 digits or more), tag, branch, origin/branch, HEAD
//	BASE~3, BASE^, BASE^2
//	BRANCH@2026-11-20T18:00Z, BRANCH@{2026-11-20T18:00Z}, @2026-11-20
//
// A time means the last commit of the branch (the default branch when none is
// named) whose committer date is not after it, following first parents; a date
// alone means the end of that day in UTC.
//
// A remote is asked once per Repository, and not at all for a full SHA that the
// mirror has. Errors: *RevisionError, *UnknownRevisionError, *AmbiguousError,
// *SignatureError, *Error.
func (r *Repository) Resolve(ctx context.Context, text string) (Commit, error) {
	rev, err := parseRevision(text)
	if err != nil {
		return Commit{}, err
	}
	if rev.at != nil && rev.at.from.After(r.opts.Now()) {
		return Commit{}, &RevisionError{Revision: text, Reason: "names a time in the future"}
	}
	q := resolver{repo: r, rev: rev}
	if plumbing.IsHash(rev.base) {
		q.st, err = r.storeWith(ctx, plumbing.NewHash(rev.base))
		var unknown *UnknownRevisionError
		if errors.As(err, &unknown) {
			q.st, err = r.storeNow(ctx) // a ref may have that name
		}
	} else {
		q.st, err = r.storeNow(ctx)
		err = r.offline(err, rev)
	}
	if err != nil {
		return Commit{}, err
	}
	c, err := q.resolve(ctx)
	if err != nil {
		return Commit{}, r.at(err)
	}
	return c, nil
}

// offline adds what the mirror knew to the error of a remote that does not
// answer: the day it is gone is the day its commits are needed.
func (r *Repository) offline(err error, rev revision) error {
	var e *Error
	r.mu.Lock()
	st := r.current
	r.mu.Unlock()
	if st == nil || !errors.As(err, &e) || !errors.Is(e.Kind, ErrUnreachable) {
		return err
	}
	q := resolver{repo: r, rev: rev, st: st}
	if h, _, _, inner := q.base(); inner == nil {
		if c, inner := st.commit(h); inner == nil && rev.at == nil && len(rev.steps) == 0 {
			e.Next += fmt.Sprintf("; when it was last asked, %s was %s (%s): that full SHA needs no network", rev.text, c.Hash, c.Committer.When.UTC().Format(time.DateOnly))
		}
	}
	return e
}

// resolver answers one revision from one view of the store.
type resolver struct {
	repo *Repository
	rev  revision
	st   *store
}

func (q *resolver) resolve(ctx context.Context) (Commit, error) {
	h, ref, tag, err := q.base()
	if err != nil {
		return Commit{}, err
	}
	c, err := q.st.commit(h)
	if err != nil {
		return Commit{}, err
	}
	if q.rev.at != nil {
		if c, err = q.before(ctx, c, q.rev.at.until); err != nil {
			return Commit{}, err
		}
	}
	for _, s := range q.rev.steps {
		if c, err = q.walk(ctx, c, s); err != nil {
			return Commit{}, err
		}
	}
	if c.Hash != h {
		tag = nil // its signature says nothing about an ancestor's being asked for
	}
	if err := q.repo.requireSignature(q.st, c, tag); err != nil {
		return Commit{}, err
	}
	out := Commit{SHA: c.Hash.String(), Time: c.Committer.When, Author: c.Author.Name, Subject: subject(c), Revision: q.rev.text, Ref: ref,
		Signer: q.repo.signerOf(c.Hash)}
	if q.rev.at != nil {
		out.At = q.rev.at.until.Truncate(time.Second)
	}
	return out, nil
}

func subject(c *object.Commit) string {
	s, _, _ := strings.Cut(strings.TrimLeft(c.Message, "\n"), "\n\n")
	s = strings.Join(strings.FieldsFunc(s, func(c rune) bool { return c == '\n' || c == '\r' }), " ") // as git does
	if len(s) > maxSubject {
		s = s[:maxSubject] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// base finds the commit before any ~ and ^, the ref it went through, and the
// annotated tag that pointed to it.
func (q *resolver) base() (h plumbing.Hash, ref string, tag *object.Tag, err error) {
	refs, branch, detached, err := q.st.refs()
	if err != nil {
		return h, "", nil, err
	}
	if len(refs) == 0 && detached.IsZero() {
		return h, "", nil, &Error{Kind: ErrEmpty, Repo: q.repo.loc.display, What: "the repository has no commit yet", Next: "commit something first"}
	}
	if q.rev.at != nil {
		// pkg@2026-01-01 may be the name of a tag.
		if whole, _, _ := strings.Cut(strings.SplitN(q.rev.text, "~", 2)[0], "^"); len(q.candidates(refs, whole)) > 0 {
			q.rev.base, q.rev.at = whole, nil
		}
	}
	if q.rev.base == "" || q.rev.base == "HEAD" {
		return q.head(refs, branch, detached)
	}
	if plumbing.IsHash(q.rev.base) && q.st.has(plumbing.NewHash(q.rev.base)) {
		return q.peel(plumbing.NewHash(q.rev.base), "")
	}
	switch names := q.candidates(refs, q.rev.base); {
	case len(names) == 1:
		return q.peel(refs[names[0]], names[0])
	case len(names) > 1:
		return q.oneOf(refs, names)
	}
	if short := q.short(); short != "" {
		h, tag, err := q.abbreviated(short)
		return h, "", tag, err
	}
	return h, "", nil, q.unknown(refs, "")
}

func (q *resolver) head(refs map[string]plumbing.Hash, branch string, detached plumbing.Hash) (plumbing.Hash, string, *object.Tag, error) {
	if branch == "" && !detached.IsZero() {
		return q.peel(detached, "HEAD")
	}
	if h, ok := refs[branch]; ok {
		return q.peel(h, branch)
	}
	return plumbing.ZeroHash, "", nil, q.unknown(refs, fmt.Sprintf("HEAD is the branch %s, which has no commit: name a branch or a tag", strings.TrimPrefix(branch, "refs/heads/")))
}

func (q *resolver) peel(h plumbing.Hash, ref string) (plumbing.Hash, string, *object.Tag, error) {
	c, tag, err := q.st.peel(h)
	var other *notCommitError
	if errors.As(err, &other) {
		return h, "", nil, &RevisionError{Revision: q.rev.text, Reason: fmt.Sprintf("names a %s, not a commit", other.is)}
	}
	if err != nil {
		return h, "", nil, err
	}
	return c.Hash, ref, tag, nil
}

// candidates are the refs that name may mean, by git's rules: a full name, a
// tag, a branch, a remote's branch. A mirror's branches are those of origin.
func (q *resolver) candidates(refs map[string]plumbing.Hash, name string) []string {
	if _, ok := refs[name]; ok {
		return []string{name}
	}
	var found []string
	for _, prefix := range []string{"refs/tags/", "refs/heads/", "refs/"} {
		if _, ok := refs[prefix+name]; ok {
			found = append(found, prefix+name)
		}
	}
	if len(found) > 0 {
		return found
	}
	for _, full := range []string{"refs/remotes/" + name, "refs/remotes/" + name + "/HEAD"} {
		if _, ok := refs[full]; ok {
			return []string{full}
		}
	}
	if rest, ok := strings.CutPrefix(name, "origin/"); ok && q.repo.mirror != nil {
		if _, ok := refs["refs/heads/"+rest]; ok {
			return []string{"refs/heads/" + rest}
		}
	}
	for _, full := range slices.Sorted(maps.Keys(refs)) {
		if rest, ok := strings.CutPrefix(full, "refs/remotes/"); ok {
			if _, branch, _ := strings.Cut(rest, "/"); branch == name {
				found = append(found, full)
			}
		}
	}
	return found
}

// oneOf accepts several refs when they name the same commit.
func (q *resolver) oneOf(refs map[string]plumbing.Hash, names []string) (plumbing.Hash, string, *object.Tag, error) {
	h, ref, tag, err := q.peel(refs[names[0]], names[0])
	if err != nil {
		return h, "", nil, err
	}
	amb := &AmbiguousError{Repo: q.repo.loc.display, Revision: q.rev.text}
	same := true
	for _, name := range names {
		c, _, err := q.st.peel(refs[name])
		if err != nil {
			return h, "", nil, err
		}
		same = same && c.Hash == h
		amb.Candidates = append(amb.Candidates, Candidate{Name: name, Time: c.Committer.When, Subject: subject(c)})
	}
	if !same {
		return h, "", nil, amb
	}
	return h, ref, tag, nil
}

// short is the short SHA in the base, "" when it is none. What git describe
// prints ends in one.
func (q *resolver) short() string {
	if shortSHA.MatchString(q.rev.base) {
		return strings.ToLower(q.rev.base)
	}
	if m := described.FindStringSubmatch(q.rev.base); m != nil {
		return m[1]
	}
	return ""
}

func (q *resolver) abbreviated(short string) (plumbing.Hash, *object.Tag, error) {
	hashes, err := q.st.withPrefix(short)
	if err != nil {
		return plumbing.ZeroHash, nil, err
	}
	type hit struct {
		c   *object.Commit
		tag *object.Tag
	}
	commits := map[plumbing.Hash]hit{}
	for _, h := range hashes {
		c, tag, err := q.st.peel(h)
		var other *notCommitError
		if errors.As(err, &other) {
			continue // a file or folder with that prefix was not meant
		}
		if err != nil {
			return h, nil, err
		}
		commits[c.Hash] = hit{c, tag}
	}
	if len(commits) == 1 {
		for h, found := range commits {
			return h, found.tag, nil
		}
	}
	if len(commits) == 0 {
		refs, _, _, err := q.st.refs()
		if err != nil {
			return plumbing.ZeroHash, nil, err
		}
		return plumbing.ZeroHash, nil, q.unknown(refs, "")
	}
	amb := &AmbiguousError{Repo: q.repo.loc.display, Revision: q.rev.text}
	for _, found := range commits {
		amb.Candidates = append(amb.Candidates, Candidate{Name: found.c.Hash.String(), Time: found.c.Committer.When, Subject: subject(found.c)})
	}
	slices.SortFunc(amb.Candidates, func(a, b Candidate) int {
		return 2*b.Time.Compare(a.Time) + strings.Compare(a.Name, b.Name)
	})
	if n := len(amb.Candidates); n > maxCandidates {
		amb.Candidates, amb.More = amb.Candidates[:maxCandidates], n-maxCandidates
	}
	return plumbing.ZeroHash, nil, amb
}

// before walks first parents to the last commit at the instant.
func (q *resolver) before(ctx context.Context, c *object.Commit, at time.Time) (*object.Commit, error) {
	for c.Committer.When.After(at) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(c.ParentHashes) == 0 {
			return nil, &UnknownRevisionError{Repo: q.repo.loc.display, Revision: q.rev.text,
				Reason: "the history begins later, with " + c.Hash.String() + " at " + c.Committer.When.UTC().Format("2006-01-02T15:04Z")}
		}
		var err error
		if c, err = q.st.commit(c.ParentHashes[0]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (q *resolver) walk(ctx context.Context, c *object.Commit, s step) (*object.Commit, error) {
	parent, times := 0, s.n
	if s.nthParent {
		if s.n == 0 {
			return c, nil
		}
		parent, times = s.n-1, 1
	}
	for i := range times {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if parent >= len(c.ParentHashes) {
			reason := fmt.Sprintf("its history goes back %d commits, to %s", i, c.Hash)
			if s.nthParent && len(c.ParentHashes) > 0 {
				reason = fmt.Sprintf("commit %s has %d parents", c.Hash, len(c.ParentHashes))
			}
			return nil, &UnknownRevisionError{Repo: q.repo.loc.display, Revision: q.rev.text, Reason: reason}
		}
		var err error
		if c, err = q.st.commit(c.ParentHashes[parent]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (q *resolver) unknown(refs map[string]plumbing.Hash, reason string) error {
	e := &UnknownRevisionError{Repo: q.repo.loc.display, Revision: q.rev.text, Reason: reason, Hint: q.st.historyHint()}
	known := map[string]bool{}
	for name := range refs {
		for _, prefix := range []string{"refs/heads/", "refs/tags/", "refs/remotes/"} {
			if short, ok := strings.CutPrefix(name, prefix); ok {
				known[short] = true
			}
		}
	}
	if e.Nearest = nearest.Names(q.rev.base, slices.Sorted(maps.Keys(known)), 3); len(e.Nearest) == 0 && len(known) > 0 && len(known) <= 5 {
		e.Nearest = slices.Sorted(maps.Keys(known))
	}
	if len(q.rev.base) < minShortSHA && e.Reason == "" && strings.Trim(q.rev.base, "0123456789abcdef") == "" && q.rev.base != "" {
		e.Reason = "a short SHA needs 4 digits at least"
	}
	return e
}

// unknownLocked is the error for a full SHA that is nowhere; r.mu is held.
func (r *Repository) unknownLocked(sha, reason string) error {
	e := &UnknownRevisionError{Repo: r.loc.display, Revision: sha, Reason: reason}
	if r.current != nil {
		e.Hint = r.current.historyHint()
	}
	if e.Hint == "" && r.loc.remote() {
		e.Hint = "if a force push removed it there, name a clone that still has it"
	}
	return e
}

// historyHint says how to get history that is not there.
func (s *store) historyHint() string {
	switch {
	case s.shallow:
		return "it is a shallow clone, the revision may be in what it lacks: run git fetch --unshallow --tags in it"
	case s.partial:
		return "it is a partial clone: run git fetch --refetch --no-filter in it"
	}
	return ""
}
