package ec2

import "slices"

const defaultGroup = "default"

// Group is a security group.
type Group struct {
	Thing
	Name, Description, VPC string
	Ingress, Egress        []Rule
}

// Rule allows traffic between a security group's members and one other side.
type Rule struct {
	// Protocol is "tcp", "udp", "icmp" or "-1" for all.
	Protocol string
	// From and To are ports; 0 and 0 with protocol "-1".
	From, To int
	// One of CIDR, CIDR6 and Group is the other side.
	CIDR, CIDR6, Group string
	Description        string
}

// same tells whether two rules allow the same, whatever they are described as.
func (r Rule) same(o Rule) bool {
	r.Description, o.Description = "", ""
	return r == o
}

// everywhere is the rule that a new group's members may reach everything.
func everywhere() Rule { return Rule{Protocol: "-1", CIDR: "0.0.0.0/0"} }

// CreateGroup makes a security group, whose members may reach everything. Of g counts
// all but the rules.
func (p *Place) CreateGroup(g Group) (Group, error) {
	now := p.lock()
	defer p.unlock()
	if _, err := find(p.vpcs, kindVPC, g.VPC); err != nil {
		return Group{}, err
	}
	if g.Name == "" || g.Name == defaultGroup {
		return Group{}, refuse("InvalidParameterValue", "Cannot use reserved security group name: %s", g.Name)
	}
	if slices.ContainsFunc(p.groups.living(), func(o *Group) bool { return o.VPC == g.VPC && o.Name == g.Name }) {
		return Group{}, refuse("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", g.Name, g.VPC)
	}
	g.Thing = p.begin(kindGroup, g.Tags, now)
	g.Ingress, g.Egress = nil, []Rule{everywhere()}
	p.groups[g.ID] = &g
	return g.copy(), nil
}

func (g *Group) copy() Group {
	c := *g
	c.Thing, c.Ingress, c.Egress = g.clone(), slices.Clone(g.Ingress), slices.Clone(g.Egress)
	return c
}

// Group returns one by its ID.
func (p *Place) Group(id string) (Group, error) {
	return get(p, p.groups, kindGroup, id, (*Group).copy)
}

// Groups returns those of a VPC, oldest first; the VPC's own is the first.
func (p *Place) Groups(vpc string) []Group {
	return list(p, p.groups, func(g *Group) bool { return g.VPC == vpc }, (*Group).copy)
}

// AuthorizeIngress adds rules about what may reach a group's members.
func (p *Place) AuthorizeIngress(id string, rules ...Rule) error {
	return p.authorize(id, func(g *Group) *[]Rule { return &g.Ingress }, rules)
}

// AuthorizeEgress adds rules about what a group's members may reach.
func (p *Place) AuthorizeEgress(id string, rules ...Rule) error {
	return p.authorize(id, func(g *Group) *[]Rule { return &g.Egress }, rules)
}

func (p *Place) authorize(id string, side func(*Group) *[]Rule, rules []Rule) error {
	p.lock()
	defer p.unlock()
	g, err := find(p.groups, kindGroup, id)
	if err != nil {
		return err
	}
	have := side(g)
	for _, r := range rules {
		if r.Group != "" {
			other, err := find(p.groups, kindGroup, r.Group)
			if err != nil {
				return err
			}
			if other.VPC != g.VPC {
				return refuse("InvalidGroup.NotFound", "You have specified two resources that belong to different networks: %s, %s", id, r.Group)
			}
		}
		if slices.ContainsFunc(*have, r.same) {
			return refuse("InvalidPermission.Duplicate", "the specified rule %q already exists", "peer: "+r.CIDR+r.CIDR6+r.Group+", ALLOW")
		}
	}
	*have = append(*have, rules...)
	return nil
}

// RevokeIngress removes rules: all of them, or none when one is not there.
func (p *Place) RevokeIngress(id string, rules ...Rule) error {
	return p.revoke(id, func(g *Group) *[]Rule { return &g.Ingress }, rules)
}

// RevokeEgress removes rules: all of them, or none when one is not there.
func (p *Place) RevokeEgress(id string, rules ...Rule) error {
	return p.revoke(id, func(g *Group) *[]Rule { return &g.Egress }, rules)
}

func (p *Place) revoke(id string, side func(*Group) *[]Rule, rules []Rule) error {
	p.lock()
	defer p.unlock()
	g, err := find(p.groups, kindGroup, id)
	if err != nil {
		return err
	}
	left := slices.Clone(*side(g))
	for _, r := range rules {
		i := slices.IndexFunc(left, r.same)
		if i < 0 {
			return refuse("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
		}
		left = slices.Delete(left, i, i+1)
	}
	*side(g) = left
	return nil
}

// DeleteGroup removes a security group that no interface is in and no other group's
// rule names.
func (p *Place) DeleteGroup(id string) error {
	now := p.lock()
	defer p.unlock()
	g, err := find(p.groups, kindGroup, id)
	if err != nil {
		return err
	}
	if g.Name == defaultGroup {
		return refuse("CannotDelete", "the specified group: %q name: %q cannot be deleted by a user", id, g.Name)
	}
	if p.groupUsed(id) {
		return refuse("DependencyViolation", "resource %s has a dependent object", id)
	}
	g.gone = now
	return nil
}

func (p *Place) groupUsed(id string) bool {
	names := func(r Rule) bool { return r.Group == id }
	return slices.ContainsFunc(p.interfaces.living(), func(n *Interface) bool { return slices.Contains(n.Groups, id) }) ||
		slices.ContainsFunc(p.groups.living(), func(o *Group) bool {
			return o.ID != id && (slices.ContainsFunc(o.Ingress, names) || slices.ContainsFunc(o.Egress, names))
		})
}
