package run

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"go.etcd.io/bbolt"
)

// Check is the preflight of a run: it makes the state directory and the journal
// if needed, sees that some space is free, and writes for real. An error is a
// StorageError that says what to do; then nothing should be created anywhere.
func (s *Store) Check(ctx context.Context) error {
	if err := s.makeDir(s.dir); err != nil {
		return err
	}
	if err := s.owned(); err != nil {
		return err
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(s.dir, &fs); err != nil {
		return classify(s.dir, err)
	}
	if free := uint64(fs.Bavail) * uint64(fs.Bsize); free < s.opts.MinFree {
		return &StorageError{Path: s.dir, Trouble: NoSpace, Err: fmt.Errorf("%d MB free, want %d MB", free>>20, s.opts.MinFree>>20)}
	}
	if err := s.tryFile(); err != nil {
		return err
	}
	return s.write(ctx, func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketMeta)).Put([]byte("checked"), strconv.AppendInt(nil, int64(os.Getpid()), 10))
	})
}

// owned refuses a folder of somebody else, whose files we could not trust. Root
// may use what it is given.
func (s *Store) owned() error {
	fi, err := os.Stat(s.dir)
	if err != nil {
		return classify(s.dir, err)
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if me := os.Geteuid(); ok && me != 0 && int(st.Uid) != me {
		return &StorageError{Path: s.dir, Trouble: NotWritable, Err: fmt.Errorf("it belongs to user %d, not to you (%d)", st.Uid, me)}
	}
	return nil
}

// tryFile writes, syncs and removes a small file: quotas and limits that the
// free space does not show are met here.
func (s *Store) tryFile() (err error) {
	path := filepath.Join(s.dir, "check.tmp-"+strconv.Itoa(os.Getpid()))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return classify(path, err)
	}
	defer func() {
		f.Close()
		if gone := os.Remove(path); err == nil {
			err = classify(path, gone)
		}
	}()
	if _, err := f.Write(make([]byte, 256<<10)); err != nil {
		return classify(path, err)
	}
	return classify(path, f.Sync())
}
