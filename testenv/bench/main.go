// Command bench measures how fast a commit gets onto a fresh API server: a bare
// loop of 16 workers doing server-side apply, which is the limit; rekindle; and
// kubectl. Each of them meets a new local cluster each time, all in one run, in
// an order that alternates.
//
// It prints the figures and their ratios, and writes them to a Markdown file.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rekindle-io/rekindle/testenv/bench/objects"
)

// settings are the flags.
type settings struct {
	sizes                []int
	rounds, kubectlTimes int
	workers              int
	rekindle, kubectl    string
	controlplane, write  string
	maxRatio, maxMemory  float64
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	s, err := parse(os.Args[1:])
	if err == nil {
		err = bench(ctx, s)
	}
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (settings, error) {
	var s settings
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	sizes := fs.String("sizes", "1000,5000", "numbers of objects")
	fs.IntVar(&s.rounds, "rounds", 3, "how often each is measured")
	fs.IntVar(&s.kubectlTimes, "kubectl-rounds", 1, "how often kubectl is measured (it is slow); 0 leaves it out")
	fs.IntVar(&s.workers, "workers", 16, "workers of the bare loop")
	fs.StringVar(&s.rekindle, "rekindle", "bin/rekindle", "the rekindle binary; empty leaves it out")
	fs.StringVar(&s.kubectl, "kubectl", "", "the kubectl binary; empty leaves it out")
	fs.StringVar(&s.controlplane, "controlplane", os.Getenv("REKINDLE_CONTROLPLANE"), "the control plane binary")
	fs.StringVar(&s.write, "write", "", "Markdown file for the figures")
	fs.Float64Var(&s.maxRatio, "max-ratio", 0, "fail when rekindle takes more than this times the bare loop; 0 never")
	fs.Float64Var(&s.maxMemory, "max-memory", 0, "fail when rekindle's peak memory in MB is higher; 0 never")
	if err := fs.Parse(args); err != nil {
		return s, err
	}
	for field := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 1 {
			return s, fmt.Errorf("-sizes %q: want numbers such as 1000,5000", *sizes)
		}
		s.sizes = append(s.sizes, n)
	}
	if s.rounds < 1 {
		return s, errors.New("-rounds must be at least 1")
	}
	return s, nil
}

// bench measures every size and reports.
func bench(ctx context.Context, s settings) error {
	work, err := os.MkdirTemp("", "rekindle-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	r := report{settings: s, machine: describeMachine(ctx, s), began: time.Now()}
	for _, size := range s.sizes {
		measured, err := measure(ctx, s, work, size)
		if err != nil {
			return fmt.Errorf("%d objects: %w", size, err)
		}
		r.sizes = append(r.sizes, measured)
	}
	text := r.markdown()
	fmt.Print("\n", text)
	if s.write != "" {
		if err := os.WriteFile(s.write, []byte(text), 0o644); err != nil {
			return err
		}
		fmt.Println("written to", s.write)
	}
	return r.withinLimits()
}

// measure lets all contenders apply one number of objects.
func measure(ctx context.Context, s settings, work string, size int) (sized, error) {
	list := objects.Generate(size)
	in := input{
		objects: list, workers: s.workers, controlplane: s.controlplane,
		tree: filepath.Join(work, fmt.Sprintf("tree-%d", size)),
		work: filepath.Join(work, fmt.Sprintf("work-%d", size)),
	}
	if err := objects.WriteTree(filepath.Join(in.tree, "deploy"), list); err != nil {
		return sized{}, err
	}
	if err := commitTree(ctx, in.tree); err != nil {
		return sized{}, err
	}
	out := sized{objects: size, by: map[string][]sample{}}
	for round := range s.rounds {
		turn := contenders(s, round)
		if round%2 == 1 { // who comes first alternates
			for i, j := 0, len(turn)-1; i < j; i, j = i+1, j-1 {
				turn[i], turn[j] = turn[j], turn[i]
			}
		}
		for _, c := range turn {
			fmt.Printf("%5d objects, round %d, %-11s ", size, round+1, c.name)
			in.dir = filepath.Join(in.work, fmt.Sprintf("%d-%s", round, c.name))
			if err := os.MkdirAll(in.dir, 0o755); err != nil {
				return out, err
			}
			got, err := c.apply(ctx, in)
			if err != nil {
				fmt.Println()
				return out, fmt.Errorf("%s: %w", c.name, err)
			}
			fmt.Println(got)
			out.by[c.name] = append(out.by[c.name], got)
		}
	}
	return out, nil
}

// contenders are those that take part in a round.
func contenders(s settings, round int) []contender {
	list := []contender{{nameBare, bareLoop}}
	if s.rekindle != "" {
		list = append(list, contender{nameRekindle, rekindle(s.rekindle)})
	}
	if s.kubectl != "" && round < s.kubectlTimes {
		list = append(list, contender{nameKubectl, kubectl(s.kubectl)})
	}
	return list
}
