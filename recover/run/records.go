package run

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

// PutRecord implements Records.
func (s *Store) PutRecord(ctx context.Context, kind, key string, value json.RawMessage) error {
	if err := validRecord(kind, key); err != nil {
		return err
	}
	if !json.Valid(value) {
		return fmt.Errorf("record %s %q: the value is not JSON", kind, key)
	}
	return s.write(ctx, func(tx *bbolt.Tx) error {
		b, err := tx.Bucket([]byte(bucketRecords)).CreateBucketIfNotExists([]byte(kind))
		if err != nil {
			return err
		}
		return b.Put([]byte(key), value)
	})
}

// GetRecord implements Records.
func (s *Store) GetRecord(ctx context.Context, kind, key string) (json.RawMessage, error) {
	if err := validRecord(kind, key); err != nil {
		return nil, err
	}
	var out json.RawMessage
	_, err := s.read(ctx, func(tx *bbolt.Tx) error {
		if b := tx.Bucket([]byte(bucketRecords)).Bucket([]byte(kind)); b != nil {
			out = slices.Clone(b.Get([]byte(key)))
		}
		return nil
	})
	if err == nil && out == nil {
		err = &NotFoundError{What: kind + " record", Name: key}
	}
	return out, err
}

// DeleteRecord implements Records.
func (s *Store) DeleteRecord(ctx context.Context, kind, key string) error {
	if err := validRecord(kind, key); err != nil {
		return err
	}
	if ok, err := s.exists(); err != nil || !ok {
		return err
	}
	return s.write(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucketRecords)).Bucket([]byte(kind))
		if b == nil {
			return nil
		}
		return b.Delete([]byte(key))
	})
}

// RecordKeys implements Records.
func (s *Store) RecordKeys(ctx context.Context, kind string) ([]string, error) {
	if err := validRecord(kind, "-"); err != nil {
		return nil, err
	}
	var out []string
	_, err := s.read(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucketRecords)).Bucket([]byte(kind))
		if b == nil {
			return nil
		}
		return b.ForEach(func(k, _ []byte) error {
			out = append(out, string(k))
			return nil
		})
	})
	return out, err
}

func validRecord(kind, key string) error {
	if kind == "" || key == "" || len(kind) > 1024 || len(key) > 1024 {
		return fmt.Errorf("record %.40q %.40q: kind and key are 1 to 1024 bytes", kind, key)
	}
	return nil
}
