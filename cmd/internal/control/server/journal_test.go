package server_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/api"
	"github.com/rekindle-io/rekindle/recover/run"
)

// journaled is a backend whose runs are in a real journal.
type journaled struct {
	*memory
	store *run.Store
}

func (j journaled) Run(ctx context.Context, typed string) (api.Run, error) {
	r, err := j.store.Run(ctx, typed)
	if err != nil {
		return api.Run{}, err
	}
	_, live, err := run.Alive(ctx, j.store.Leases(), r)
	return api.Run{Run: r, Live: live}, err
}

func (j journaled) Events(ctx context.Context, id string, since uint64, limit int) ([]run.Event, error) {
	return j.store.Events(ctx, id, since, limit)
}

// TestFollowersOfARealRun: many read a run while it is executed and journaled, by
// this process or by another, over a restart of the daemon.
func TestFollowersOfARealRun(t *testing.T) {
	for name, own := range map[string]bool{"of this process": true, "of another process": false} {
		t.Run(name, func(t *testing.T) {
			store, err := run.OpenStore(t.TempDir(), run.StoreOptions{})
			if err != nil {
				t.Fatal(err)
			}
			b := journaled{newMemory(), store}
			d := serve(t, b)
			var mu sync.Mutex
			serving := d
			half, goOn := make(chan struct{}), make(chan struct{})
			const n = 2000
			step := run.Def{Name: "apply", Do: func(_ context.Context, s *run.Scope) error {
				for i := range n {
					if i == n/2 {
						close(half)
						<-goOn
					}
					s.Event(run.Event{Type: "object.applied", Message: fmt.Sprint(i)})
				}
				return nil
			}}
			begun := make(chan string, 1)
			x := &run.Executor{Journal: store, Leases: store.Leases(), Now: time.Now, Chance: rand.Reader, FlushEvery: 5 * time.Millisecond}
			var once sync.Once
			x.Observe = func(ev run.Event) {
				once.Do(func() { begun <- ev.Run })
				mu.Lock()
				defer mu.Unlock()
				if own {
					serving.Observe(ev)
				}
			}
			ended := make(chan error, 1)
			go func() {
				_, err := x.Start(t.Context(), run.Run{Recipe: "restore", Cluster: "dev"}, []run.Def{step})
				ended <- err
			}()
			id := <-begun
			readers := make(chan error, 4)
			for range cap(readers) {
				c := d.dial(t)
				go func() { readers <- readAll(t.Context(), c, id, n) }()
			}
			<-half
			if err := d.stop(); err != nil {
				t.Fatal(err)
			}
			next := serveAt(t, b, d.path)
			mu.Lock()
			serving = next
			mu.Unlock()
			close(goOn)
			for range cap(readers) {
				if err := <-readers; err != nil {
					t.Error(err)
				}
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// readAll follows a run to its end, and checks what came.
func readAll(ctx context.Context, c interface {
	Follow(context.Context, string, uint64, func(run.Event) error) error
}, id string, n int) error {
	var last run.Event
	objects := 0
	err := c.Follow(ctx, id, 0, func(ev run.Event) error {
		if ev.Seq != last.Seq+1 {
			return fmt.Errorf("event %d came after %d", ev.Seq, last.Seq)
		}
		if ev.Type == "object.applied" {
			if ev.Message != fmt.Sprint(objects) {
				return fmt.Errorf("object %s came when %d was due", ev.Message, objects)
			}
			objects++
		}
		last = ev
		return nil
	})
	switch {
	case err != nil:
		return err
	case objects != n || last.Type != run.RunEnd:
		return errors.New("it ended with " + last.Type + " after " + fmt.Sprint(objects) + " objects")
	}
	return nil
}
