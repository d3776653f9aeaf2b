package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/rekindle-io/rekindle/recover/source"
)

// TrailerAdoptedFrom names the cluster whose live values a commit proposes. It
// stands where an export has the trailer Cluster, so that neither of them takes
// the other's branch for its own.
const TrailerAdoptedFrom = "Adopted-From"

// Proposal is a change of a few files of a commit.
type Proposal struct {
	// Onto is the full SHA of the commit.
	Onto string
	// Part: there is more that could be proposed, and what the branch proposes
	// already stays. Files then change the tree of Upon, an earlier proposal, as
	// GoesOn returned it, unless that is empty. Otherwise they change Onto's, and
	// what the branch proposed before is taken back.
	Part bool
	Upon string
	// Files are new contents by path from the root of the tree; nil deletes.
	Files map[string][]byte
	// Message becomes that of the commit. Keep and Force say nothing here.
	Message Message
}

// Origin holds the objects of the repository as it is now, of the commit that a
// proposal changes and of the branch's tip, but for contents of files;
// *source.Objects is one.
type Origin interface {
	Has(h plumbing.Hash) bool
	Commit(h plumbing.Hash) (*object.Commit, error)
	Folder(h plumbing.Hash) ([]source.Entry, error)
}

var _ Origin = (*source.Objects)(nil)

// Proposed says what came of a proposal.
type Proposed struct {
	// Commit is the SHA that the branch has now.
	Commit string `json:"commit"`
	Branch string `json:"branch"`
	// Created: there was no such branch.
	Created bool `json:"created,omitempty"`
	// Unchanged: the branch has just this already, and no commit was made.
	Unchanged bool `json:"unchanged,omitempty"`
}

// Propose commits a change of some files on top of a commit of the repository
// and moves a branch to it, without force. Only what is new is sent: the
// repository has the rest. A new branch gets one commit, whose parent is the
// commit; a branch whose last commit is a proposal for the same cluster is gone
// on with, so that it differs from the commit by just the files, and by what Upon
// changes. Any other branch is a *ForeignBranchError or *CheckedOutError. Work trees and indexes are
// never touched.
//
// After an error, and after a crash, the same call can be made again. Of opts,
// Contents and MaxDeleted are not used; in CacheDir is noted what this process
// locks, if it is not empty.
func Propose(ctx context.Context, target Target, origin Origin, p Proposal, opts Options) (Proposed, error) {
	if err := p.Message.check(); err != nil {
		return Proposed{}, err
	}
	if len(p.Files) == 0 {
		return Proposed{}, fmt.Errorf("export: nothing to propose onto %q", p.Onto)
	}
	w, done, err := newProposing(target, origin, p.Onto, opts)
	if err != nil {
		return Proposed{}, err
	}
	defer done()
	free, err := w.claim(ctx)
	if err != nil {
		return Proposed{}, err
	}
	defer free()
	return w.propose(ctx, p)
}

// GoesOn returns the SHA of the proposal that another one for a part of the same
// drift goes on from: the branch's last commit, when it changes the commit onto.
// It is empty when there is no such branch, or onto has it in its history. What
// a branch proposes onto another commit is a *SupersededError, somebody else's
// branch a *ForeignBranchError or *CheckedOutError.
func GoesOn(ctx context.Context, target Target, origin Origin, onto string, opts Options) (string, error) {
	w, done, err := newProposing(target, origin, onto, opts)
	if err != nil {
		return "", err
	}
	defer done()
	tip, err := w.tip(ctx)
	switch {
	case err != nil || tip == nil || w.reaches(tip.Hash):
		return "", err
	case !w.isOnto(tip):
		return "", &SupersededError{Repo: w.to.String(), Branch: target.Branch, Commit: tip.Hash.String(), Had: trailer(tip.Message, TrailerSourceCommit), Onto: onto}
	}
	return tip.Hash.String(), nil
}

// newProposing opens the target; done closes it.
func newProposing(target Target, origin Origin, onto string, opts Options) (w *proposing, done func(), err error) {
	if err := target.check(); err != nil {
		return nil, nil, err
	}
	if !plumbing.IsHash(onto) {
		return nil, nil, fmt.Errorf("export: %q is no commit to propose onto", onto)
	}
	if opts.Getenv == nil || opts.Now == nil {
		return nil, nil, errors.New("export: Getenv and Now must be set")
	}
	if opts, err = opts.complete(); err != nil {
		return nil, nil, err
	}
	to, local, name, err := reach(target, opts)
	if err != nil {
		return nil, nil, err
	}
	done = func() {
		if local != nil {
			_ = local.close() // it was only read
		}
	}
	return &proposing{target: target, opts: opts, to: to, local: local, name: name, origin: origin, onto: plumbing.NewHash(onto), new: map[plumbing.Hash]newObject{}}, done, nil
}

// CheckProposal tells whether proposals may go to the target at all, as far as
// that is known without asking a server.
func CheckProposal(target Target, opts Options) error {
	if err := target.check(); err != nil {
		return err
	}
	_, _, _, err := reach(target, opts)
	return err
}

// proposing is one proposal under way.
type proposing struct {
	target Target
	opts   Options
	to     remote
	// local is to when it lies on this machine, name that of its notes here.
	local  *localRepository
	name   string
	origin Origin
	onto   plumbing.Hash
	new    map[plumbing.Hash]newObject
}

func (w *proposing) propose(ctx context.Context, p Proposal) (Proposed, error) {
	tip, err := w.tip(ctx)
	if err != nil {
		return Proposed{}, err
	}
	base, err := w.base(p, tip)
	if err != nil {
		return Proposed{}, err
	}
	root, err := w.change(base.TreeHash, p.Files)
	if err != nil {
		return Proposed{}, err
	}
	r := Proposed{Branch: w.target.Branch, Created: tip == nil}
	if tip != nil && tip.TreeHash == root && w.isOnto(tip) {
		r.Commit, r.Unchanged = tip.Hash.String(), true
		return r, nil
	}
	head, err := w.commit(root, p.Message, tip)
	if err != nil {
		return Proposed{}, err
	}
	r.Commit = head.String()
	u := source.RefUpdate{Branch: w.target.ref(), New: head}
	if tip != nil {
		u.Old = tip.Hash
	}
	return r, w.push(ctx, u)
}

// base returns the commit whose tree is changed.
func (w *proposing) base(p Proposal, tip *object.Commit) (*object.Commit, error) {
	switch {
	case !p.Part, p.Upon == "" && (tip == nil || w.reaches(tip.Hash)):
		return w.origin.Commit(w.onto)
	case tip != nil && tip.Hash.String() == p.Upon && w.isOnto(tip):
		return tip, nil
	}
	return nil, &source.Error{Kind: source.ErrMoved, Repo: w.to.String(), What: "branch " + w.target.Branch + " was moved by somebody else meanwhile", Next: "run it again"}
}

// tip returns the last commit of the branch, which must be ours; nil when there
// is no such branch.
func (w *proposing) tip(ctx context.Context) (*object.Commit, error) {
	h, err := w.look(ctx)
	if err != nil || h.IsZero() {
		return nil, err
	}
	if !w.origin.Has(h) {
		return nil, &source.Error{Kind: source.ErrMoved, Repo: w.to.String(), What: "branch " + w.target.Branch + " is being moved by somebody else", Next: "run it again"}
	}
	c, err := w.origin.Commit(h)
	if err != nil {
		return nil, err
	}
	if from := trailer(c.Message, TrailerAdoptedFrom); from != w.target.Cluster {
		return nil, w.foreign(c, from)
	}
	return c, nil
}

func (w *proposing) foreign(c *object.Commit, from string) error {
	subject, _, _ := strings.Cut(c.Message, "\n")
	return &ForeignBranchError{Repo: w.to.String(), Branch: w.target.Branch, Commit: c.Hash.String(), Author: c.Author.Name,
		Subject: subject, Cluster: from, Want: w.target.Cluster, Proposal: true}
}

// isOnto tells whether tip changes the very commit that is to be changed.
func (w *proposing) isOnto(tip *object.Commit) bool {
	return trailer(tip.Message, TrailerSourceCommit) == w.onto.String()
}

// commit makes the commit object. It always has the commit that is changed
// among its ancestors, and the branch's tip, so that nothing is forced.
func (w *proposing) commit(root plumbing.Hash, m Message, tip *object.Commit) (plumbing.Hash, error) {
	m.Trailers = append([]Trailer{{TrailerSourceCommit, w.onto.String()}}, m.Trailers...)
	c := &object.Commit{TreeHash: root, Message: m.text(Trailer{TrailerAdoptedFrom, w.target.Cluster}), ParentHashes: w.parents(tip)}
	content, err := encodeCommit(c, w.opts)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	return w.add(plumbing.CommitObject, content), nil
}

func (w *proposing) parents(tip *object.Commit) []plumbing.Hash {
	switch {
	case tip == nil || w.reaches(tip.Hash):
		return []plumbing.Hash{w.onto}
	case w.isOnto(tip):
		return []plumbing.Hash{tip.Hash}
	}
	return []plumbing.Hash{tip.Hash, w.onto} // as a merge of the source into the branch
}

// maxAncestors bounds how far back an ancestor is looked for.
const maxAncestors = 10_000

// reaches tells whether the commit that is changed has ancestor in its history,
// as far as that is here.
func (w *proposing) reaches(ancestor plumbing.Hash) bool {
	seen := map[plumbing.Hash]bool{w.onto: true}
	for queue := []plumbing.Hash{w.onto}; len(queue) > 0 && len(seen) < maxAncestors; queue = queue[1:] {
		if queue[0] == ancestor {
			return true
		}
		if !w.origin.Has(queue[0]) {
			continue
		}
		c, err := w.origin.Commit(queue[0])
		if err != nil {
			continue // a merge does as well
		}
		for _, parent := range c.ParentHashes {
			if !seen[parent] {
				seen[parent] = true
				queue = append(queue, parent)
			}
		}
	}
	return false
}

// push sends what is new, again when the server did not answer.
func (w *proposing) push(ctx context.Context, u source.RefUpdate) error {
	pack, err := w.pack()
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		within, cancel := context.WithTimeout(ctx, w.opts.Timeout)
		err = w.to.Push(within, u, pack)
		cancel()
		if err == nil {
			return nil
		}
		unsure := errors.Is(err, source.ErrUnreachable) || attempt > 1 && errors.Is(err, source.ErrMoved)
		if unsure && w.arrived(ctx, u) {
			return nil
		}
		if !errors.Is(err, source.ErrUnreachable) || attempt >= w.opts.Attempts || ctx.Err() != nil {
			return &ProposalError{Repo: w.to.String(), Branch: w.target.Branch, Attempts: attempt, Err: cmp.Or(ctx.Err(), err)}
		}
		w.opts.say(fmt.Sprintf("push failed, trying again: %v", err))
		if err := sleep(ctx, attempt); err != nil {
			return &ProposalError{Repo: w.to.String(), Branch: w.target.Branch, Attempts: attempt, Err: err}
		}
	}
}

// arrived tells whether the branch has the commit although we were told that
// something went wrong.
func (w *proposing) arrived(ctx context.Context, u source.RefUpdate) bool {
	now, err := w.look(ctx)
	return err == nil && now == u.New
}

// look returns the commit that the branch has now, zero when there is none.
func (w *proposing) look(ctx context.Context) (plumbing.Hash, error) {
	ctx, cancel := context.WithTimeout(ctx, w.opts.Timeout)
	defer cancel()
	return w.to.Fetch(ctx, w.target.ref(), "", func(plumbing.Hash) bool { return true }, false)
}
