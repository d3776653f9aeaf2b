package run

import (
	"errors"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// limits are how many finished runs stay, and for how long.
func (s *Store) limits() (keep int, length time.Duration) {
	if s.opts.Keep != nil {
		return s.opts.Keep()
	}
	return s.opts.KeepRuns, s.opts.KeepFor
}

// prune deletes what a journal need not keep when a run begins at now, with its
// events: finished runs beyond the number kept, and those that ended too long
// ago. Unfinished runs stay, since they hold what is needed to resume; so does
// the last run of each recipe on each cluster that was done, since others go by
// what it did (the commit that verified, how long it took).
func (s *Store) prune(tx *bbolt.Tx, now time.Time, keep int, length time.Duration) error {
	var finished []Run
	err := s.heads(tx, Filter{}, func(r Run) (bool, error) {
		if !r.Outcome.Unfinished() {
			finished = append(finished, r)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, r := range Expired(finished, now, keep, length) {
		if err := errors.Join(leave(tx, r.ID, headOf(r)), tx.Bucket([]byte(bucketRuns)).Delete([]byte(r.ID))); err != nil {
			return err
		}
		err := tx.Bucket([]byte(bucketEvents)).DeleteBucket([]byte(r.ID))
		if err != nil && !errors.Is(err, berrors.ErrBucketNotFound) {
			return err
		}
	}
	return nil
}

// Expired chooses of finished runs, newest first, those that a journal need not
// keep at now: beyond the number to keep, or ended longer ago than keepFor (0
// means any time), but never the last one done of a recipe on a cluster.
func Expired(finished []Run, now time.Time, keep int, keepFor time.Duration) []Run {
	type deed struct{ cluster, recipe string }
	known := map[deed]bool{}
	var expired []Run
	for n, r := range finished {
		last := r.Outcome == Done && !known[deed{r.Cluster, r.Recipe}]
		if r.Outcome == Done {
			known[deed{r.Cluster, r.Recipe}] = true
		}
		old := keepFor > 0 && !r.Ended.IsZero() && now.Sub(r.Ended) > keepFor
		if !last && (n >= keep || old) {
			expired = append(expired, r)
		}
	}
	return expired
}
