package eks

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/providers"
)

// plain are the least settings there can be, with more put in.
func plain(more ...providers.Settings) providers.Settings {
	s := providers.Settings{"region": "eu-central-1", "allow": map[string]any{"accounts": []any{"123456789012"}}}
	for _, m := range more {
		maps.Copy(s, m)
	}
	return s
}

func TestSettingsThatAreWrongNameTheFieldAndWhatIsWanted(t *testing.T) {
	group := func(more map[string]any) providers.Settings {
		g := map[string]any{"name": "workers", "instanceTypes": []any{"m6i.large"}}
		maps.Copy(g, more)
		return providers.Settings{"nodeGroups": []any{g}}
	}
	const role = "arn:aws:iam::123456789012:role/app"
	for field, s := range map[string]providers.Settings{
		"settings.region":                         {"region": "Frankfurt"},
		"settings.allow.accounts":                 {"allow": map[string]any{}},
		"settings.allow.accounts[0]":              {"allow": map[string]any{"accounts": []any{"1234"}}},
		"settings.allow.regions[0]":               {"allow": map[string]any{"accounts": []any{"123456789012"}, "regions": []any{"x"}}},
		"is not allowed: want one of":             {"allow": map[string]any{"accounts": []any{"123456789012"}, "regions": []any{"us-east-1"}}},
		"unknown field \"regio\"":                 {"regio": "x"},
		"settings.version":                        {"version": "v1.33"},
		"settings.version: want string":           {"version": 1.33},
		"settings.role":                           {"role": "admin"},
		"settings.nodeRole":                       {"nodeRole": "arn:aws:iam::123456789012:user/x"},
		"settings.cidr":                           {"cidr": "10.0.0.0/8"},
		"settings.cidr: \"10.0.1.0/16\"":          {"cidr": "10.0.1.0/16"},
		"settings.cidr: network":                  {"cidr": "10.0.0.0/16", "network": map[string]any{"subnets": []any{"subnet-00000001", "subnet-00000002"}}},
		"settings.network.subnets":                {"network": map[string]any{"subnets": []any{"subnet-00000001"}}},
		"settings.network.subnets[1]":             {"network": map[string]any{"subnets": []any{"subnet-00000001", "vpc-1"}}},
		"settings.network.securityGroups[0]":      {"network": map[string]any{"subnets": []any{"subnet-00000001", "subnet-00000002"}, "securityGroups": []any{"x"}}},
		"settings.endpoint: neither":              {"endpoint": map[string]any{"public": false, "private": false}},
		"settings.endpoint.cidrs: they":           {"endpoint": map[string]any{"public": false, "cidrs": []any{"10.0.0.0/8"}}},
		"settings.endpoint.cidrs[0]":              {"endpoint": map[string]any{"cidrs": []any{"10.0.0.1"}}},
		"settings.logging[0]":                     {"logging": []any{"everything"}},
		"settings.encryptionKey":                  {"encryptionKey": "key"},
		"settings.nodeGroups[0].name":             group(map[string]any{"name": "a b"}),
		"settings.nodeGroups[0].instanceTypes":    group(map[string]any{"instanceTypes": []any{}}),
		"settings.nodeGroups[0].instanceTypes[0]": group(map[string]any{"instanceTypes": []any{"large"}}),
		"settings.nodeGroups[0].capacity":         group(map[string]any{"capacity": "cheap"}),
		"settings.nodeGroups[0].size":             group(map[string]any{"size": 5, "max": 3}),
		"room for one node":                       group(map[string]any{"size": 0, "max": 0}),
		"settings.nodeGroups[0].disk":             group(map[string]any{"disk": -1}),
		"settings.nodeGroups[0].ami":              group(map[string]any{"ami": "ami-123"}),
		"settings.nodeGroups[0].taints[0]":        group(map[string]any{"taints": []any{map[string]any{"key": "a", "effect": "Sometimes"}}}),
		"is there twice": {"nodeGroups": []any{map[string]any{"name": "a", "instanceTypes": []any{"m6i.large"}},
			map[string]any{"name": "a", "instanceTypes": []any{"m6i.large"}}}},
		"settings.addons[0].name":                  {"addons": []any{map[string]any{"name": "../x"}}},
		"settings.addons[1].name":                  {"addons": []any{map[string]any{"name": "coredns"}, map[string]any{"name": "coredns"}}},
		"settings.access[0].principal":             {"access": []any{map[string]any{"principal": "me", "groups": []any{"x"}}}},
		"settings.access[0].policy":                {"access": []any{map[string]any{"principal": role}}},
		"settings.access[0].namespaces":            {"access": []any{map[string]any{"principal": role, "groups": []any{"x"}, "namespaces": []any{"a"}}}},
		"settings.podIdentities[0].namespace":      {"podIdentities": []any{map[string]any{"namespace": "A", "serviceAccount": "x", "role": role}}},
		"settings.podIdentities[0].role":           {"podIdentities": []any{map[string]any{"namespace": "a", "serviceAccount": "x", "role": "x"}}},
		"settings.tags: \"rekindle.io/id\"":        {"tags": map[string]any{"rekindle.io/id": "x"}},
		"settings.tags: \"aws:x\"":                 {"tags": map[string]any{"aws:x": "x"}},
		"settings.tags: \"kubernetes.io/cluster/a": {"tags": map[string]any{"kubernetes.io/cluster/a": "owned"}},
		"settings.wait":                            {"wait": "1ms"},
		"wait: \"soon\" is no duration":            {"wait": "soon"},
		"wait: want a duration":                    {"wait": 45},
	} {
		_, err := decode(plain(s))
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestSettingsWithEverythingAreTaken(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/path/app"
	set, err := decode(plain(providers.Settings{
		"allow":   map[string]any{"accounts": []any{"123456789012"}, "regions": []any{"eu-central-1"}},
		"version": "1.33", "role": role, "nodeRole": role, "network": map[string]any{"subnets": []any{"subnet-00000001", "subnet-00000002"}, "securityGroups": []any{"sg-00000001"}},
		"endpoint": map[string]any{"public": true, "private": false, "cidrs": []any{"203.0.113.0/24"}}, "logging": []any{"api", "audit"}, "keepLogs": true,
		"encryptionKey": "arn:aws:kms:eu-central-1:123456789012:key/1234-abcd",
		"nodeGroups": []any{map[string]any{"name": "workers", "instanceTypes": []any{"m6i.large", "m5.large"}, "capacity": "spot", "size": 3, "min": 0, "max": 9, "disk": 50,
			"ami": "AL2023_x86_64_STANDARD", "labels": map[string]any{"a": "b"}, "taints": []any{map[string]any{"key": "a", "effect": "NoSchedule"}}}},
		"addons":        []any{map[string]any{"name": "vpc-cni", "version": "v1.19.0-eksbuild.1", "configuration": map[string]any{"env": map[string]any{"A": "b"}}}},
		"access":        []any{map[string]any{"principal": role, "policy": "AmazonEKSViewPolicy", "namespaces": []any{"a"}}},
		"podIdentities": []any{map[string]any{"namespace": "a", "serviceAccount": "b", "role": role}}, "irsa": true, "tags": map[string]any{"team": "a b"}, "wait": "30m",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if set.wait().Minutes() != 30 || !set.Endpoint.public() || set.Endpoint.private() {
		t.Errorf("decoded as %+v", set)
	}
}

func TestNodesScaleAsTheSettingsSay(t *testing.T) {
	n := func(i int32) *int32 { return &i }
	for _, c := range []struct {
		group             nodeGroup
		least, size, most int32
	}{
		{nodeGroup{}, 2, 2, 2},
		{nodeGroup{Size: n(3)}, 3, 3, 3},
		{nodeGroup{Size: n(0)}, 0, 0, 1},
		{nodeGroup{Min: n(0), Max: n(5)}, 0, 2, 5},
		{nodeGroup{Min: n(4)}, 4, 4, 4},
		{nodeGroup{Max: n(1)}, 1, 1, 1},
		{nodeGroup{Size: n(3), Min: n(1), Max: n(9)}, 1, 3, 9},
	} {
		if least, size, most := c.group.scaling(); least != c.least || size != c.size || most != c.most {
			t.Errorf("%+v: %d, %d, %d", c, least, size, most)
		}
	}
}

func FuzzSettings(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"region":"eu-central-1","allow":{"accounts":["123456789012"]}}`, `{"wait":"1h","cidr":"::/0"}`,
		`{"nodeGroups":[{"name":"a","instanceTypes":["m5.large"],"size":-1,"max":2147483647}]}`, `{"endpoint":{"cidrs":["%s"]}}`, `{"tags":{"":""}}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s providers.Settings
		if json.Unmarshal([]byte(text), &s) != nil {
			return
		}
		set, err := decode(s)
		if err != nil {
			if strings.Contains(err.Error(), "%!") {
				t.Fatalf("badly written: %v", err)
			}
			return
		}
		if len(set.Allow.Accounts) == 0 {
			t.Fatal("no account is named, and it is taken")
		}
		if wantsStack(set) && !json.Valid([]byte(template(mark{name: "a", id: "b"}, set, []string{"a", "b"}))) {
			t.Fatal("the template is no JSON")
		}
	})
}
