package run

import (
	"errors"
	"slices"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// prune deletes the oldest finished runs beyond the number kept, with their
// events, leaving room for the one that begins. Unfinished runs stay: they hold
// what is needed to resume.
func (s *Store) prune(tx *bbolt.Tx) error {
	runs := tx.Bucket([]byte(bucketRuns))
	var finished []Run
	err := runs.ForEach(func(k, raw []byte) error {
		r, err := s.decodeRun(k, raw)
		if err == nil && !r.Outcome.Unfinished() {
			finished = append(finished, Run{ID: string(k), Created: r.Created})
		}
		return err
	})
	if err != nil || len(finished) <= s.opts.KeepRuns {
		return err
	}
	slices.SortFunc(finished, newestFirst)
	for _, r := range finished[s.opts.KeepRuns:] {
		if err := runs.Delete([]byte(r.ID)); err != nil {
			return err
		}
		err := tx.Bucket([]byte(bucketEvents)).DeleteBucket([]byte(r.ID))
		if err != nil && !errors.Is(err, berrors.ErrBucketNotFound) {
			return err
		}
	}
	return nil
}
