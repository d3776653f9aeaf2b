package ec2

import (
	"slices"
	"strings"
	"time"
)

// State is what an instance does.
type State string

// The states of instances.
const (
	StatePending      State = "pending"
	StateRunning      State = "running"
	StateShuttingDown State = "shutting-down"
	StateTerminated   State = "terminated"
)

// number is what EC2 writes beside a state's name.
func (s State) number() int {
	return map[State]int{StatePending: 0, StateRunning: 16, StateShuttingDown: 32, StateTerminated: 48}[s]
}

// remembered is for how long EC2 still lists instances that have ended.
const remembered = time.Hour

// Instance is a machine.
type Instance struct {
	Thing
	// Type is its size, "m6i.large".
	Type            string
	Image           string
	VPC, Subnet     string
	Zone            string
	Groups          []string
	State           State
	PrivateIP       string
	PublicIP        string
	Spot            bool
	Interface, Disk string
	Reservation     string
	changed         time.Time
}

func (i *Instance) copy() Instance {
	c := *i
	c.Thing, c.Groups = i.clone(), slices.Clone(i.Groups)
	return c
}

// Launch says which instance to make.
type Launch struct {
	// Type is "m6i.large", Image "ami-…"; Subnet and Groups where it is.
	Type, Image, Subnet string
	Groups              []string
	Spot                bool
	// DiskGB is the size of its own disk, which goes with it; 0 is 20.
	DiskGB int
	// Tags of the instance, and those of its network interface and disk.
	Tags, PartTags map[string]string
}

// Exhaust has the place not have any more instances of a type, or have them again.
func (p *Place) Exhaust(instanceType string, none bool) {
	p.lock()
	defer p.unlock()
	p.exhausted[instanceType] = none
}

// Launch makes an instance with its own interface and disk.
func (p *Place) Launch(l Launch) (Instance, error) {
	now := p.lock()
	defer p.unlock()
	s, err := find(p.subnets, kindSubnet, l.Subnet)
	if err != nil {
		return Instance{}, err
	}
	running := slices.DeleteFunc(p.instances.living(), func(i *Instance) bool { return i.State == StateTerminated })
	if err := p.room(kindInstance, len(running), 1); err != nil {
		return Instance{}, err
	}
	if p.exhausted[l.Type] {
		return Instance{}, refuse("InsufficientInstanceCapacity", "We currently do not have sufficient %s capacity in the Availability Zone you requested (%s). Our system will be working on provisioning additional capacity.", l.Type, s.Zone)
	}
	card := Interface{Subnet: l.Subnet, Groups: l.Groups, Thing: Thing{Tags: l.PartTags}, Attachment: &Attachment{InstanceOwner: p.account, DeleteOnTermination: true}}
	if s.Public {
		card.PublicIP = "auto"
	}
	n, err := p.newInterface(card, now)
	if err != nil {
		return Instance{}, err
	}
	i := &Instance{
		Thing: p.begin(kindInstance, l.Tags, now), Type: l.Type, Image: l.Image, VPC: s.VPC, Subnet: s.ID, Zone: s.Zone, Groups: slices.Clone(n.Groups),
		State: StatePending, PrivateIP: n.PrivateIP, PublicIP: n.PublicIP, Spot: l.Spot, Interface: n.ID, changed: now,
		Reservation: "r-0" + p.digits("r", p.next())[:16],
	}
	n.Attachment.Instance = i.ID
	if l.DiskGB == 0 {
		l.DiskGB = 20
	}
	disk := p.newVolume(Volume{Thing: Thing{Tags: l.PartTags}, Zone: s.Zone, Size: l.DiskGB, Instance: i.ID, Device: "/dev/xvda", DeleteOnTermination: true, attached: now}, now)
	i.Disk = disk.ID
	p.instances[i.ID] = i
	return i.copy(), nil
}

// Instance returns one by its ID; one that has ended, too, for an hour.
func (p *Place) Instance(id string) (Instance, error) {
	return get(p, p.instances, kindInstance, id, (*Instance).copy)
}

// Instances returns those of a VPC that have not ended, oldest first.
func (p *Place) Instances(vpc string) []Instance {
	return list(p, p.instances, func(i *Instance) bool { return i.VPC == vpc && i.State != StateTerminated }, (*Instance).copy)
}

// change is what ending an instance changed.
type change struct {
	id       string
	from, to State
}

// Terminate begins to end instances: all of them, or none when one is not there. Those
// that have ended are left.
func (p *Place) Terminate(ids ...string) error {
	_, err := p.terminate(ids)
	return err
}

func (p *Place) terminate(ids []string) ([]change, error) {
	now := p.lock()
	defer p.unlock()
	var list []*Instance
	var missing []string
	for _, id := range ids {
		i, err := find(p.instances, kindInstance, id)
		switch {
		case err != nil && kindInstance.check(id) != nil:
			return nil, err
		case err != nil:
			missing = append(missing, id)
		default:
			list = append(list, i)
		}
	}
	if len(missing) > 1 {
		return nil, refuse("InvalidInstanceID.NotFound", "The instance IDs '%s' do not exist", strings.Join(missing, ", "))
	} else if len(missing) == 1 {
		return nil, kindInstance.absent(missing[0])
	}
	changes := make([]change, len(list))
	for at, i := range list {
		from := i.State
		if from == StatePending || from == StateRunning {
			i.State, i.changed = StateShuttingDown, now
		}
		changes[at] = change{i.ID, from, i.State}
	}
	return changes, nil
}

// advanceInstances starts and ends instances, and removes what goes with those that
// have ended.
func (p *Place) advanceInstances(now time.Time) {
	for _, i := range p.instances {
		switch {
		case i.State == StatePending && p.passed(i.changed, now):
			i.State = StateRunning
		case i.State == StateShuttingDown && p.passed(i.changed, now):
			i.changed = i.changed.Add(p.cloud.options.Delay)
			i.State, i.PrivateIP, i.PublicIP = StateTerminated, "", ""
			p.release(i)
		case i.State == StateTerminated && i.lives() && !now.Before(i.changed.Add(remembered)):
			i.gone = i.changed.Add(remembered)
		}
	}
}

// release frees or removes the interfaces and volumes of an instance that has ended.
func (p *Place) release(i *Instance) {
	for _, n := range p.interfaces.living() {
		if n.Attachment == nil || n.Attachment.Instance != i.ID {
			continue
		}
		if n.Attachment.DeleteOnTermination {
			n.gone = i.changed
		}
		n.Attachment = nil
	}
	for _, v := range p.volumes.living() {
		if v.Instance != i.ID {
			continue
		}
		v.Instance, v.Device = "", ""
		if v.DeleteOnTermination {
			v.gone = i.changed
		}
	}
}
