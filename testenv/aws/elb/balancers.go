package elb

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// owner is what the service calls itself as the owner of network interfaces.
const owner = "amazon-elb"

func refuse(code, format string, args ...any) *wire.Error {
	return &wire.Error{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Create makes a load balancer in subnets, with a network interface in each of them.
// VPC, ARN, DNS and Created of b are not looked at.
func (p *Place) Create(b Balancer) (Balancer, error) {
	now := p.lock()
	defer p.unlock()
	if err := checkName(b.Name); err != nil {
		return Balancer{}, err
	}
	if slices.ContainsFunc(p.balancers, func(o *Balancer) bool {
		return o.lives() && o.Name == b.Name && (o.Kind == Classic) == (b.Kind == Classic)
	}) {
		return Balancer{}, refuse("DuplicateLoadBalancerName", "A load balancer with the same name '%s' exists, but with different settings", b.Name)
	}
	if len(b.Subnets) == 0 {
		return Balancer{}, refuse("ValidationError", "At least one subnet must be specified")
	}
	for _, id := range b.Subnets {
		s, err := p.network.Subnet(id)
		if err != nil {
			return Balancer{}, refuse("SubnetNotFound", "The subnet ID '%s' does not exist", id)
		}
		b.VPC = s.VPC
	}
	for _, arn := range b.Targets {
		if p.group(arn) == nil {
			return Balancer{}, noGroup()
		}
	}
	made := b.copy()
	made.serial, made.Created = p.next(), now
	p.address(&made)
	if err := p.hold(&made); err != nil {
		return Balancer{}, err
	}
	p.balancers = append(p.balancers, &made)
	return made.copy(), nil
}

// checkName: names are at most 32 letters, digits and hyphens.
func checkName(name string) error {
	if name == "" || len(name) > 32 || strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-") ||
		strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return refuse("ValidationError", "The name '%s' is not valid: at most 32 letters, digits and hyphens", name)
	}
	return nil
}

// address gives a load balancer its ARN and DNS name.
func (p *Place) address(b *Balancer) {
	hash := p.digits("balancer", b.serial)[:16]
	switch b.Kind {
	case Classic:
		b.ARN = p.arn("loadbalancer/" + b.Name)
		b.DNS = fmt.Sprintf("%s-%d.%s.elb.amazonaws.com", b.Name, 1000000000+b.serial, p.region)
	case Network:
		b.ARN = p.arn("loadbalancer/net/" + b.Name + "/" + hash)
		b.DNS = fmt.Sprintf("%s-%s.elb.%s.amazonaws.com", b.Name, hash, p.region)
	case Application:
		b.ARN = p.arn("loadbalancer/app/" + b.Name + "/" + hash)
		b.DNS = fmt.Sprintf("%s-%d.%s.elb.amazonaws.com", b.Name, 1000000000+b.serial, p.region)
	}
	if b.Internal {
		b.DNS = "internal-" + b.DNS
	}
}

// hold makes the network interfaces of a load balancer.
func (p *Place) hold(b *Balancer) error {
	card := ec2.Interface{Description: "ELB " + b.Name, Groups: b.Groups, Managed: true, Requester: owner, Type: "interface"}
	if b.Kind != Classic {
		card.Description = "ELB " + b.ARN[strings.Index(b.ARN, ":loadbalancer/")+len(":loadbalancer/"):]
	}
	if b.Kind == Network {
		card.Type = "network_load_balancer"
	}
	if !b.Internal {
		card.PublicIP = "auto"
	}
	for i, subnet := range b.Subnets {
		card.Subnet = subnet
		card.Attachment = &ec2.Attachment{ID: "ela-attach-0" + p.digits(fmt.Sprint("attach ", i), b.serial)[:16], InstanceOwner: owner, Device: 1}
		made, err := p.network.CreateInterface(card)
		if err != nil {
			p.letGo(b.interfaces, 0)
			return refuse("InvalidSecurityGroup", "%v", err)
		}
		b.interfaces = append(b.interfaces, made.ID)
	}
	return nil
}

func (p *Place) letGo(interfaces []string, after time.Duration) {
	for _, id := range interfaces {
		p.network.RemoveInterface(id, after)
	}
}

// Delete removes a load balancer: a classic one by its name, others by their ARN. Its
// network interfaces go some time later. One that is not there is no error.
func (p *Place) Delete(id string) error {
	now := p.lock()
	defer p.unlock()
	b := p.balancer(id)
	if b == nil || !b.lives() {
		return nil
	}
	if b.Protected {
		return refuse("OperationNotPermitted", "Load balancer '%s' cannot be deleted because deletion protection is enabled", b.ARN)
	}
	b.gone, b.Targets = now, nil
	p.letGo(b.interfaces, p.cloud.options.Delay)
	return nil
}

// balancer finds one by what Delete takes: one that lives, or else the last that
// there was; nil when there was none.
func (p *Place) balancer(id string) *Balancer {
	var found *Balancer
	for _, b := range p.balancers {
		if b.id() == id && (found == nil || b.serial > found.serial) {
			found = b
		}
	}
	return found
}

// id is what requests call a load balancer.
func (b *Balancer) id() string {
	if b.Kind == Classic {
		return b.Name
	}
	return b.ARN
}

// Protect has a load balancer that is not classic be kept from deletion, or not any
// more.
func (p *Place) Protect(arn string, protected bool) error {
	p.lock()
	defer p.unlock()
	b := p.balancer(arn)
	if b == nil || !b.lives() || b.Kind == Classic {
		return noBalancer(arn)
	}
	b.Protected = protected
	return nil
}

func noBalancer(id string) *wire.Error {
	if strings.HasPrefix(id, "arn:") {
		return refuse("LoadBalancerNotFound", "One or more load balancers not found")
	}
	return refuse("LoadBalancerNotFound", "There is no ACTIVE Load Balancer named '%s'", id)
}

func noGroup() *wire.Error {
	return refuse("TargetGroupNotFound", "One or more target groups not found")
}

// Balancers returns the load balancers of a VPC, oldest first.
func (p *Place) Balancers(vpc string) []Balancer {
	p.lock()
	defer p.unlock()
	var list []Balancer
	for _, b := range p.balancers {
		if b.lives() && b.VPC == vpc {
			list = append(list, b.copy())
		}
	}
	return list
}

// CreateTargetGroup makes a target group that no load balancer uses. ARN of g is not
// looked at.
func (p *Place) CreateTargetGroup(g TargetGroup) (TargetGroup, error) {
	now := p.lock()
	defer p.unlock()
	if err := checkName(g.Name); err != nil {
		return TargetGroup{}, err
	}
	if slices.ContainsFunc(p.groups, func(o *TargetGroup) bool { return o.lives() && o.Name == g.Name }) {
		return TargetGroup{}, refuse("DuplicateTargetGroupName", "A target group with the same name '%s' exists, but with different settings", g.Name)
	}
	made := g.copy()
	made.serial, made.made = p.next(), now
	made.ARN = p.arn("targetgroup/" + g.Name + "/" + p.digits("group", made.serial)[:16])
	p.groups = append(p.groups, &made)
	return made.copy(), nil
}

// EnsureTargetGroup returns the target group of that name, and makes it when it is not
// there.
func (p *Place) EnsureTargetGroup(g TargetGroup) (TargetGroup, error) {
	p.lock()
	i := slices.IndexFunc(p.groups, func(o *TargetGroup) bool { return o.lives() && o.Name == g.Name })
	var have TargetGroup
	if i >= 0 {
		have = p.groups[i].copy()
	}
	p.unlock()
	if i >= 0 {
		return have, nil
	}
	return p.CreateTargetGroup(g)
}

// DeleteTargetGroup removes a target group that no load balancer uses. One that is not
// there is no error.
func (p *Place) DeleteTargetGroup(arn string) error {
	now := p.lock()
	defer p.unlock()
	g := p.group(arn)
	if g == nil || !g.lives() {
		return nil
	}
	if len(p.users(arn)) > 0 {
		return refuse("ResourceInUse", "Target group '%s' is currently in use by a listener or a rule", arn)
	}
	g.gone = now
	return nil
}

// group finds a target group, living or not; nil when there was none.
func (p *Place) group(arn string) *TargetGroup {
	i := slices.IndexFunc(p.groups, func(g *TargetGroup) bool { return g.ARN == arn })
	if i < 0 {
		return nil
	}
	return p.groups[i]
}

// users are the ARNs of the load balancers that use a target group.
func (p *Place) users(arn string) []string {
	var list []string
	for _, b := range p.balancers {
		if b.lives() && slices.Contains(b.Targets, arn) {
			list = append(list, b.ARN)
		}
	}
	return list
}
