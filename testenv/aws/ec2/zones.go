package ec2

import "strings"

// Zone is an availability zone.
type Zone struct{ Name, ID string }

// Zones returns the availability zones of the region, ordered by name: a, b, c.
func (p *Place) Zones() []Zone { return p.zones() }

// zones of a region are three; the IDs are short for the region and a number, as
// "euc1-az1" is for eu-central-1.
func (p *Place) zones() []Zone {
	short := ""
	for i, part := range strings.Split(p.region, "-") {
		switch {
		case i == 0:
			short += part
		case part == "northeast", part == "northwest", part == "southeast", part == "southwest":
			short += part[:1] + part[5:6]
		case part != "":
			short += part[:1]
		}
	}
	list := make([]Zone, 3)
	for i := range list {
		list[i] = Zone{Name: p.region + string(rune('a'+i)), ID: short + "-az" + string(rune('1'+i))}
	}
	return list
}

func zoneNames(zones []Zone) string {
	names := make([]string, len(zones))
	for i, z := range zones {
		names[i] = z.Name
	}
	return strings.Join(names, ", ")
}
