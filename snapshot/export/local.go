package export

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"

	"github.com/rekindle-io/rekindle/recover/source"
)

// localRepository is a target on this machine: bare, or with work trees. It is
// written to as git itself does, so that both can work on it at once.
type localRepository struct {
	display, gitDir, common string // common holds objects and refs
	hooks                   string // where they are, once check has looked
	// note is a file that a later process reads, see refLock; "" when none would.
	note    string
	objects *source.Objects
}

var _ remote = (*localRepository)(nil)

func newLocalRepository(display, gitDir, common string) *localRepository {
	if common == "" {
		common = gitDir
	}
	return &localRepository{display: display, gitDir: gitDir, common: common}
}

func (l *localRepository) String() string { return l.display }

func (l *localRepository) close() error {
	if l.objects == nil {
		return nil
	}
	defer func() { l.objects = nil }()
	return l.objects.Close()
}

// check refuses a branch that a work tree has checked out, and a repository
// whose hooks judge pushes: they are programs that only git runs.
func (l *localRepository) check(ref string) error {
	b, err := os.ReadFile(filepath.Join(l.common, "config"))
	if err != nil {
		return l.unreadable("its config cannot be read", err)
	}
	cfg, err := config.ReadConfig(bytes.NewReader(b))
	if err != nil {
		return l.unreadable("its config cannot be read", err)
	}
	l.hooks = filepath.Join(l.common, "hooks")
	if path := cfg.Raw.Section("core").Option("hooksPath"); filepath.IsAbs(path) {
		l.hooks = path
	} else if path != "" {
		l.hooks = filepath.Join(l.common, path)
	}
	if judges := l.hooksAmong("pre-receive", "update", "reference-transaction"); len(judges) > 0 {
		return &source.Error{Kind: source.ErrRejected, Repo: l.display, What: "its hook " + judges[0] + " judges pushes, and would not be asked",
			Next: "name the repository by its http or ssh address"}
	}
	heads, err := filepath.Glob(filepath.Join(l.common, "worktrees", "*", "HEAD"))
	if err != nil {
		return l.unreadable("its work trees cannot be listed", err)
	}
	if !cfg.Core.IsBare {
		heads = append(heads, filepath.Join(l.common, "HEAD"))
	}
	for _, head := range heads {
		if b, err := os.ReadFile(head); err == nil && strings.TrimSpace(strings.TrimPrefix(string(b), "ref:")) == ref {
			return &CheckedOutError{Repo: l.display, Branch: strings.TrimPrefix(ref, "refs/heads/"), WorkTree: filepath.Dir(head)}
		}
	}
	return nil
}

// hooksAmong returns those of the hooks that git would run.
func (l *localRepository) hooksAmong(names ...string) (there []string) {
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(l.hooks, name)); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			there = append(there, name)
		}
	}
	return there
}

// idleHooks are those that git would run after a push.
func (l *localRepository) idleHooks() []string { return l.hooksAmong("post-receive", "post-update") }

func (l *localRepository) unreadable(what string, err error) error {
	var own *source.Error
	if errors.As(err, &own) {
		own.Repo = cmp.Or(own.Repo, l.display)
		return own
	}
	return &source.Error{Kind: source.ErrNotRepository, Repo: l.display, What: what, Next: "run git fsck there", Err: err}
}

// Fetch opens the objects as they are now and reads the ref; nothing is copied.
func (l *localRepository) Fetch(_ context.Context, ref, _ string, _ func(plumbing.Hash) bool, _ bool) (plumbing.Hash, error) {
	if err := l.close(); err != nil {
		return plumbing.ZeroHash, l.unreadable("cannot be read", err)
	}
	common := l.common
	if common == l.gitDir {
		common = ""
	}
	objects, err := source.OpenObjects(l.gitDir, common)
	if err != nil {
		return plumbing.ZeroHash, l.unreadable("cannot be opened", err)
	}
	l.objects = objects
	return l.readRef(ref)
}

// readRef reads a ref as git keeps it: in a file of its own or in packed-refs.
// go-git would stumble over the lock files of others.
func (l *localRepository) readRef(ref string) (plumbing.Hash, error) {
	packed, err := os.ReadFile(filepath.Join(l.common, "packed-refs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return plumbing.ZeroHash, l.unreadable("its packed-refs cannot be read", err)
	}
	now := ""
	for line := range strings.Lines(string(packed)) {
		sha, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == ref {
			now = sha
		}
		if strings.HasPrefix(name, ref+"/") || strings.HasPrefix(ref, name+"/") {
			return plumbing.ZeroHash, l.inTheWay(ref, name)
		}
	}
	loose, err := os.ReadFile(filepath.Join(l.common, filepath.FromSlash(ref)))
	switch {
	case err == nil:
		now = strings.TrimSpace(string(loose))
	case errors.Is(err, syscall.ENOTDIR):
		return plumbing.ZeroHash, l.inTheWay(ref, "a branch")
	case errors.Is(err, syscall.EISDIR): // maybe an empty one, which git removes when it renames
		return plumbing.ZeroHash, l.inTheWay(ref, "the folder "+ref)
	case !errors.Is(err, fs.ErrNotExist):
		return plumbing.ZeroHash, l.unreadable(ref+" cannot be read", err)
	}
	if now != "" && !plumbing.IsHash(now) {
		return plumbing.ZeroHash, &source.Error{Kind: source.ErrRejected, Repo: l.display, What: ref + " is a symbolic ref, or damaged", Next: "name another branch"}
	}
	return plumbing.NewHash(now), nil
}

func (l *localRepository) inTheWay(ref, name string) error {
	return &source.Error{Kind: source.ErrRejected, Repo: l.display, What: fmt.Sprintf("%s cannot be made beside %s", ref, name),
		Next: "name another branch: one name must not be a folder of the other"}
}

// Push puts the pack beside the others and moves the ref while it holds git's
// own lock on it.
func (l *localRepository) Push(ctx context.Context, u source.RefUpdate, pack source.Pack) error {
	if err := l.check(u.Branch); err != nil {
		return err
	}
	if err := l.install(ctx, pack); err != nil {
		return l.unwritable(err)
	}
	file := filepath.Join(l.common, filepath.FromSlash(u.Branch))
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return l.unwritable(err)
	}
	lock, err := l.lockRef(ctx, file)
	if err != nil {
		return err
	}
	if err := l.move(ctx, u, lock); err != nil {
		return errors.Join(err, os.Remove(lock.name), lock.drop())
	}
	_ = lock.drop() // the branch has moved; the next export sweeps what stays
	return nil
}

// move writes the new commit into the lock file and renames it to the ref's.
// After that the lock's name may be another process's.
func (l *localRepository) move(ctx context.Context, u source.RefUpdate, lock *refLock) error {
	defer lock.Close()
	now, err := l.Fetch(ctx, u.Branch, "", nil, false)
	if err != nil {
		return err
	}
	if now != u.Old {
		return &source.Error{Kind: source.ErrMoved, Repo: l.display, What: fmt.Sprintf("%s is at %s, not at %s", u.Branch, now, u.Old), Next: "try again"}
	}
	_, err = fmt.Fprintln(lock, u.New)
	if err = errors.Join(err, lock.Sync(), lock.Close()); err != nil {
		return l.unwritable(err)
	}
	return l.unwritable(os.Rename(lock.name, strings.TrimSuffix(lock.name, ".lock")))
}

// install copies the pack into the repository, readable for whoever can read
// the folder.
func (l *localRepository) install(ctx context.Context, pack source.Pack) error {
	folder := filepath.Join(l.common, "objects", "pack")
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	info, err := os.Stat(folder)
	if err != nil {
		return err
	}
	from, err := pack.Open()
	if err != nil {
		return err
	}
	defer from.Close()
	f, err := os.CreateTemp(folder, source.TempPack)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone when it is installed
	defer f.Close()
	if _, err := io.Copy(f, from); err != nil {
		return err
	}
	if err := errors.Join(ctx.Err(), f.Chmod(info.Mode().Perm()&0o444)); err != nil {
		return err
	}
	return source.InstallPack(folder, f)
}

func (l *localRepository) unwritable(err error) error {
	if err == nil {
		return nil
	}
	return &source.Error{Kind: source.ErrAuth, Repo: l.display, What: "the repository cannot be written to", Next: "check free space and permissions there", Err: err}
}
