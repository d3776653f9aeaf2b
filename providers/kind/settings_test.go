package kind

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	"github.com/rekindle-io/rekindle/providers"
)

func offline(t *testing.T) *Provider {
	t.Helper()
	p, err := New(Options{Root: filepath.Join(t.TempDir(), "kind"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type m = map[string]any

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		settings providers.Settings
		want     string // part of the error
	}{
		"none": {nil, ""},
		"all": {providers.Settings{
			"image": "registry.example.com:5000/kind/node:v1.36.3@sha256:" + strings.Repeat("a", 64), "controlPlanes": 3, "workers": 2,
			"portMappings": []any{m{"containerPort": 30080, "hostPort": 8080, "listenAddress": "0.0.0.0", "protocol": "udp"}},
			"mounts":       []any{m{"hostPath": "/src", "containerPath": "/src", "readOnly": true}},
			"featureGates": m{"A": true}, "runtimeConfig": m{"api/alpha": "true"}, "disableDefaultCNI": true,
			"config": m{"networking": m{"podSubnet": "10.1.0.0/16"}}, "preload": []any{"web:1"}, "wait": "5m",
		}, ""},
		"automatic preload":          {providers.Settings{"preload": "auto"}, ""},
		"misspelt":                   {providers.Settings{"imgae": "x"}, `"imgae"`},
		"no number":                  {providers.Settings{"workers": "three"}, "settings.workers"},
		"no image":                   {providers.Settings{"image": "--rm"}, "settings.image"},
		"spaces":                     {providers.Settings{"image": "a b"}, "settings.image"},
		"no version":                 {providers.Settings{"version": "1.36"}, "settings.version"},
		"image and version":          {providers.Settings{"image": "a", "version": "v1.36.3"}, "settings.version"},
		"no control plane":           {providers.Settings{"controlPlanes": 0}, "settings.controlPlanes"},
		"too many workers":           {providers.Settings{"workers": 51}, "settings.workers"},
		"no container port":          {providers.Settings{"portMappings": []any{m{"hostPort": 1}}}, "settings.portMappings[0].containerPort"},
		"port that moves":            {providers.Settings{"portMappings": []any{m{"containerPort": 1, "hostPort": -1}}}, "settings.portMappings[0].hostPort"},
		"no address":                 {providers.Settings{"portMappings": []any{m{"containerPort": 1, "listenAddress": "here"}}}, "listenAddress"},
		"no protocol":                {providers.Settings{"portMappings": []any{m{"containerPort": 1, "protocol": "ICMP"}}}, "protocol"},
		"one host port twice":        {providers.Settings{"portMappings": []any{m{"containerPort": 1, "hostPort": 80}, m{"containerPort": 2, "hostPort": 80}}}, "mapped twice"},
		"field of a mapping":         {providers.Settings{"portMappings": []any{m{"port": 1}}}, `"port"`},
		"relative mount":             {providers.Settings{"mounts": []any{m{"hostPath": "src", "containerPath": "/src"}}}, "settings.mounts[0].hostPath"},
		"mount with options":         {providers.Settings{"mounts": []any{m{"hostPath": "/a", "containerPath": "/b:rw"}}}, "settings.mounts[0].containerPath"},
		"preload of what":            {providers.Settings{"preload": "all"}, "settings.preload"},
		"preload of no image":        {providers.Settings{"preload": []any{"-x"}}, "settings.preload[0]"},
		"preload by digest":          {providers.Settings{"preload": []any{"web@sha256:" + strings.Repeat("0", 64)}}, "settings.preload[0]"},
		"preload of a number":        {providers.Settings{"preload": 7}, "settings.preload"},
		"wait of what":               {providers.Settings{"wait": "soon"}, "settings.wait"},
		"wait without unit":          {providers.Settings{"wait": 10}, "settings.wait"},
		"wait too short":             {providers.Settings{"wait": "1s"}, "settings.wait"},
		"config with unknown fields": {providers.Settings{"config": m{"node": []any{}}}, "settings.config: field node not found"},
		"config of another kind":     {providers.Settings{"config": m{"kind": "Pod"}}, "settings.config"},
		"config with a name":         {providers.Settings{"config": m{"name": "x"}}, "settings.config.name"},
		"config with an image":       {providers.Settings{"config": m{"nodes": []any{m{"image": "x"}}}}, "settings.config.nodes[0].image"},
		"nodes twice":                {providers.Settings{"workers": 1, "config": m{"nodes": []any{m{"role": "control-plane"}}}}, "settings.workers: contradicts settings.config.nodes"},
		"a gate on and off":          {providers.Settings{"featureGates": m{"A": true}, "config": m{"featureGates": m{"A": false}}}, "settings.featureGates.A: contradicts"},
		"CNI off and on":             {providers.Settings{"disableDefaultCNI": false, "config": m{"networking": m{"disableDefaultCNI": true}}}, "settings.disableDefaultCNI: contradicts"},
		"only workers":               {providers.Settings{"config": m{"nodes": []any{m{"role": "worker"}}}}, "settings.config.nodes"},
		"no role":                    {providers.Settings{"config": m{"nodes": []any{m{"role": "boss"}}}}, "settings.config.nodes[0].role"},
		"API port that moves":        {providers.Settings{"config": m{"networking": m{"apiServerPort": -1}}}, "apiServerPort"},
		"API address":                {providers.Settings{"config": m{"networking": m{"apiServerAddress": "host"}}}, "apiServerAddress"},
		"subnet":                     {providers.Settings{"config": m{"networking": m{"podSubnet": "10.0.0.0"}}}, "podSubnet"},
		"IP family":                  {providers.Settings{"config": m{"networking": m{"ipFamily": "ipv5"}}}, "ipFamily"},
		"proxy mode":                 {providers.Settings{"config": m{"networking": m{"kubeProxyMode": "x"}}}, "kubeProxyMode"},
	}
	p := offline(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := p.Check(test.settings)
			if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("have %v, want %q", err, test.want)
			}
		})
	}
}

// What the settings and the escape hatch say together.
func TestClusterConfig(t *testing.T) {
	set, err := decode(providers.Settings{
		"mounts":       []any{m{"hostPath": "/src", "containerPath": "/s", "readOnly": true}},
		"portMappings": []any{m{"containerPort": 30080}},
		"featureGates": m{"A": true},
		"config": m{
			"nodes":                []any{m{"role": "worker", "labels": m{"tier": "x"}}, m{"role": "control-plane"}, m{"role": "control-plane"}},
			"featureGates":         m{"A": true, "B": false},
			"networking":           m{"serviceSubnet": "10.9.0.0/16"},
			"kubeadmConfigPatches": []any{"kind: InitConfiguration"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := set.cluster("dev")
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "dev" || c.Networking.ServiceSubnet != "10.9.0.0/16" || len(c.FeatureGates) != 2 || len(c.KubeadmConfigPatches) != 1 {
		t.Errorf("%+v", c)
	}
	if n := c.Nodes[0]; n.Labels["tier"] != "x" || len(n.ExtraPortMappings) != 0 || len(n.ExtraMounts) != 1 || !n.ExtraMounts[0].Readonly {
		t.Errorf("the worker: %+v", n)
	}
	want := v1alpha4.PortMapping{ContainerPort: 30080, ListenAddress: "127.0.0.1"}
	if n := c.Nodes[1]; len(n.ExtraPortMappings) != 1 || n.ExtraPortMappings[0] != want {
		t.Errorf("the first control plane: %+v", n)
	}
	if n := c.Nodes[2]; len(n.ExtraPortMappings) != 0 {
		t.Errorf("the second control plane: %+v", n)
	}
	if controls, workers := roles(c); controls != 2 || workers != 1 {
		t.Errorf("%d control planes, %d workers", controls, workers)
	}
}

func TestPlannedVersion(t *testing.T) {
	tests := map[string]struct {
		settings providers.Settings
		want     string
	}{
		"by version":     {providers.Settings{"version": "v1.34.1"}, "v1.34.1"},
		"by tag":         {providers.Settings{"image": "rekindle.test/node:v1.36.3"}, "v1.36.3"},
		"with a digest":  {providers.Settings{"image": "kindest/node:v1.35.0@sha256:" + strings.Repeat("0", 64)}, "v1.35.0"},
		"a tag of words": {providers.Settings{"image": "kindest/node:latest"}, ""},
		"a port":         {providers.Settings{"image": "example.com:5000/node"}, ""},
		"bad settings":   {providers.Settings{"x": 1}, ""},
	}
	p := offline(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if have := p.PlannedVersion(test.settings); have != test.want {
				t.Errorf("have %q, want %q", have, test.want)
			}
		})
	}
	if have := p.PlannedVersion(nil); !versionShape.MatchString(have) {
		t.Errorf("by default: %q", have)
	}
}

// Whatever settings say, they are refused or make a configuration of kind that
// holds what we count on.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"workers":2}`, `{"preload":"auto","wait":"90s"}`, `{"config":{"nodes":[{"role":"worker"},{}]}}`,
		`{"portMappings":[{"containerPort":80}],"config":{"networking":{"ipFamily":"dual"}}}`,
		`{"config":{"nodes":[{"extraPortMappings":[{"containerPort":1,"hostPort":-1}]}]}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s providers.Settings
		if json.Unmarshal([]byte(text), &s) != nil {
			return
		}
		set, err := decode(s)
		if err != nil {
			return
		}
		c, err := set.cluster("fuzzed")
		if err != nil {
			t.Fatalf("it was accepted, and then: %v", err)
		}
		if controls, _ := roles(c); controls < 1 || c.Name != "fuzzed" || c.Networking.APIServerPort < 0 {
			t.Fatalf("%+v", c)
		}
		if strings.HasPrefix(set.image(), "-") {
			t.Fatalf("%q would be an option of a command", set.image())
		}
	})
}
