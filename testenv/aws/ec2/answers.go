package ec2

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// stamp is how EC2 writes times.
const stamp = "2006-01-02T15:04:05.000Z"

func at(t time.Time) string { return t.UTC().Format(stamp) }

func yes(b bool) string { return strconv.FormatBool(b) }

// one is a field's value, or none when it is empty.
func one(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

type tagItem struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

func tagItems(tags map[string]string) []tagItem {
	var list []tagItem
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, tagItem{k, tags[k]})
	}
	return list
}

func (p *Place) youth(t Thing, now time.Time) string {
	if p.pending(t, now) {
		return "pending"
	}
	return "available"
}

type vpcItem struct {
	ID      string    `xml:"vpcId"`
	Owner   string    `xml:"ownerId"`
	State   string    `xml:"state"`
	CIDR    string    `xml:"cidrBlock"`
	DHCP    string    `xml:"dhcpOptionsId"`
	Tenancy string    `xml:"instanceTenancy"`
	Default bool      `xml:"isDefault"`
	Tags    []tagItem `xml:"tagSet>item"`
}

func (p *Place) vpcItem(v *VPC, now time.Time) vpcItem {
	return vpcItem{ID: v.ID, Owner: p.account, State: p.youth(v.Thing, now), CIDR: v.CIDR, DHCP: "dopt-0" + p.digits("dopt", 0)[:16], Tenancy: "default", Tags: tagItems(v.Tags)}
}

func (p *Place) vpcFields(v *VPC, now time.Time) fields {
	return fields{
		"vpc-id": one(v.ID), "owner-id": one(p.account), "state": one(p.youth(v.Thing, now)), "cidr": one(v.CIDR), "is-default": one("false"),
		"cidr-block-association.cidr-block": one(v.CIDR),
	}
}

type subnetItem struct {
	ID        string    `xml:"subnetId"`
	ARN       string    `xml:"subnetArn"`
	Owner     string    `xml:"ownerId"`
	State     string    `xml:"state"`
	VPC       string    `xml:"vpcId"`
	CIDR      string    `xml:"cidrBlock"`
	Zone      string    `xml:"availabilityZone"`
	ZoneID    string    `xml:"availabilityZoneId"`
	Free      int       `xml:"availableIpAddressCount"`
	ForZone   bool      `xml:"defaultForAz"`
	MapPublic bool      `xml:"mapPublicIpOnLaunch"`
	Tags      []tagItem `xml:"tagSet>item"`
}

func (p *Place) subnetItem(s *Subnet, now time.Time) subnetItem {
	return subnetItem{
		ID: s.ID, ARN: p.arn(kindSubnet, s.ID), Owner: p.account, State: p.youth(s.Thing, now), VPC: s.VPC, CIDR: s.CIDR, Zone: s.Zone,
		ZoneID: p.zoneID(s.Zone), Free: p.free(s), MapPublic: s.Public, Tags: tagItems(s.Tags),
	}
}

func (p *Place) subnetFields(s *Subnet, now time.Time) fields {
	return fields{
		"subnet-id": one(s.ID), "subnet-arn": one(p.arn(kindSubnet, s.ID)), "owner-id": one(p.account), "state": one(p.youth(s.Thing, now)), "vpc-id": one(s.VPC),
		"cidr-block": one(s.CIDR), "availability-zone": one(s.Zone), "availabilityZone": one(s.Zone), "availability-zone-id": one(p.zoneID(s.Zone)),
		"default-for-az": one("false"), "map-public-ip-on-launch": one(yes(s.Public)),
	}
}

type pairItem struct {
	Owner       string `xml:"userId"`
	Group       string `xml:"groupId"`
	Description string `xml:"description,omitempty"`
}

type rangeItem struct {
	CIDR        string `xml:"cidrIp"`
	Description string `xml:"description,omitempty"`
}

type range6Item struct {
	CIDR        string `xml:"cidrIpv6"`
	Description string `xml:"description,omitempty"`
}

type ruleItem struct {
	Protocol string       `xml:"ipProtocol"`
	From     *int         `xml:"fromPort"`
	To       *int         `xml:"toPort"`
	Pairs    []pairItem   `xml:"groups>item"`
	Ranges   []rangeItem  `xml:"ipRanges>item"`
	Ranges6  []range6Item `xml:"ipv6Ranges>item"`
}

type groupItem struct {
	Owner       string     `xml:"ownerId"`
	ID          string     `xml:"groupId"`
	ARN         string     `xml:"securityGroupArn"`
	Name        string     `xml:"groupName"`
	Description string     `xml:"groupDescription"`
	VPC         string     `xml:"vpcId"`
	Ingress     []ruleItem `xml:"ipPermissions>item"`
	Egress      []ruleItem `xml:"ipPermissionsEgress>item"`
	Tags        []tagItem  `xml:"tagSet>item"`
}

// ruleItems writes rules as EC2 does: those with the same protocol and ports are one.
func (p *Place) ruleItems(list []Rule) []ruleItem {
	type ports struct {
		protocol string
		from, to int
	}
	var items []ruleItem
	index := map[ports]int{}
	for _, r := range list {
		key := ports{r.Protocol, r.From, r.To}
		i, there := index[key]
		if !there {
			i = len(items)
			index[key] = i
			items = append(items, ruleItem{Protocol: r.Protocol})
			if r.Protocol != "-1" {
				items[i].From, items[i].To = &r.From, &r.To
			}
		}
		switch {
		case r.Group != "":
			items[i].Pairs = append(items[i].Pairs, pairItem{p.account, r.Group, r.Description})
		case r.CIDR6 != "":
			items[i].Ranges6 = append(items[i].Ranges6, range6Item{r.CIDR6, r.Description})
		default:
			items[i].Ranges = append(items[i].Ranges, rangeItem{r.CIDR, r.Description})
		}
	}
	return items
}

func (p *Place) groupItem(g *Group) groupItem {
	return groupItem{
		Owner: p.account, ID: g.ID, ARN: p.arn(kindGroup, g.ID), Name: g.Name, Description: g.Description, VPC: g.VPC,
		Ingress: p.ruleItems(g.Ingress), Egress: p.ruleItems(g.Egress), Tags: tagItems(g.Tags),
	}
}

func (p *Place) groupFields(g *Group, _ time.Time) fields {
	f := fields{
		"group-id": one(g.ID), "group-name": one(g.Name), "description": one(g.Description), "owner-id": one(p.account), "vpc-id": one(g.VPC),
	}
	for prefix, list := range map[string][]Rule{"": g.Ingress, "egress.": g.Egress} {
		for _, name := range []string{"group-id", "cidr", "ipv6-cidr", "protocol", "from-port", "to-port"} {
			f[prefix+"ip-permission."+name] = nil
		}
		for _, r := range list {
			add := func(name string, values []string) {
				f[prefix+"ip-permission."+name] = append(f[prefix+"ip-permission."+name], values...)
			}
			add("group-id", one(r.Group))
			add("cidr", one(r.CIDR))
			add("ipv6-cidr", one(r.CIDR6))
			add("protocol", one(r.Protocol))
			add("from-port", one(strconv.Itoa(r.From)))
			add("to-port", one(strconv.Itoa(r.To)))
		}
	}
	return f
}

type groupRef struct {
	ID   string `xml:"groupId"`
	Name string `xml:"groupName"`
}

func (p *Place) groupRefs(ids []string) []groupRef {
	var list []groupRef
	for _, id := range ids {
		if g, there := p.groups[id]; there {
			list = append(list, groupRef{id, g.Name})
		}
	}
	return list
}

type zoneItem struct {
	Name   string `xml:"zoneName"`
	ID     string `xml:"zoneId"`
	State  string `xml:"zoneState"`
	Region string `xml:"regionName"`
	Group  string `xml:"groupName"`
	Border string `xml:"networkBorderGroup"`
	OptIn  string `xml:"optInStatus"`
	Type   string `xml:"zoneType"`
}

func (p *Place) zoneItem(z Zone) zoneItem {
	return zoneItem{z.Name, z.ID, "available", p.region, p.region + "-zg-1", p.region, "opt-in-not-required", z.sort()}
}

func (p *Place) zoneFields(z Zone) fields {
	return fields{
		"zone-name": one(z.Name), "zone-id": one(z.ID), "state": one("available"), "region-name": one(p.region), "zone-type": one(z.sort()),
		"opt-in-status": one("opt-in-not-required"), "group-name": one(p.region + "-zg-1"), "network-border-group": one(p.region), "message": nil,
	}
}
