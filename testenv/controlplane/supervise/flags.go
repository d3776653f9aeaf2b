package supervise

import (
	"fmt"

	"github.com/rekindle-io/rekindle/testenv/controlplane/layout"
)

// Addresses that no real network uses (RFC 2544, RFC 5737), so that nothing a
// simulated cluster says or dials can reach a machine by accident.
const (
	serviceCIDR      = "198.18.0.0/16"
	podCIDR          = "198.19.0.1/17"
	advertiseAddress = "192.0.2.1"
)

// component is one child: its name (also the multi-call binary's subcommand),
// its flags, and whether it waits until the API server is ready.
type component struct {
	name  string
	args  []string
	gated bool
}

// components lists the children in the order in which they are started; they
// are stopped in the order of stopOrder.
func components(d layout.Dir, spec layout.Spec, ports layout.Ports) []component {
	return []component{
		{name: "etcd", args: etcdFlags(d, spec, ports)},
		{name: "kube-apiserver", args: apiServerFlags(d, ports)},
		{name: "kube-controller-manager", args: controllerManagerFlags(d), gated: true},
		{name: "cloud", args: cloudFlags(d, spec), gated: true},
		{name: "kwok", args: kwokFlags(d), gated: true},
		{name: "kube-scheduler", args: schedulerFlags(d), gated: true},
	}
}

// stopOrder: the API server does not leave while its etcd is gone, so it goes
// before etcd, and those that talk to it go first of all.
func stopOrder() [][]string {
	return [][]string{
		{"kwok", "cloud", "kube-scheduler", "kube-controller-manager"},
		{"kube-apiserver"},
		{"etcd"},
	}
}

func etcdFlags(d layout.Dir, spec layout.Spec, ports layout.Ports) []string {
	client := fmt.Sprintf("https://%s:%d", loopback, ports.Etcd)
	peer := fmt.Sprintf("https://%s:%d", loopback, ports.EtcdPeer)
	flags := []string{
		"--name=rekindle",
		"--data-dir=" + d.Path("etcd"),
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=rekindle=" + peer,
		"--initial-cluster-token=" + spec.ID,
		"--socket-reuse-port=true",
		"--client-cert-auth=true",
		"--trusted-ca-file=" + d.PKI("etcd-ca.crt"),
		"--cert-file=" + d.PKI("etcd-server.crt"),
		"--key-file=" + d.PKI("etcd-server.key"),
		"--peer-client-cert-auth=true",
		"--peer-trusted-ca-file=" + d.PKI("etcd-ca.crt"),
		"--peer-cert-file=" + d.PKI("etcd-server.crt"),
		"--peer-key-file=" + d.PKI("etcd-server.key"),
		"--quota-backend-bytes=4294967296",
		"--log-level=warn",
	}
	if !spec.Durable {
		flags = append(flags, "--unsafe-no-fsync=true")
	}
	return flags
}

func apiServerFlags(d layout.Dir, ports layout.Ports) []string {
	return []string{
		"--bind-address=" + loopback,
		fmt.Sprintf("--secure-port=%d", ports.API),
		"--permit-port-sharing=true",
		"--advertise-address=" + advertiseAddress,
		fmt.Sprintf("--etcd-servers=https://%s:%d", loopback, ports.Etcd),
		"--etcd-cafile=" + d.PKI("etcd-ca.crt"),
		"--etcd-certfile=" + d.PKI("etcd-client.crt"),
		"--etcd-keyfile=" + d.PKI("etcd-client.key"),
		"--client-ca-file=" + d.PKI("ca.crt"),
		"--tls-cert-file=" + d.PKI("server.crt"),
		"--tls-private-key-file=" + d.PKI("server.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + d.PKI("sa.pub"),
		"--service-account-signing-key-file=" + d.PKI("sa.key"),
		"--service-cluster-ip-range=" + serviceCIDR,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--requestheader-client-ca-file=" + d.PKI("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + d.PKI("front-proxy-client.crt"),
		"--proxy-client-key-file=" + d.PKI("front-proxy-client.key"),
		"--egress-selector-config-file=" + d.Run("egress.yaml"),
		"--profiling=false",
	}
}

func controllerManagerFlags(d layout.Dir) []string {
	return []string{
		"--kubeconfig=" + d.Run("kube-controller-manager.kubeconfig"),
		"--secure-port=0",
		"--leader-elect=false",
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
		"--root-ca-file=" + d.PKI("ca.crt"),
		"--service-account-private-key-file=" + d.PKI("sa.key"),
		"--cluster-signing-cert-file=" + d.PKI("ca.crt"),
		"--cluster-signing-key-file=" + d.PKI("ca.key"),
		"--enable-hostpath-provisioner=false",
		"--profiling=false",
	}
}

func schedulerFlags(d layout.Dir) []string {
	return []string{
		"--kubeconfig=" + d.Run("kube-scheduler.kubeconfig"),
		"--secure-port=0",
		"--leader-elect=false",
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
		"--profiling=false",
	}
}

// kwokFlags: a kwok that was restarted takes the nodes over once the leases of
// the one before have run out, so they are short.
func kwokFlags(d layout.Dir) []string {
	return []string{
		"--kubeconfig=" + d.Run("kwok.kubeconfig"),
		"--config=" + d.Run("kwok-stages.yaml"),
		"--manage-all-nodes=true",
		"--cidr=" + podCIDR,
		"--node-lease-duration-seconds=6",
	}
}

func cloudFlags(d layout.Dir, spec layout.Spec) []string {
	return []string{
		"--kubeconfig=" + d.Run("cloud.kubeconfig"),
		"--bootstrapped=" + d.Path("bootstrapped"),
		fmt.Sprintf("--nodes=%d", spec.Nodes),
	}
}
