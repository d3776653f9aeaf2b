package ec2

import (
	"net/netip"
	"slices"
	"time"
)

// VPC is a network.
type VPC struct {
	Thing
	CIDR string
}

// Subnet is a part of a VPC in one availability zone.
type Subnet struct {
	Thing
	VPC, Zone, CIDR string
	// Public: instances in it get a public address.
	Public bool
}

// Gateway is an internet gateway.
type Gateway struct {
	Thing
	// VPC that it is attached to; empty for none.
	VPC string
}

// RouteTable is one of a VPC.
type RouteTable struct {
	Thing
	VPC string
	// Main: it was made with the VPC, and goes with it.
	Main bool
	// Routes are gateways by the range of addresses that they lead to.
	Routes map[string]string
	// Subnets that use it, by the ID of the association.
	Subnets map[string]string
}

type quota struct {
	limit   int
	code    string
	message string
}

// Limit sets how many things of a type the place may have ("vpc", "internet-gateway",
// "instance"); a negative number is no limit.
func (p *Place) Limit(resource string, limit int) {
	p.lock()
	defer p.unlock()
	codes := map[kind]quota{
		kindVPC:      {limit, "VpcLimitExceeded", "The maximum number of VPCs has been reached."},
		kindGateway:  {limit, "InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached."},
		kindInstance: {limit, "VcpuLimitExceeded", "You have requested more vCPU capacity than your current vCPU limit allows for the instance bucket that the specified instance type belongs to."},
	}
	if limit < 0 {
		delete(p.quota, kind(resource))
	} else if q, known := codes[kind(resource)]; known {
		p.quota[kind(resource)] = q
	}
}

// room tells whether there may be more of a kind than there are now.
func (p *Place) room(k kind, have, more int) error {
	if q, limited := p.quota[k]; limited && have+more > q.limit {
		return refuse(q.code, "%s", q.message)
	}
	return nil
}

// CreateVPC makes a VPC, with the security group and the route table that go with it.
func (p *Place) CreateVPC(cidr string, tags map[string]string) (VPC, error) {
	now := p.lock()
	defer p.unlock()
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil || !prefix.Addr().Is4() {
		return VPC{}, refuse("InvalidParameterValue", "Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", cidr)
	}
	if prefix.Bits() < 16 || prefix.Bits() > 28 {
		return VPC{}, refuse("InvalidVpc.Range", "The CIDR '%s' is invalid.", cidr)
	}
	if err := p.room(kindVPC, len(p.vpcs.living()), 1); err != nil {
		return VPC{}, err
	}
	v := &VPC{Thing: p.begin(kindVPC, tags, now), CIDR: prefix.Masked().String()}
	p.vpcs[v.ID] = v
	table := &RouteTable{Thing: p.begin(kindTable, nil, now), VPC: v.ID, Main: true, Routes: map[string]string{v.CIDR: "local"}, Subnets: map[string]string{}}
	p.tables[table.ID] = table
	group := &Group{Thing: p.begin(kindGroup, nil, now), Name: defaultGroup, Description: "default VPC security group", VPC: v.ID}
	group.Ingress = []Rule{{Protocol: "-1", Group: group.ID}}
	group.Egress = []Rule{everywhere()}
	p.groups[group.ID] = group
	return v.copy(), nil
}

func (v *VPC) copy() VPC { c := *v; c.Thing = v.clone(); return c }

// VPC returns one by its ID.
func (p *Place) VPC(id string) (VPC, error) {
	return get(p, p.vpcs, kindVPC, id, (*VPC).copy)
}

// DeleteVPC removes a VPC that nothing is in.
func (p *Place) DeleteVPC(id string) error {
	now := p.lock()
	defer p.unlock()
	v, err := find(p.vpcs, kindVPC, id)
	if err != nil {
		return err
	}
	if p.vpcUsed(id) {
		return refuse("DependencyViolation", "The vpc '%s' has dependencies and cannot be deleted.", id)
	}
	for _, t := range p.tables.living() {
		if t.VPC == id {
			t.gone = now
		}
	}
	for _, g := range p.groups.living() {
		if g.VPC == id {
			g.gone = now
		}
	}
	v.gone = now
	return nil
}

func (p *Place) vpcUsed(id string) bool {
	return slices.ContainsFunc(p.subnets.living(), func(s *Subnet) bool { return s.VPC == id }) ||
		slices.ContainsFunc(p.gateways.living(), func(g *Gateway) bool { return g.VPC == id }) ||
		slices.ContainsFunc(p.tables.living(), func(t *RouteTable) bool { return t.VPC == id && !t.Main }) ||
		slices.ContainsFunc(p.groups.living(), func(g *Group) bool { return g.VPC == id && g.Name != defaultGroup }) ||
		slices.ContainsFunc(p.interfaces.living(), func(n *Interface) bool { return n.VPC == id })
}

// CreateSubnet makes a subnet.
func (p *Place) CreateSubnet(s Subnet) (Subnet, error) {
	now := p.lock()
	defer p.unlock()
	v, err := find(p.vpcs, kindVPC, s.VPC)
	if err != nil {
		return Subnet{}, err
	}
	if !slices.ContainsFunc(p.zones(), func(z Zone) bool { return z.Name == s.Zone }) {
		return Subnet{}, refuse("InvalidParameterValue", "Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: %s.", s.Zone, zoneNames(p.zones()))
	}
	prefix, err := netip.ParsePrefix(s.CIDR)
	if err != nil {
		return Subnet{}, refuse("InvalidParameterValue", "Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", s.CIDR)
	}
	of := netip.MustParsePrefix(v.CIDR)
	if prefix.Bits() < of.Bits() || prefix.Bits() > 28 || !of.Contains(prefix.Addr()) {
		return Subnet{}, refuse("InvalidSubnet.Range", "The CIDR '%s' is invalid.", s.CIDR)
	}
	for _, other := range p.subnets.living() {
		if other.VPC == s.VPC && netip.MustParsePrefix(other.CIDR).Overlaps(prefix) {
			return Subnet{}, refuse("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", s.CIDR)
		}
	}
	s.CIDR = prefix.Masked().String()
	s.Thing = p.begin(kindSubnet, s.Tags, now)
	p.subnets[s.ID] = &s
	return s.copy(), nil
}

func (s *Subnet) copy() Subnet { c := *s; c.Thing = s.clone(); return c }

// Subnet returns one by its ID.
func (p *Place) Subnet(id string) (Subnet, error) {
	return get(p, p.subnets, kindSubnet, id, (*Subnet).copy)
}

// Subnets returns those of a VPC, oldest first.
func (p *Place) Subnets(vpc string) []Subnet {
	return list(p, p.subnets, func(s *Subnet) bool { return s.VPC == vpc }, (*Subnet).copy)
}

// DeleteSubnet removes a subnet that no network interface is in.
func (p *Place) DeleteSubnet(id string) error {
	now := p.lock()
	defer p.unlock()
	s, err := find(p.subnets, kindSubnet, id)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(p.interfaces.living(), func(n *Interface) bool { return n.Subnet == id }) {
		return refuse("DependencyViolation", "The subnet '%s' has dependencies and cannot be deleted.", id)
	}
	for _, t := range p.tables.living() {
		for association, subnet := range t.Subnets {
			if subnet == id {
				delete(t.Subnets, association)
			}
		}
	}
	s.gone = now
	return nil
}

// CreateGateway makes an internet gateway that is attached to nothing.
func (p *Place) CreateGateway(tags map[string]string) (Gateway, error) {
	now := p.lock()
	defer p.unlock()
	if err := p.room(kindGateway, len(p.gateways.living()), 1); err != nil {
		return Gateway{}, err
	}
	g := &Gateway{Thing: p.begin(kindGateway, tags, now)}
	p.gateways[g.ID] = g
	return Gateway{Thing: g.clone()}, nil
}

// AttachGateway attaches an internet gateway to a VPC.
func (p *Place) AttachGateway(id, vpc string) error {
	p.lock()
	defer p.unlock()
	g, err := find(p.gateways, kindGateway, id)
	if err != nil {
		return err
	}
	if _, err := find(p.vpcs, kindVPC, vpc); err != nil {
		return err
	}
	if g.VPC != "" {
		return refuse("Resource.AlreadyAssociated", "resource %s is already attached to network %s", id, g.VPC)
	}
	if slices.ContainsFunc(p.gateways.living(), func(o *Gateway) bool { return o.VPC == vpc }) {
		return refuse("InvalidParameterValue", "Network %s already has an internet gateway attached", vpc)
	}
	g.VPC = vpc
	return nil
}

// DetachGateway detaches an internet gateway from a VPC in which nothing has a public
// address.
func (p *Place) DetachGateway(id, vpc string) error {
	p.lock()
	defer p.unlock()
	g, err := find(p.gateways, kindGateway, id)
	if err != nil {
		return err
	}
	if g.VPC == "" || g.VPC != vpc {
		return refuse("Gateway.NotAttached", "resource %s is not attached to network %s", id, vpc)
	}
	if slices.ContainsFunc(p.interfaces.living(), func(n *Interface) bool { return n.VPC == vpc && n.PublicIP != "" }) {
		return refuse("DependencyViolation", "Network %s has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.", vpc)
	}
	g.VPC = ""
	return nil
}

// DeleteGateway removes an internet gateway that is attached to nothing.
func (p *Place) DeleteGateway(id string) error {
	now := p.lock()
	defer p.unlock()
	g, err := find(p.gateways, kindGateway, id)
	if err != nil {
		return err
	}
	if g.VPC != "" {
		return refuse("DependencyViolation", "The internetGateway '%s' has dependencies and cannot be deleted.", id)
	}
	g.gone = now
	return nil
}

// pending tells whether a thing is so young that EC2 still says "pending".
func (p *Place) pending(t Thing, now time.Time) bool { return !p.passed(t.Created, now) }
