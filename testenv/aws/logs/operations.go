package logs

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Operations are what the SDK may call.
func (c *Cloud) Operations() map[string]wire.Operation {
	return map[string]wire.Operation{
		"DescribeLogGroups":   {Needs: c.needs("logs:DescribeLogGroups"), Do: c.describe},
		"DeleteLogGroup":      {Required: []string{"logGroupName"}, Needs: c.needs("logs:DeleteLogGroup"), Do: c.remove},
		"ListTagsForResource": {Required: []string{"resourceArn"}, Needs: c.needs("logs:ListTagsForResource"), Do: c.listTags},
		"TagResource":         {Required: []string{"resourceArn", "tags"}, Needs: c.needs("logs:TagResource"), Do: c.tag},
	}
}

// request is what the operations may be asked. Members that are not known here make a
// request fail: they would not be heeded.
type request struct {
	Name   string            `json:"logGroupName"`
	Prefix string            `json:"logGroupNamePrefix"`
	Limit  *int              `json:"limit"`
	Next   string            `json:"nextToken"`
	ARN    string            `json:"resourceArn"`
	Tags   map[string]string `json:"tags"`
}

func read(c *wire.Call) (request, error) {
	var r request
	d := json.NewDecoder(strings.NewReader(string(c.Body)))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, refuse("SerializationException", "%v", err)
	}
	return r, nil
}

// needs is a permission on the group that a request names; on all when it names none.
func (c *Cloud) needs(action string) func(*wire.Call) ([]wire.Need, error) {
	return func(call *wire.Call) ([]wire.Need, error) {
		r, err := read(call)
		if err != nil {
			return nil, err
		}
		p := c.At(call.Account, call.Region)
		need := wire.Need{Action: action, Resources: []string{p.arn(r.Prefix + "*")}, Keys: map[string]string{}}
		name := r.Name
		switch {
		case r.ARN != "":
			name, need.Resources = strings.TrimPrefix(r.ARN, p.arn("")), []string{r.ARN}
		case name != "":
			need.Resources = []string{p.arn(name + ":log-stream:")} // as the denials of CloudWatch Logs have it
		}
		if g, err := p.Group(name); err == nil {
			for k, v := range g.Tags {
				need.Keys["aws:ResourceTag/"+k] = v
			}
		}
		for k, v := range r.Tags {
			need.Keys["aws:RequestTag/"+k] = v
		}
		if len(r.Tags) > 0 {
			need.Keys["aws:TagKeys"] = strings.Join(slices.Sorted(maps.Keys(r.Tags)), ",")
		}
		return []wire.Need{need}, nil
	}
}

// named finds the group that an ARN names: CloudWatch Logs wants it without ":*".
func (p *Place) named(arn string) (string, error) {
	name, ours := strings.CutPrefix(arn, p.arn(""))
	if !ours || !groupName.MatchString(name) {
		return "", refuse("ValidationException", "The ARN %q is not that of a log group", arn)
	}
	return name, nil
}

type groupItem struct {
	Name      string `json:"logGroupName"`
	Created   int64  `json:"creationTime"`
	ARN       string `json:"arn"`
	Group     string `json:"logGroupArn"`
	Class     string `json:"logGroupClass"`
	Protected bool   `json:"deletionProtectionEnabled"`
	Bytes     int64  `json:"storedBytes"`
	Metrics   int    `json:"metricFilterCount"`
}

type describeAnswer struct {
	Groups []groupItem `json:"logGroups"`
	Next   string      `json:"nextToken,omitempty"`
}

type tagsAnswer struct {
	Tags map[string]string `json:"tags"`
}

func (c *Cloud) describe(_ context.Context, call *wire.Call) (any, error) {
	r, err := read(call)
	if err != nil {
		return nil, err
	}
	size := c.options.Page
	if r.Limit != nil {
		if *r.Limit < 1 || *r.Limit > 50 {
			return nil, refuse("InvalidParameterException", "1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint", *r.Limit)
		}
		size = min(size, *r.Limit)
	}
	p := c.At(call.Account, call.Region)
	now := p.lock()
	defer p.unlock()
	out := describeAnswer{Groups: []groupItem{}}
	for _, name := range slices.Sorted(maps.Keys(p.groups)) {
		g := p.groups[name]
		if !g.seen(now, c.options.Lag) || !strings.HasPrefix(name, r.Prefix) || r.Next != "" && name <= r.Next {
			continue
		}
		if len(out.Groups) == size {
			out.Next = out.Groups[size-1].Name
			break
		}
		out.Groups = append(out.Groups, groupItem{Name: name, Created: g.Created.UnixMilli(), ARN: p.arn(name) + ":*", Group: p.arn(name), Class: "STANDARD", Protected: g.Protected})
	}
	return out, nil
}

func (c *Cloud) remove(_ context.Context, call *wire.Call) (any, error) {
	r, err := read(call)
	if err != nil {
		return nil, err
	}
	return struct{}{}, c.At(call.Account, call.Region).DeleteGroup(r.Name)
}

func (c *Cloud) listTags(_ context.Context, call *wire.Call) (any, error) {
	r, err := read(call)
	if err != nil {
		return nil, err
	}
	p := c.At(call.Account, call.Region)
	name, err := p.named(r.ARN)
	if err != nil {
		return nil, err
	}
	g, err := p.Group(name)
	if err != nil {
		return nil, err
	}
	return tagsAnswer{Tags: g.Tags}, nil
}

func (c *Cloud) tag(_ context.Context, call *wire.Call) (any, error) {
	r, err := read(call)
	if err != nil {
		return nil, err
	}
	p := c.At(call.Account, call.Region)
	name, err := p.named(r.ARN)
	if err != nil {
		return nil, err
	}
	return struct{}{}, p.Tag(name, r.Tags)
}
