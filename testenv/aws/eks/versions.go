package eks

import (
	"context"
	"slices"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Version is one that EKS offers, or offered.
type Version struct {
	Name string
	// Support is "STANDARD_SUPPORT", "EXTENDED_SUPPORT" or "UNSUPPORTED".
	Support string
	// Default: clusters that ask for none get it.
	Default bool
}

const (
	standard    = "STANDARD_SUPPORT"
	extended    = "EXTENDED_SUPPORT"
	unsupported = "UNSUPPORTED"
)

// usualVersions are what EKS offers unless Offer says otherwise.
var usualVersions = []Version{
	{Name: "1.36", Support: standard, Default: true}, {Name: "1.35", Support: standard}, {Name: "1.34", Support: standard},
	{Name: "1.32", Support: extended}, {Name: "1.29", Support: unsupported},
}

// Offer sets which versions there are, everywhere; one of them has to be the default.
func (c *Cloud) Offer(versions ...Version) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.versions = slices.Clone(versions)
}

// version is what a cluster that asks for a version gets.
func (c *Cloud) version(wanted string) (string, error) {
	for _, v := range c.versions {
		if v.Support != unsupported && (v.Name == wanted || wanted == "" && v.Default) {
			return v.Name, nil
		}
	}
	return "", invalid("unsupported Kubernetes version")
}

func (c *Cloud) describeVersions(_ context.Context, call *wire.Call) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := call.Query
	list := []map[string]any{}
	for _, v := range c.versions {
		switch asked := q["clusterVersions"]; {
		case len(asked) > 0 && !slices.Contains(asked, v.Name):
		case len(asked) == 0 && v.Support == unsupported && q.Get("includeAll") != "true" && q.Get("versionStatus") != unsupported:
		case q.Get("defaultOnly") == "true" && !v.Default:
		case q.Get("versionStatus") != "" && q.Get("versionStatus") != v.Support:
		default:
			list = append(list, map[string]any{"clusterVersion": v.Name, "clusterType": "eks", "defaultPlatformVersion": "eks.1", "defaultVersion": v.Default,
				"versionStatus": v.Support, "status": map[string]string{standard: "standard-support", extended: "extended-support", unsupported: "unsupported"}[v.Support],
				"kubernetesPatchVersion": v.Name + ".3"})
		}
	}
	return page(c, call, "clusterVersions", list)
}
