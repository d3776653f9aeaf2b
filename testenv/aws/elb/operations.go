package elb

import (
	"cmp"
	"context"
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Limits of the service on what one request may ask.
const (
	maxPage   = 400
	maxTagged = 20
	maxTags   = 50
)

// ClassicService is the API of classic load balancers, V2Service that of the others.
type (
	ClassicService struct{ cloud *Cloud }
	V2Service      struct{ cloud *Cloud }
)

// Classic returns the API of classic load balancers (version 2012-06-01).
func (c *Cloud) Classic() ClassicService { return ClassicService{c} }

// V2 returns the API of network and application load balancers (version 2015-12-01).
func (c *Cloud) V2() V2Service { return V2Service{c} }

// Operations are what the SDK may call.
func (s ClassicService) Operations() map[string]wire.Operation {
	c := s.cloud
	return map[string]wire.Operation{
		"DescribeLoadBalancers": {Needs: needs("DescribeLoadBalancers"), Do: c.describeClassic},
		"DescribeTags":          {Required: []string{"LoadBalancerNames.member.1"}, Needs: needs("DescribeTags"), Do: c.tagsOp("LoadBalancerNames", "LoadBalancerName")},
		"AddTags":               {Required: []string{"LoadBalancerNames.member.1", "Tags.member.1.Key"}, Needs: c.needsOn("AddTags", "LoadBalancerNames"), Do: c.addTags("LoadBalancerNames")},
		"DeleteLoadBalancer":    {Required: []string{"LoadBalancerName"}, Needs: c.needsOn("DeleteLoadBalancer", "LoadBalancerName"), Do: c.deleting("LoadBalancerName", (*Place).Delete)},
	}
}

// Operations are what the SDK may call.
func (s V2Service) Operations() map[string]wire.Operation {
	c := s.cloud
	return map[string]wire.Operation{
		"DescribeLoadBalancers": {Needs: needs("DescribeLoadBalancers"), Do: c.describeBalancers},
		"DescribeTargetGroups":  {Needs: needs("DescribeTargetGroups"), Do: c.describeGroups},
		"DescribeTags":          {Required: []string{"ResourceArns.member.1"}, Needs: needs("DescribeTags"), Do: c.tagsOp("ResourceArns", "ResourceArn")},
		"AddTags":               {Required: []string{"ResourceArns.member.1", "Tags.member.1.Key"}, Needs: c.needsOn("AddTags", "ResourceArns"), Do: c.addTags("ResourceArns")},
		"DeleteLoadBalancer":    {Required: []string{"LoadBalancerArn"}, Needs: c.needsOn("DeleteLoadBalancer", "LoadBalancerArn"), Do: c.deleting("LoadBalancerArn", (*Place).Delete)},
		"DeleteTargetGroup":     {Required: []string{"TargetGroupArn"}, Needs: c.needsOn("DeleteTargetGroup", "TargetGroupArn"), Do: c.deleting("TargetGroupArn", (*Place).DeleteTargetGroup)},
	}
}

func needs(operation string) func(*wire.Call) ([]wire.Need, error) {
	return func(*wire.Call) ([]wire.Need, error) {
		return []wire.Need{{Action: "elasticloadbalancing:" + operation}}, nil
	}
}

// members are the values of a list.
func members(form url.Values, list string) []string {
	var found []string
	for n := 1; form.Has(list + ".member." + strconv.Itoa(n)); n++ {
		found = append(found, form.Get(list+".member."+strconv.Itoa(n)))
	}
	return found
}

// needsOn is a permission on each thing that a parameter names, with the tags that the
// service knows of: what is gone has none any more.
func (c *Cloud) needsOn(operation, parameter string) func(*wire.Call) ([]wire.Need, error) {
	return func(call *wire.Call) ([]wire.Need, error) {
		p := c.At(call.Account, call.Region)
		now := p.lock()
		defer p.unlock()
		ids := members(call.Form, parameter)
		if id := call.Form.Get(parameter); id != "" {
			ids = []string{id}
		}
		list := make([]wire.Need, len(ids))
		for i, id := range ids {
			keys := map[string]string{}
			t := p.find(id)
			for k, v := range t.known(now, c.options.Lag) {
				keys["aws:ResourceTag/"+k], keys["elasticloadbalancing:ResourceTag/"+k] = v, v
			}
			asked := tagsIn(call.Form)
			for k, v := range asked {
				keys["aws:RequestTag/"+k] = v
			}
			if len(asked) > 0 {
				keys["aws:TagKeys"] = strings.Join(slices.Sorted(maps.Keys(asked)), ",")
			}
			list[i] = wire.Need{Action: "elasticloadbalancing:" + operation, Resources: []string{t.arn}, Keys: keys}
		}
		return list, nil
	}
}

// target is what requests call by a name or an ARN.
type target struct {
	arn  string
	tags map[string]string
	// life is nil for what was never there.
	*life
}

func (p *Place) find(id string) target {
	if b := p.balancer(id); b != nil {
		return target{b.ARN, b.Tags, &b.life}
	}
	if g := p.group(id); g != nil {
		return target{g.ARN, g.Tags, &g.life}
	}
	if strings.HasPrefix(id, "arn:") {
		return target{arn: id}
	}
	return target{arn: p.arn("loadbalancer/" + id)}
}

// there tells whether it has not been removed.
func (t target) there() bool { return t.life != nil && t.lives() }

// known are the tags that permissions see.
func (t target) known(now time.Time, lag time.Duration) map[string]string {
	if t.life == nil || !t.lives() && !now.Before(t.gone.Add(lag)) {
		return nil
	}
	tags := tagsOf(t.tags)
	maps.DeleteFunc(tags, func(k, _ string) bool {
		put, late := t.tagged[k]
		return late && now.Before(put.Add(lag))
	})
	return tags
}

func tagsIn(form url.Values) map[string]string {
	tags := map[string]string{}
	for n := 1; form.Has("Tags.member." + strconv.Itoa(n) + ".Key"); n++ {
		at := "Tags.member." + strconv.Itoa(n)
		tags[form.Get(at+".Key")] = form.Get(at + ".Value")
	}
	return tags
}

// page cuts out of a list what a request asks for. Markers name the last thing of a
// page, so that nothing is left out when things are made or removed between two pages.
func page[T any](list []T, serial func(T) uint64, form url.Values, limit int) ([]T, string, error) {
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(serial(a), serial(b)) })
	if marker := form.Get("Marker"); marker != "" {
		raw, err := base64.StdEncoding.DecodeString(marker)
		last, bad := strconv.ParseUint(string(raw), 10, 64)
		if err != nil || bad != nil {
			return nil, "", refuse("ValidationError", "Marker '%s' is not valid", marker)
		}
		list = slices.DeleteFunc(list, func(t T) bool { return serial(t) <= last })
	}
	size := maxPage
	if asked := form.Get("PageSize"); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil || n < 1 || n > maxPage {
			return nil, "", refuse("ValidationError", "1 validation error detected: Value '%s' at 'pageSize' failed to satisfy constraint: Member must have value between 1 and %d", asked, maxPage)
		}
		size = n
	}
	if limit > 0 {
		size = min(size, limit)
	}
	if len(list) <= size {
		return list, "", nil
	}
	list = list[:size]
	return list, base64.StdEncoding.EncodeToString([]byte(strconv.FormatUint(serial(list[size-1]), 10))), nil
}

// visible are the load balancers that a describe operation shows: all, or those that
// are named.
func (p *Place) visible(now time.Time, classic bool, names, arns []string) ([]*Balancer, error) {
	var all []*Balancer
	for _, b := range p.balancers {
		if (b.Kind == Classic) == classic && p.seen(b.Created, b.gone, now) {
			all = append(all, b)
		}
	}
	return chosen(all, func(id string) *wire.Error {
		if classic {
			return noBalancer(id)
		}
		return noBalancer("arn:")
	}, choice[*Balancer]{names, func(b *Balancer) string { return b.Name }}, choice[*Balancer]{arns, func(b *Balancer) string { return b.ARN }})
}

// choice is a list of what requests call some things.
type choice[T any] struct {
	ids []string
	of  func(T) string
}

// chosen keeps those that are asked for; all of them have to be there.
func chosen[T any](all []T, absent func(string) *wire.Error, by ...choice[T]) ([]T, error) {
	for _, c := range by {
		for _, id := range c.ids {
			if !slices.ContainsFunc(all, func(t T) bool { return c.of(t) == id }) {
				return nil, absent(id)
			}
		}
		all = slices.DeleteFunc(all, func(t T) bool { return len(c.ids) > 0 && !slices.Contains(c.ids, c.of(t)) })
	}
	return all, nil
}

func (c *Cloud) deleting(parameter string, do func(*Place, string) error) func(context.Context, *wire.Call) (any, error) {
	return func(_ context.Context, call *wire.Call) (any, error) {
		id := call.Form.Get(parameter)
		if kind := malformed(parameter, id); kind != "" {
			return nil, refuse("ValidationError", "'%s' is not a valid %s ARN", id, kind)
		}
		if err := do(c.At(call.Account, call.Region), id); err != nil {
			return nil, err
		}
		return struct{}{}, nil
	}
}

// malformed says what an ARN should have been of; it is empty for one that is well
// formed, and for what is no ARN.
func malformed(parameter, id string) string {
	switch {
	case parameter == "LoadBalancerArn" && !strings.Contains(id, ":loadbalancer/"):
		return "load balancer"
	case parameter == "TargetGroupArn" && !strings.Contains(id, ":targetgroup/"):
		return "target group"
	}
	return ""
}
