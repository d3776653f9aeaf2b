// Command load builds the image of the test workloads and brings it into the
// Docker of this machine; with -o it writes the image to a file instead, as
// docker save does.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/rekindle-io/rekindle/testenv/workload"
)

func main() {
	out := flag.String("o", "", "file to write the image to")
	flag.Parse()
	if err := load(context.Background(), *out); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	fmt.Println(workload.Image)
}

func load(ctx context.Context, out string) error {
	if out == "" {
		return workload.LoadImage(ctx)
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	if err := workload.WriteImage(ctx, f); err != nil {
		_ = f.Close() // what went wrong first counts
		return err
	}
	return f.Close()
}
