package eks

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// identity gives the pods of a service account a role.
type identity struct {
	thing
	id, arn, namespace, account, role string
}

func (c *Cloud) createIdentity(_ context.Context, call *wire.Call) (any, error) {
	in, err := body[struct {
		Namespace string            `json:"namespace"`
		Account   string            `json:"serviceAccount"`
		Role      string            `json:"roleArn"`
		Tags      map[string]string `json:"tags"`
		Token     string            `json:"clientRequestToken"`
	}](call)
	if err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.active(call, now)
	if err != nil {
		return nil, err
	}
	for _, i := range k.identities {
		if i.namespace != in.Namespace || i.account != in.Account || !i.there(now) {
			continue
		}
		same, err := i.again(call, in.Token)
		if same {
			return map[string]any{"association": k.describeIdentity(i)}, nil
		}
		return nil, cmp.Or(err, error(inUse("Association already exists: %s", i.id)))
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	if err := c.parts.Roles.Assumable(k.account, in.Role, "pods.eks.amazonaws.com"); err != nil {
		return nil, err
	}
	id := "a-" + c.digits("identity")[:17]
	i := &identity{thing: begun(call, now, in.Token, in.Tags), id: id, namespace: in.Namespace, account: in.Account, role: in.Role,
		arn: k.where.arn("podidentityassociation/" + k.name + "/" + id)}
	k.identities = append(k.identities, i)
	return map[string]any{"association": k.describeIdentity(i)}, nil
}

func (k *cluster) describeIdentity(i *identity) map[string]any {
	out := k.identitySummary(i)
	out["roleArn"], out["tags"], out["createdAt"], out["modifiedAt"] = i.role, maps.Clone(i.tags), seconds(i.made), seconds(i.made)
	return out
}

// identitySummary is what lists have of an association.
func (k *cluster) identitySummary(i *identity) map[string]any {
	return map[string]any{"clusterName": k.name, "namespace": i.namespace, "serviceAccount": i.account, "associationId": i.id, "associationArn": i.arn}
}

// identity finds an association by its ID; nil for none.
func (k *cluster) identity(id string, now time.Time) *identity {
	for _, i := range k.identities {
		if i.id == id && i.there(now) {
			return i
		}
	}
	return nil
}

func noIdentity(id string) *wire.Error {
	return absent("Association ID %s could not be found.", id)
}

func (c *Cloud) describeIdentityOf(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.shown(call, now)
	if err != nil {
		return nil, err
	}
	for _, i := range k.identities {
		if i.id == call.Path["associationId"] && i.seen(now, c.options.Lag) {
			return map[string]any{"association": k.describeIdentity(i)}, nil
		}
	}
	return nil, noIdentity(call.Path["associationId"])
}

func (c *Cloud) listIdentities(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.shown(call, now)
	if err != nil {
		return nil, err
	}
	var list []map[string]any
	for _, i := range k.identities {
		if i.seen(now, c.options.Lag) && slices.Contains([]string{"", i.namespace}, call.Query.Get("namespace")) &&
			slices.Contains([]string{"", i.account}, call.Query.Get("serviceAccount")) {
			list = append(list, k.identitySummary(i))
		}
	}
	return page(c, call, "associations", list)
}

func (c *Cloud) deleteIdentity(_ context.Context, call *wire.Call) (any, error) {
	now := c.lock()
	defer c.mu.Unlock()
	k, err := c.owner(call, now)
	if err != nil {
		return nil, err
	}
	i := k.identity(call.Path["associationId"], now)
	if i == nil {
		return nil, noIdentity(call.Path["associationId"])
	}
	i.gone = now
	return map[string]any{"association": k.describeIdentity(i)}, nil
}
