package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/rekindle-io/rekindle/recover/nearest"
)

// maxHistory is how many commits are searched for a missing path.
const maxHistory = 20_000

// PathAbsentError: the commit has no such path.
type PathAbsentError struct {
	Repo, Commit, Path string
	// Parent is the deepest part of the path that exists ("." at least);
	// Nearest are entries there that may have been meant, as full paths.
	Parent  string
	Nearest []string
	// Last is the last commit that had the path and Removed the one after it,
	// nil when no commit before this one had it.
	Last, Removed *HistoryPoint
	// Added is the commit that brought the path later, nil when none did.
	Added *HistoryPoint
}

// HistoryPoint is a commit in the history of a path.
type HistoryPoint struct {
	SHA     string
	Time    time.Time
	Subject string
}

func (p *HistoryPoint) String() string {
	return fmt.Sprintf("%.12s (%s, %q)", p.SHA, p.Time.UTC().Format(time.DateOnly), p.Subject)
}

func (e *PathAbsentError) Error() string {
	msg := fmt.Sprintf("repository %s has no %q at commit %s", e.Repo, e.Path, e.Commit)
	switch {
	case e.Removed != nil:
		msg += fmt.Sprintf(": it was removed in %s and is there up to %s", e.Removed, e.Last)
	case e.Added != nil:
		msg += fmt.Sprintf(": it appears later, first in %s", e.Added)
	}
	if len(e.Nearest) > 0 {
		quoted := make([]string, len(e.Nearest))
		for i, n := range e.Nearest {
			quoted[i] = fmt.Sprintf("%q", n)
		}
		return msg + "; did you mean " + strings.Join(quoted, " or ") + "?"
	}
	if e.Parent != "" && e.Parent != "." {
		msg += fmt.Sprintf("; %q exists", e.Parent)
	}
	return msg
}

// Is makes it fs.ErrNotExist.
func (e *PathAbsentError) Is(target error) bool { return target == fs.ErrNotExist }

// Folder returns the tree below dir at the commit sha: Tree for ".", fs.Sub of
// it otherwise. When the commit has no such path the error is a
// *PathAbsentError that knows the path's history; when it is no folder, an
// *fs.PathError.
func (r *Repository) Folder(ctx context.Context, sha, dir string) (fs.FS, error) {
	tree, err := r.Tree(ctx, sha)
	if err != nil {
		return nil, err
	}
	if !fs.ValidPath(dir) {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: fmt.Errorf("%w: write the folder relative to the repository, such as deploy/prod", fs.ErrInvalid)}
	}
	info, err := tree.Stat(dir)
	var link *SymlinkError
	if errors.Is(err, fs.ErrNotExist) && !errors.As(err, &link) {
		return nil, r.absent(ctx, tree, dir)
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: errors.New("is a file, not a folder")}
	}
	if dir == "." {
		return tree, nil
	}
	return fs.Sub(tree, dir)
}

func (r *Repository) absent(ctx context.Context, tree *Tree, dir string) error {
	e := &PathAbsentError{Repo: r.loc.display, Commit: tree.sha, Path: dir}
	e.Parent, e.Nearest = tree.nearest(dir)
	// The history is a courtesy: when it cannot be read, the error stands.
	if e.findRemoval(ctx, tree.st, plumbing.NewHash(tree.sha)) != nil || e.Removed != nil {
		return e
	}
	e.findAddition(ctx, tree.st, plumbing.NewHash(tree.sha))
	return e
}

// nearest is the deepest existing part of name and what there resembles the
// rest.
func (t *Tree) nearest(name string) (parent string, near []string) {
	parent, rest := name, ""
	for parent != "." {
		parent, rest = path.Dir(parent), path.Base(parent)
		if info, err := t.Stat(parent); err == nil && info.IsDir() {
			break
		}
	}
	entries, err := t.ReadDir(parent)
	if err != nil {
		return parent, nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	for _, n := range nearest.Names(rest, names, 3) {
		near = append(near, path.Join(parent, n))
	}
	return parent, near
}

// findRemoval walks back along first parents to the last commit that had it.
func (e *PathAbsentError) findRemoval(ctx context.Context, st *store, from plumbing.Hash) error {
	seen := pathMemo{st: st, path: e.Path, known: map[plumbing.Hash]bool{}}
	var after *object.Commit
	return walkBack(ctx, st, from, func(c *object.Commit) (stop bool, err error) {
		has, err := seen.in(c.TreeHash)
		if has && after != nil {
			e.Last, e.Removed = point(c), point(after)
		}
		after = c
		return has, err
	})
}

// findAddition walks back from every branch to the commit asked for, and keeps
// the earliest commit that has the path.
func (e *PathAbsentError) findAddition(ctx context.Context, st *store, until plumbing.Hash) {
	refs, branch, detached, err := st.refs()
	if err != nil {
		return
	}
	tips := []plumbing.Hash{refs[branch], detached}
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		if strings.HasPrefix(name, "refs/heads/") || strings.HasPrefix(name, "refs/remotes/") {
			tips = append(tips, refs[name])
		}
	}
	seen := pathMemo{st: st, path: e.Path, known: map[plumbing.Hash]bool{}}
	for _, tip := range tips {
		if tip.IsZero() {
			continue
		}
		var first *object.Commit
		met := false
		err := walkBack(ctx, st, tip, func(c *object.Commit) (bool, error) {
			if met = c.Hash == until; met {
				return true, nil
			}
			has, err := seen.in(c.TreeHash)
			if has {
				first = c
			}
			return false, err
		})
		if err == nil && met && first != nil {
			e.Added = point(first)
			return
		}
	}
}

// walkBack visits from and its first parents until visit says stop.
func walkBack(ctx context.Context, st *store, from plumbing.Hash, visit func(*object.Commit) (bool, error)) error {
	for range maxHistory {
		if err := ctx.Err(); err != nil {
			return err
		}
		c, err := st.commit(from)
		if err != nil {
			return err
		}
		stop, err := visit(c)
		if err != nil || stop || len(c.ParentHashes) == 0 {
			return err
		}
		from = c.ParentHashes[0]
	}
	return nil
}

func point(c *object.Commit) *HistoryPoint {
	return &HistoryPoint{SHA: c.Hash.String(), Time: c.Committer.When, Subject: subject(c)}
}

// pathMemo remembers which trees hold a path; most commits share theirs.
type pathMemo struct {
	st    *store
	path  string
	known map[plumbing.Hash]bool
}

func (m *pathMemo) in(tree plumbing.Hash) (bool, error) {
	if has, ok := m.known[tree]; ok {
		return has, nil
	}
	h, mode := tree, filemode.Dir
	for part := range strings.SplitSeq(m.path, "/") {
		if mode != filemode.Dir {
			m.known[tree] = false
			return false, nil
		}
		f, err := m.st.folder(h)
		if err != nil {
			return false, err
		}
		i := slices.IndexFunc(f.entries, func(n node) bool { return n.name == part })
		if i < 0 {
			m.known[tree] = false
			return false, nil
		}
		h, mode = f.entries[i].hash, f.entries[i].mode
	}
	m.known[tree] = true
	return true, nil
}
