package ec2

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Limits of EC2 on what one request may ask.
const (
	maxResults = 1000
	minResults = 5
	maxFilters = 50
	maxValues  = 200
)

// numbered returns the values of KEY.1, KEY.2 and so on.
func numbered(form url.Values, key string) []string {
	var list []string
	for n := 1; form.Has(key + "." + strconv.Itoa(n)); n++ {
		list = append(list, form.Get(key+"."+strconv.Itoa(n)))
	}
	return list
}

// filter is one that things have to pass: they need one of the values.
type filter struct {
	name   string
	values []*regexp.Regexp
}

// filters of a request. There is no check yet of whether their names are known.
func filters(form url.Values) ([]filter, error) {
	var list []filter
	values := 0
	for n := 1; form.Has("Filter." + strconv.Itoa(n) + ".Name"); n++ {
		at := "Filter." + strconv.Itoa(n)
		f := filter{name: form.Get(at + ".Name")}
		for _, v := range numbered(form, at+".Value") {
			f.values = append(f.values, pattern(v))
		}
		if len(f.values) == 0 {
			return nil, refuse("InvalidParameterValue", "The filter '%s' is invalid: it has no value", f.name)
		}
		values += len(f.values)
		list = append(list, f)
	}
	if len(list) > maxFilters || values > maxValues {
		return nil, refuse("FilterLimitExceeded", "The maximum number of filter values specified on a single call is %d", maxValues)
	}
	return list, nil
}

// pattern makes a filter's value what it matches: "*" stands for any characters, "?"
// for one; a backslash takes that from them.
func pattern(value string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	literal := false
	for _, r := range value {
		switch {
		case literal:
			b.WriteString(regexp.QuoteMeta(string(r)))
			literal = false
		case r == '\\':
			literal = true
		case r == '*':
			b.WriteString(".*")
		case r == '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	if literal {
		b.WriteString(`\\`)
	}
	b.WriteString(`\z`)
	return regexp.MustCompile(b.String())
}

// fields are what a thing can be filtered by: values by the filter's name. All known
// names are there, also those that have no value.
type fields map[string][]string

// passes tells whether a thing with these fields and tags passes.
func (f filter) passes(has fields, tags map[string]string) (bool, error) {
	var values []string
	key, byTag := strings.CutPrefix(f.name, "tag:")
	switch {
	case tags != nil && byTag:
		if v, there := tags[key]; there {
			values = []string{v}
		}
	case tags != nil && f.name == "tag-key":
		for k := range tags {
			values = append(values, k)
		}
	default:
		known := false
		if values, known = has[f.name]; !known {
			return false, refuse("InvalidParameterValue", "The filter '%s' is invalid", f.name)
		}
	}
	return slices.ContainsFunc(values, func(v string) bool {
		return slices.ContainsFunc(f.values, func(p *regexp.Regexp) bool { return p.MatchString(v) })
	}), nil
}

// listing says how things of one kind are described.
type listing[T thinger] struct {
	kind kind
	// ids is the parameter that names things.
	ids   string
	shelf func(*Place) shelf[T]
	// fields of a thing, at a time; the first argument may be a thing without anything.
	fields func(*Place, T, time.Time) fields
	empty  T
	// together: IDs and MaxResults may both be given.
	together bool
}

// describe answers a describe operation: what passes, and the token of the next page.
// The place has to be locked.
func (l listing[T]) describe(p *Place, form url.Values, now time.Time) ([]T, string, error) {
	wanted, err := filters(form)
	if err != nil {
		return nil, "", err
	}
	for _, f := range wanted {
		if _, err := f.passes(l.fields(p, l.empty, now), map[string]string{}); err != nil {
			return nil, "", err
		}
	}
	ids := numbered(form, l.ids)
	if len(ids) > 0 && form.Has("MaxResults") && !l.together {
		return nil, "", refuse("InvalidParameterCombination", "The parameter %s cannot be used with the parameter maxResults", l.ids)
	}
	list, err := l.named(l.shelf(p).seen(now, p.cloud.options.Lag), ids)
	if err != nil {
		return nil, "", err
	}
	var found []T
	for _, t := range list {
		passes := true
		for _, f := range wanted {
			is, err := f.passes(l.fields(p, t, now), t.thing().Tags)
			if err != nil {
				return nil, "", err
			}
			passes = passes && is
		}
		if passes {
			found = append(found, t)
		}
	}
	return page(found, form, p.cloud.options.Page)
}

// named keeps those that IDs name, all when there are none.
func (l listing[T]) named(list []T, ids []string) ([]T, error) {
	if len(ids) == 0 {
		return list, nil
	}
	for _, id := range ids {
		if err := l.kind.check(id); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(list, func(t T) bool { return t.thing().ID == id }) {
			return nil, l.kind.absent(id)
		}
	}
	return slices.DeleteFunc(list, func(t T) bool { return !slices.Contains(ids, t.thing().ID) }), nil
}

// page cuts out of a list what a request asks for. Tokens name the last thing of a
// page, so that nothing is left out when things are made or removed between two pages.
func page[T thinger](list []T, form url.Values, limit int) ([]T, string, error) {
	if token := form.Get("NextToken"); token != "" {
		raw, err := base64.URLEncoding.DecodeString(token)
		last, bad := strconv.ParseUint(string(raw), 10, 64)
		if err != nil || bad != nil {
			return nil, "", refuse("InvalidNextToken", "The specified token '%s' is invalid.", token)
		}
		list = slices.DeleteFunc(list, func(t T) bool { return t.thing().serial <= last })
	}
	size := maxResults
	if asked := form.Get("MaxResults"); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil || n < minResults {
			return nil, "", refuse("InvalidParameterValue", "Value ( %s ) for parameter maxResults is invalid. Expecting a value greater than or equal to %d.", asked, minResults)
		}
		size = min(n, maxResults)
	}
	if limit > 0 {
		size = min(size, limit)
	}
	if len(list) <= size {
		return list, "", nil
	}
	list = list[:size]
	last := strconv.FormatUint(list[size-1].thing().serial, 10)
	return list, base64.URLEncoding.EncodeToString([]byte(last)), nil
}

// rules of a request about a security group.
func rules(form url.Values) ([]Rule, error) {
	var list []Rule
	for n := 1; form.Has("IpPermissions." + strconv.Itoa(n) + ".IpProtocol"); n++ {
		at := "IpPermissions." + strconv.Itoa(n)
		base := Rule{Protocol: form.Get(at + ".IpProtocol")}
		var err error
		if base.Protocol != "-1" {
			if base.From, err = port(form.Get(at + ".FromPort")); err != nil {
				return nil, err
			}
			if base.To, err = port(form.Get(at + ".ToPort")); err != nil {
				return nil, err
			}
		}
		sides := []struct {
			list, member string
			set          func(*Rule, string)
		}{
			{"Groups", "GroupId", func(r *Rule, v string) { r.Group = v }},
			{"IpRanges", "CidrIp", func(r *Rule, v string) { r.CIDR = v }},
			{"Ipv6Ranges", "CidrIpv6", func(r *Rule, v string) { r.CIDR6 = v }},
		}
		for _, side := range sides {
			for m := 1; form.Has(at + "." + side.list + "." + strconv.Itoa(m) + "." + side.member); m++ {
				r := base
				side.set(&r, form.Get(at+"."+side.list+"."+strconv.Itoa(m)+"."+side.member))
				list = append(list, r)
			}
		}
	}
	if len(list) == 0 {
		return nil, refuse("MissingParameter", "The request must contain the parameter ipPermissions")
	}
	return list, nil
}

func port(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < -1 || n > 65535 {
		return 0, refuse("InvalidParameterValue", "Invalid value '%s' for portRange.", text)
	}
	return n, nil
}

// tagsIn are the tags of a request to make some.
func tagsIn(form url.Values) (map[string]string, error) {
	tags := map[string]string{}
	for n := 1; form.Has("Tag." + strconv.Itoa(n) + ".Key"); n++ {
		key, value := form.Get("Tag."+strconv.Itoa(n)+".Key"), form.Get("Tag."+strconv.Itoa(n)+".Value")
		_, twice := tags[key]
		switch {
		case key == "" || len([]rune(key)) > 127 || len([]rune(value)) > 255:
			return nil, refuse("InvalidParameterValue", "Tag key or value exceeds the maximum length, or the key is empty")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, refuse("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
		case twice:
			return nil, refuse("InvalidParameterValue", "Duplicate tag key '%s' specified.", key)
		}
		tags[key] = value
	}
	if len(tags) == 0 {
		return nil, refuse("MissingParameter", "The request must contain the parameter tagSet")
	}
	return tags, nil
}

// dry answers a request that only asks whether it would be allowed.
func dry(c *wire.Call) error {
	if c.Form.Get("DryRun") == "true" {
		return &wire.Error{Status: 412, Code: "DryRunOperation", Message: "Request would have succeeded, but DryRun flag is set."}
	}
	return nil
}
