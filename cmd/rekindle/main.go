// Command rekindle rebuilds a Kubernetes cluster from any commit of a git
// repository. Everything that belongs to the process (arguments, streams,
// environment, clock, chance, signals) is handed over here and nowhere else.
package main

import (
	"context"
	"crypto/rand"
	"os"
	"runtime/debug"
	"syscall"
	"time"
	_ "time/tzdata" // schedules name zones, and small images have no database of them

	"github.com/rekindle-io/rekindle/cmd/internal/cli"
	"github.com/rekindle-io/rekindle/cmd/internal/terminal"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // a fifth less memory at its peak for a few percent of time
	}
	self, _ := os.Executable() // "" is fine
	os.Exit(cli.Main(context.Background(), cli.Process{
		Args:       os.Args[1:],
		Terminal:   terminal.New(os.Stdin, os.Stdout, os.Stderr, os.Getenv),
		Getenv:     os.Getenv,
		Now:        time.Now,
		Rand:       rand.Reader,
		Executable: self,
		Signals:    terminal.Signals(os.Interrupt, syscall.SIGTERM),
		Exit:       os.Exit,
		Hangups:    func() <-chan os.Signal { return terminal.Signals(syscall.SIGHUP) },
	}))
}
