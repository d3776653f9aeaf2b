package ec2

import (
	"context"
	"encoding/xml"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Operations are what the SDK may call.
func (c *Cloud) Operations() map[string]wire.Operation {
	return map[string]wire.Operation{
		"DescribeVpcs": describing(c, "DescribeVpcs", listing[*VPC]{
			kind: kindVPC, ids: "VpcId", shelf: func(p *Place) shelf[*VPC] { return p.vpcs }, fields: (*Place).vpcFields, empty: &VPC{}, together: true,
		}, (*Place).vpcItem, "vpcSet"),
		"DescribeSubnets": describing(c, "DescribeSubnets", listing[*Subnet]{
			kind: kindSubnet, ids: "SubnetId", shelf: func(p *Place) shelf[*Subnet] { return p.subnets }, fields: (*Place).subnetFields, empty: &Subnet{}, together: true,
		}, (*Place).subnetItem, "subnetSet"),
		"DescribeSecurityGroups": describing(c, "DescribeSecurityGroups", listing[*Group]{
			kind: kindGroup, ids: "GroupId", shelf: func(p *Place) shelf[*Group] { return p.groups }, fields: (*Place).groupFields, empty: &Group{}, together: true,
		}, func(p *Place, g *Group, _ time.Time) groupItem { return p.groupItem(g) }, "securityGroupInfo"),
		"DescribeNetworkInterfaces": describing(c, "DescribeNetworkInterfaces", listing[*Interface]{
			kind: kindInterface, ids: "NetworkInterfaceId", shelf: func(p *Place) shelf[*Interface] { return p.interfaces }, fields: (*Place).interfaceFields, empty: &Interface{},
		}, (*Place).interfaceItem, "networkInterfaceSet"),
		"DescribeVolumes": describing(c, "DescribeVolumes", listing[*Volume]{
			kind: kindVolume, ids: "VolumeId", shelf: func(p *Place) shelf[*Volume] { return p.volumes }, fields: (*Place).volumeFields, empty: &Volume{},
		}, (*Place).volumeItem, "volumeSet"),
		"DescribeSnapshots": snapshotsOf(describing(c, "DescribeSnapshots", listing[*Snapshot]{
			kind: kindSnapshot, ids: "SnapshotId", shelf: func(p *Place) shelf[*Snapshot] { return p.snapshots }, fields: (*Place).snapshotFields, empty: &Snapshot{},
		}, (*Place).snapshotItem, "snapshotSet")),
		"DescribeInstances": describing(c, "DescribeInstances", listing[*Instance]{
			kind: kindInstance, ids: "InstanceId", shelf: func(p *Place) shelf[*Instance] { return p.instances }, fields: (*Place).instanceFields, empty: &Instance{},
		}, (*Place).reservationItem, "reservationSet"),
		"DescribeAvailabilityZones": {Needs: needs("DescribeAvailabilityZones"), Do: c.describeZones},

		"DeleteSecurityGroup":        c.changing("DeleteSecurityGroup", "GroupId", kindGroup, (*Place).DeleteGroup),
		"DeleteNetworkInterface":     c.changing("DeleteNetworkInterface", "NetworkInterfaceId", kindInterface, (*Place).DeleteInterface),
		"DeleteVolume":               c.changing("DeleteVolume", "VolumeId", kindVolume, (*Place).DeleteVolume),
		"DeleteSnapshot":             c.changing("DeleteSnapshot", "SnapshotId", kindSnapshot, (*Place).DeleteSnapshot),
		"RevokeSecurityGroupIngress": c.revoking("RevokeSecurityGroupIngress", (*Place).RevokeIngress),
		"RevokeSecurityGroupEgress":  c.revoking("RevokeSecurityGroupEgress", (*Place).RevokeEgress),
		"TerminateInstances":         {Required: []string{"InstanceId.1"}, Needs: c.needsTerminate, Do: c.doTerminate},
		"CreateTags":                 {Required: []string{"ResourceId.1", "Tag.1.Key"}, Needs: c.needsTags, Do: c.doTags},
	}
}

// listAnswer is what describe operations answer.
type listAnswer struct {
	Set  set
	Next string `xml:"nextToken,omitempty"`
}

// set is a list that is called differently in each answer.
type set struct {
	XMLName xml.Name
	Items   []any `xml:"item"`
}

type doneAnswer struct {
	Return  bool   `xml:"return"`
	GroupID string `xml:"groupId,omitempty"`
}

type stateChange struct {
	ID   string    `xml:"instanceId"`
	Now  stateItem `xml:"currentState"`
	Then stateItem `xml:"previousState"`
}

type terminatedAnswer struct {
	List []stateChange `xml:"instancesSet>item"`
}

// needs is one permission on everything, as describe operations need it.
func needs(operation string) func(*wire.Call) ([]wire.Need, error) {
	return func(*wire.Call) ([]wire.Need, error) { return []wire.Need{{Action: "ec2:" + operation}}, nil }
}

func describing[T thinger, I any](c *Cloud, operation string, l listing[T], item func(*Place, T, time.Time) I, name string) wire.Operation {
	return wire.Operation{Needs: needs(operation), Do: func(_ context.Context, call *wire.Call) (any, error) {
		if err := dry(call); err != nil {
			return nil, err
		}
		p := c.At(call.Account, call.Region)
		now := p.lock()
		defer p.unlock()
		list, next, err := l.describe(p, call.Form, now)
		if err != nil {
			return nil, err
		}
		answer := listAnswer{Set: set{XMLName: xml.Name{Local: name}}, Next: next}
		for _, t := range list {
			answer.Set.Items = append(answer.Set.Items, item(p, t, now))
		}
		return answer, nil
	}}
}

// snapshotsOf has an operation answer only about the caller's own snapshots, and refuse
// to be asked about those of everybody: there are none.
func snapshotsOf(o wire.Operation) wire.Operation {
	do := o.Do
	o.Do = func(ctx context.Context, c *wire.Call) (any, error) {
		for _, owner := range numbered(c.Form, "Owner") {
			if owner == "self" || owner == c.Account {
				return do(ctx, c)
			}
		}
		if c.Form.Has("Owner.1") {
			return listAnswer{Set: set{XMLName: xml.Name{Local: "snapshotSet"}}}, nil
		}
		return do(ctx, c)
	}
	return o
}

func (c *Cloud) describeZones(_ context.Context, call *wire.Call) (any, error) {
	wanted, err := filters(call.Form)
	if err != nil {
		return nil, err
	}
	p := c.At(call.Account, call.Region)
	list := p.Zones()
	for _, by := range []struct {
		parameter string
		of        func(Zone) string
	}{{"ZoneName", func(z Zone) string { return z.Name }}, {"ZoneId", func(z Zone) string { return z.ID }}} {
		names := numbered(call.Form, by.parameter)
		for _, n := range names {
			if !slices.ContainsFunc(p.Zones(), func(z Zone) bool { return by.of(z) == n }) {
				return nil, refuse("InvalidParameterValue", "Invalid availability zone: [%s]", n)
			}
		}
		list = slices.DeleteFunc(list, func(z Zone) bool { return len(names) > 0 && !slices.Contains(names, by.of(z)) })
	}
	answer := listAnswer{Set: set{XMLName: xml.Name{Local: "availabilityZoneInfo"}}}
	for _, z := range list {
		passes := true
		for _, f := range wanted {
			is, err := f.passes(p.zoneFields(z), nil)
			if err != nil {
				return nil, err
			}
			passes = passes && is
		}
		if passes {
			answer.Set.Items = append(answer.Set.Items, p.zoneItem(z))
		}
	}
	return answer, nil
}

// changing is an operation on one thing that a parameter names.
func (c *Cloud) changing(operation, parameter string, k kind, do func(*Place, string) error) wire.Operation {
	return wire.Operation{
		Required: []string{parameter},
		Needs: func(call *wire.Call) ([]wire.Need, error) {
			return c.needsOn(call, operation, k, call.Form.Get(parameter))
		},
		Do: func(_ context.Context, call *wire.Call) (any, error) {
			if err := dry(call); err != nil {
				return nil, err
			}
			id := call.Form.Get(parameter)
			if err := do(c.At(call.Account, call.Region), id); err != nil {
				return nil, err
			}
			answer := doneAnswer{Return: true}
			if k == kindGroup {
				answer.GroupID = id
			}
			return answer, nil
		},
	}
}

func (c *Cloud) revoking(operation string, do func(*Place, string, ...Rule) error) wire.Operation {
	return wire.Operation{
		Required: []string{"GroupId"},
		Needs: func(call *wire.Call) ([]wire.Need, error) {
			return c.needsOn(call, operation, kindGroup, call.Form.Get("GroupId"))
		},
		Do: func(_ context.Context, call *wire.Call) (any, error) {
			if err := dry(call); err != nil {
				return nil, err
			}
			list, err := rules(call.Form)
			if err != nil {
				return nil, err
			}
			if err := do(c.At(call.Account, call.Region), call.Form.Get("GroupId"), list...); err != nil {
				return nil, err
			}
			return doneAnswer{Return: true}, nil
		},
	}
}

// needsOn is a permission on some things of a kind, each with its tags. EC2 says of
// what is not there that it is not there, before it looks at permissions.
func (c *Cloud) needsOn(call *wire.Call, operation string, k kind, ids ...string) ([]wire.Need, error) {
	p := c.At(call.Account, call.Region)
	now := p.lock()
	defer p.unlock()
	list := make([]wire.Need, len(ids))
	for i, id := range ids {
		t, err := p.thing(k, id)
		if err != nil {
			return nil, err
		}
		list[i] = p.need(operation, k, t, now)
	}
	return list, nil
}

func (p *Place) need(operation string, k kind, t *Thing, now time.Time) wire.Need {
	keys := map[string]string{}
	for key, value := range t.known(now, p.cloud.options.Lag) {
		keys["aws:ResourceTag/"+key], keys["ec2:ResourceTag/"+key] = value, value
	}
	return wire.Need{Action: "ec2:" + operation, Resources: []string{p.arn(k, t.ID)}, Keys: keys}
}

func (c *Cloud) needsTerminate(call *wire.Call) ([]wire.Need, error) {
	return c.needsOn(call, "TerminateInstances", kindInstance, numbered(call.Form, "InstanceId")...)
}

func (c *Cloud) doTerminate(_ context.Context, call *wire.Call) (any, error) {
	if err := dry(call); err != nil {
		return nil, err
	}
	changes, err := c.At(call.Account, call.Region).terminate(numbered(call.Form, "InstanceId"))
	if err != nil {
		return nil, err
	}
	var answer terminatedAnswer
	for _, ch := range changes {
		answer.List = append(answer.List, stateChange{ch.id, stateOf(ch.to), stateOf(ch.from)})
	}
	return answer, nil
}

// needsTags is CreateTags on each thing, with the tags that it has and is to get.
func (c *Cloud) needsTags(call *wire.Call) ([]wire.Need, error) {
	tags, err := tagsIn(call.Form)
	if err != nil {
		return nil, err
	}
	p := c.At(call.Account, call.Region)
	now := p.lock()
	defer p.unlock()
	var list []wire.Need
	for _, id := range numbered(call.Form, "ResourceId") {
		k, t, err := p.anything(id)
		if err != nil {
			return nil, err
		}
		n := p.need("CreateTags", k, t, now)
		for key, value := range tags {
			n.Keys["aws:RequestTag/"+key] = value
		}
		n.Keys["aws:TagKeys"] = strings.Join(slices.Sorted(maps.Keys(tags)), ",")
		list = append(list, n)
	}
	return list, nil
}

func (c *Cloud) doTags(_ context.Context, call *wire.Call) (any, error) {
	if err := dry(call); err != nil {
		return nil, err
	}
	tags, err := tagsIn(call.Form)
	if err != nil {
		return nil, err
	}
	if err := c.At(call.Account, call.Region).Tag(tags, numbered(call.Form, "ResourceId")...); err != nil {
		return nil, err
	}
	return doneAnswer{Return: true}, nil
}
