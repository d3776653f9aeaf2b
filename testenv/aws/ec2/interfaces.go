package ec2

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"
)

// Interface is a network interface.
type Interface struct {
	Thing
	Description string
	VPC, Subnet string
	Zone        string
	Groups      []string
	PrivateIP   string
	// PublicIP is empty for none. CreateInterface makes one up for "auto".
	PublicIP string
	// Type is what EC2 calls interfaceType: "interface" unless set, for example
	// "network_load_balancer".
	Type string
	// Managed: a service of AWS made it for itself (requesterManaged), and no caller
	// may change or delete it. Requester is who.
	Managed   bool
	Requester string
	// Attachment says what uses it; nil for an interface that is free.
	Attachment *Attachment

	leaves time.Time
}

// Attachment says what uses a network interface.
type Attachment struct {
	ID string
	// Instance is empty for what another service attached. InstanceOwner is the
	// account that has the instance, or what the service calls itself ("amazon-elb").
	Instance, InstanceOwner string
	// DeleteOnTermination: the interface goes with the instance.
	DeleteOnTermination bool
	Device              int
	At                  time.Time
}

func (n *Interface) copy() Interface {
	c := *n
	c.Thing, c.Groups = n.clone(), slices.Clone(n.Groups)
	if n.Attachment != nil {
		a := *n.Attachment
		c.Attachment = &a
	}
	return c
}

// CreateInterface makes a network interface in a subnet. It is in the VPC's own security
// group when none is named, except for one of a service of AWS.
func (p *Place) CreateInterface(n Interface) (Interface, error) {
	now := p.lock()
	defer p.unlock()
	made, err := p.newInterface(n, now)
	if err != nil {
		return Interface{}, err
	}
	return made.copy(), nil
}

func (p *Place) newInterface(n Interface, now time.Time) (*Interface, error) {
	s, err := find(p.subnets, kindSubnet, n.Subnet)
	if err != nil {
		return nil, err
	}
	for _, id := range n.Groups {
		g, err := find(p.groups, kindGroup, id)
		if err != nil {
			return nil, err
		}
		if g.VPC != s.VPC {
			return nil, refuse("InvalidParameterValue", "You have specified two resources that belong to different networks: %s, %s", id, s.ID)
		}
	}
	if len(n.Groups) == 0 && !n.Managed {
		own := slices.IndexFunc(p.groups.living(), func(g *Group) bool { return g.VPC == s.VPC && g.Name == defaultGroup })
		n.Groups = []string{p.groups.living()[own].ID}
	}
	made := n.copy()
	made.Thing = p.begin(kindInterface, n.Tags, now)
	made.VPC, made.Zone = s.VPC, s.Zone
	if made.Type == "" {
		made.Type = "interface"
	}
	if made.PrivateIP == "" {
		if made.PrivateIP, err = p.address(s); err != nil {
			return nil, err
		}
	}
	if made.PublicIP == "auto" {
		made.PublicIP = p.publicAddress()
	}
	if a := made.Attachment; a != nil {
		p.attach(a, now)
	}
	p.interfaces[made.ID] = &made
	return &made, nil
}

func (p *Place) attach(a *Attachment, now time.Time) {
	a.At = now
	if a.ID == "" {
		a.ID = "eni-attach-0" + p.digits("eni-attach", p.next())[:16]
	}
}

// address is one of a subnet's that is free: EC2 keeps the first four for itself.
func (p *Place) address(s *Subnet) (string, error) {
	prefix := netip.MustParsePrefix(s.CIDR)
	used := map[string]bool{}
	for _, n := range p.interfaces.living() {
		if n.Subnet == s.ID {
			used[n.PrivateIP] = true
		}
	}
	at := prefix.Addr()
	for range 4 {
		at = at.Next()
	}
	for ; prefix.Contains(at.Next()); at = at.Next() {
		if !used[at.String()] {
			return at.String(), nil
		}
	}
	return "", refuse("InsufficientFreeAddressesInSubnet", "The specified subnet does not have enough free addresses to satisfy the request.")
}

// publicAddress is one of a range that is kept for documentation.
func (p *Place) publicAddress() string {
	raw := netip.MustParseAddr("203.0.113.0").As4()
	binary.BigEndian.PutUint32(raw[:], binary.BigEndian.Uint32(raw[:])+uint32(p.next()%254)+1)
	return netip.AddrFrom4(raw).String()
}

// Interface returns one by its ID.
func (p *Place) Interface(id string) (Interface, error) {
	return get(p, p.interfaces, kindInterface, id, (*Interface).copy)
}

// Interfaces returns those of a VPC, oldest first.
func (p *Place) Interfaces(vpc string) []Interface {
	return list(p, p.interfaces, func(n *Interface) bool { return n.VPC == vpc }, (*Interface).copy)
}

// AttachInterface has an instance use an interface that is free.
func (p *Place) AttachInterface(id, instance string, deleteOnTermination bool) error {
	now := p.lock()
	defer p.unlock()
	n, err := find(p.interfaces, kindInterface, id)
	if err != nil {
		return err
	}
	if n.Attachment != nil {
		return refuse("InvalidNetworkInterface.InUse", "Interface: [%s] in use.", id)
	}
	i, err := find(p.instances, kindInstance, instance)
	if err != nil {
		return err
	}
	if i.State != StatePending && i.State != StateRunning {
		return refuse("IncorrectState", "Instance '%s' is not 'running' or 'stopped'.", instance)
	}
	n.Attachment = &Attachment{Instance: instance, InstanceOwner: p.account, DeleteOnTermination: deleteOnTermination, Device: 1}
	p.attach(n.Attachment, now)
	return nil
}

// DeleteInterface removes an interface on behalf of a caller: not one that a service
// of AWS made for itself, nor one that is in use.
func (p *Place) DeleteInterface(id string) error {
	now := p.lock()
	defer p.unlock()
	n, err := find(p.interfaces, kindInterface, id)
	if err != nil {
		return err
	}
	if n.Managed {
		return refuse("OperationNotPermitted", "You are not allowed to manage '%s': it is managed by %s.", id, n.Requester)
	}
	if n.Attachment != nil {
		return refuse("InvalidNetworkInterface.InUse", "Interface: [%s] in use.", id)
	}
	n.gone = now
	return nil
}

// RemoveInterface removes an interface on behalf of the service that made it, whatever
// uses it, once some time has passed. One that is not there is no error.
func (p *Place) RemoveInterface(id string, after time.Duration) {
	now := p.lock()
	defer p.unlock()
	n, there := p.interfaces[id]
	if !there || !n.lives() {
		return
	}
	n.leaves = now.Add(after)
	p.advanceInterfaces(now)
}

// advanceInterfaces removes those whose time is over.
func (p *Place) advanceInterfaces(now time.Time) {
	for _, n := range p.interfaces {
		if n.lives() && !n.leaves.IsZero() && !now.Before(n.leaves) {
			n.gone = n.leaves
		}
	}
}
