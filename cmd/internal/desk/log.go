package desk

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/source"
)

// restoresToSee is of how many restores, the newest, the log tells which commits
// they brought.
const restoresToSee = 500

// Log implements server.Questions: a page of the history behind a revision. The
// next page goes on from the same commit, whatever became of the branch meanwhile.
func (d *Desk) Log(ctx context.Context, q api.LogQuery) (page api.Log, err error) {
	req, err := d.request(ctx, q.Target)
	if err != nil {
		return page, err
	}
	opts := d.rebuild.Source // what is only looked at need not be signed
	repo, err := source.Open(ctx, req.Source.Repo, opts)
	if err != nil {
		return page, explained(err)
	}
	defer func() { err = errors.Join(err, repo.Close()) }()
	from, at, err := position(q.After)
	if err != nil {
		return page, err
	}
	if q.After == "" {
		c, err := repo.Resolve(ctx, cmp.Or(req.Source.Revision, "HEAD"))
		if err != nil {
			return page, explained(err)
		}
		names, err := repo.Names(ctx)
		if err != nil {
			return page, explained(err)
		}
		from, page.Branches, page.Tags = c.SHA, names.Branches, names.Tags
	}
	walk, err := d.walks.take(req.Source.Repo, from, at)
	if err != nil {
		return page, explained(err)
	}
	if err := repo.Skip(ctx, walk, at); err != nil {
		return page, explained(err)
	}
	wanted := source.LogQuery{Search: q.Search, Limit: min(cmp.Or(q.Limit, 50), api.MaxLog)}
	if q.OnlyPath {
		wanted.Path = req.Source.Path
	}
	found, more, err := repo.Log(ctx, walk, wanted)
	if err != nil {
		return page, explained(err)
	}
	if more {
		page.Next = fmt.Sprintf("%s.%d", from, walk.Read())
		d.walks.keep(req.Source.Repo, walk)
	}
	return page, d.entries(ctx, &page, req, found)
}

// entries adds commits to a page with what the journal knows of them.
func (d *Desk) entries(ctx context.Context, page *api.Log, req rebuild.Request, found []source.Logged) error {
	page.Commits = make([]api.LogEntry, len(found))
	by := make(map[string]*api.LogEntry, len(found))
	for i, one := range found {
		page.Commits[i] = api.LogEntry{Commit: one.Commit, Body: one.Body, Tags: one.Tags, Branches: one.Branches}
		by[one.SHA] = &page.Commits[i]
	}
	left := restoresToSee
	return d.journal.Each(ctx, run.Filter{Recipe: rebuild.Recipe}, func(r run.Run) bool {
		o, ok := outcomeOf(r)
		if entry := by[o.Commit.SHA]; ok && entry != nil {
			ref := api.Run{Run: r}.Ref()
			if entry.Restored == nil && r.Cluster == req.Cluster {
				entry.Restored = &ref
			}
			if entry.Verified == nil && o.Verified {
				entry.Verified = &ref
			}
		}
		left--
		return left > 0
	})
}

// position reads where a page begins: a SHA, and how many commits behind it were
// looked at.
func position(after string) (sha string, read int, err error) {
	if after == "" {
		return "", 0, nil
	}
	sha, n, _ := strings.Cut(after, ".")
	read, err = strconv.Atoi(n)
	if raw, badHex := hex.DecodeString(sha); err != nil || badHex != nil || len(raw) != 20 || read < 0 {
		return "", 0, wrong("after", "is not the next of a page")
	}
	return sha, read, nil
}

// maxWalks is how many histories are remembered that somebody was reading.
const maxWalks = 8

// walks remember how far histories were read, so that the next page need not begin
// at the top. What is forgotten is read again.
type walks struct {
	mu   sync.Mutex
	kept []kept // oldest first
}

type kept struct {
	repo string
	walk *source.Walk
}

// take returns the walk that stands there, or one that begins.
func (w *walks) take(repo, sha string, read int) (*source.Walk, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, k := range w.kept {
		if k.repo == repo && k.walk.Start() == sha && k.walk.Read() == read && read > 0 {
			w.kept = append(w.kept[:i:i], w.kept[i+1:]...)
			return k.walk, nil
		}
	}
	return source.NewWalk(sha)
}

func (w *walks) keep(repo string, walk *source.Walk) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kept = append(w.kept, kept{repo, walk}); len(w.kept) > maxWalks {
		w.kept = w.kept[1:]
	}
}
