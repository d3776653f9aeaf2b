package source

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// bundleSignature begins every bundle; a version digit and the words follow.
const bundleSignature = "# v"

// maxBundleHeader bounds the text before the pack, in bytes.
const maxBundleHeader = 16 << 20

// bundleHeader is the text before the pack, as gitformat-bundle(5) has it.
type bundleHeader struct {
	version       int
	capabilities  []string
	prerequisites []string
	refs          map[string]plumbing.Hash
}

var (
	errBundleThin   = errors.New("it is an incremental bundle")
	errBundleFormat = errors.New("not a bundle")
)

// readBundleHeader reads up to the empty line; the pack is next in r.
func readBundleHeader(r *bufio.Reader) (bundleHeader, error) {
	h := bundleHeader{refs: map[string]plumbing.Hash{}}
	budget := maxBundleHeader
	next := func() (string, error) {
		var b strings.Builder
		for {
			chunk, err := r.ReadSlice('\n')
			if budget -= len(chunk); budget < 0 {
				return "", fmt.Errorf("%w: its header is too long", errBundleFormat)
			}
			b.Write(chunk)
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if err != nil {
				return "", fmt.Errorf("%w: its header ends early", errBundleFormat)
			}
			return strings.TrimSuffix(b.String(), "\n"), nil
		}
	}
	line, err := next()
	if err != nil {
		return h, err
	}
	switch line {
	case "# v2 git bundle":
		h.version = 2
	case "# v3 git bundle":
		h.version = 3
	default:
		return h, fmt.Errorf("%w of version 2 or 3", errBundleFormat)
	}
	for {
		if line, err = next(); err != nil || line == "" {
			return h, err
		}
		if err := h.add(line); err != nil {
			return h, err
		}
	}
}

func (h *bundleHeader) add(line string) error {
	switch {
	case line[0] == '@' && h.version == 3:
		h.capabilities = append(h.capabilities, line[1:])
		return nil
	case line[0] == '-':
		h.prerequisites = append(h.prerequisites, strings.SplitN(line[1:], " ", 2)[0])
		return nil
	}
	sha, name, ok := strings.Cut(line, " ")
	if h.objectFormat() != "sha1" {
		return nil
	}
	if !ok || !plumbing.IsHash(sha) || name != "HEAD" && !validRefName(name) {
		return fmt.Errorf("%w: unexpected line %.80q in its header", errBundleFormat, line)
	}
	h.refs[name] = plumbing.NewHash(sha)
	return nil
}

func (h *bundleHeader) objectFormat() string {
	for _, c := range h.capabilities {
		if f, ok := strings.CutPrefix(c, "object-format="); ok {
			return f
		}
	}
	return "sha1"
}

// check refuses bundles that do not hold everything they name.
func (h *bundleHeader) check(display string) error {
	if f := h.objectFormat(); f != "sha1" {
		return &Error{Kind: ErrUnsupported, Repo: display, What: fmt.Sprintf("uses %.20q object names, which cannot be read yet", f),
			Next: "make the bundle from a repository with sha1 object names"}
	}
	if n := len(h.prerequisites); n > 0 {
		return &Error{Kind: ErrHistory, Repo: display, Err: errBundleThin,
			What: fmt.Sprintf("the bundle builds upon %d commits that it does not hold (%.40s)", n, h.prerequisites[0]),
			Next: "fetch it into a clone that has them, or make a whole one with git bundle create FILE --all"}
	}
	for _, c := range h.capabilities {
		if strings.HasPrefix(c, "filter=") {
			return &Error{Kind: ErrHistory, Repo: display, What: fmt.Sprintf("the bundle leaves objects out (%.60q)", c),
				Next: "make a whole one with git bundle create FILE --all"}
		}
		if !strings.HasPrefix(c, "object-format=") {
			return &Error{Kind: ErrUnsupported, Repo: display, What: fmt.Sprintf("the bundle needs %.60q, which is not known here", c)}
		}
	}
	if len(h.refs) == 0 {
		return &Error{Kind: ErrEmpty, Repo: display, What: "the bundle names no ref", Next: "make it with git bundle create FILE --all"}
	}
	return nil
}

// advertised are the bundle's refs; a bundle does not say which branch HEAD is,
// so it is the one with HEAD's commit, main and master before others.
func (h *bundleHeader) advertised() advertised {
	a := newAdvertised()
	head, hasHead := h.refs["HEAD"]
	for name, sha := range h.refs {
		if name != "HEAD" {
			a.refs[name] = sha
		}
	}
	a.head = head
	for _, name := range append([]string{"refs/heads/main", "refs/heads/master"}, a.names()...) {
		sha, ok := a.refs[name]
		if ok && strings.HasPrefix(name, "refs/heads/") && (!hasHead || sha == head) {
			a.branch = name
			break
		}
	}
	if a.branch == "" && !hasHead {
		a.branch = "refs/heads/main" // unborn: HEAD resolves to nothing
	}
	return a
}

// openBundle opens a bundle through the cache, where its pack is indexed once.
// The cache is keyed by the bundle's content.
func openBundle(ctx context.Context, cacheDir string, loc location) (*mirror, *store, error) {
	f, err := os.Open(loc.path)
	if err != nil {
		return nil, nil, &Error{Kind: ErrNotRepository, Repo: loc.display, What: "cannot be read", Err: err}
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, contextReader{ctx, f}); err != nil {
		return nil, nil, &Error{Kind: ErrNotRepository, Repo: loc.display, What: "cannot be read", Err: err}
	}
	m := newMirror(cacheDir, "bundle-"+readable(strings.TrimSuffix(filepath.Base(loc.path), ".bundle"))+"-"+hex.EncodeToString(sum.Sum(nil)[:16]), loc.display)
	if st, err := m.open(); err == nil {
		return m, st, nil
	}
	st, err := m.update(ctx, func(gitDir string, have *store) error {
		if have != nil {
			return nil // another process was faster
		}
		return unbundle(ctx, gitDir, f, loc.display)
	})
	return m, st, err
}

func unbundle(ctx context.Context, gitDir string, f *os.File, display string) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return &Error{Kind: ErrNotRepository, Repo: display, What: "cannot be read", Err: err}
	}
	r := bufio.NewReaderSize(f, 1<<16)
	h, err := readBundleHeader(r)
	if err != nil {
		return &Error{Kind: ErrNotRepository, Repo: display, What: "cannot be read as a bundle", Next: "make it anew with git bundle create", Err: err}
	}
	if err := h.check(display); err != nil {
		return err
	}
	if err := addPack(ctx, gitDir, r); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return &Error{Kind: ErrCorrupt, Repo: display, What: "the bundle's pack cannot be read",
			Next: "copy it again, or make it anew and check it with git bundle verify", Err: err}
	}
	if err := setRefs(gitDir, h.advertised()); err != nil {
		return &Error{Kind: ErrCache, Repo: display, What: "its mirror cannot be written", Next: "check free space", Err: err}
	}
	return nil
}
