// Command rekindle-controlplane is a Kubernetes control plane in one binary:
// etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kwok, a small
// simulated cloud, and the supervisor that runs them for one local cluster.
//
// It is a module of its own, so that the main module stays light. Clusters are
// made by providers/local of the main module; see testenv/controlplane/README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/rekindle-io/rekindle/testenv/controlplane/layout"
	"github.com/rekindle-io/rekindle/testenv/controlplane/supervise"
)

const usage = `usage: rekindle-controlplane COMMAND [flags]

  etcd | kube-apiserver | kube-controller-manager | kube-scheduler | kwok
             the component of that name, with its own flags
  cloud      nodes, volumes and load balancers of a simulated cluster
  supervise  --dir DIR [--tether]: run the cluster in DIR until SIGTERM; with
             --tether also until standard input ends
  version    the versions inside
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if os.Getenv(supervise.EnvGate) != "" {
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	name := os.Args[1]
	os.Args = append([]string{name}, os.Args[2:]...)
	switch name {
	case "supervise":
		os.Exit(superviseCommand(os.Args[1:]))
	case "version", "--version":
		fmt.Print(versions())
	case "help", "--help", "-h":
		fmt.Print(usage)
	default:
		runComponent, ok := componentCommands()[name]
		if !ok {
			fmt.Fprintf(os.Stderr, "unknown command %q\n\n%s", name, usage)
			os.Exit(2)
		}
		os.Exit(runComponent())
	}
}

func superviseCommand(args []string) int {
	dir, tether := "", false
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "--dir" && i+1 < len(args):
			i++
			dir = args[i]
		case args[i] == "--tether":
			tether = true
		default:
			fmt.Fprint(os.Stderr, usage)
			return 2
		}
	}
	if dir == "" {
		fmt.Fprint(os.Stderr, usage)
		return 2
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if tether {
		var cut context.CancelFunc
		ctx, cut = context.WithCancel(ctx)
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cut()
		}()
	}
	if err := supervise.Run(ctx, layout.Dir(dir), kubernetesVersion(), log); err != nil {
		log.Error("supervise", "error", err)
		if errors.Is(err, supervise.ErrAlready) {
			return 3
		}
		return 1
	}
	return 0
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
