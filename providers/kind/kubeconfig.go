package kind

import (
	"errors"
	"fmt"

	"sigs.k8s.io/yaml"
)

// external rewrites a kubeconfig of kubeadm so that it is used from this
// machine: one cluster, user and context of that name, at that server.
func external(raw []byte, server, name string) ([]byte, error) {
	var in struct {
		Clusters []struct {
			Cluster map[string]any `json:"cluster"`
		} `json:"clusters"`
		Users []struct {
			User map[string]any `json:"user"`
		} `json:"users"`
	}
	if err := yaml.Unmarshal(raw, &in); err != nil {
		return nil, fmt.Errorf("the kubeconfig of the control plane cannot be read: %w", err)
	}
	if len(in.Clusters) != 1 || len(in.Users) != 1 || in.Clusters[0].Cluster == nil || in.Users[0].User == nil {
		return nil, errors.New("the kubeconfig of the control plane is not complete")
	}
	in.Clusters[0].Cluster["server"] = server
	return yaml.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": name,
		"clusters": []any{map[string]any{"name": name, "cluster": in.Clusters[0].Cluster}},
		"users":    []any{map[string]any{"name": name, "user": in.Users[0].User}},
		"contexts": []any{map[string]any{"name": name, "context": map[string]any{"cluster": name, "user": name}}},
	})
}
