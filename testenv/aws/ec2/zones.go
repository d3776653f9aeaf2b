package ec2

import (
	"slices"
	"strings"
)

// Zone is an availability zone, or one of another sort.
type Zone struct {
	Name string
	// ID is what it is called in all accounts, "euc1-az1".
	ID string
	// Type is "availability-zone" when empty, else "local-zone" or "wavelength-zone".
	Type string
}

func (z Zone) sort() string {
	if z.Type == "" {
		return "availability-zone"
	}
	return z.Type
}

// SetZones has the place have these zones.
func (p *Place) SetZones(zones ...Zone) {
	p.lock()
	defer p.unlock()
	p.zoneList = slices.Clone(zones)
}

// Zones returns the zones of the region. Unless they were set these are a, b and c, and
// six in us-east-1, of which the fifth is the one that EKS cannot use (use1-az3).
func (p *Place) Zones() []Zone {
	p.lock()
	defer p.unlock()
	return slices.Clone(p.zones())
}

func (p *Place) zones() []Zone {
	if p.zoneList != nil {
		return p.zoneList
	}
	numbers := "123"
	if p.region == "us-east-1" {
		numbers = "124635"
	}
	for i, n := range numbers {
		p.zoneList = append(p.zoneList, Zone{Name: p.region + string(rune('a'+i)), ID: short(p.region) + "-az" + string(n)})
	}
	return p.zoneList
}

// short is what IDs of zones call a region: "euc1" is eu-central-1.
func short(region string) string {
	name := ""
	for i, part := range strings.Split(region, "-") {
		switch {
		case i == 0:
			name += part
		case part == "northeast", part == "northwest", part == "southeast", part == "southwest":
			name += part[:1] + part[5:6]
		case part != "":
			name += part[:1]
		}
	}
	return name
}

func zoneNames(zones []Zone) string {
	names := make([]string, len(zones))
	for i, z := range zones {
		names[i] = z.Name
	}
	return strings.Join(names, ", ")
}
