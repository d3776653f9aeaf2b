// Command bench measures rekindle against its limits and against kubectl, all in
// one run, in an order that alternates.
//
// Apply: how fast a commit gets onto a fresh API server; the limit is a bare loop
// of 16 workers doing server-side apply. Each contender meets a new local cluster
// each time.
//
// Drift: how fast a clean cluster is compared with its commit, and exported; the
// limit is a bare parallel list of the same resources. All look at one cluster.
//
// It prints the figures and their ratios, and writes them into a Markdown file, in
// which it leaves the section alone that was not measured.
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
	sizes, driftSizes    []int
	rounds, kubectlTimes int
	driftRounds, diffMax int
	workers              int
	rekindle, kubectl    string
	controlplane, write  string
	maxRatio, maxMemory  float64
	maxDriftRatio        float64
	maxCompareRatio      float64
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == bareListCommand {
		return bareList(ctx, args[1:], os.Stdout)
	}
	if len(args) > 0 && args[0] == compareCommand {
		return compareAlone(ctx, args[1:], os.Stdout)
	}
	s, err := parse(args)
	if err != nil {
		return err
	}
	return bench(ctx, s)
}

func parse(args []string) (settings, error) {
	var s settings
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	sizes := fs.String("sizes", "1000,5000", "numbers of objects to apply; empty leaves that part out")
	driftSizes := fs.String("drift-sizes", "1000,10000", "numbers of objects to compare; empty leaves that part out")
	fs.IntVar(&s.rounds, "rounds", 3, "how often each is measured")
	fs.IntVar(&s.driftRounds, "drift-rounds", 5, "how often each comparison is measured")
	fs.IntVar(&s.diffMax, "kubectl-diff-max", 1000, "most objects that kubectl diff is measured with")
	fs.IntVar(&s.kubectlTimes, "kubectl-rounds", 1, "how often kubectl is measured (it is slow); 0 leaves it out")
	fs.IntVar(&s.workers, "workers", 16, "workers of the bare loop")
	fs.StringVar(&s.rekindle, "rekindle", "bin/rekindle", "the rekindle binary; empty leaves it out")
	fs.StringVar(&s.kubectl, "kubectl", "", "the kubectl binary; empty leaves it out")
	fs.StringVar(&s.controlplane, "controlplane", os.Getenv("REKINDLE_CONTROLPLANE"), "the control plane binary")
	fs.StringVar(&s.write, "write", "", "Markdown file for the figures")
	fs.Float64Var(&s.maxRatio, "max-ratio", 0, "fail when rekindle takes more than this times the bare loop; 0 never")
	fs.Float64Var(&s.maxDriftRatio, "max-drift-ratio", 0, "fail when rekindle drift takes more than this times the bare list; 0 never")
	fs.Float64Var(&s.maxCompareRatio, "max-compare-ratio", 0, "fail when to list and compare takes more than this times the lists alone; 0 never")
	fs.Float64Var(&s.maxMemory, "max-memory", 0, "fail when rekindle's peak memory in MB is higher; 0 never")
	if err := fs.Parse(args); err != nil {
		return s, err
	}
	var err error
	if s.sizes, err = numbers("sizes", *sizes); err != nil {
		return s, err
	}
	if s.driftSizes, err = numbers("drift-sizes", *driftSizes); err != nil {
		return s, err
	}
	switch {
	case s.rounds < 1 || s.driftRounds < 1:
		return s, errors.New("-rounds and -drift-rounds must be at least 1")
	case s.rekindle == "" && len(s.driftSizes) > 0:
		return s, errors.New("-drift-sizes needs -rekindle, which restores the objects")
	}
	return s, nil
}

// numbers reads the value of a flag, a list with commas.
func numbers(name, text string) ([]int, error) {
	if text == "" {
		return nil, nil
	}
	var list []int
	for field := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-%s %q: want numbers such as 1000,5000", name, text)
		}
		list = append(list, n)
	}
	return list, nil
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
	for _, size := range s.driftSizes {
		measured, err := measureDrift(ctx, s, work, size)
		if err != nil {
			return fmt.Errorf("drift of %d objects: %w", size, err)
		}
		r.looks = append(r.looks, measured)
	}
	for _, part := range r.sections() {
		fmt.Print("\n", part)
	}
	if s.write != "" {
		if err := writePage(s.write, r.sections()); err != nil {
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
