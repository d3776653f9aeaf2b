package kind

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/providers"
)

// settings are what rekindle.yaml may say below `settings`.
type settings struct {
	// Image is the node image, with a digest or without.
	Image string `json:"image,omitempty"`
	// Version of Kubernetes, "v1.36.3", instead of an image: kindest/node of that
	// version. Without both it is the image that this kind was tested with.
	Version string `json:"version,omitempty"`
	// ControlPlanes and Workers are how many nodes there are: 1 and 0 when absent.
	// With several control planes kind adds a load balancer.
	ControlPlanes *int `json:"controlPlanes,omitempty"`
	Workers       *int `json:"workers,omitempty"`
	// PortMappings make ports of the first control plane reachable on this
	// machine, such as a NodePort.
	PortMappings []portMapping `json:"portMappings,omitempty"`
	// Mounts bring directories of this machine onto every node.
	Mounts []mount `json:"mounts,omitempty"`
	// FeatureGates of all components of Kubernetes.
	FeatureGates map[string]bool `json:"featureGates,omitempty"`
	// RuntimeConfig turns API versions on and off: api/alpha: "true".
	RuntimeConfig map[string]string `json:"runtimeConfig,omitempty"`
	// DisableDefaultCNI leaves out kind's own network; nodes become Ready once the
	// commit brought one.
	DisableDefaultCNI *bool `json:"disableDefaultCNI,omitempty"`
	// Config is kind's own configuration (kind: Cluster, v1alpha4), for what the
	// other settings cannot say.
	Config map[string]any `json:"config,omitempty"`
	// Preload says which images of this machine's Docker are brought onto the
	// nodes: a list, or "auto" for those that the commit's pods name.
	Preload preload `json:"preload,omitzero"`
	// Wait bounds how long a create may take; 10 minutes when absent.
	Wait duration `json:"wait,omitzero"`
}

// portMapping makes a port of the first control plane a port of this machine.
type portMapping struct {
	ContainerPort int `json:"containerPort"`
	// HostPort is chosen when 0 or absent, and kept while the cluster lives.
	HostPort int `json:"hostPort,omitempty"`
	// ListenAddress is an IP address of this machine; 127.0.0.1 when absent.
	ListenAddress string `json:"listenAddress,omitempty"`
	// Protocol is TCP (when absent), UDP or SCTP.
	Protocol string `json:"protocol,omitempty"`
}

// mount brings a directory or file of this machine onto the nodes.
type mount struct {
	HostPath      string `json:"hostPath"`
	ContainerPath string `json:"containerPath"`
	ReadOnly      bool   `json:"readOnly,omitempty"`
}

// preload is `auto` or a list of images.
type preload struct {
	auto   bool
	images []string
}

func (p *preload) UnmarshalJSON(raw []byte) error {
	var word string
	if json.Unmarshal(raw, &word) == nil {
		if word != "auto" {
			return fmt.Errorf("settings.preload: want a list of images, or auto, have %q", word)
		}
		p.auto = true
		return nil
	}
	if json.Unmarshal(raw, &p.images) != nil {
		return errors.New("settings.preload: want a list of images, or auto")
	}
	return nil
}

// duration is a time.Duration in words, "90s".
type duration struct{ time.Duration }

func (d *duration) UnmarshalJSON(raw []byte) error {
	var word string
	if err := json.Unmarshal(raw, &word); err != nil {
		return errors.New("settings.wait: want a duration such as 10m")
	}
	var err error
	if d.Duration, err = time.ParseDuration(word); err != nil {
		return fmt.Errorf("settings.wait: %q is no duration, write one such as 90s or 10m", word)
	}
	return nil
}

// Limits of what a cluster may be.
const (
	maxControlPlanes = 9
	maxWorkers       = 50
	defaultWait      = 10 * time.Minute
	minWait          = 30 * time.Second
)

func decode(s providers.Settings) (settings, error) {
	var out settings
	if err := s.Decode(&out); err != nil {
		return settings{}, err
	}
	return out, out.check()
}

var (
	versionShape = regexp.MustCompile(`^v1\.\d{1,3}\.\d{1,3}(-[0-9A-Za-z.]+)?$`)
	imageShape   = regexp.MustCompile(`^[a-z0-9][A-Za-z0-9._/-]*(:[0-9]+/[A-Za-z0-9._/-]+)?(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$`)
)

func (s settings) check() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("settings."+field+": "+format, args...))
	}
	if s.Image != "" && !imageShape.MatchString(s.Image) {
		bad("image", "%q is no image reference, want one such as kindest/node:v1.36.3", s.Image)
	}
	if s.Version != "" && !versionShape.MatchString(s.Version) {
		bad("version", "%q is no version, want one such as v1.36.3", s.Version)
	}
	if s.Image != "" && s.Version != "" {
		bad("version", "image says which version it is: give one of the two")
	}
	if n := s.controlPlanes(); n < 1 || n > maxControlPlanes {
		bad("controlPlanes", "%d is not between 1 and %d", n, maxControlPlanes)
	}
	if n := s.workers(); n < 0 || n > maxWorkers {
		bad("workers", "%d is not between 0 and %d", n, maxWorkers)
	}
	for i, m := range s.PortMappings {
		m.check(func(field, format string, args ...any) {
			bad(fmt.Sprintf("portMappings[%d].%s", i, field), format, args...)
		})
	}
	for i, m := range s.Mounts {
		m.check(func(field, format string, args ...any) { bad(fmt.Sprintf("mounts[%d].%s", i, field), format, args...) })
	}
	for i, image := range s.Preload.images {
		switch field := fmt.Sprintf("preload[%d]", i); {
		case !imageShape.MatchString(image):
			bad(field, "%q is no image reference", image)
		case strings.Contains(image, "@"):
			bad(field, "%q is named by its digest, which docker save loses: name it by its tag", image)
		}
	}
	if w := s.Wait.Duration; w != 0 && w < minWait {
		bad("wait", "%s is less than %s, which no cluster takes", w, minWait)
	}
	if len(errs) == 0 {
		_, err := s.cluster("check")
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (m portMapping) check(bad func(field, format string, args ...any)) {
	if m.ContainerPort < 1 || m.ContainerPort > 65535 {
		bad("containerPort", "%d is not between 1 and 65535", m.ContainerPort)
	}
	if m.HostPort < 0 || m.HostPort > 65535 {
		bad("hostPort", "%d is not between 0 (any) and 65535", m.HostPort)
	}
	if _, err := netip.ParseAddr(m.ListenAddress); m.ListenAddress != "" && err != nil {
		bad("listenAddress", "%q is no IP address", m.ListenAddress)
	}
	switch strings.ToUpper(m.Protocol) {
	case "", "TCP", "UDP", "SCTP":
	default:
		bad("protocol", "%q is none of TCP, UDP, SCTP", m.Protocol)
	}
}

func (m mount) check(bad func(field, format string, args ...any)) {
	if !filepath.IsAbs(m.HostPath) || strings.Contains(m.HostPath, ":") {
		bad("hostPath", "%q is not an absolute path without ':'", m.HostPath)
	}
	if !strings.HasPrefix(m.ContainerPath, "/") || strings.Contains(m.ContainerPath, ":") {
		bad("containerPath", "%q is not an absolute path without ':'", m.ContainerPath)
	}
}

func (s settings) controlPlanes() int { return orElse(s.ControlPlanes, 1) }
func (s settings) workers() int       { return orElse(s.Workers, 0) }

func orElse(value *int, fallback int) int {
	if value == nil {
		return fallback
	}
	return *value
}

// image is the node image that the settings ask for.
func (s settings) image() string {
	if s.Version != "" {
		return "kindest/node:" + s.Version
	}
	return cmp.Or(s.Image, defaultImage)
}

func (s settings) wait() time.Duration { return cmp.Or(s.Wait.Duration, defaultWait) }
