package export

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/rekindle-io/rekindle/recover/source"
)

// packWriter writes a packfile of whole objects (no deltas) to a temporary
// file, see gitformat-pack(5). Callers compress in their own goroutines; one
// at a time appends.
type packWriter struct {
	folder string // objects/pack of a repository
	zips   sync.Pool

	mu     sync.Mutex
	file   *os.File
	out    *bufio.Writer
	sealed map[plumbing.Hash]bool // what is in it
	err    error                  // the first failure, after which nothing helps
}

const packHeader = 12

func newPackWriter(gitDir string) (*packWriter, error) {
	folder := filepath.Join(gitDir, "objects", "pack")
	f, err := os.CreateTemp(folder, source.TempPack)
	if err != nil {
		return nil, err
	}
	p := &packWriter{folder: folder, file: f, out: bufio.NewWriterSize(f, 1<<18), sealed: map[plumbing.Hash]bool{}}
	p.zips.New = func() any { return new(compressor) }
	if _, err := p.out.Write(make([]byte, packHeader)); err != nil {
		return nil, errors.Join(err, p.discard())
	}
	return p, nil
}

// compressor is what one goroutine needs for an entry.
type compressor struct {
	entry bytes.Buffer
	zip   *zlib.Writer
}

// add appends an object, unless it is in the pack.
func (p *packWriter) add(t plumbing.ObjectType, h plumbing.Hash, content []byte) error {
	p.mu.Lock()
	there, err := p.sealed[h], p.err
	p.sealed[h] = true
	p.mu.Unlock()
	if there || err != nil {
		return err
	}
	c, _ := p.zips.Get().(*compressor)
	defer p.zips.Put(c)
	if err := c.compress(t, content); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		_, p.err = p.out.Write(c.entry.Bytes())
	}
	return p.err
}

func (c *compressor) compress(t plumbing.ObjectType, content []byte) error {
	c.entry.Reset()
	size := uint64(len(content))
	head := byte(t)<<4 | byte(size&0xf)
	for size >>= 4; size > 0; size >>= 7 {
		c.entry.WriteByte(head | 0x80)
		head = byte(size & 0x7f)
	}
	c.entry.WriteByte(head)
	if c.zip == nil {
		c.zip = zlib.NewWriter(&c.entry)
	} else {
		c.zip.Reset(&c.entry)
	}
	_, err := c.zip.Write(content)
	return errors.Join(err, c.zip.Close())
}

// finish completes the file: the number of objects at its beginning, and the
// checksum at its end, which it returns.
func (p *packWriter) finish() (checksum string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err = errors.Join(p.err, p.out.Flush()); p.err != nil {
		return "", p.err
	}
	head := append([]byte("PACK"), 0, 0, 0, 2, 0, 0, 0, 0)
	binary.BigEndian.PutUint32(head[8:], uint32(len(p.sealed)))
	if _, err := p.file.WriteAt(head, 0); err != nil {
		return "", err
	}
	sum := sha1.New()
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	if _, err := io.Copy(sum, p.file); err != nil {
		return "", err
	}
	if _, err := p.file.Write(sum.Sum(nil)); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// install finishes the pack and puts it into its repository.
func (p *packWriter) install() (path string, err error) {
	checksum, err := p.finish()
	if err != nil {
		return "", errors.Join(err, p.discard())
	}
	if err := source.InstallPack(p.folder, p.file); err != nil {
		return "", errors.Join(err, p.discard())
	}
	return filepath.Join(p.folder, "pack-"+checksum+".pack"), p.file.Close()
}

// discard removes the temporary file.
func (p *packWriter) discard() error {
	return errors.Join(p.file.Close(), os.Remove(p.file.Name()))
}

// packAt hands on a finished file.
func packAt(path string) (source.Pack, error) {
	info, err := os.Stat(path)
	if err != nil {
		return source.Pack{}, fmt.Errorf("the pack to push is gone: %w", err)
	}
	return source.Pack{Size: info.Size(), Open: func() (io.ReadCloser, error) { return os.Open(path) }}, nil
}
