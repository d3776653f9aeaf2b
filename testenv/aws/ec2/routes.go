package ec2

import "maps"

// CreateRouteTable makes a route table of a VPC.
func (p *Place) CreateRouteTable(vpc string, tags map[string]string) (RouteTable, error) {
	now := p.lock()
	defer p.unlock()
	v, err := find(p.vpcs, kindVPC, vpc)
	if err != nil {
		return RouteTable{}, err
	}
	t := &RouteTable{Thing: p.begin(kindTable, tags, now), VPC: vpc, Routes: map[string]string{v.CIDR: "local"}, Subnets: map[string]string{}}
	p.tables[t.ID] = t
	return t.copy(), nil
}

func (t *RouteTable) copy() RouteTable {
	c := *t
	c.Thing, c.Routes, c.Subnets = t.clone(), maps.Clone(t.Routes), maps.Clone(t.Subnets)
	return c
}

// RouteTable returns one by its ID.
func (p *Place) RouteTable(id string) (RouteTable, error) {
	return get(p, p.tables, kindTable, id, (*RouteTable).copy)
}

// CreateRoute leads a range of addresses to an internet gateway of the VPC.
func (p *Place) CreateRoute(table, cidr, gateway string) error {
	p.lock()
	defer p.unlock()
	t, err := find(p.tables, kindTable, table)
	if err != nil {
		return err
	}
	g, err := find(p.gateways, kindGateway, gateway)
	if err != nil {
		return err
	}
	if g.VPC != t.VPC {
		return refuse("InvalidParameterValue", "route table %s and network gateway %s belong to different networks", table, gateway)
	}
	if _, there := t.Routes[cidr]; there {
		return refuse("RouteAlreadyExists", "The route identified by %s already exists.", cidr)
	}
	t.Routes[cidr] = gateway
	return nil
}

// DeleteRoute removes a route.
func (p *Place) DeleteRoute(table, cidr string) error {
	p.lock()
	defer p.unlock()
	t, err := find(p.tables, kindTable, table)
	if err != nil {
		return err
	}
	if target, there := t.Routes[cidr]; !there || target == "local" {
		return refuse("InvalidRoute.NotFound", "no route with destination-cidr-block %s in route table %s", cidr, table)
	}
	delete(t.Routes, cidr)
	return nil
}

// AssociateRouteTable has a subnet use a route table, and returns the ID of that
// association.
func (p *Place) AssociateRouteTable(table, subnet string) (string, error) {
	p.lock()
	defer p.unlock()
	t, err := find(p.tables, kindTable, table)
	if err != nil {
		return "", err
	}
	s, err := find(p.subnets, kindSubnet, subnet)
	if err != nil {
		return "", err
	}
	if s.VPC != t.VPC {
		return "", refuse("InvalidParameterValue", "Route table %s and subnet %s belong to different networks", table, subnet)
	}
	for _, other := range p.tables.living() {
		for _, used := range other.Subnets {
			if used == subnet {
				return "", refuse("Resource.AlreadyAssociated", "the specified association for route table %s conflicts with an existing association", table)
			}
		}
	}
	id := "rtbassoc-0" + p.digits("rtbassoc", p.next())[:16]
	t.Subnets[id] = subnet
	return id, nil
}

// DisassociateRouteTable ends an association.
func (p *Place) DisassociateRouteTable(association string) error {
	p.lock()
	defer p.unlock()
	for _, t := range p.tables.living() {
		if _, there := t.Subnets[association]; there {
			delete(t.Subnets, association)
			return nil
		}
	}
	return refuse("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", association)
}

// DeleteRouteTable removes a route table that no subnet uses.
func (p *Place) DeleteRouteTable(id string) error {
	now := p.lock()
	defer p.unlock()
	t, err := find(p.tables, kindTable, id)
	if err != nil {
		return err
	}
	if t.Main || len(t.Subnets) > 0 {
		return refuse("DependencyViolation", "The routeTable '%s' has dependencies and cannot be deleted.", id)
	}
	t.gone = now
	return nil
}
