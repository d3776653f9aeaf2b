package kind

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
)

const configVersion = "kind.x-k8s.io/v1alpha4"

// cluster is kind's configuration of the cluster that the settings ask for. The
// node image is filled in later.
func (s settings) cluster(name string) (*v1alpha4.Cluster, error) {
	c, err := s.raw()
	if err != nil {
		return nil, err
	}
	c.Kind, c.APIVersion, c.Name = "Cluster", configVersion, name
	if c.FeatureGates, err = merged("featureGates", c.FeatureGates, s.FeatureGates); err != nil {
		return nil, err
	}
	if c.RuntimeConfig, err = merged("runtimeConfig", c.RuntimeConfig, s.RuntimeConfig); err != nil {
		return nil, err
	}
	if s.DisableDefaultCNI != nil {
		if c.Networking.DisableDefaultCNI && !*s.DisableDefaultCNI {
			return nil, contradiction("disableDefaultCNI", "networking.disableDefaultCNI")
		}
		c.Networking.DisableDefaultCNI = *s.DisableDefaultCNI
	}
	if err := s.addNodes(c); err != nil {
		return nil, err
	}
	v1alpha4.SetDefaultsCluster(c)
	return c, checkConfig(c)
}

// raw decodes the escape hatch, as strictly as kind decodes its files.
func (s settings) raw() (*v1alpha4.Cluster, error) {
	c := &v1alpha4.Cluster{}
	if len(s.Config) == 0 {
		return c, nil
	}
	text, err := yaml.Marshal(s.Config)
	if err != nil {
		return nil, fmt.Errorf("settings.config: %w", err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(c); err != nil {
		return nil, fmt.Errorf("settings.config: %s", decodeWords(err))
	}
	if c.Kind != "" && c.Kind != "Cluster" || c.APIVersion != "" && c.APIVersion != configVersion {
		return nil, fmt.Errorf("settings.config: is %s %s, want kind Cluster of %s", c.APIVersion, c.Kind, configVersion)
	}
	if c.Name != "" {
		return nil, errors.New("settings.config.name: the cluster has a name already, leave this out")
	}
	return c, nil
}

// decodeWords takes from an error of the YAML decoder what means nothing to the
// reader of another file: its lines, and the names of Go types.
func decodeWords(err error) string {
	var wrong *yaml.TypeError
	if !errors.As(err, &wrong) {
		return err.Error()
	}
	var said []string
	for _, line := range wrong.Errors {
		if strings.HasPrefix(line, "line ") {
			_, line, _ = strings.Cut(line, ": ")
		}
		line, _, _ = strings.Cut(line, " in type ")
		line, _, _ = strings.Cut(line, " into v1alpha4.")
		said = append(said, line)
	}
	return strings.Join(said, "; ")
}

func contradiction(setting, config string) error {
	return fmt.Errorf("settings.%s: contradicts settings.config.%s: say it in one of the two", setting, config)
}

// merged is the union of two maps that do not contradict each other.
func merged[V comparable](field string, config, ours map[string]V) (map[string]V, error) {
	if len(config)+len(ours) == 0 {
		return nil, nil
	}
	all := maps.Clone(config)
	if all == nil {
		all = map[string]V{}
	}
	for key, value := range ours {
		if there, ok := all[key]; ok && there != value {
			return nil, contradiction(field+"."+key, field+"."+key)
		}
		all[key] = value
	}
	return all, nil
}

// addNodes makes the nodes that the settings ask for, or takes those of the
// escape hatch, and gives them mounts and port mappings.
func (s settings) addNodes(c *v1alpha4.Cluster) error {
	if len(c.Nodes) > 0 {
		if s.ControlPlanes != nil {
			return contradiction("controlPlanes", "nodes")
		}
		if s.Workers != nil {
			return contradiction("workers", "nodes")
		}
	} else {
		for range s.controlPlanes() {
			c.Nodes = append(c.Nodes, v1alpha4.Node{Role: v1alpha4.ControlPlaneRole})
		}
		for range s.workers() {
			c.Nodes = append(c.Nodes, v1alpha4.Node{Role: v1alpha4.WorkerRole})
		}
	}
	first := true
	for i := range c.Nodes {
		n := &c.Nodes[i]
		if n.Image != "" {
			return fmt.Errorf("settings.config.nodes[%d].image: all nodes have one image: name it in settings.image", i)
		}
		for _, m := range s.Mounts {
			n.ExtraMounts = append(n.ExtraMounts, v1alpha4.Mount{HostPath: m.HostPath, ContainerPath: m.ContainerPath, Readonly: m.ReadOnly})
		}
		if first && (n.Role == "" || n.Role == v1alpha4.ControlPlaneRole) {
			first = false
			for _, m := range s.PortMappings {
				n.ExtraPortMappings = append(n.ExtraPortMappings, m.forKind())
			}
		}
	}
	return nil
}

func (m portMapping) forKind() v1alpha4.PortMapping {
	address := m.ListenAddress
	if address == "" {
		address = "127.0.0.1" // kind's own default is every address of the machine
	}
	return v1alpha4.PortMapping{
		ContainerPort: int32(m.ContainerPort), HostPort: int32(m.HostPort), //nolint:gosec // both were checked
		ListenAddress: address, Protocol: v1alpha4.PortMappingProtocol(strings.ToUpper(m.Protocol)),
	}
}

// checkConfig refuses what kind would refuse once it is too late, and what we
// cannot keep our word with.
func checkConfig(c *v1alpha4.Cluster) error {
	controls := 0
	for i, n := range c.Nodes {
		switch n.Role {
		case v1alpha4.ControlPlaneRole:
			controls++
		case v1alpha4.WorkerRole:
		default:
			return fmt.Errorf("settings.config.nodes[%d].role: %q is none of control-plane, worker", i, n.Role)
		}
		if err := checkPorts(n.ExtraPortMappings, i); err != nil {
			return err
		}
	}
	if workers := len(c.Nodes) - controls; controls < 1 || controls > maxControlPlanes || workers > maxWorkers {
		return fmt.Errorf("settings.config.nodes: %d control planes and %d workers, want 1 to %d and at most %d", controls, workers, maxControlPlanes, maxWorkers)
	}
	n := c.Networking
	if n.APIServerPort < 0 || n.APIServerPort > 65535 {
		return fmt.Errorf("settings.config.networking.apiServerPort: %d is not between 0 (any) and 65535; -1 would change it at each restart", n.APIServerPort)
	}
	if _, err := netip.ParseAddr(n.APIServerAddress); err != nil {
		return fmt.Errorf("settings.config.networking.apiServerAddress: %q is no IP address", n.APIServerAddress)
	}
	switch n.IPFamily {
	case v1alpha4.IPv4Family, v1alpha4.IPv6Family, v1alpha4.DualStackFamily:
	default:
		return fmt.Errorf("settings.config.networking.ipFamily: %q is none of ipv4, ipv6, dual", n.IPFamily)
	}
	switch n.KubeProxyMode {
	case v1alpha4.IPTablesProxyMode, v1alpha4.IPVSProxyMode, v1alpha4.NFTablesProxyMode, "none":
	default:
		return fmt.Errorf("settings.config.networking.kubeProxyMode: %q is none of iptables, ipvs, nftables, none", n.KubeProxyMode)
	}
	for field, list := range map[string]string{"podSubnet": n.PodSubnet, "serviceSubnet": n.ServiceSubnet} {
		for subnet := range strings.SplitSeq(list, ",") {
			if _, err := netip.ParsePrefix(subnet); err != nil {
				return fmt.Errorf("settings.config.networking.%s: %q is no subnet such as 10.244.0.0/16", field, subnet)
			}
		}
	}
	return nil
}

// checkPorts refuses host ports that would change at each restart, and two
// mappings of one host port.
func checkPorts(list []v1alpha4.PortMapping, node int) error {
	seen := map[string]bool{}
	for _, m := range list {
		if m.HostPort < 0 || m.HostPort > 65535 || m.ContainerPort < 1 || m.ContainerPort > 65535 {
			return fmt.Errorf("settings.config.nodes[%d].extraPortMappings: port %d to %d is out of range; -1 would change it at each restart", node, m.HostPort, m.ContainerPort)
		}
		key := fmt.Sprintf("%s:%d/%s", m.ListenAddress, m.HostPort, m.Protocol)
		if m.HostPort != 0 && seen[key] {
			return fmt.Errorf("settings.portMappings: host port %d is mapped twice", m.HostPort)
		}
		seen[key] = true
	}
	return nil
}

// roles counts the nodes of a configuration.
func roles(c *v1alpha4.Cluster) (controlPlanes, workers int) {
	for _, n := range c.Nodes {
		if n.Role == v1alpha4.WorkerRole {
			workers++
		} else {
			controlPlanes++
		}
	}
	return controlPlanes, workers
}
