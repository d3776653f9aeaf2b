package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Denial is a permission that somebody does not have.
type Denial struct {
	// Principal is the ARN of who wanted it.
	Principal        string
	Action, Resource string
	Decision         Decision
}

// Error is what AWS says of it.
func (d *Denial) Error() string {
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s %s", d.Principal, d.Action, d.Resource, d.Decision.Because(d.Action))
}

// Check tells which of the permissions that a call needs its principal does not have by
// these policies; nil when none is missing. What AWS knows of every request is added to
// the condition keys of each: the region, and who asks.
func Check(c *wire.Call, needs []wire.Need, documents ...*Document) *Denial {
	for _, n := range needs {
		resources := n.Resources
		if len(resources) == 0 {
			resources = []string{"*"}
		}
		keys := keysOf(c, n)
		for _, r := range resources {
			if d := Decide(Request{Action: n.Action, Resource: r, Keys: keys}, documents...); !d.Allowed {
				return &Denial{Principal: c.Principal, Action: n.Action, Resource: r, Decision: d}
			}
		}
	}
	return nil
}

// globalRegion is the region of services that have none.
const globalRegion = "us-east-1"

func keysOf(c *wire.Call, n wire.Need) map[string][]string {
	region := c.Region
	if strings.HasPrefix(n.Action, "iam:") {
		region = globalRegion
	}
	keys := map[string][]string{
		"aws:RequestedRegion": {region}, "aws:PrincipalAccount": {c.Account}, "aws:PrincipalArn": {c.Principal}, "aws:SecureTransport": {"true"},
	}
	for k, v := range n.Keys {
		if keys[k] = []string{v}; slices.Contains(several, strings.ToLower(k)) {
			keys[k] = strings.Split(v, ",")
		}
	}
	return keys
}
