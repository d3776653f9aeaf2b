package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"time"
)

// server is what serve's flags say.
type server struct {
	address, name, config string
	neverReady            bool
	crashAfter            time.Duration
	exitCode              int
	lastWords             string
	eatMiB                int
}

// serve answers / with its name and the content of its configuration, /healthz
// always, /readyz unless it is told never to be ready; and crashes when it is
// told to.
func serve(ctx context.Context, args []string, log io.Writer) error {
	var s server
	f := flag.NewFlagSet("serve", flag.ContinueOnError)
	f.SetOutput(log)
	f.StringVar(&s.address, "listen", ":8080", "address to listen at")
	f.StringVar(&s.name, "name", "web", "name to answer with")
	f.StringVar(&s.config, "config", "", "file whose content is answered, read anew for each request")
	f.BoolVar(&s.neverReady, "never-ready", false, "fail the readiness probe for ever")
	f.DurationVar(&s.crashAfter, "crash-after", 0, "time until it crashes; 0 for never")
	f.IntVar(&s.exitCode, "exit-code", 1, "exit code of the crash")
	f.StringVar(&s.lastWords, "last-words", "fatal: told to crash", "last line before the crash")
	f.IntVar(&s.eatMiB, "eat-mib", 0, "memory to fill at the start, in MiB")
	if err := f.Parse(args); err != nil {
		return err
	}
	food := bytes.Repeat([]byte("food"), s.eatMiB<<20/4)
	defer runtime.KeepAlive(food)
	fmt.Fprintf(log, "%s: listening at %s\n", s.name, s.address)
	if s.crashAfter == 0 {
		return listen(ctx, s.address, "", "", s.handler())
	}
	alive, cancel := context.WithTimeout(ctx, s.crashAfter)
	defer cancel()
	if err := listen(alive, s.address, "", "", s.handler()); err != nil || ctx.Err() != nil {
		return err
	}
	fmt.Fprintln(log, s.lastWords)
	return exitError(s.exitCode)
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "%s\n", s.name)
		if s.config == "" {
			return
		}
		content, err := os.ReadFile(s.config)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(content) // whoever asks sees what is missing
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if s.neverReady {
			http.Error(w, "the cache is cold", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}
