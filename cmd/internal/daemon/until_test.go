package daemon

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestUntilDropped: who waits for a teardown's hour stops at once when the teardown
// is not wanted any more, and otherwise waits to the end.
func TestUntilDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &daemon{Options: Options{Now: time.Now, Tick: time.Second}}
		begun := time.Now()
		kept := func(context.Context) error {
			if time.Since(begun) >= 90*time.Second {
				return errors.New("kept by ada")
			}
			return nil
		}
		if err := d.untilDropped(t.Context(), begun.Add(10*time.Minute), kept); err != nil || time.Since(begun) > 91*time.Second {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		begun = time.Now()
		if err := d.until(t.Context(), begun.Add(10*time.Minute)); err != nil || time.Since(begun) != 10*time.Minute {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		gone, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("the daemon stops"))
		if err := d.until(gone, time.Now().Add(time.Hour)); err == nil {
			t.Error("it does not stop with the daemon")
		}
	})
}
