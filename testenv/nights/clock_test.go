package nights

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// clock is the simulated time of all processes that read its file.
type clock struct {
	t     *testing.T
	file  *os.File
	ahead time.Duration
}

func newClock(t *testing.T, dir string, now time.Time) *clock {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "clock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	c := &clock{t: t, file: f}
	c.set(now)
	return c
}

func (c *clock) now() time.Time { return time.Now().Round(0).Add(c.ahead).UTC() }

// set makes it that time now.
func (c *clock) set(now time.Time) {
	c.t.Helper()
	c.ahead = time.Until(now).Round(0)
	var raw [8]byte
	binary.LittleEndian.PutUint64(raw[:], uint64(c.ahead)) //nolint:gosec // the other side wraps it back
	if _, err := c.file.WriteAt(raw[:], 0); err != nil {
		c.t.Fatal(err)
	}
}

// pass lets time pass at once.
func (c *clock) pass(d time.Duration) { c.set(c.now().Add(d)) }
