package eks

import (
	"context"
	"maps"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// tagged finds what the ARN of a call names; nil for nothing.
func (c *Cloud) tagged(call *wire.Call, now time.Time) *thing {
	arn := call.Path["resourceArn"]
	for _, k := range c.clusters {
		if k.where != of(call) || !k.there(now) {
			continue
		}
		if k.arn == arn {
			return &k.thing
		}
		for _, n := range k.nodes {
			if n.arn == arn && n.there(now) {
				return &n.thing
			}
		}
		for _, a := range k.addons {
			if a.arn == arn && a.there(now) {
				return &a.thing
			}
		}
		for _, e := range k.entries {
			if e.arn == arn && e.there(now) {
				return &e.thing
			}
		}
		for _, i := range k.identities {
			if i.arn == arn && i.there(now) {
				return &i.thing
			}
		}
	}
	return nil
}

// tags runs do with what the ARN of a call names.
func (c *Cloud) tags(call *wire.Call, do func(*thing, time.Time)) error {
	now := c.lock()
	defer c.mu.Unlock()
	t := c.tagged(call, now)
	if t == nil {
		return refuse(404, "NotFoundException", "No resource found for %s", call.Path["resourceArn"])
	}
	do(t, now)
	return nil
}

func (c *Cloud) tag(_ context.Context, call *wire.Call) (any, error) {
	in, err := body[struct {
		Tags map[string]string `json:"tags"`
	}](call)
	if err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, &wire.Error{Status: 400, Code: "BadRequestException", Message: err.Error()}
	}
	return nil, c.tags(call, func(t *thing, now time.Time) { t.put(in.Tags, now) })
}

// put puts tags on a thing, which permissions see later.
func (t *thing) put(tags map[string]string, now time.Time) {
	if t.tags == nil {
		t.tags = map[string]string{}
	}
	if t.tagged == nil {
		t.tagged = map[string]time.Time{}
	}
	for key, value := range tags {
		if have, there := t.tags[key]; !there || have != value {
			t.tags[key], t.tagged[key] = value, now
		}
	}
}

func (c *Cloud) untag(_ context.Context, call *wire.Call) (any, error) {
	return nil, c.tags(call, func(t *thing, _ time.Time) {
		for _, key := range call.Query["tagKeys"] {
			delete(t.tags, key)
		}
	})
}

func (c *Cloud) listTags(_ context.Context, call *wire.Call) (any, error) {
	var tags map[string]string
	err := c.tags(call, func(t *thing, _ time.Time) { tags = maps.Clone(t.tags) })
	return map[string]any{"tags": tags}, err
}
