package eks

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/providers"
)

// TestTheStackHoldsWhatTheSettingsDoNotName reads the template as CloudFormation does:
// everything that is referred to is in it.
func TestTheStackHoldsWhatTheSettingsDoNotName(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/app"
	network := map[string]any{"subnets": []any{"subnet-00000001", "subnet-00000002"}}
	nodes := []any{map[string]any{"name": "workers", "instanceTypes": []any{"m6i.large"}}}
	volumes := []any{map[string]any{"name": "aws-ebs-csi-driver"}}
	everything := []string{"Attachment", "ClusterRole", "Gateway", "NodeRole", "Route", "Routes", "Subnet1", "Subnet1Routes", "Subnet2", "Subnet2Routes", "VPC"}
	for _, c := range []struct {
		name    string
		more    providers.Settings
		want    []string
		outputs []string
	}{
		{"nothing is named", nil, everything, []string{"ClusterRole", "NodeRole", "Subnets", "VPC"}},
		{"a network", providers.Settings{"network": network}, []string{"ClusterRole", "NodeRole"}, []string{"ClusterRole", "NodeRole"}},
		{"a network and a role", providers.Settings{"network": network, "role": role, "nodeGroups": nodes}, []string{"NodeRole"}, []string{"NodeRole"}},
		{"all but nodes", providers.Settings{"network": network, "role": role}, nil, nil},
		{"all", providers.Settings{"network": network, "role": role, "nodeRole": role, "nodeGroups": nodes}, nil, nil},
		{"all but the role of the driver of volumes", providers.Settings{"network": network, "role": role, "nodeRole": role, "nodeGroups": nodes, "addons": volumes},
			[]string{"DriverRole"}, []string{"DriverRole"}},
		{"that role, too", providers.Settings{"network": network, "role": role, "nodeRole": role, "nodeGroups": nodes, "addons": volumes,
			"podIdentities": []any{map[string]any{"namespace": "kube-system", "serviceAccount": "ebs-csi-controller-sa", "role": role}}}, nil, nil},
	} {
		set, err := decode(plain(c.more))
		if err != nil {
			t.Fatal(err)
		}
		if wantsStack(set) != (len(c.want) > 0) {
			t.Errorf("%s: wants a stack: %t", c.name, wantsStack(set))
		}
		if len(c.want) == 0 {
			continue
		}
		var got struct {
			Resources, Outputs map[string]any
		}
		text := template(mark{name: "prod", id: "1"}, set, []string{"eu-central-1a", "eu-central-1b"})
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		if have := keys(got.Resources); !slices.Equal(have, c.want) {
			t.Errorf("%s: resources %v, want %v", c.name, have, c.want)
		}
		if have := keys(got.Outputs); !slices.Equal(have, c.outputs) {
			t.Errorf("%s: outputs %v, want %v", c.name, have, c.outputs)
		}
		for _, name := range references(map[string]any{"r": got.Resources, "o": got.Outputs}) {
			if _, ok := got.Resources[name]; !ok {
				t.Errorf("%s: refers to %s, which is not there", c.name, name)
			}
		}
		if len(text) > 51200 {
			t.Errorf("%s: %d bytes are more than CloudFormation takes", c.name, len(text))
		}
	}
}

func keys(m map[string]any) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// references are the names behind Ref, Fn::GetAtt and DependsOn.
func references(v any) (found []string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			found = append(found, references(e)...)
		}
	case map[string]any:
		for k, e := range v {
			switch k {
			case "Ref", "DependsOn":
				found = append(found, fmt.Sprint(e))
			case "Fn::GetAtt":
				found = append(found, fmt.Sprint(e.([]any)[0]))
			default:
				found = append(found, references(e)...)
			}
		}
	}
	return found
}

func TestSubnetsLieInTheVPCAndApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.IntRange(16, 22).Draw(t, "bits")
		raw := rapid.Uint32().Draw(t, "address")
		at := netip.AddrFrom4([4]byte{byte(raw >> 24), byte(raw >> 16), byte(raw >> 8), byte(raw)})
		vpc := netip.PrefixFrom(at, bits).Masked()
		n := rapid.IntRange(2, 6).Draw(t, "subnets")
		var seen []netip.Prefix
		for _, text := range subnetRanges(vpc.String(), n) {
			p := netip.MustParsePrefix(text)
			if p != p.Masked() || p.Bits() > 28 || !vpc.Contains(p.Addr()) || p.Bits() < vpc.Bits() {
				t.Fatalf("%s in %s", p, vpc)
			}
			for _, other := range seen {
				if other.Overlaps(p) {
					t.Fatalf("%s and %s overlap", other, p)
				}
			}
			seen = append(seen, p)
		}
		if len(seen) != n {
			t.Fatalf("%d of %d", len(seen), n)
		}
	})
}

func TestARequestIsTheSameOnlyWhenAllOfItIs(t *testing.T) {
	a, b := mark{name: "prod", id: "1"}, mark{name: "prod", id: "2"}
	tokens := []string{a.token("cluster"), b.token("cluster"), a.token("stack"), a.token("cluster", "x"), a.token("cluster", "x", ""), a.token("clusterx")}
	for i, one := range tokens {
		if len(one) != 32 {
			t.Errorf("%q: want 32 letters", one)
		}
		for _, other := range tokens[:i] {
			if one == other {
				t.Errorf("token %d is another's, too", i)
			}
		}
	}
	if again := (mark{name: "prod", id: "1"}).token("cluster", "x"); again != tokens[3] {
		t.Error("the same request has two tokens")
	}
}
