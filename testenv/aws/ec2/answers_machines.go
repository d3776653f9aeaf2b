package ec2

import (
	"net/netip"
	"strconv"
	"time"
)

// zoneID is what a zone is called in all accounts.
func (p *Place) zoneID(name string) string {
	for _, z := range p.zones() {
		if z.Name == name {
			return z.ID
		}
	}
	return ""
}

// free is how many addresses of a subnet are free: EC2 keeps five for itself.
func (p *Place) free(s *Subnet) int {
	prefix, err := netip.ParsePrefix(s.CIDR)
	if err != nil {
		return 0
	}
	n := 1<<(32-prefix.Bits()) - 5
	for _, i := range p.interfaces.living() {
		if i.Subnet == s.ID {
			n--
		}
	}
	return n
}

type attachmentItem struct {
	ID       string `xml:"attachmentId"`
	Instance string `xml:"instanceId,omitempty"`
	Owner    string `xml:"instanceOwnerId"`
	Device   int    `xml:"deviceIndex"`
	Status   string `xml:"status"`
	At       string `xml:"attachTime"`
	Ends     bool   `xml:"deleteOnTermination"`
}

type addressItem struct {
	Private string `xml:"privateIpAddress"`
	Primary bool   `xml:"primary"`
}

type publicItem struct {
	IP    string `xml:"publicIp"`
	Owner string `xml:"ipOwnerId"`
}

type interfaceItem struct {
	ID          string          `xml:"networkInterfaceId"`
	Subnet      string          `xml:"subnetId"`
	VPC         string          `xml:"vpcId"`
	Zone        string          `xml:"availabilityZone"`
	Description string          `xml:"description"`
	Owner       string          `xml:"ownerId"`
	Requester   string          `xml:"requesterId,omitempty"`
	Managed     bool            `xml:"requesterManaged"`
	Status      string          `xml:"status"`
	PrivateIP   string          `xml:"privateIpAddress"`
	Check       bool            `xml:"sourceDestCheck"`
	Groups      []groupRef      `xml:"groupSet>item"`
	Attachment  *attachmentItem `xml:"attachment"`
	Public      *publicItem     `xml:"association"`
	Tags        []tagItem       `xml:"tagSet>item"`
	Addresses   []addressItem   `xml:"privateIpAddressesSet>item"`
	Type        string          `xml:"interfaceType"`
}

func (n *Interface) status() string {
	if n.Attachment != nil {
		return "in-use"
	}
	return "available"
}

// publicOwner is who has a public address: services of AWS have their own.
func (p *Place) publicOwner(n *Interface) string {
	if n.Managed {
		return n.Requester
	}
	return p.account
}

func (p *Place) interfaceItem(n *Interface, _ time.Time) interfaceItem {
	item := interfaceItem{
		ID: n.ID, Subnet: n.Subnet, VPC: n.VPC, Zone: n.Zone, Description: n.Description, Owner: p.account, Requester: n.Requester, Managed: n.Managed,
		Status: n.status(), PrivateIP: n.PrivateIP, Check: !n.Managed, Groups: p.groupRefs(n.Groups), Tags: tagItems(n.Tags),
		Addresses: []addressItem{{n.PrivateIP, true}}, Type: n.Type,
	}
	if a := n.Attachment; a != nil {
		item.Attachment = &attachmentItem{a.ID, a.Instance, a.InstanceOwner, a.Device, "attached", at(a.At), a.DeleteOnTermination}
	}
	if n.PublicIP != "" {
		item.Public = &publicItem{n.PublicIP, p.publicOwner(n)}
	}
	return item
}

func (p *Place) interfaceFields(n *Interface, _ time.Time) fields {
	f := fields{
		"network-interface-id": one(n.ID), "subnet-id": one(n.Subnet), "vpc-id": one(n.VPC), "availability-zone": one(n.Zone), "description": one(n.Description),
		"owner-id": one(p.account), "requester-id": one(n.Requester), "requester-managed": one(yes(n.Managed)), "status": one(n.status()),
		"private-ip-address": one(n.PrivateIP), "addresses.private-ip-address": one(n.PrivateIP), "association.public-ip": one(n.PublicIP),
		"group-id": n.Groups, "group-name": nil, "interface-type": one(n.Type),
		"attachment.attachment-id": nil, "attachment.instance-id": nil, "attachment.instance-owner-id": nil, "attachment.device-index": nil, "attachment.status": nil,
		"attachment.delete-on-termination": nil, "attachment.attach-time": nil,
	}
	for _, g := range p.groupRefs(n.Groups) {
		f["group-name"] = append(f["group-name"], g.Name)
	}
	if a := n.Attachment; a != nil {
		f["attachment.attachment-id"], f["attachment.instance-id"], f["attachment.instance-owner-id"] = one(a.ID), one(a.Instance), one(a.InstanceOwner)
		f["attachment.device-index"], f["attachment.status"] = one(strconv.Itoa(a.Device)), one("attached")
		f["attachment.delete-on-termination"], f["attachment.attach-time"] = one(yes(a.DeleteOnTermination)), one(at(a.At))
	}
	return f
}

type volumeAttachment struct {
	Volume   string `xml:"volumeId"`
	Instance string `xml:"instanceId"`
	Device   string `xml:"device"`
	Status   string `xml:"status"`
	At       string `xml:"attachTime"`
	Ends     bool   `xml:"deleteOnTermination"`
}

type volumeItem struct {
	ID        string             `xml:"volumeId"`
	Size      int                `xml:"size"`
	Snapshot  string             `xml:"snapshotId"`
	Zone      string             `xml:"availabilityZone"`
	Status    string             `xml:"status"`
	Created   string             `xml:"createTime"`
	Attached  []volumeAttachment `xml:"attachmentSet>item"`
	Tags      []tagItem          `xml:"tagSet>item"`
	Type      string             `xml:"volumeType"`
	Encrypted bool               `xml:"encrypted"`
}

func (p *Place) volumeItem(v *Volume, now time.Time) volumeItem {
	item := volumeItem{
		ID: v.ID, Size: v.Size, Snapshot: v.Snapshot, Zone: v.Zone, Status: p.volumeState(v, now), Created: at(v.Created), Tags: tagItems(v.Tags),
		Type: v.Type, Encrypted: v.Encrypted,
	}
	if v.Instance != "" {
		item.Attached = []volumeAttachment{{v.ID, v.Instance, v.Device, "attached", at(v.attached), v.DeleteOnTermination}}
	}
	return item
}

func (p *Place) volumeFields(v *Volume, now time.Time) fields {
	f := fields{
		"volume-id": one(v.ID), "size": one(strconv.Itoa(v.Size)), "snapshot-id": one(v.Snapshot), "availability-zone": one(v.Zone), "status": one(p.volumeState(v, now)),
		"create-time": one(at(v.Created)), "volume-type": one(v.Type), "encrypted": one(yes(v.Encrypted)),
		"attachment.instance-id": one(v.Instance), "attachment.device": one(v.Device), "attachment.status": nil, "attachment.delete-on-termination": nil,
		"attachment.attach-time": nil,
	}
	if v.Instance != "" {
		f["attachment.status"], f["attachment.delete-on-termination"], f["attachment.attach-time"] = one("attached"), one(yes(v.DeleteOnTermination)), one(at(v.attached))
	}
	return f
}

type snapshotItem struct {
	ID          string    `xml:"snapshotId"`
	Volume      string    `xml:"volumeId"`
	Status      string    `xml:"status"`
	Started     string    `xml:"startTime"`
	Progress    string    `xml:"progress"`
	Owner       string    `xml:"ownerId"`
	Size        int       `xml:"volumeSize"`
	Description string    `xml:"description"`
	Encrypted   bool      `xml:"encrypted"`
	Tags        []tagItem `xml:"tagSet>item"`
	Tier        string    `xml:"storageTier"`
}

func (p *Place) snapshotState(s *Snapshot, now time.Time) (status, progress string) {
	if p.pending(s.Thing, now) {
		return "pending", "50%"
	}
	return "completed", "100%"
}

func (p *Place) snapshotItem(s *Snapshot, now time.Time) snapshotItem {
	status, progress := p.snapshotState(s, now)
	return snapshotItem{s.ID, s.Volume, status, at(s.Created), progress, p.account, s.Size, s.Description, s.Encrypted, tagItems(s.Tags), "standard"}
}

func (p *Place) snapshotFields(s *Snapshot, now time.Time) fields {
	status, progress := p.snapshotState(s, now)
	return fields{
		"snapshot-id": one(s.ID), "volume-id": one(s.Volume), "status": one(status), "progress": one(progress), "start-time": one(at(s.Created)), "owner-id": one(p.account),
		"owner-alias": nil, "volume-size": one(strconv.Itoa(s.Size)), "description": one(s.Description), "encrypted": one(yes(s.Encrypted)), "storage-tier": one("standard"),
	}
}

type stateItem struct {
	Code int    `xml:"code"`
	Name string `xml:"name"`
}

func stateOf(s State) stateItem { return stateItem{s.number(), string(s)} }

type placementItem struct {
	Zone    string `xml:"availabilityZone"`
	Tenancy string `xml:"tenancy"`
}

type instanceItem struct {
	ID        string        `xml:"instanceId"`
	Image     string        `xml:"imageId"`
	State     stateItem     `xml:"instanceState"`
	Type      string        `xml:"instanceType"`
	Launched  string        `xml:"launchTime"`
	Placement placementItem `xml:"placement"`
	Subnet    string        `xml:"subnetId,omitempty"`
	VPC       string        `xml:"vpcId,omitempty"`
	PrivateIP string        `xml:"privateIpAddress,omitempty"`
	PublicIP  string        `xml:"ipAddress,omitempty"`
	Groups    []groupRef    `xml:"groupSet>item"`
	Lifecycle string        `xml:"instanceLifecycle,omitempty"`
	Tags      []tagItem     `xml:"tagSet>item"`
}

type reservationItem struct {
	ID        string         `xml:"reservationId"`
	Owner     string         `xml:"ownerId"`
	Instances []instanceItem `xml:"instancesSet>item"`
}

func (p *Place) reservationItem(i *Instance, _ time.Time) reservationItem {
	item := instanceItem{
		ID: i.ID, Image: i.Image, State: stateOf(i.State), Type: i.Type, Launched: at(i.Created), Placement: placementItem{i.Zone, "default"},
		PrivateIP: i.PrivateIP, PublicIP: i.PublicIP, Lifecycle: i.lifecycle(), Tags: tagItems(i.Tags),
	}
	if i.State != StateTerminated { // of one that has ended, EC2 knows less
		item.Subnet, item.VPC, item.Groups = i.Subnet, i.VPC, p.groupRefs(i.Groups)
	}
	return reservationItem{i.Reservation, p.account, []instanceItem{item}}
}

func (i *Instance) lifecycle() string {
	if i.Spot {
		return "spot"
	}
	return ""
}

func (p *Place) instanceFields(i *Instance, _ time.Time) fields {
	f := fields{
		"instance-id": one(i.ID), "image-id": one(i.Image), "instance-state-name": one(string(i.State)), "instance-state-code": one(strconv.Itoa(i.State.number())),
		"instance-type": one(i.Type), "launch-time": one(at(i.Created)), "availability-zone": one(i.Zone), "private-ip-address": one(i.PrivateIP), "ip-address": one(i.PublicIP),
		"instance-lifecycle": one(i.lifecycle()), "reservation-id": one(i.Reservation), "owner-id": one(p.account),
		"subnet-id": nil, "vpc-id": nil, "instance.group-id": nil, "network-interface.network-interface-id": nil, "block-device-mapping.volume-id": nil,
	}
	if i.State != StateTerminated {
		f["subnet-id"], f["vpc-id"], f["instance.group-id"] = one(i.Subnet), one(i.VPC), i.Groups
		f["network-interface.network-interface-id"], f["block-device-mapping.volume-id"] = one(i.Interface), one(i.Disk)
	}
	return f
}
