package run

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// StoreOptions tune a Store; the zero value is right for a person's machine.
type StoreOptions struct {
	// KeepRuns is how many finished runs stay; older ones are pruned when a run
	// begins. 0 means 200. KeepFor is for how long they stay; 0: any time.
	// Unfinished runs always stay, and the last one done of each recipe on each
	// cluster.
	KeepRuns int
	KeepFor  time.Duration
	// Keep, if set, is asked instead each time a run begins: how many runs stay, and
	// for how long (0: any time).
	Keep func() (runs int, length time.Duration)
	// EventCap is the most events kept per run. 0 means 100,000.
	EventCap uint64
	// LockTimeout is how long a call waits for other processes to finish their
	// transactions before it gives up with Busy. 0 means 20 s.
	LockTimeout time.Duration
	// MinFree is what Check wants free on the file system, in bytes. 0 means 32 MB.
	MinFree uint64
}

// Store is the Journal in one bbolt file, journal.db, in the state directory.
//
// bbolt locks its file for as long as it is open. Several processes use a
// journal side by side, therefore each call opens the file, does one
// transaction and closes it again (0.1 ms to read; to write, what the disk
// needs for two syncs).
type Store struct {
	dir  string
	opts StoreOptions
	// turn lets the goroutines of this process in one by one.
	turn chan struct{}
}

var _ Journal = (*Store)(nil)

// OpenStore returns the journal in dir. Nothing is touched until the first
// write, which makes dir (0700) and the file (0600); until then reads find an
// empty journal. There is nothing to close.
func OpenStore(dir string, opts StoreOptions) (*Store, error) {
	if dir == "" {
		return nil, fmt.Errorf("open the journal: no state directory given")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open the journal in %s: %w", dir, err)
	}
	opts.KeepRuns = cmp.Or(opts.KeepRuns, 200)
	opts.EventCap = cmp.Or(opts.EventCap, 100_000)
	opts.LockTimeout = cmp.Or(opts.LockTimeout, 20*time.Second)
	opts.MinFree = cmp.Or(opts.MinFree, 32<<20)
	return &Store{dir: abs, opts: opts, turn: make(chan struct{}, 1)}, nil
}

// Dir is the state directory, absolute.
func (s *Store) Dir() string { return s.dir }

// Path is the journal's file.
func (s *Store) Path() string { return filepath.Join(s.dir, "journal.db") }

// Leases returns the leases that belong to this journal.
func (s *Store) Leases() *FileLeases {
	return &FileLeases{dir: filepath.Join(s.dir, "locks"), own: func() error { return s.makeDir(s.dir) }}
}

// The buckets: runs/<id> → Run, events/<id>/<number> → Event,
// records/<kind>/<key> → value, meta/schema → "2", and the order of runs.
const (
	bucketMeta    = "meta"
	bucketRuns    = "runs"
	bucketEvents  = "events"
	bucketRecords = "records"
	keySchema     = "schema"
)

// schema is the layout that this version writes, and the newest that it reads.
const schema = 2

// Begin implements Journal.
func (s *Store) Begin(ctx context.Context, r Run) error {
	if err := validID(r.ID); err != nil {
		return err
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("begin run %s: %w", r.ID, err)
	}
	keep, length := s.limits()
	return s.write(ctx, func(tx *bbolt.Tx) error {
		runs := tx.Bucket([]byte(bucketRuns))
		if runs.Get([]byte(r.ID)) != nil {
			return &ExistsError{ID: r.ID}
		}
		if err := s.prune(tx, r.Created, keep, length); err != nil {
			return err
		}
		if err := enter(tx, r.ID, headOf(r)); err != nil {
			return err
		}
		return runs.Put([]byte(r.ID), raw)
	})
}

// Update implements Journal.
func (s *Store) Update(ctx context.Context, id string, change func(*Run) error) (Run, error) {
	var out Run
	err := s.write(ctx, func(tx *bbolt.Tx) error {
		r, err := s.load(tx, id)
		if err != nil {
			return err
		}
		was := headOf(r)
		if err := applyChange(change, &r); err != nil {
			return err
		}
		r.ID = id
		raw, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("update run %s: %w", id, err)
		}
		if is := headOf(r); !is.same(was) {
			if err := errors.Join(leave(tx, id, was), enter(tx, id, is)); err != nil {
				return err
			}
		}
		out = r
		return tx.Bucket([]byte(bucketRuns)).Put([]byte(id), raw)
	})
	if err != nil {
		return Run{}, err
	}
	return out, nil
}

// applyChange keeps a panic of change from being taken for damage of the file.
func applyChange(change func(*Run) error, r *Run) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = newPanicError(v)
		}
	}()
	return change(r)
}

// Run implements Journal.
func (s *Store) Run(ctx context.Context, id string) (Run, error) {
	var r Run
	found, err := s.read(ctx, func(tx *bbolt.Tx) (err error) {
		r, err = s.load(tx, id)
		return err
	})
	if err == nil && !found {
		err = &NotFoundError{What: "run", Name: id}
	}
	return r, err
}

// Runs implements Journal. It reads what it returns and no more.
func (s *Store) Runs(ctx context.Context, f Filter) ([]Run, error) {
	var all []Run
	err := s.Each(ctx, f, func(r Run) bool {
		all = append(all, r)
		return true
	})
	return all, err
}

// Each visits the runs that match one by one, newest first, until visit wants no
// more: who folds many of them need not hold them all. visit must not block nor
// call the journal.
func (s *Store) Each(ctx context.Context, f Filter, visit func(Run) (more bool)) error {
	left := f.Limit
	_, err := s.read(ctx, func(tx *bbolt.Tx) error {
		one := func(r Run) bool {
			left--
			return visit(r) && left != 0
		}
		if schemaOf(tx) < schema {
			return s.eachUnordered(tx, f, one)
		}
		return s.heads(tx, f, func(h Run) (bool, error) {
			r, err := s.load(tx, h.ID)
			if IsNotFound(err) {
				err = s.damaged(fmt.Errorf("order of runs: %w", err))
			}
			return err == nil && one(r), err
		})
	})
	return err
}

// eachUnordered visits the runs of a journal that nobody has written to since
// there is an order.
func (s *Store) eachUnordered(tx *bbolt.Tx, f Filter, visit func(Run) bool) error {
	var all []Run
	err := tx.Bucket([]byte(bucketRuns)).ForEach(func(k, raw []byte) error {
		r, err := s.decodeRun(k, raw)
		if err == nil && f.Match(r) {
			all = append(all, r)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, newestFirst)
	for _, r := range all {
		if !visit(r) {
			break
		}
	}
	return nil
}

func newestFirst(a, b Run) int {
	return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(b.ID, a.ID))
}

// load reads one run in a transaction.
func (s *Store) load(tx *bbolt.Tx, id string) (Run, error) {
	var raw []byte
	if id != "" {
		raw = tx.Bucket([]byte(bucketRuns)).Get([]byte(id))
	}
	if raw == nil {
		return Run{}, &NotFoundError{What: "run", Name: id}
	}
	return s.decodeRun([]byte(id), raw)
}

func (s *Store) decodeRun(key, raw []byte) (Run, error) {
	var r Run
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, s.damaged(fmt.Errorf("run %q: %w", key, err))
	}
	return r, nil
}

func (s *Store) damaged(err error) error {
	return &StorageError{Path: s.Path(), Trouble: Corrupt, Err: err}
}

// Append implements Journal.
func (s *Store) Append(ctx context.Context, id string, events ...Event) ([]Event, error) {
	out := slices.Clone(events)
	err := s.write(ctx, func(tx *bbolt.Tx) error {
		if id == "" || tx.Bucket([]byte(bucketRuns)).Get([]byte(id)) == nil {
			return &NotFoundError{What: "run", Name: id}
		}
		b, err := tx.Bucket([]byte(bucketEvents)).CreateBucketIfNotExists([]byte(id))
		if err != nil {
			return err
		}
		b.FillPercent = 0.95 // keys only grow
		return appendEvents(b, id, out, s.opts.EventCap)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// appendEvents numbers and stores events, with regard to the cap.
func appendEvents(b *bbolt.Bucket, id string, events []Event, limit uint64) error {
	for i := range events {
		e := &events[i]
		e.Run, e.Seq = id, 0
		e.Level = cmp.Or(e.Level, LevelInfo)
		if last := b.Sequence(); last >= limit && !e.ofExecutor() {
			if last == limit {
				drop := droppedMarker(limit, e.Time)
				if err := putEvent(b, &drop); err != nil {
					return err
				}
			}
			continue
		}
		if b.Sequence() == limit { // an executor's event: the marker still goes first
			drop := droppedMarker(limit, e.Time)
			if err := putEvent(b, &drop); err != nil {
				return err
			}
		}
		if err := putEvent(b, e); err != nil {
			return err
		}
	}
	return nil
}

func putEvent(b *bbolt.Bucket, e *Event) error {
	seq, err := b.NextSequence()
	if err != nil {
		return err
	}
	stored := *e
	stored.Run, stored.Seq = "", 0 // the keys say it
	raw, err := json.Marshal(stored)
	if err != nil {
		return fmt.Errorf("event %s: %w", e.Type, err)
	}
	e.Seq = seq
	return b.Put(binary.BigEndian.AppendUint64(nil, seq), raw)
}

// Events implements Journal.
func (s *Store) Events(ctx context.Context, id string, since uint64, limit int) ([]Event, error) {
	var out []Event
	found, err := s.read(ctx, func(tx *bbolt.Tx) error {
		if _, err := s.load(tx, id); err != nil {
			return err
		}
		b := tx.Bucket([]byte(bucketEvents)).Bucket([]byte(id))
		if b == nil {
			return nil
		}
		c := b.Cursor()
		for k, raw := c.Seek(binary.BigEndian.AppendUint64(nil, since+1)); k != nil && since+1 != 0; k, raw = c.Next() {
			if limit > 0 && len(out) == limit {
				break
			}
			var e Event
			if err := json.Unmarshal(raw, &e); err != nil || len(k) != 8 {
				return s.damaged(fmt.Errorf("event %x of run %s: %w", k, id, err))
			}
			e.Run, e.Seq = id, binary.BigEndian.Uint64(k)
			out = append(out, e)
		}
		return nil
	})
	if err == nil && !found {
		err = &NotFoundError{What: "run", Name: id}
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// exists tells whether the journal has been made.
func (s *Store) exists() (bool, error) {
	_, err := os.Stat(s.Path())
	if os.IsNotExist(err) {
		return false, nil
	}
	return err == nil, classify(s.Path(), err)
}
