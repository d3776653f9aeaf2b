package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
)

// read runs fn in a read-only transaction. Without a journal it returns false
// and makes none.
func (s *Store) read(ctx context.Context, fn func(*bbolt.Tx) error) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if ok, err := s.exists(); err != nil || !ok {
		return false, err
	}
	return true, s.exclusively(ctx, func(ctx context.Context) error {
		return s.transact(ctx, true, fn)
	})
}

// write runs fn in a read-write transaction, making the journal if needed.
func (s *Store) write(ctx context.Context, fn func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if ok, err := s.exists(); err != nil {
		return err
	} else if !ok {
		if err := s.makeDir(s.dir); err != nil {
			return err
		}
	}
	return s.exclusively(ctx, func(ctx context.Context) error {
		return s.transact(ctx, false, fn)
	})
}

// exclusively lets one goroutine of this process do, and gives do a ctx that
// ends with the lock timeout. A timeout becomes a Busy error.
func (s *Store) exclusively(ctx context.Context, do func(context.Context) error) error {
	waiting, cancel := context.WithTimeout(ctx, s.opts.LockTimeout)
	defer cancel()
	busy := &StorageError{Path: s.Path(), Trouble: Busy}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-waiting.Done():
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return busy
	}
	err := do(waiting)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return busy
	}
	return err
}

// transact opens the file, does one transaction and closes it. Damage that
// bbolt meets as a panic or as a fault in the mapped file becomes an error.
func (s *Store) transact(ctx context.Context, readOnly bool, fn func(*bbolt.Tx) error) (err error) {
	var file *os.File
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			// bbolt's own Close could wait for locks that the panic left behind.
			if file != nil {
				_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
				_ = file.Close()
			}
			err = s.damaged(fmt.Errorf("%v", v))
		}
	}()
	db, err := s.open(ctx, readOnly, &file)
	if err != nil {
		return err
	}
	inTx := func(tx *bbolt.Tx) error {
		if err := s.sound(tx, file); err != nil {
			return err
		}
		if !readOnly {
			if err := s.upgrade(tx); err != nil {
				return err
			}
		}
		return fn(tx)
	}
	if readOnly {
		err = db.View(inTx)
	} else {
		err = db.Update(inTx)
	}
	if closing := db.Close(); err == nil {
		err = closing
	}
	return s.wrap(err)
}

// wrap classifies errors of the storage and leaves our own alone.
func (s *Store) wrap(err error) error {
	if err == nil {
		return nil
	}
	var errno syscall.Errno
	var path *fs.PathError
	if errors.As(err, &errno) || errors.As(err, &path) {
		return classify(s.Path(), err)
	}
	return err
}

// open takes the locks and opens the file. bbolt's own lock is taken on the way,
// inside its OpenFile hook, so that waiting is short, jittered and ends with ctx.
func (s *Store) open(ctx context.Context, readOnly bool, file **os.File) (*bbolt.DB, error) {
	leave, err := s.gate(ctx, readOnly)
	if err != nil {
		return nil, err
	}
	defer leave()
	if !readOnly {
		if err := s.create(); err != nil {
			return nil, err
		}
	}
	db, err := bbolt.Open(s.Path(), 0o600, &bbolt.Options{
		ReadOnly:     readOnly,
		NoStatistics: true,
		OpenFile: func(path string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(path, flag&^os.O_CREATE, mode)
			if err != nil {
				return nil, err
			}
			how := syscall.LOCK_EX
			if readOnly {
				how = syscall.LOCK_SH
			}
			if err := waitFlock(ctx, f, how); err != nil {
				f.Close()
				return nil, err
			}
			if fi, err := f.Stat(); err == nil && fi.Size() < 4*4096 {
				f.Close()
				return nil, s.damaged(fmt.Errorf("%d bytes long", fi.Size()))
			}
			*file = f
			return f, nil
		},
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, classify(s.Path(), err)
	}
	return db, nil
}

// gate lets processes in one after another: whoever waits for the file holds
// the gate, so that one that writes without a pause cannot pass it again and
// again. Readers that cannot open the gate's file go without.
func (s *Store) gate(ctx context.Context, readOnly bool) (func(), error) {
	path := filepath.Join(s.dir, "journal.gate")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		if readOnly {
			return func() {}, nil
		}
		return nil, classify(path, err)
	}
	if err := waitFlock(ctx, f, syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// waitFlock takes a lock on f, trying again at short, uneven intervals.
func waitFlock(ctx context.Context, f *os.File, how int) error {
	pause := 100 * time.Microsecond
	for {
		if ok, err := tryFlock(f, how); err != nil || ok {
			return err
		}
		if err := sleep(ctx, pause/2+rand.N(pause)); err != nil {
			return err
		}
		pause = min(2*pause, 4*time.Millisecond)
	}
}

// tryFlock takes a lock on f if it is free.
func tryFlock(f *os.File, how int) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, classify(f.Name(), err)
		}
	}
}

// sleep waits for d, or returns ctx's error.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// create makes the journal under the gate: beside its place, complete, and then
// renamed, so that a death or a full disk never leaves half a file there.
func (s *Store) create() error {
	if ok, err := s.exists(); err != nil || ok {
		return err
	}
	const prefix = "journal.db.new-"
	if old, err := filepath.Glob(filepath.Join(s.dir, prefix+"*")); err == nil {
		for _, path := range old {
			_ = os.Remove(path) // left by a process that died here
		}
	}
	path := filepath.Join(s.dir, prefix+strconv.Itoa(os.Getpid()))
	if err := initialise(path); err != nil {
		_ = os.Remove(path)
		return classify(path, err)
	}
	if err := os.Rename(path, s.Path()); err != nil {
		_ = os.Remove(path)
		return classify(s.Path(), err)
	}
	return syncDir(s.dir)
}

func initialise(path string) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoStatistics: true})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{bucketMeta, bucketRuns, bucketEvents, bucketRecords, bucketNewest, bucketClusters} {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte(bucketMeta)).Put([]byte(keySchema), strconv.AppendInt(nil, schema, 10))
	})
	if closing := db.Close(); err == nil {
		err = closing
	}
	return err
}

// sound looks for damage and foreign layouts before anything is read or written.
func (s *Store) sound(tx *bbolt.Tx, file *os.File) error {
	fi, err := file.Stat()
	if err != nil {
		return classify(s.Path(), err)
	}
	if fi.Size() < tx.Size() {
		return s.damaged(fmt.Errorf("cut off: %d bytes, want %d", fi.Size(), tx.Size()))
	}
	meta := tx.Bucket([]byte(bucketMeta))
	if meta == nil {
		return s.damaged(errors.New("a bbolt file, but not rekindle's"))
	}
	v, err := strconv.Atoi(string(meta.Get([]byte(keySchema))))
	switch {
	case err != nil || v < 1:
		return s.damaged(fmt.Errorf("schema %q", meta.Get([]byte(keySchema))))
	case v > schema:
		return &StorageError{Path: s.Path(), Trouble: NewerSchema, Err: fmt.Errorf("schema %d, this version knows %d", v, schema)}
	}
	want := []string{bucketRuns, bucketEvents, bucketRecords}
	if v == schema {
		want = append(want, bucketNewest, bucketClusters)
	}
	for _, name := range want {
		if tx.Bucket([]byte(name)) == nil {
			return s.damaged(fmt.Errorf("no bucket %s", name))
		}
	}
	return nil
}

// makeDir makes the state directory, or a folder in it, for its owner only.
func (s *Store) makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return classify(dir, err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return classify(dir, err)
	}
	defer d.Close()
	return classify(dir, d.Sync())
}
