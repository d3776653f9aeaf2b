// Command app is what runs in the test workloads: one static binary whose first
// argument says what it is. It serves, works and judges like small real
// programs do, and fails on purpose in the ways that a restore has to explain.
//
//	app serve    an HTTP server with probes
//	app job      writes a file and ends
//	app webhook  a validating admission webhook over TLS
//
// In go flags, files that are mounted and SIGTERM; out come lines on stderr,
// answers over HTTP and an exit code.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stopTime is how long open requests may take after SIGTERM.
const stopTime = 3 * time.Second

// exitError ends the process with a code of its own.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("it ends with exit code %d", int(e)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	code := exitCode(start(ctx, os.Args[1:], os.Stderr), os.Stderr)
	stop()
	os.Exit(code)
}

func exitCode(err error, log io.Writer) int {
	var code exitError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintln(log, "error:", err)
	return 1
}

// start runs what the first argument names.
func start(ctx context.Context, args []string, log io.Writer) error {
	if len(args) == 0 {
		return errors.New("say what to be: serve, job or webhook")
	}
	switch args[0] {
	case "serve":
		return serve(ctx, args[1:], log)
	case "job":
		return job(ctx, args[1:], log)
	case "webhook":
		return webhook(ctx, args[1:], log)
	}
	return fmt.Errorf("%q is not known: say serve, job or webhook", args[0])
}

// listen serves until ctx ends, over TLS when there is a certificate.
func listen(ctx context.Context, address, cert, key string, handler http.Handler) error {
	s := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: stopTime}
	ended := make(chan error, 1)
	go func() {
		if cert != "" {
			ended <- s.ListenAndServeTLS(cert, key)
		} else {
			ended <- s.ListenAndServe()
		}
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	return s.Shutdown(late)
}

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
