package ec2

import (
	"maps"
	"strings"
	"time"
)

// maxTags is how many tags a thing may have, without those of AWS itself.
const maxTags = 50

// Tag puts tags on things of any kind, as AWS itself may: all of them, or none when one
// is not there.
func (p *Place) Tag(tags map[string]string, ids ...string) error {
	now := p.lock()
	defer p.unlock()
	things := make([]*Thing, len(ids))
	for i, id := range ids {
		_, t, err := p.anything(id)
		if err != nil {
			return err
		}
		things[i] = t
		merged := tagsOf(t.Tags)
		maps.Copy(merged, tags)
		maps.DeleteFunc(merged, func(k, _ string) bool { return strings.HasPrefix(k, "aws:") })
		if len(merged) > maxTags {
			return refuse("TagLimitExceeded", "You have reached the maximum number of tags for %s.", id)
		}
	}
	for _, t := range things {
		t.put(tags, now)
	}
	return nil
}

func (t *Thing) put(tags map[string]string, now time.Time) {
	if t.tagged == nil {
		t.tagged = map[string]time.Time{}
	}
	for k, v := range tags {
		if have, there := t.Tags[k]; !there || have != v {
			t.Tags[k], t.tagged[k] = v, now
		}
	}
}

// known are the tags that permissions see.
func (t *Thing) known(now time.Time, lag time.Duration) map[string]string {
	tags := tagsOf(t.Tags)
	maps.DeleteFunc(tags, func(k, _ string) bool {
		put, late := t.tagged[k]
		return late && now.Before(put.Add(lag))
	})
	return tags
}

// Untag removes tags from a thing.
func (p *Place) Untag(id string, keys ...string) error {
	p.lock()
	defer p.unlock()
	_, t, err := p.anything(id)
	if err != nil {
		return err
	}
	for _, k := range keys {
		delete(t.Tags, k)
	}
	return nil
}

// anything finds a thing of any kind by its ID.
func (p *Place) anything(id string) (kind, *Thing, error) {
	prefix, _, _ := strings.Cut(id, "-")
	for k, w := range vocabulary {
		if w.prefix == prefix {
			t, err := p.thing(k, id)
			return k, t, err
		}
	}
	return "", nil, refuse("InvalidID", "The ID '%s' is not valid", id)
}

// thing finds what a thing of a kind has in common with all others.
func (p *Place) thing(k kind, id string) (*Thing, error) { return p.shelves()[k].find(k, id) }
