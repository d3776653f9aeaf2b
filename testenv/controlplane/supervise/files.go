package supervise

import (
	"fmt"
	"os"
	"strings"

	nodefast "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	nodeheartbeat "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	podfast "sigs.k8s.io/kwok/kustomize/stage/pod/fast"

	"github.com/rekindle-io/rekindle/testenv/controlplane/layout"
)

// noNetwork is where the API server looks for the network of the cluster. No
// such socket exists, so that a webhook or an aggregated API behind a Service
// fails at once and with words that say why, instead of after a timeout.
const noNetwork = "/rekindle-local-clusters-have-no-container-network"

const egressYAML = `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport:
      uds:
        udsName: ` + noNetwork + `
`

// clients are the components that talk to the API server, each with a
// certificate of its own of the same name.
func clients() []string {
	return []string{"kube-controller-manager", "kube-scheduler", "kwok", "cloud"}
}

// writeFiles writes what the components read: kubeconfigs, stages, egress.
func writeFiles(d layout.Dir, ports layout.Ports) error {
	for _, dir := range []string{d.Path("run"), d.Path("logs"), d.Path("etcd")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	for _, client := range clients() {
		if err := layout.WriteFile(d.Run(client+".kubeconfig"), kubeconfig(d, ports, client)); err != nil {
			return err
		}
	}
	stages := strings.Join([]string{
		nodefast.DefaultNodeInit, nodeheartbeat.DefaultNodeHeartbeatWithLease,
		podfast.DefaultPodReady, podfast.DefaultPodComplete, podfast.DefaultPodDelete,
	}, "\n---\n")
	if err := layout.WriteFile(d.Run("kwok-stages.yaml"), []byte(stages)); err != nil {
		return err
	}
	return layout.WriteFile(d.Run("egress.yaml"), []byte(egressYAML))
}

// kubeconfig points at the certificates' files. %q is a YAML scalar for any path.
func kubeconfig(d layout.Dir, ports layout.Ports, cert string) []byte {
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: local
  cluster: {server: "https://%s:%d", certificate-authority: %q}
users:
- name: local
  user: {client-certificate: %q, client-key: %q}
contexts:
- name: local
  context: {cluster: local, user: local}
current-context: local
`, loopback, ports.API, d.PKI("ca.crt"), d.PKI(cert+".crt"), d.PKI(cert+".key"))
}
