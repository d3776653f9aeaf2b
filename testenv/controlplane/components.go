package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	_ "time/tzdata" // CronJobs name time zones

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // the JSON log format
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // version metric
	"k8s.io/component-base/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kwokconfig "sigs.k8s.io/kwok/pkg/config"
	kwok "sigs.k8s.io/kwok/pkg/kwok/cmd"
	kwoklog "sigs.k8s.io/kwok/pkg/log"
	"sigs.k8s.io/kwok/pkg/utils/signals"

	"github.com/rekindle-io/rekindle/testenv/controlplane/cloud"
)

// componentCommands maps the name of a component to what runs it; os.Args holds
// its name and flags, the result is the exit code.
func componentCommands() map[string]func() int {
	return map[string]func() int{
		"etcd":                    func() int { etcdmain.Main(os.Args); return 0 },
		"kube-apiserver":          func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
		"kube-controller-manager": func() int { return cli.Run(controllermanager.NewControllerManagerCommand()) },
		"kube-scheduler":          func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
		"kwok":                    runKwok,
		"cloud":                   runCloud,
	}
}

// runKwok does what kwok's own main does.
func runKwok() int {
	flags := pflag.NewFlagSet("global", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.Usage = func() {}
	ctx := signals.SetupSignalContext()
	ctx, logger := kwoklog.InitFlags(ctx, flags)
	ctx, err := kwokconfig.InitFlags(ctx, flags)
	if err != nil {
		logger.Error("Init config flags", "err", err)
		return 1
	}
	command := kwok.NewCommand(ctx)
	command.Version = "" // cobra would take the components' global --version for its own
	command.PersistentFlags().AddFlagSet(flags)
	if err := command.ExecuteContext(ctx); err != nil {
		logger.Error("Execute exit", "err", err)
		return 1
	}
	return 0
}

func runCloud() int {
	var opts cloud.Options
	command := &cobra.Command{
		Use: "cloud", Args: cobra.NoArgs, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return cloud.Run(cmd.Context(), opts) },
	}
	command.Flags().StringVar(&opts.Kubeconfig, "kubeconfig", "", "how to reach the API server")
	command.Flags().StringVar(&opts.Bootstrapped, "bootstrapped", "", "file that says that the first objects were made")
	command.Flags().IntVar(&opts.Nodes, "nodes", 1, "how many nodes to make")
	if err := command.ExecuteContext(signals.SetupSignalContext()); err != nil {
		return 1
	}
	return 0
}

func kubernetesVersion() string { return version.Get().GitVersion }

// versions are lines of "name version".
func versions() string {
	found := map[string]string{"kubernetes": kubernetesVersion()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			switch dep.Path {
			case "go.etcd.io/etcd/server/v3":
				found["etcd"] = dep.Version
			case "sigs.k8s.io/kwok":
				found["kwok"] = dep.Version
			}
		}
		found["go"] = info.GoVersion
	}
	var text strings.Builder
	for _, name := range sortedNames(found) {
		fmt.Fprintf(&text, "%s %s\n", name, found[name])
	}
	return text.String()
}
