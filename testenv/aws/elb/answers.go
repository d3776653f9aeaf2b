package elb

import (
	"context"
	"encoding/xml"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

func at(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (b *Balancer) scheme() string {
	if b.Internal {
		return "internal"
	}
	return "internet-facing"
}

type listenerItem struct {
	Protocol     string `xml:"Listener>Protocol"`
	Port         int    `xml:"Listener>LoadBalancerPort"`
	NodeProtocol string `xml:"Listener>InstanceProtocol"`
	NodePort     int    `xml:"Listener>InstancePort"`
}

type classicItem struct {
	Name      string         `xml:"LoadBalancerName"`
	DNS       string         `xml:"DNSName"`
	Created   string         `xml:"CreatedTime"`
	Scheme    string         `xml:"Scheme"`
	VPC       string         `xml:"VPCId"`
	Zones     []string       `xml:"AvailabilityZones>member"`
	Subnets   []string       `xml:"Subnets>member"`
	Groups    []string       `xml:"SecurityGroups>member"`
	Listeners []listenerItem `xml:"ListenerDescriptions>member"`
}

type classicAnswer struct {
	List []classicItem `xml:"LoadBalancerDescriptions>member"`
	Next string        `xml:"NextMarker,omitempty"`
}

func (c *Cloud) describeClassic(_ context.Context, call *wire.Call) (any, error) {
	p := c.At(call.Account, call.Region)
	now := p.lock()
	defer p.unlock()
	list, err := p.visible(now, true, members(call.Form, "LoadBalancerNames"), nil)
	if err != nil {
		return nil, err
	}
	var answer classicAnswer
	list, answer.Next, err = page(list, func(b *Balancer) uint64 { return b.serial }, call.Form, c.options.Page)
	if err != nil {
		return nil, err
	}
	for _, b := range list {
		item := classicItem{Name: b.Name, DNS: b.DNS, Created: at(b.Created), Scheme: b.scheme(), VPC: b.VPC, Subnets: b.Subnets, Groups: b.Groups}
		for _, z := range p.zones(b) {
			item.Zones = append(item.Zones, z.Name)
		}
		for _, l := range b.Listeners {
			item.Listeners = append(item.Listeners, listenerItem{l.Protocol, l.Port, l.Protocol, l.NodePort})
		}
		answer.List = append(answer.List, item)
	}
	return answer, nil
}

type zoneItem struct {
	Name   string `xml:"ZoneName"`
	Subnet string `xml:"SubnetId"`
}

// zones of a load balancer; what is gone may have been in subnets that are gone.
func (p *Place) zones(b *Balancer) []zoneItem {
	var list []zoneItem
	for _, id := range b.Subnets {
		if s, err := p.network.Subnet(id); err == nil {
			list = append(list, zoneItem{s.Zone, id})
		}
	}
	return list
}

type stateItem struct {
	Code string `xml:"Code"`
}

type balancerItem struct {
	ARN     string     `xml:"LoadBalancerArn"`
	Name    string     `xml:"LoadBalancerName"`
	DNS     string     `xml:"DNSName"`
	Created string     `xml:"CreatedTime"`
	Scheme  string     `xml:"Scheme"`
	VPC     string     `xml:"VpcId"`
	State   stateItem  `xml:"State"`
	Type    Kind       `xml:"Type"`
	Address string     `xml:"IpAddressType"`
	Zones   []zoneItem `xml:"AvailabilityZones>member"`
	Groups  []string   `xml:"SecurityGroups>member"`
}

type balancersAnswer struct {
	List []balancerItem `xml:"LoadBalancers>member"`
	Next string         `xml:"NextMarker,omitempty"`
}

func (c *Cloud) describeBalancers(_ context.Context, call *wire.Call) (any, error) {
	p := c.At(call.Account, call.Region)
	now := p.lock()
	defer p.unlock()
	list, err := p.visible(now, false, members(call.Form, "Names"), members(call.Form, "LoadBalancerArns"))
	if err != nil {
		return nil, err
	}
	var answer balancersAnswer
	list, answer.Next, err = page(list, func(b *Balancer) uint64 { return b.serial }, call.Form, c.options.Page)
	if err != nil {
		return nil, err
	}
	for _, b := range list {
		state := stateItem{"active"}
		if now.Before(b.Created.Add(c.options.Delay)) {
			state.Code = "provisioning"
		}
		answer.List = append(answer.List, balancerItem{
			b.ARN, b.Name, b.DNS, at(b.Created), b.scheme(), b.VPC, state, b.Kind, "ipv4", p.zones(b), b.Groups,
		})
	}
	return answer, nil
}

type groupItem struct {
	ARN       string   `xml:"TargetGroupArn"`
	Name      string   `xml:"TargetGroupName"`
	Protocol  string   `xml:"Protocol"`
	Port      int      `xml:"Port"`
	VPC       string   `xml:"VpcId"`
	Type      string   `xml:"TargetType"`
	Balancers []string `xml:"LoadBalancerArns>member"`
}

type groupsAnswer struct {
	List []groupItem `xml:"TargetGroups>member"`
	Next string      `xml:"NextMarker,omitempty"`
}

func (c *Cloud) describeGroups(_ context.Context, call *wire.Call) (any, error) {
	p := c.At(call.Account, call.Region)
	now := p.lock()
	defer p.unlock()
	var all []*TargetGroup
	for _, g := range p.groups {
		if p.seen(g.made, g.gone, now) {
			all = append(all, g)
		}
	}
	list, err := chosen(all, func(string) *wire.Error { return noGroup() },
		choice[*TargetGroup]{members(call.Form, "Names"), func(g *TargetGroup) string { return g.Name }},
		choice[*TargetGroup]{members(call.Form, "TargetGroupArns"), func(g *TargetGroup) string { return g.ARN }})
	if err != nil {
		return nil, err
	}
	if arn := call.Form.Get("LoadBalancerArn"); arn != "" {
		if b := p.balancer(arn); b == nil || !b.lives() {
			return nil, noBalancer(arn)
		}
		list = slices.DeleteFunc(list, func(g *TargetGroup) bool { return !slices.Contains(p.users(g.ARN), arn) })
	}
	var answer groupsAnswer
	list, answer.Next, err = page(list, func(g *TargetGroup) uint64 { return g.serial }, call.Form, c.options.Page)
	if err != nil {
		return nil, err
	}
	for _, g := range list {
		answer.List = append(answer.List, groupItem{g.ARN, g.Name, g.Protocol, g.Port, g.VPC, g.Type, p.users(g.ARN)})
	}
	return answer, nil
}

type tagItem struct {
	Key   string `xml:"Key"`
	Value string `xml:"Value"`
}

// tagsItem names what has tags by an element that differs between the two APIs.
type tagsItem struct {
	ID   idItem
	Tags []tagItem `xml:"Tags>member"`
}

type idItem struct {
	XMLName xml.Name
	Value   string `xml:",chardata"`
}

type tagsAnswer struct {
	List []tagsItem `xml:"TagDescriptions>member"`
}

func (c *Cloud) tagsOp(parameter, element string) func(context.Context, *wire.Call) (any, error) {
	return func(_ context.Context, call *wire.Call) (any, error) {
		ids := members(call.Form, parameter)
		if err := fewIDs(ids, parameter); err != nil {
			return nil, err
		}
		p := c.At(call.Account, call.Region)
		p.lock()
		defer p.unlock()
		var answer tagsAnswer
		for _, id := range ids {
			t := p.find(id)
			if !t.there() {
				return nil, p.absent(id)
			}
			item := tagsItem{ID: idItem{XMLName: xml.Name{Local: element}, Value: id}}
			for _, k := range slices.Sorted(maps.Keys(t.tags)) {
				item.Tags = append(item.Tags, tagItem{k, t.tags[k]})
			}
			answer.List = append(answer.List, item)
		}
		return answer, nil
	}
}

func fewIDs(ids []string, parameter string) error {
	if len(ids) > maxTagged {
		name := strings.ToLower(parameter[:1]) + parameter[1:]
		return refuse("ValidationError", "1 validation error detected: Value '[%s]' at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", strings.Join(ids, ", "), name, maxTagged)
	}
	return nil
}

// absent is the error about what requests call id.
func (p *Place) absent(id string) *wire.Error {
	if strings.Contains(id, ":targetgroup/") {
		return noGroup()
	}
	return noBalancer(id)
}

func (c *Cloud) addTags(parameter string) func(context.Context, *wire.Call) (any, error) {
	return func(_ context.Context, call *wire.Call) (any, error) {
		ids := members(call.Form, parameter)
		if err := fewIDs(ids, parameter); err != nil {
			return nil, err
		}
		if parameter == "LoadBalancerNames" && len(ids) > 1 {
			return nil, refuse("ValidationError", "Only one load balancer can be tagged at a time")
		}
		return struct{}{}, c.At(call.Account, call.Region).Tag(tagsIn(call.Form), ids...)
	}
}

// Tag puts tags on classic load balancers by name, on others and on target groups by
// ARN: on all, or on none when one is not there.
func (p *Place) Tag(tags map[string]string, ids ...string) error {
	now := p.lock()
	defer p.unlock()
	for k := range tags {
		if strings.HasPrefix(k, "aws:") {
			return refuse("ValidationError", "aws: prefixed tag key names are not allowed for external use.")
		}
	}
	for _, id := range ids {
		t := p.find(id)
		if !t.there() {
			return p.absent(id)
		}
		merged := tagsOf(t.tags)
		maps.Copy(merged, tags)
		if len(merged) > maxTags {
			return refuse("TooManyTags", "The maximum number of tags has been reached on '%s'", id)
		}
	}
	for _, id := range ids {
		t := p.find(id)
		for k, v := range tags {
			if have, there := t.tags[k]; !there || have != v {
				t.tags[k], t.tagged[k] = v, now
			}
		}
	}
	return nil
}
