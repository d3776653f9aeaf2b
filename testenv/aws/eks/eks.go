// Package eks simulates Amazon EKS in all accounts and regions: clusters, node groups,
// add-ons, access entries and pod identity associations.
//
// In go the calls of the SDK (Operations), out come the answers and errors that EKS
// gives. What answers at a cluster's address is somebody else's (Planes); the networks,
// machines, roles and logs are those of the other simulated services (Parts). Things
// change by the clock that New is given, whenever somebody looks; what describe and list
// operations answer lags behind by Options.Lag.
package eks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Options say how a Cloud behaves.
type Options struct {
	// Clock tells the time; required.
	Clock func() time.Time
	// Delay is how long it takes to make or remove something.
	Delay time.Duration
	// Lag is how long EKS answers as before something was made or removed.
	Lag time.Duration
	// Page is how many items a list has at most; 100 when 0.
	Page int
}

// Plane is what answers at one cluster's address.
type Plane struct {
	Account, Region, Cluster string
	// ID is unique for this one cluster.
	ID string
	// Admits tells the groups of a principal, and whether it is let in.
	Admits func(principal string) (groups []string, admitted bool)
	// VPC, Subnets and Group (the cluster's security group) are where it is.
	VPC     string
	Subnets []string
	Group   string
}

// Planes makes what answers at clusters' addresses.
type Planes interface {
	// Start may take long. The authority is PEM.
	Start(ctx context.Context, p Plane) (endpoint string, authority []byte, err error)
	Stop(p Plane)
}

// Roles is IAM: an error when a service of AWS may not take on a role.
type Roles interface {
	Assumable(account, role, service string) error
}

// LogGroups is CloudWatch Logs: a group is made unless it is there.
type LogGroups interface {
	Ensure(account, region, name string)
}

// ServiceRoles is IAM: the roles that services of AWS make for themselves, with their
// caller's permissions.
type ServiceRoles interface {
	// Needs are the permissions that it takes to have the role of a service.
	Needs(account, service string) []wire.Need
	// Make makes the role of a service unless it is there.
	Make(account, service string) error
}

// Parts are what a Cloud is made of.
type Parts struct {
	Planes  Planes
	Network *ec2.Cloud
	Roles   Roles
	// ServiceRoles may be nil: then all of them are there.
	ServiceRoles ServiceRoles
	Logs         LogGroups
}

// Cloud is EKS in all accounts and regions.
type Cloud struct {
	options Options
	parts   Parts

	mu       sync.Mutex
	clusters []*cluster // oldest first; those that are gone stay until nobody sees them
	serial   int
	limits   map[where]int
	versions []Version
}

type where struct{ account, region string }

// New returns a Cloud without any cluster in it, that offers 1.34 to 1.36.
func New(o Options, p Parts) *Cloud {
	if o.Page <= 0 {
		o.Page = 100
	}
	return &Cloud{options: o, parts: p, limits: map[where]int{}, versions: usualVersions}
}

// Limit sets how many clusters there may be in an account and region.
func (c *Cloud) Limit(account, region string, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limits[where{account, region}] = most
}

// usualLimit is EKS' quota of clusters.
const usualLimit = 100

// thing is what all have: when it was made, and from when on it is gone.
type thing struct {
	made time.Time
	// gone is when it is removed; the zero time when nobody wants that.
	gone time.Time
	tags map[string]string
	// tagged is when a tag was put on it later.
	tagged map[string]time.Time
	// token and request are those of the call that made it.
	token, request string
	// changed is when somebody began to change it last.
	changed time.Time
}

// What EKS says of how things are.
const (
	creating = "CREATING"
	active   = "ACTIVE"
	updating = "UPDATING"
	deleting = "DELETING"
	failed   = "FAILED"
)

// seen tells whether describe operations show it.
func (t *thing) seen(now time.Time, lag time.Duration) bool {
	return !now.Before(t.made.Add(lag)) && (t.gone.IsZero() || now.Before(t.gone.Add(lag)))
}

// there tells whether it has not been removed.
func (t *thing) there(now time.Time) bool { return t.gone.IsZero() || now.Before(t.gone) }

// ending tells whether it is being removed.
func (t *thing) ending() bool { return !t.gone.IsZero() }

// cluster is one.
type cluster struct {
	thing
	where
	name, id string
	// arn, issuer and group are AWS' names for it, who signs its tokens, and its
	// security group.
	arn, issuer, group string
	vpc                string
	asked              createCluster
	protected          bool
	// endpoint and authority (PEM) are empty until the control plane runs; failed says
	// why it does not.
	endpoint, failed string
	authority        []byte
	// laid: there are its security group and its interfaces.
	laid       bool
	interfaces []string

	nodes      []*nodeGroup
	addons     []*addon
	entries    []*entry
	identities []*identity
}

// status is what EKS says of it.
func (k *cluster) status(now time.Time, delay time.Duration) string {
	switch {
	case k.ending():
		return deleting
	case k.failed != "":
		return failed
	case k.endpoint == "" || now.Before(k.made.Add(delay)):
		return creating
	case now.Before(k.changed.Add(delay)):
		return updating
	}
	return active
}

// lock locks the cloud, and brings it up to the time that it returns.
func (c *Cloud) lock() time.Time {
	c.mu.Lock()
	now := c.options.Clock()
	for _, k := range c.clusters {
		c.advance(k, now)
	}
	c.clusters = slices.DeleteFunc(c.clusters, func(k *cluster) bool { return !k.there(now) && !k.seen(now, c.options.Lag) })
	return now
}

// advance does what time does to a cluster.
func (c *Cloud) advance(k *cluster, now time.Time) {
	for _, n := range k.nodes {
		c.replace(k, n)
	}
	k.nodes = slices.DeleteFunc(k.nodes, func(n *nodeGroup) bool { return !n.there(now) && !n.seen(now, c.options.Lag) })
	k.addons = slices.DeleteFunc(k.addons, func(a *addon) bool { return !a.there(now) && !a.seen(now, c.options.Lag) })
	k.entries = slices.DeleteFunc(k.entries, func(e *entry) bool { return !e.there(now) && !e.seen(now, c.options.Lag) })
	k.identities = slices.DeleteFunc(k.identities, func(i *identity) bool { return !i.there(now) && !i.seen(now, c.options.Lag) })
	if !k.there(now) && k.laid {
		c.clear(k)
	}
}

// find returns the cluster of a name that describe operations show; nil for none.
func (c *Cloud) find(w where, name string, now time.Time) *cluster {
	for _, k := range slices.Backward(c.clusters) {
		if k.where == w && k.name == name && k.seen(now, c.options.Lag) {
			return k
		}
	}
	return nil
}

// holder returns the cluster that has a name; nil for none.
func (c *Cloud) holder(w where, name string, now time.Time) *cluster {
	for _, k := range c.clusters {
		if k.where == w && k.name == name && k.there(now) {
			return k
		}
	}
	return nil
}

// owner is the cluster that a call changes something of, in whatever state it is.
func (c *Cloud) owner(call *wire.Call, now time.Time) (*cluster, error) {
	if k := c.holder(of(call), call.Path["clusterName"], now); k != nil {
		return k, nil
	}
	return nil, noCluster(call.Path["clusterName"])
}

// active is the cluster that a call is about, for what needs it to be active.
func (c *Cloud) active(call *wire.Call, now time.Time) (*cluster, error) {
	k, err := c.owner(call, now)
	if err != nil {
		return nil, err
	}
	return k, c.usable(k, now)
}

// usable refuses clusters that are not active.
func (c *Cloud) usable(k *cluster, now time.Time) error {
	if s := k.status(now, c.options.Delay); s != active {
		return refuse(400, "InvalidRequestException", "Cluster '%s' is not in ACTIVE status: it is %s", k.name, s)
	}
	return nil
}

// shown is the cluster that a call asks about.
func (c *Cloud) shown(call *wire.Call, now time.Time) (*cluster, error) {
	if k := c.find(of(call), call.Path["clusterName"], now); k != nil {
		return k, nil
	}
	return nil, noCluster(call.Path["clusterName"])
}

// digits look random, and are others each time.
func (c *Cloud) digits(what string) string {
	c.serial++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", what, c.serial))
	return hex.EncodeToString(sum[:16])
}

func (w where) arn(resource string) string {
	return "arn:" + partition(w.region) + ":eks:" + w.region + ":" + w.account + ":" + resource
}

func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// begin lets the control plane of a cluster start, beside everything else.
func (c *Cloud) begin(ctx context.Context, k *cluster) {
	p, ctx := c.plane(k), context.WithoutCancel(ctx) // it outlives the call that asked for it
	go func() {
		endpoint, authority, err := c.parts.Planes.Start(ctx, p)
		c.mu.Lock()
		stop := k.ending()
		if err != nil {
			k.failed = err.Error()
		} else {
			k.endpoint, k.authority = endpoint, authority
		}
		c.mu.Unlock()
		if stop && err == nil {
			c.parts.Planes.Stop(p)
		}
	}()
}

func (c *Cloud) plane(k *cluster) Plane {
	return Plane{Account: k.account, Region: k.region, Cluster: k.name, ID: k.id, VPC: k.vpc, Subnets: slices.Clone(k.asked.VPC.Subnets), Group: k.group,
		Admits: func(principal string) ([]string, bool) { return c.admits(k, principal) }}
}

// Item is something that is there.
type Item struct {
	Account, Region string
	// Type is "cluster", "nodegroup", "addon" or "podidentityassociation"; ID is an ARN.
	Type, ID, Name string
	Tags           map[string]string
}

// Things lists what is there in all accounts and regions now.
func (c *Cloud) Things() []Item {
	now := c.lock()
	defer c.mu.Unlock()
	var list []Item
	for _, k := range c.clusters {
		add := func(kind, id, name string, t thing) {
			if t.there(now) {
				list = append(list, Item{Account: k.account, Region: k.region, Type: kind, ID: id, Name: name, Tags: maps.Clone(t.tags)})
			}
		}
		add("cluster", k.arn, k.name, k.thing)
		for _, n := range k.nodes {
			add("nodegroup", n.arn, n.name, n.thing)
		}
		for _, a := range k.addons {
			add("addon", a.arn, a.name, a.thing)
		}
		for _, i := range k.identities {
			add("podidentityassociation", i.arn, i.id, i.thing)
		}
	}
	return list
}
