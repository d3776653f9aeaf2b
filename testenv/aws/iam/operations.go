package iam

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Operations are what the SDK may call.
func (c *Cloud) Operations() map[string]wire.Operation {
	return map[string]wire.Operation{
		"ListRoles":              {Needs: c.needs("iam:ListRoles"), Do: c.listRoles},
		"GetRole":                {Required: []string{"RoleName"}, Needs: c.needsRole("iam:GetRole"), Do: c.getRole},
		"ListRoleTags":           {Required: []string{"RoleName"}, Needs: c.needsRole("iam:ListRoleTags"), Do: c.listRoleTags},
		"UpdateAssumeRolePolicy": {Required: []string{"RoleName", "PolicyDocument"}, Needs: c.needsRole("iam:UpdateAssumeRolePolicy"), Do: c.updateTrust},

		"ListOpenIDConnectProviders":  {Needs: c.needs("iam:ListOpenIDConnectProviders"), Do: c.listProviders},
		"GetOpenIDConnectProvider":    {Required: []string{providerARN}, Needs: c.needsProvider("iam:GetOpenIDConnectProvider"), Do: c.getProvider},
		"CreateOpenIDConnectProvider": {Required: []string{"Url"}, Needs: c.needsCreate, Do: c.createProvider},
		"DeleteOpenIDConnectProvider": {Required: []string{providerARN}, Needs: c.needsProvider("iam:DeleteOpenIDConnectProvider"), Do: c.deleteProvider},
		"TagOpenIDConnectProvider":    {Required: []string{providerARN, "Tags.member.1.Key"}, Needs: c.needsTag, Do: c.tagProvider},
	}
}

const providerARN = "OpenIDConnectProviderArn"

func (c *Cloud) needs(action string) func(*wire.Call) ([]wire.Need, error) {
	return func(*wire.Call) ([]wire.Need, error) { return []wire.Need{{Action: action}}, nil }
}

// needsRole is a permission on a role, whose tags conditions may ask for.
func (c *Cloud) needsRole(action string) func(*wire.Call) ([]wire.Need, error) {
	return func(call *wire.Call) ([]wire.Need, error) {
		a := c.At(call.Account)
		need := wire.Need{Action: action, Resources: []string{a.arn("role/" + call.Form.Get("RoleName"))}}
		if r, err := a.Role(call.Form.Get("RoleName")); err == nil {
			need.Resources, need.Keys = []string{r.ARN}, ResourceTags(r.Tags)
		}
		return []wire.Need{need}, nil
	}
}

func (c *Cloud) needsProvider(action string) func(*wire.Call) ([]wire.Need, error) {
	return func(call *wire.Call) ([]wire.Need, error) {
		arn := call.Form.Get(providerARN)
		need := wire.Need{Action: action, Resources: []string{arn}}
		if p, err := c.At(call.Account).Provider(arn); err == nil {
			need.Keys = ResourceTags(p.Tags)
		}
		return []wire.Need{need}, nil
	}
}

// needsCreate: tags of what is made are a permission of their own.
func (c *Cloud) needsCreate(call *wire.Call) ([]wire.Need, error) {
	tags := tagsOf(call.Form)
	need := wire.Need{Action: "iam:CreateOpenIDConnectProvider", Resources: []string{c.At(call.Account).ProviderARN(call.Form.Get("Url"))}, Keys: RequestTags(tags)}
	if len(tags) == 0 {
		return []wire.Need{need}, nil
	}
	tagging := need
	tagging.Action = "iam:TagOpenIDConnectProvider"
	return []wire.Need{need, tagging}, nil
}

func (c *Cloud) needsTag(call *wire.Call) ([]wire.Need, error) {
	list, err := c.needsProvider("iam:TagOpenIDConnectProvider")(call)
	if err != nil {
		return nil, err
	}
	keys := RequestTags(tagsOf(call.Form))
	maps.Copy(keys, list[0].Keys)
	list[0].Keys = keys
	return list, nil
}

// ResourceTags are the condition keys of the tags that a thing has.
func ResourceTags(tags map[string]string) map[string]string {
	keys := map[string]string{}
	for k, v := range tags {
		keys["aws:ResourceTag/"+k] = v
	}
	return keys
}

// RequestTags are the condition keys of the tags that a request brings.
func RequestTags(tags map[string]string) map[string]string {
	keys := map[string]string{}
	for k, v := range tags {
		keys["aws:RequestTag/"+k] = v
	}
	if len(tags) > 0 {
		keys["aws:TagKeys"] = strings.Join(slices.Sorted(maps.Keys(tags)), ",")
	}
	return keys
}

// tagsOf reads the tags of a request.
func tagsOf(form url.Values) map[string]string {
	tags := map[string]string{}
	for n := 1; form.Has("Tags.member." + strconv.Itoa(n) + ".Key"); n++ {
		at := "Tags.member." + strconv.Itoa(n)
		tags[form.Get(at+".Key")] = form.Get(at + ".Value")
	}
	return tags
}

func members(form url.Values, key string) []string {
	var list []string
	for n := 1; form.Has(key + ".member." + strconv.Itoa(n)); n++ {
		list = append(list, form.Get(key+".member."+strconv.Itoa(n)))
	}
	return list
}

func (c *Cloud) listRoles(_ context.Context, call *wire.Call) (any, error) {
	a := c.At(call.Account)
	now := a.lock()
	defer a.unlock()
	prefix := cmp.Or(call.Form.Get("PathPrefix"), "/")
	var names []string
	for name, r := range a.roles {
		if r.seen(now, c.options.Lag) && strings.HasPrefix(r.Path, prefix) {
			names = append(names, name)
		}
	}
	names, next, err := c.page(names, call.Form)
	if err != nil {
		return nil, err
	}
	out := listRolesAnswer{Truncated: next != "", Marker: next}
	for _, name := range names {
		item := a.roles[name].item(now, c.options.Lag)
		item.Tags = nil // IAM lists roles without them
		out.Roles = append(out.Roles, item)
	}
	return out, nil
}

// page cuts out of names what a request asks for.
func (c *Cloud) page(names []string, form url.Values) (page []string, next string, err error) {
	slices.Sort(names)
	if marker := form.Get("Marker"); marker != "" {
		names = slices.DeleteFunc(names, func(n string) bool { return n <= marker })
	}
	size := c.options.Page
	if asked := form.Get("MaxItems"); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil || n < 1 || n > 1000 {
			return nil, "", refuse(http.StatusBadRequest, "ValidationError", "1 validation error detected: Value '%s' at 'maxItems' failed to satisfy constraint", asked)
		}
		size = min(n, size)
	}
	if len(names) <= size {
		return names, "", nil
	}
	return names[:size], names[size-1], nil
}

// roleSeen finds a role that IAM shows at a time.
func (a *Account) roleSeen(name string, now time.Time) (*role, error) {
	if r := a.roles[name]; r != nil && r.seen(now, a.cloud.options.Lag) {
		return r, nil
	}
	return nil, absent("The role with name %s cannot be found.", name)
}

func (c *Cloud) getRole(_ context.Context, call *wire.Call) (any, error) {
	a := c.At(call.Account)
	now := a.lock()
	defer a.unlock()
	r, err := a.roleSeen(call.Form.Get("RoleName"), now)
	if err != nil {
		return nil, err
	}
	return getRoleAnswer{Role: r.item(now, c.options.Lag)}, nil
}

func (c *Cloud) listRoleTags(_ context.Context, call *wire.Call) (any, error) {
	a := c.At(call.Account)
	now := a.lock()
	defer a.unlock()
	r, err := a.roleSeen(call.Form.Get("RoleName"), now)
	if err != nil {
		return nil, err
	}
	return listTagsAnswer{Tags: tagItems(r.Tags)}, nil
}

func (c *Cloud) updateTrust(_ context.Context, call *wire.Call) (any, error) {
	return doneAnswer{}, c.At(call.Account).UpdateTrust(call.Form.Get("RoleName"), call.Form.Get("PolicyDocument"))
}

func (c *Cloud) listProviders(_ context.Context, call *wire.Call) (any, error) {
	a := c.At(call.Account)
	now := a.lock()
	defer a.unlock()
	var out listProvidersAnswer
	for _, arn := range slices.Sorted(maps.Keys(a.providers)) {
		if a.providers[arn].seen(now, c.options.Lag) {
			out.List = append(out.List, providerItem{ARN: arn})
		}
	}
	return out, nil
}

func (c *Cloud) getProvider(_ context.Context, call *wire.Call) (any, error) {
	a := c.At(call.Account)
	now := a.lock()
	defer a.unlock()
	arn := call.Form.Get(providerARN)
	p := a.providers[arn]
	if p == nil || !p.seen(now, c.options.Lag) {
		return nil, absent("OpenIDConnect Provider not found for arn %s", arn)
	}
	return getProviderAnswer{URL: p.URL, Clients: p.Clients, Thumbprints: p.Thumbprints, Created: stamp(p.Created), Tags: tagItems(p.Tags)}, nil
}

func (c *Cloud) createProvider(_ context.Context, call *wire.Call) (any, error) {
	p, err := c.At(call.Account).CreateProvider(Provider{
		URL: call.Form.Get("Url"), Clients: members(call.Form, "ClientIDList"), Thumbprints: members(call.Form, "ThumbprintList"), Tags: tagsOf(call.Form),
	})
	if err != nil {
		return nil, err
	}
	return createProviderAnswer{ARN: p.ARN, Tags: tagItems(p.Tags)}, nil
}

func (c *Cloud) deleteProvider(_ context.Context, call *wire.Call) (any, error) {
	return doneAnswer{}, c.At(call.Account).DeleteProvider(call.Form.Get(providerARN))
}

func (c *Cloud) tagProvider(_ context.Context, call *wire.Call) (any, error) {
	return doneAnswer{}, c.At(call.Account).TagProvider(call.Form.Get(providerARN), tagsOf(call.Form))
}
