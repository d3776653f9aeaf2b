package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// job writes a file, to a volume as a rule, and ends; with exit code 0 unless
// it is told otherwise.
func job(ctx context.Context, args []string, log io.Writer) error {
	f := flag.NewFlagSet("job", flag.ContinueOnError)
	f.SetOutput(log)
	file := f.String("write", "", "file to write")
	content := f.String("content", "done", "what to write into it")
	takes := f.Duration("takes", 0, "how long the work takes")
	code := f.Int("exit-code", 0, "exit code at the end")
	words := f.String("last-words", "", "last line of the log")
	if err := f.Parse(args); err != nil {
		return err
	}
	fmt.Fprintf(log, "job: working for %s\n", takes.Round(time.Millisecond))
	if !pause(ctx, *takes) {
		return ctx.Err()
	}
	if *file != "" {
		if err := os.WriteFile(*file, []byte(*content+"\n"), 0o600); err != nil {
			return err
		}
		fmt.Fprintf(log, "job: wrote %s\n", *file)
	}
	if *words != "" {
		fmt.Fprintln(log, *words)
	}
	if *code != 0 {
		return exitError(*code)
	}
	return nil
}
