// Command simulated is rekindle with a clock that a test sets, for tests that
// live through weeks in minutes; it is never shipped. $REKINDLE_CLOCK names a
// file of eight bytes: the nanoseconds, little-endian, by which this clock is
// ahead of the machine's. Time passes as it does in reality, and jumps when the
// file is written.
package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rekindle-io/rekindle/cmd/internal/cli"
	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
)

func main() {
	now, err := clock(os.Getenv("REKINDLE_CLOCK"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "simulated:", err)
		os.Exit(1)
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	self, _ := os.Executable()                          // "" is fine
	os.Exit(cli.Main(context.Background(), cli.Process{ //nolint:forbidigo // as in cmd/rekindle
		Args:       os.Args[1:],
		Terminal:   terminal.New(os.Stdin, os.Stdout, os.Stderr, os.Getenv),
		Getenv:     os.Getenv,
		Now:        now,
		Rand:       rand.Reader,
		Executable: self,
		Signals:    signals,
		Exit:       os.Exit,
		Hangups: func() <-chan os.Signal {
			hangups := make(chan os.Signal, 1)
			signal.Notify(hangups, syscall.SIGHUP)
			return hangups
		},
		Tick: 20 * time.Millisecond,
	}))
}

// clock reads the file at each look, which takes a microsecond. The time has no
// monotonic reading: whoever measures with it sees the jumps.
func clock(file string) (func() time.Time, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("REKINDLE_CLOCK: %w", err)
	}
	return func() time.Time {
		var ahead [8]byte
		if _, err := f.ReadAt(ahead[:], 0); err != nil && err != io.EOF {
			panic(err) // without a clock nothing here means anything
		}
		return time.Now().Round(0).Add(time.Duration(binary.LittleEndian.Uint64(ahead[:]))) //nolint:forbidigo,gosec // this is the clock; negative ones wrap back
	}, nil
}
