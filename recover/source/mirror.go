package source

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/gofrs/flock"
)

var (
	errMirrorAbsent = errors.New("no mirror yet")
	errMirrorBroken = errors.New("the mirror is damaged")
)

// lockPoll is how often a held lock is asked for again.
const lockPoll = 50 * time.Millisecond

// mirror is one bare repository in the cache:
//
//	NAME.git/          HEAD, config, packed-refs, objects/pack
//	NAME.lock          flock held by the one process that writes
//	.new-NAME-*        a mirror in the making, renamed when complete
//
// Readers take no lock: packs never change, and refs are replaced by rename.
type mirror struct {
	root, name, display string
}

func newMirror(root, name, display string) *mirror {
	return &mirror{root: root, name: name, display: display}
}

func (m *mirror) dir() string { return filepath.Join(m.root, m.name+".git") }

// open verifies the mirror and opens it: errMirrorAbsent, errMirrorBroken.
func (m *mirror) open() (*store, error) {
	if _, err := os.Lstat(m.dir()); errors.Is(err, fs.ErrNotExist) {
		return nil, errMirrorAbsent
	} else if err != nil {
		return nil, m.cacheError(err)
	}
	if err := verifyMirror(m.dir()); err != nil {
		return nil, fmt.Errorf("%w: %w", errMirrorBroken, err)
	}
	st, err := openStore(m.dir(), "")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMirrorBroken, err)
	}
	st.where, st.mark = m.display, filepath.Join(m.dir(), damagedMark)
	refs, _, _, err := st.refs()
	for name, h := range refs {
		if err == nil && !st.has(h) {
			err = fmt.Errorf("%s names a missing object", name)
		}
	}
	if err != nil {
		st.close()
		return nil, fmt.Errorf("%w: %w", errMirrorBroken, err)
	}
	return st, nil
}

// update lets fill change the mirror while no other process does, and opens the
// result. fill gets the folder to write to and the present state, which is nil
// when the mirror is new or was damaged; what it leaves after an error in a new
// mirror is thrown away.
func (m *mirror) update(ctx context.Context, fill func(gitDir string, have *store) error) (*store, error) {
	if err := os.MkdirAll(m.root, 0o700); err != nil {
		return nil, m.cacheError(err)
	}
	lock := flock.New(filepath.Join(m.root, m.name+".lock"), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		if ctx.Err() != nil {
			return nil, &Error{Kind: ErrCache, Repo: m.display, What: "another process kept its mirror locked", Next: "wait for it, or end it", Err: ctx.Err()}
		}
		return nil, m.cacheError(err)
	}
	defer func() { _ = lock.Unlock() }() // it ends with the process anyway
	m.sweep()
	have, err := m.open()
	if errors.Is(err, errMirrorBroken) {
		if err := m.discard(); err != nil {
			return nil, m.cacheError(err)
		}
	}
	if err == nil {
		defer have.close()
		if err := fill(m.dir(), have); err != nil {
			return nil, err
		}
	} else if err := m.create(fill); err != nil {
		return nil, err
	}
	st, err := m.open()
	if err != nil {
		return nil, m.cacheError(err)
	}
	return st, nil
}

func (m *mirror) create(fill func(string, *store) error) error {
	building, err := os.MkdirTemp(m.root, m.buildPrefix())
	if err != nil {
		return m.cacheError(err)
	}
	defer os.RemoveAll(building)
	if err := initBare(building, m.display); err != nil {
		return m.cacheError(err)
	}
	if err := fill(building, nil); err != nil {
		return err
	}
	if err := os.Rename(building, m.dir()); err != nil {
		return m.cacheError(err)
	}
	return nil
}

func (m *mirror) buildPrefix() string { return ".new-" + m.name + "-" }

// sweep removes what crashed processes left behind; the lock is held.
func (m *mirror) sweep() {
	if left, err := filepath.Glob(filepath.Join(m.root, m.buildPrefix()+"*")); err == nil {
		for _, dir := range left {
			os.RemoveAll(dir)
		}
	}
	for _, pattern := range []string{filepath.Join("objects", "pack", tempPackPrefix+"*"), ".tmp_*"} {
		if left, err := filepath.Glob(filepath.Join(m.dir(), pattern)); err == nil {
			for _, file := range left {
				os.Remove(file)
			}
		}
	}
}

// discard moves the mirror out of the way before it removes it, so that a crash
// in between leaves no half of one.
func (m *mirror) discard() error {
	grave, err := os.MkdirTemp(m.root, m.buildPrefix())
	if err != nil {
		return err
	}
	defer os.RemoveAll(grave)
	return os.Rename(m.dir(), filepath.Join(grave, "damaged"))
}

func (m *mirror) cacheError(err error) error {
	return &Error{Kind: ErrCache, Repo: m.display, What: "its mirror in " + m.root + " cannot be used",
		Next: "check free space and permissions of that folder", Err: err}
}

// initBare makes an empty bare repository that git can read too.
func initBare(dir, display string) error {
	if err := os.MkdirAll(filepath.Join(dir, "objects", "pack"), 0o700); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "refs"), 0o700); err != nil {
		return err
	}
	config := "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "description"), []byte("mirror of "+display+"\n"), 0o600)
}

// setRefs replaces all refs, HEAD and the list of shallow commits. Objects must
// be in place before.
func setRefs(gitDir string, a advertised) error {
	if err := writeShallow(gitDir, a.shallows); err != nil {
		return err
	}
	var packed bytes.Buffer
	packed.WriteString("# pack-refs with: sorted \n")
	for _, name := range a.names() {
		fmt.Fprintf(&packed, "%s %s\n", a.refs[name], name)
	}
	if err := writeFileSynced(filepath.Join(gitDir, "packed-refs"), packed.Bytes()); err != nil {
		return err
	}
	head := "ref: " + a.branch + "\n"
	if a.branch == "" {
		head = a.head.String() + "\n"
	}
	if err := writeFileSynced(filepath.Join(gitDir, "HEAD"), []byte(head)); err != nil {
		return err
	}
	return syncDir(gitDir)
}

func writeShallow(gitDir string, shallows []plumbing.Hash) error {
	path := filepath.Join(gitDir, "shallow")
	if len(shallows) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	var b bytes.Buffer
	for _, h := range shallows {
		fmt.Fprintln(&b, h)
	}
	return writeFileSynced(path, b.Bytes())
}

// verifyLimit is how many bytes of packs are read again whenever a mirror is
// opened; larger ones are checked at both ends only. Objects are compared with
// their names when they are read, whatever the size.
const verifyLimit = 64 << 20

// damagedMark is a file in a mirror in which an unreadable object was met.
const damagedMark = "damaged"

// verifyMirror finds what a crash, a full disk or a failing one left damaged.
func verifyMirror(dir string) error {
	if _, err := os.Lstat(filepath.Join(dir, damagedMark)); err == nil {
		return errors.New("an object could not be read")
	}
	for _, name := range []string{"HEAD", "config", "packed-refs"} {
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() || info.Size() == 0 {
			return fmt.Errorf("%s is empty or no file", name)
		}
	}
	if err := verifyPackedRefs(filepath.Join(dir, "packed-refs")); err != nil {
		return err
	}
	packs, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "pack-*.pack"))
	if err != nil {
		return err
	}
	left := int64(verifyLimit)
	for _, pack := range packs {
		if err := verifyPack(pack, &left); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(pack), err)
		}
	}
	return nil
}

func verifyPackedRefs(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		sha, name, ok := strings.Cut(line, " ")
		if !ok || !plumbing.IsHash(sha) || !validRefName(name) {
			return errors.New("packed-refs is damaged")
		}
	}
	return lines.Err()
}

// verifyPack compares a pack and its index with their checksums, as far as the
// budget of bytes reaches.
func verifyPack(pack string, left *int64) error {
	want := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(pack), "pack-"), ".pack")
	idx := strings.TrimSuffix(pack, ".pack") + ".idx"
	for _, file := range []string{pack, idx} {
		if err := verifyTrailer(file, want, file == pack, left); err != nil {
			return err
		}
	}
	return nil
}

// verifyTrailer: a pack ends in its checksum, which is its name; an index ends
// in the pack's checksum and its own.
func verifyTrailer(file, want string, isPack bool, left *int64) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < 2*sha1.Size {
		return errors.New("is cut short")
	}
	end := make([]byte, 2*sha1.Size)
	if _, err := f.ReadAt(end, info.Size()-int64(len(end))); err != nil {
		return err
	}
	packSum, own := end[:sha1.Size], end[sha1.Size:]
	if isPack {
		packSum = own
	}
	if hex.EncodeToString(packSum) != want {
		return errors.New("does not end in its checksum")
	}
	if *left -= info.Size(); *left < 0 {
		return nil
	}
	h := sha1.New()
	if _, err := io.Copy(h, io.LimitReader(f, info.Size()-sha1.Size)); err != nil {
		return err
	}
	if !bytes.Equal(h.Sum(nil), own) {
		return errors.New("does not match its checksum")
	}
	return nil
}
