package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// keyKind is the kind of the records in which keys outlive the process.
const keyKind = "api.start"

// keyLife is how long a key is remembered, and keyRoom how many are.
const (
	keyLife = 24 * time.Hour
	keyRoom = 4096
)

// keys see to it that requests with one key start one run.
type keys struct {
	records run.Records
	now     func() time.Time

	mu   sync.Mutex
	used map[string]*usedKey
}

// usedKey is a request that was made with a key.
type usedKey struct {
	// Request is the digest of what was asked for.
	Request string    `json:"request"`
	At      time.Time `json:"at"`
	// Run is empty until the run has begun: after a crash in between nobody knows.
	Run string `json:"run,omitempty"`

	// done is closed when Run or err is there.
	done chan struct{}
	err  error
}

func newKeys(records run.Records, now func() time.Time) *keys {
	return &keys{records: records, now: now, used: map[string]*usedKey{}}
}

// once starts the run, or returns that which the key has started.
func (k *keys) once(ctx context.Context, req api.StartRequest, b Backend) (api.Run, error) {
	if req.Key == "" {
		return b.Start(ctx, req)
	}
	id, asked := digest([]byte(req.By+"\x00"+req.Key)), digestOf(req)
	use, mine, err := k.claim(ctx, id, asked)
	if err != nil {
		return api.Run{}, err
	}
	if mine {
		return k.start(ctx, id, use, req, b)
	}
	if use.Request != asked {
		return api.Run{}, api.NewProblem(api.Reused, "the Idempotency-Key was used for another request").WithHint("take a new one")
	}
	select {
	case <-use.done:
	case <-ctx.Done():
		return api.Run{}, ctx.Err()
	}
	if use.err != nil {
		return api.Run{}, use.err
	}
	return b.Run(ctx, use.Run)
}

// claim returns who uses the key, and whether the caller is the first.
func (k *keys) claim(ctx context.Context, id, asked string) (*usedKey, bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if use := k.used[id]; use != nil {
		return use, false, nil
	}
	if k.records != nil {
		use := &usedKey{}
		found, err := run.Into(ctx, k.records, keyKind, id, use)
		if err != nil {
			return nil, false, err
		}
		if found && k.now().Sub(use.At) < keyLife {
			use.done = make(chan struct{})
			close(use.done)
			if use.Run == "" {
				use.err = unsure("the daemon died while it began this run")
			}
			return use, false, nil
		}
	}
	k.forgetOld()
	if len(k.used) >= keyRoom {
		return nil, false, api.NewProblem(api.Busy, "more than %d runs were begun with keys within a day", keyRoom)
	}
	use := &usedKey{Request: asked, At: k.now(), done: make(chan struct{})}
	k.used[id] = use
	return use, true, nil
}

func (k *keys) forgetOld() {
	for id, use := range k.used {
		if k.now().Sub(use.At) >= keyLife {
			delete(k.used, id)
		}
	}
}

// start begins the run of a key that is the caller's. When nothing was begun the
// key is free again; when the time ran out before that was known it is not.
func (k *keys) start(ctx context.Context, id string, use *usedKey, req api.StartRequest, b Backend) (begun api.Run, err error) {
	defer func() {
		if v := recover(); v != nil {
			k.settle(id, use, "", errors.New("panic while the run was begun"))
			panic(v)
		}
		k.settle(id, use, begun.ID, err)
	}()
	if err := k.note(ctx, id, use); err != nil {
		return api.Run{}, err
	}
	begun, err = b.Start(ctx, req)
	switch {
	case err != nil && ctx.Err() != nil:
		return api.Run{}, unsure("the time ran out while the run was begun")
	case err != nil:
		return api.Run{}, errors.Join(err, k.drop(ctx, id))
	}
	noted := *use
	noted.Run = begun.ID
	if err := k.note(ctx, id, &noted); err != nil {
		// The run goes on; the key is remembered as long as this process lives.
		return begun, nil //nolint:nilerr // the caller has what was asked for
	}
	return begun, nil
}

// unsure is the problem of a key of which nobody knows whether it began a run.
func unsure(why string) *api.Problem {
	return api.NewProblem(api.Unsure, "%s, and whether it goes on is not known", why).
		WithHint("look at the cluster's runs, then ask again with a new key")
}

// settle tells those who wait, and frees the key when nothing was begun.
func (k *keys) settle(id string, use *usedKey, begun string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	use.Run, use.err = begun, err
	if err != nil && !api.IsKind(err, api.Unsure) {
		delete(k.used, id)
	}
	close(use.done)
}

func (k *keys) note(ctx context.Context, id string, use *usedKey) error {
	if k.records == nil {
		return nil
	}
	raw, err := json.Marshal(use)
	if err != nil {
		return err
	}
	return k.records.PutRecord(ctx, keyKind, id, raw)
}

func (k *keys) drop(ctx context.Context, id string) error {
	if k.records == nil {
		return nil
	}
	return k.records.DeleteRecord(ctx, keyKind, id)
}

// prune removes records of keys that are too old to count.
func (k *keys) prune(ctx context.Context) error {
	if k.records == nil {
		return nil
	}
	ids, err := k.records.RecordKeys(ctx, keyKind)
	if err != nil {
		return err
	}
	for _, id := range ids {
		var use usedKey
		found, err := run.Into(ctx, k.records, keyKind, id, &use)
		if err == nil && found && k.now().Sub(use.At) >= keyLife {
			err = k.records.DeleteRecord(ctx, keyKind, id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func digestOf(req api.StartRequest) string {
	raw, err := json.Marshal(req)
	if err != nil {
		panic(err) // strings, numbers and booleans
	}
	return digest(raw)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
