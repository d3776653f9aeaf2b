// Command kubectl is kubectl, built from its library in the version of the
// local control plane, so that the benchmark compares with the same one on
// every machine.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
)

func main() {
	os.Exit(cli.Run(cmd.NewDefaultKubectlCommand()))
}
