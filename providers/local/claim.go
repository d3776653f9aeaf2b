package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// lockTimeout bounds the wait for another process that works on a cluster.
const lockTimeout = 2 * time.Minute

// claim makes the directory of a new cluster, with its mark inside from the
// first moment on, or finds the one that is there. It returns the mark and the
// lock that the caller has to close. A name that is held by somebody else is a
// *ForeignError or a *TakenError.
func (p *Provider) claim(ctx context.Context, fresh mark) (mark, *os.File, error) {
	if err := os.MkdirAll(p.opts.Root, 0o700); err != nil {
		return mark{}, nil, fmt.Errorf("provider local: %w", err)
	}
	for {
		m, lock, err := p.acquire(ctx, fresh.Name, fresh.ID)
		if err == nil {
			p.sweepStaged(fresh.Name, fresh.ID)
		}
		if !errors.Is(err, providers.ErrNotFound) {
			return m, lock, err
		}
		if err := p.stage(fresh); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
			return mark{}, nil, fmt.Errorf("provider local: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return mark{}, nil, err
		}
	}
}

// stage makes the directory under another name and moves it to its place in one
// step. fs.ErrExist: somebody was faster.
func (p *Provider) stage(m mark) error {
	tmp, err := os.MkdirTemp(p.opts.Root, staged(m.Name, m.ID))
	if err != nil {
		return err
	}
	err = m.write(home(tmp))
	if err == nil {
		err = renameNew(tmp, string(p.home(m.Name)))
	}
	if err != nil {
		_ = os.RemoveAll(tmp)
	}
	return err
}

// staged is how the directories begin in which a cluster is staged.
func staged(name, id string) string { return fmt.Sprintf(".new-%s.%s.", name, id) }

// sweepStaged removes what attempts left behind that were cut off while they
// staged this very cluster.
func (p *Provider) sweepStaged(name, id string) {
	left, err := filepath.Glob(filepath.Join(p.opts.Root, staged(name, id)+"*"))
	if err != nil {
		return
	}
	for _, dir := range left {
		_ = os.RemoveAll(dir) // what stays is reported as a leftover
	}
}

// acquire locks the cluster of that name and id and reads its mark. The lock is
// on the directory itself, so that no lock file is ever left behind.
func (p *Provider) acquire(ctx context.Context, name, id string) (mark, *os.File, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lockTimeout,
		fmt.Errorf("provider local: cluster %q: another process has been working on it for %s", name, lockTimeout))
	defer cancel()
	for {
		if _, err := p.owned(name, id); err != nil {
			return mark{}, nil, err
		}
		lock, err := providers.LockDir(string(p.home(name)))
		if err == nil {
			// Only now is what the mark says certain.
			m, err := p.owned(name, id)
			if err != nil {
				lock.Close()
				return mark{}, nil, err
			}
			return m, lock, nil
		}
		if !errors.Is(err, providers.ErrLocked) && !errors.Is(err, fs.ErrNotExist) {
			return mark{}, nil, fmt.Errorf("provider local: lock %s: %w", p.home(name), err)
		}
		select {
		case <-ctx.Done():
			return mark{}, nil, context.Cause(ctx)
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// owned returns the mark of the cluster when it is ours and has this id.
func (p *Provider) owned(name, id string) (mark, error) {
	m, err := p.inspect(name)
	if err != nil {
		return mark{}, err
	}
	if m.ID != id {
		return mark{}, &providers.TakenError{Provider: ProviderName, Name: name, Wanted: id, Have: m.ID}
	}
	return m, nil
}

// trash is where the directory of a cluster goes before its files are removed
// one by one: without its mark inside it must not keep its name.
func (p *Provider) trash(name, id string) string {
	return filepath.Join(p.opts.Root, fmt.Sprintf(".deleted-%s.%s", name, id))
}

// remains returns the directories that an interrupted create or delete of that
// cluster left beside it.
func (p *Provider) remains(name, id string) ([]string, error) {
	entries, err := os.ReadDir(p.opts.Root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		if n, i, ok := parseRemains(e.Name()); ok && n == name && i == id {
			found = append(found, filepath.Join(p.opts.Root, e.Name()))
		}
	}
	return found, nil
}

// parseRemains takes .new-NAME.ID.RANDOM and .deleted-NAME.ID apart.
func parseRemains(file string) (name, id string, ok bool) {
	rest, isNew := strings.CutPrefix(file, ".new-")
	if !isNew {
		if rest, ok = strings.CutPrefix(file, ".deleted-"); !ok {
			return "", "", false
		}
	}
	parts := strings.Split(rest, ".")
	if isNew && len(parts) == 3 {
		parts = parts[:2]
	}
	if len(parts) != 2 || checkName(parts[0]) != nil || checkID(parts[1]) != nil {
		return "", "", false
	}
	return parts[0], parts[1], true
}

func (p *Provider) sweep(name, id string) error {
	found, err := p.remains(name, id)
	for _, path := range found {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}
