package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

const tempPackPrefix = "tmp_pack_"

// addPack stores the packfile read from r in gitDir and indexes it. A reader
// sees either nothing of it or all: the index comes into place first, and only
// a pack with its index is looked at. Checksums and every delta are verified.
func addPack(ctx context.Context, gitDir string, r io.Reader) (err error) {
	dir := filepath.Join(gitDir, "objects", "pack")
	f, err := os.CreateTemp(dir, tempPackPrefix)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	n, err := io.Copy(f, contextReader{ctx, r})
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("the pack is missing: %w", io.ErrUnexpectedEOF)
	}
	return installPack(dir, f)
}

// installPack indexes the pack in f and moves both into place, with f's mode.
func installPack(dir string, f *os.File) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	index := new(idxfile.Writer)
	parser, err := packfile.NewParser(packfile.NewScanner(f), index)
	if err != nil {
		return err
	}
	checksum, err := parser.Parse()
	if err != nil {
		return err
	}
	memory, err := index.Index()
	if err != nil {
		return err
	}
	idx, err := os.CreateTemp(dir, tempPackPrefix)
	if err != nil {
		return err
	}
	defer os.Remove(idx.Name())
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, err = idxfile.NewEncoder(idx).Encode(memory)
	if err = errors.Join(err, idx.Chmod(info.Mode().Perm()), idx.Sync(), idx.Close(), f.Sync()); err != nil {
		return err
	}
	base := filepath.Join(dir, "pack-"+checksum.String())
	if err := os.Rename(idx.Name(), base+".idx"); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), base+".pack"); err != nil {
		return err
	}
	return syncDir(dir)
}

// writeFileSynced replaces path at once: after a crash it holds the old content
// or the new.
func writeFileSynced(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp_"+filepath.Base(path))
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// contextReader stops reading when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
