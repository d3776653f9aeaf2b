package ec2

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A network can only be taken down from what it holds to itself.
func TestNetworkGoesFromTheInsideOut(t *testing.T) {
	w := newWorld(t)
	n := w.net()
	g := must(w.CreateGroup(Group{Name: "g", VPC: n.vpc.ID}))
	i := must(w.Launch(Launch{Type: "m6i.large", Subnet: n.subnet.ID, Groups: []string{g.ID}}))

	w.refused("DependencyViolation", w.DeleteVPC(n.vpc.ID))
	w.refused("DependencyViolation", w.DeleteSubnet(n.subnet.ID))
	w.refused("DependencyViolation", w.DeleteGroup(g.ID))
	w.refused("DependencyViolation", w.DeleteGateway(n.gateway.ID))
	w.refused("DependencyViolation", w.DetachGateway(n.gateway.ID, n.vpc.ID))
	w.refused("DependencyViolation", w.DeleteRouteTable(n.table.ID))
	w.refused("InvalidNetworkInterface.InUse", w.DeleteInterface(i.Interface))
	w.refused("VolumeInUse", w.DeleteVolume(i.Disk))

	w.ok(w.Terminate(i.ID))
	w.refused("DependencyViolation", w.DeleteSubnet(n.subnet.ID)) // it is shutting down
	w.pass(delay)
	if i := must(w.Instance(i.ID)); i.State != StateTerminated {
		t.Errorf("it is %s", i.State)
	}
	w.ok(w.DeleteSubnet(n.subnet.ID))
	w.ok(w.DeleteGroup(g.ID))
	w.refused("DependencyViolation", w.DeleteVPC(n.vpc.ID))
	w.ok(w.DetachGateway(n.gateway.ID, n.vpc.ID))
	w.ok(w.DeleteGateway(n.gateway.ID))
	w.ok(w.DeleteRouteTable(n.table.ID))
	w.ok(w.DeleteVPC(n.vpc.ID))
	if left := w.cloud.Things(); len(left) > 0 {
		t.Errorf("left: %+v", left)
	}
	w.refused("InvalidVpcID.NotFound", w.DeleteVPC(n.vpc.ID))
	w.refused("InvalidVpcID.Malformed", w.DeleteVPC("vpc-x"))
}

func TestGroupsThatNameEachOtherHoldEachOther(t *testing.T) {
	w := newWorld(t)
	n := w.net()
	a, b := must(w.CreateGroup(Group{Name: "a", VPC: n.vpc.ID})), must(w.CreateGroup(Group{Name: "b", VPC: n.vpc.ID}))
	self := Rule{Protocol: "-1", Group: a.ID}
	toB, toA := Rule{Protocol: "tcp", From: 1, To: 2, Group: b.ID}, Rule{Protocol: "-1", Group: a.ID}
	w.ok(w.AuthorizeIngress(a.ID, self, toB))
	w.ok(w.AuthorizeEgress(b.ID, toA))
	w.refused("InvalidPermission.Duplicate", w.AuthorizeIngress(a.ID, toB))
	w.refused("DependencyViolation", w.DeleteGroup(a.ID))
	w.refused("DependencyViolation", w.DeleteGroup(b.ID))
	w.refused("InvalidPermission.NotFound", w.RevokeEgress(b.ID, toA, toB))
	w.refused("DependencyViolation", w.DeleteGroup(a.ID)) // nothing was revoked
	w.ok(w.RevokeEgress(b.ID, toA))
	w.ok(w.DeleteGroup(a.ID))
	w.ok(w.DeleteGroup(b.ID))
	w.refused("CannotDelete", w.DeleteGroup(w.Groups(n.vpc.ID)[0].ID))
}

// What a service of AWS made for itself only that service removes, and that takes a while.
func TestManagedInterfaces(t *testing.T) {
	w := newWorld(t)
	n := w.net()
	card := must(w.CreateInterface(Interface{Subnet: n.subnet.ID, Description: "ELB a", Managed: true, Requester: "amazon-elb", Attachment: &Attachment{InstanceOwner: "amazon-elb"}}))
	w.refused("OperationNotPermitted", w.DeleteInterface(card.ID))
	w.RemoveInterface(card.ID, delay)
	w.refused("DependencyViolation", w.DeleteSubnet(n.subnet.ID))
	w.pass(delay)
	w.ok(w.DeleteSubnet(n.subnet.ID))
	w.refused("InvalidNetworkInterfaceID.NotFound", w.DeleteInterface(card.ID))
}

// A data volume outlives the instance that it was attached to, as does an interface that
// is not its own.
func TestTermination(t *testing.T) {
	w := newWorld(t)
	n := w.net()
	i := must(w.Launch(Launch{Type: "t3.medium", Subnet: n.subnet.ID, PartTags: map[string]string{"a": "b"}}))
	data := must(w.CreateVolume(Volume{Zone: region + "a", Size: 8}))
	w.ok(w.AttachVolume(data.ID, i.ID, "/dev/xvdba"))
	card := must(w.CreateInterface(Interface{Subnet: n.subnet.ID}))
	w.ok(w.AttachInterface(card.ID, i.ID, false))
	if disk := must(w.Volume(i.Disk)); disk.Tags["a"] != "b" || disk.Size != 20 {
		t.Errorf("disk: %+v", disk)
	}
	w.ok(w.Terminate(i.ID))
	w.ok(w.Terminate(i.ID)) // again
	w.pass(delay)
	_, err := w.Volume(i.Disk)
	w.refused("InvalidVolume.NotFound", err)
	_, err = w.Interface(i.Interface)
	w.refused("InvalidNetworkInterfaceID.NotFound", err)
	w.ok(w.DeleteInterface(card.ID))
	w.ok(w.DeleteVolume(data.ID))
	w.refused("InvalidVolume.NotFound", w.DeleteVolume(data.ID)) // it is going
	w.pass(delay)
	_, err = w.Volume(data.ID)
	w.refused("InvalidVolume.NotFound", err)
	w.pass(remembered)
	_, err = w.Instance(i.ID)
	w.refused("InvalidInstanceID.NotFound", err)
}

func TestLimits(t *testing.T) {
	w := newWorld(t)
	w.Limit("vpc", 1)
	w.Limit("instance", 0)
	n := w.net()
	_, err := w.CreateVPC("10.1.0.0/16", nil)
	w.refused("VpcLimitExceeded", err)
	_, err = w.Launch(Launch{Type: "m6i.large", Subnet: n.subnet.ID})
	w.refused("VcpuLimitExceeded", err)
	w.Limit("instance", -1)
	w.Exhaust("m6i.large", true)
	_, err = w.Launch(Launch{Type: "m6i.large", Subnet: n.subnet.ID})
	w.refused("InsufficientInstanceCapacity", err)
	must(w.Launch(Launch{Type: "m5.large", Subnet: n.subnet.ID}))
	_, err = w.CreateSubnet(Subnet{VPC: n.vpc.ID, CIDR: "10.0.8.0/21", Zone: region + "a"})
	w.refused("InvalidSubnet.Conflict", err)
	_, err = w.CreateSubnet(Subnet{VPC: n.vpc.ID, CIDR: "10.1.0.0/20", Zone: region + "a"})
	w.refused("InvalidSubnet.Range", err)
	_, err = w.CreateSubnet(Subnet{VPC: n.vpc.ID, CIDR: "10.0.16.0/20", Zone: "us-east-1a"})
	w.refused("InvalidParameterValue", err)
}

// Other accounts and regions do not see it.
func TestPlacesAreApart(t *testing.T) {
	w := newWorld(t)
	n := w.net()
	for _, other := range []*Place{w.cloud.At("444455556666", region), w.cloud.At(account, "us-east-1")} {
		_, err := other.VPC(n.vpc.ID)
		w.refused("InvalidVpcID.NotFound", err)
	}
	if zones := w.cloud.At(account, "ap-southeast-2").Zones(); zones[1] != (Zone{Name: "ap-southeast-2b", ID: "apse2-az2"}) {
		t.Errorf("zones: %v", zones)
	}
	if zones := w.Zones(); zones[0] != (Zone{Name: "eu-central-1a", ID: "euc1-az1"}) {
		t.Errorf("zones: %v", zones)
	}
	if zones := w.cloud.At(account, "us-east-1").Zones(); len(zones) != 6 || zones[4] != (Zone{Name: "us-east-1e", ID: "use1-az3"}) {
		t.Errorf("zones: %v", zones)
	}
	w.SetZones(Zone{Name: region + "-ham-1a", ID: "euc1-ham1-az1", Type: "local-zone"})
	if zones := w.Zones(); len(zones) != 1 || zones[0].ID != "euc1-ham1-az1" {
		t.Errorf("zones: %v", zones)
	}
}

// Whatever is done in whichever order, nothing refers to what is not there.
func TestNothingDangles(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		pick := func(ids []string) string {
			if len(ids) == 0 {
				return "none"
			}
			return rapid.SampledFrom(ids).Draw(r, "id")
		}
		ids := func(of string) []string {
			var list []string
			for _, i := range w.cloud.Things() {
				if i.Type == of {
					list = append(list, i.ID)
				}
			}
			return list
		}
		r.Repeat(map[string]func(*rapid.T){
			"vpc": func(*rapid.T) { _, _ = w.CreateVPC("10.0.0.0/16", nil) },
			"subnet": func(*rapid.T) {
				_, _ = w.CreateSubnet(Subnet{VPC: pick(ids("vpc")), CIDR: rapid.SampledFrom([]string{"10.0.0.0/20", "10.0.16.0/20"}).Draw(r, "cidr"), Zone: region + "a", Public: true})
			},
			"group": func(*rapid.T) {
				_, _ = w.CreateGroup(Group{VPC: pick(ids("vpc")), Name: rapid.SampledFrom([]string{"a", "b"}).Draw(r, "name")})
			},
			"rule": func(*rapid.T) {
				_ = w.AuthorizeIngress(pick(ids("security-group")), Rule{Protocol: "-1", Group: pick(ids("security-group"))})
			},
			"interface": func(*rapid.T) { _, _ = w.CreateInterface(Interface{Subnet: pick(ids("subnet")), PublicIP: "auto"}) },
			"launch":    func(*rapid.T) { _, _ = w.Launch(Launch{Type: "x", Subnet: pick(ids("subnet"))}) },
			"terminate": func(*rapid.T) { _ = w.Terminate(pick(ids("instance"))) },
			"remove": func(*rapid.T) {
				_ = w.DeleteVPC(pick(ids("vpc")))
				_ = w.DeleteSubnet(pick(ids("subnet")))
				_ = w.DeleteGroup(pick(ids("security-group")))
				_ = w.DeleteInterface(pick(ids("network-interface")))
				_ = w.DeleteVolume(pick(ids("volume")))
			},
			"pass": func(*rapid.T) { w.pass(time.Duration(rapid.IntRange(0, 3).Draw(r, "time")) * delay / 2) },
			"":     func(r *rapid.T) { w.dangling(r) },
		})
	})
}

func (w *world) dangling(r *rapid.T) {
	w.lock()
	defer w.unlock()
	there := func(k kind, id string) {
		if t, err := w.thing(k, id); err != nil || !t.lives() {
			r.Fatalf("%v", err)
		}
	}
	for _, s := range w.subnets.living() {
		there(kindVPC, s.VPC)
	}
	for _, g := range w.groups.living() {
		there(kindVPC, g.VPC)
		for _, rule := range g.Ingress {
			there(kindGroup, rule.Group)
		}
	}
	for _, n := range w.interfaces.living() {
		there(kindSubnet, n.Subnet)
		for _, g := range n.Groups {
			there(kindGroup, g)
		}
		if n.Attachment != nil {
			there(kindInstance, n.Attachment.Instance)
		}
	}
	for _, i := range w.instances.living() {
		if i.State != StateTerminated {
			there(kindInterface, i.Interface)
			there(kindVolume, i.Disk)
		}
	}
}
