package run

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
)

// The order of runs is kept beside them, so that the newest ones, those of one
// cluster and those that match are found without reading what is in all others:
//
//	newest/<when><id>             → head
//	clusters/<cluster>/<when><id> → head
//
// Both are written in the transaction that writes the run, and so are true after
// any death. Journals of the first schema have none: the first write builds it.
const (
	bucketNewest   = "newest"
	bucketClusters = "clusters"
)

// head is what a run is chosen by.
type head struct {
	Cluster string    `json:"c,omitempty"`
	Recipe  string    `json:"r,omitempty"`
	Outcome Outcome   `json:"o,omitempty"`
	Ended   time.Time `json:"e,omitzero"`
	// created is in the key.
	created time.Time
}

func headOf(r Run) head {
	return head{Cluster: r.Cluster, Recipe: r.Recipe, Outcome: r.Outcome, Ended: r.Ended, created: r.Created}
}

// same tells whether two heads are stored at the same place and alike.
func (h head) same(o head) bool {
	return h.Cluster == o.Cluster && h.Recipe == o.Recipe && h.Outcome == o.Outcome && h.Ended.Equal(o.Ended) && h.created.Equal(o.created)
}

// whenBytes is how long a time is in a key.
const whenBytes = 12

// key sorts by the time of creation, then by id, as newestFirst does.
func (h head) key(id string) []byte {
	k := binary.BigEndian.AppendUint64(nil, uint64(h.created.Unix())^(1<<63)) // negative seconds come first
	k = binary.BigEndian.AppendUint32(k, uint32(h.created.Nanosecond()))
	return append(k, id...)
}

// readHead reads an entry of the order back, as a run of which just that is known.
func (s *Store) readHead(key, raw []byte) (Run, error) {
	var h head
	if len(key) <= whenBytes {
		return Run{}, s.damaged(fmt.Errorf("order of runs: key %x", key))
	}
	if err := json.Unmarshal(raw, &h); err != nil {
		return Run{}, s.damaged(fmt.Errorf("order of runs: %x: %w", key, err))
	}
	at := time.Unix(int64(binary.BigEndian.Uint64(key)^(1<<63)), int64(binary.BigEndian.Uint32(key[8:]))).UTC()
	return Run{ID: string(key[whenBytes:]), Cluster: h.Cluster, Recipe: h.Recipe, Outcome: h.Outcome, Created: at, Ended: h.Ended}, nil
}

// enter puts a run into the order.
func enter(tx *bbolt.Tx, id string, h head) error {
	raw, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("order of runs: %s: %w", id, err)
	}
	if err := tx.Bucket([]byte(bucketNewest)).Put(h.key(id), raw); err != nil || h.Cluster == "" {
		return err
	}
	b, err := tx.Bucket([]byte(bucketClusters)).CreateBucketIfNotExists([]byte(h.Cluster))
	if err != nil {
		return err
	}
	return b.Put(h.key(id), raw)
}

// leave takes a run out of the order.
func leave(tx *bbolt.Tx, id string, h head) error {
	if err := tx.Bucket([]byte(bucketNewest)).Delete(h.key(id)); err != nil || h.Cluster == "" {
		return err
	}
	clusters := tx.Bucket([]byte(bucketClusters))
	b := clusters.Bucket([]byte(h.Cluster))
	if b == nil {
		return nil
	}
	if err := b.Delete(h.key(id)); err != nil {
		return err
	}
	if k, _ := b.Cursor().First(); k != nil {
		return nil
	}
	return clusters.DeleteBucket([]byte(h.Cluster))
}

// schemaOf is the layout of the file, 0 when it says none.
func schemaOf(tx *bbolt.Tx) int {
	v, err := strconv.Atoi(string(tx.Bucket([]byte(bucketMeta)).Get([]byte(keySchema))))
	if err != nil {
		return 0
	}
	return v
}

// upgrade gives a journal of the first schema its order. From then on programs
// that would not keep it refuse the file.
func (s *Store) upgrade(tx *bbolt.Tx) error {
	if schemaOf(tx) >= schema {
		return nil
	}
	for _, name := range []string{bucketNewest, bucketClusters} {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	err := tx.Bucket([]byte(bucketRuns)).ForEach(func(k, raw []byte) error {
		r, err := s.decodeRun(k, raw)
		if err != nil {
			return err
		}
		return enter(tx, string(k), headOf(r))
	})
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(bucketMeta)).Put([]byte(keySchema), strconv.AppendInt(nil, schema, 10))
}

// heads visits the runs that match, newest first, until visit wants no more. Of
// each just what is in the order is known.
func (s *Store) heads(tx *bbolt.Tx, f Filter, visit func(Run) (more bool, err error)) error {
	b := tx.Bucket([]byte(bucketNewest))
	if f.Cluster != "" {
		b = tx.Bucket([]byte(bucketClusters)).Bucket([]byte(f.Cluster))
	}
	if b == nil {
		return nil
	}
	c := b.Cursor()
	for k, raw := c.Last(); k != nil; k, raw = c.Prev() {
		r, err := s.readHead(k, raw)
		if err != nil {
			return err
		}
		if !f.Match(r) {
			continue
		}
		if more, err := visit(r); err != nil || !more {
			return err
		}
	}
	return nil
}
