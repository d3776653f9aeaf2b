// Package elb simulates Elastic Load Balancing: classic, network and application load
// balancers with their target groups, of any number of accounts and regions.
//
// In go the calls of the SDK (Classic, V2) and those of the simulated controllers (the
// methods of Place), out come the answers and errors that the service gives. Load
// balancers hold network interfaces in the simulated EC2, which go some time after
// them, so that a subnet or a security group cannot be removed at once.
package elb

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
)

// Options say how a Cloud behaves.
type Options struct {
	// Clock tells the time; required.
	Clock func() time.Time
	// Delay is how long a load balancer needs to become active, and its network
	// interfaces to go once it is deleted.
	Delay time.Duration
	// Lag is how long a describe operation answers as before a thing was made or
	// removed, and how long permissions do not see tags that were added.
	Lag time.Duration
	// Page is how many items the SDK's describe operations return at most at once, even
	// when more are asked for; 0 for the service's own limit.
	Page int
}

// Cloud is the load balancing of all accounts and regions.
type Cloud struct {
	options Options
	network *ec2.Cloud
	mu      sync.Mutex
	places  map[where]*Place
	serial  uint64
}

type where struct{ account, region string }

// New returns a Cloud without any load balancer, whose networks are those of an EC2.
func New(o Options, network *ec2.Cloud) *Cloud {
	return &Cloud{options: o, network: network, places: map[where]*Place{}}
}

// At returns the load balancing of one account in one region.
func (c *Cloud) At(account, region string) *Place {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := where{account, region}
	p := c.places[key]
	if p == nil {
		p = &Place{cloud: c, network: c.network.At(account, region), account: account, region: region}
		c.places[key] = p
	}
	return p
}

// Place is the load balancing of one account in one region. Its methods are safe for use
// by several goroutines. They return copies, and errors of type *wire.Error.
type Place struct {
	cloud           *Cloud
	network         *ec2.Place
	account, region string
	balancers       []*Balancer
	groups          []*TargetGroup
}

// Kind is what sort of load balancer one is, as the service writes it.
type Kind string

// The kinds of load balancers.
const (
	Classic     Kind = "classic"
	Network     Kind = "network"
	Application Kind = "application"
)

// Balancer is a load balancer.
type Balancer struct {
	Kind Kind
	// Name is unique among the classic ones, and among the others.
	Name string
	// ARN and DNS are made when it is.
	ARN, DNS string
	// Internal: it has no public addresses.
	Internal bool
	VPC      string
	Subnets  []string
	// Groups are security groups.
	Groups  []string
	Tags    map[string]string
	Created time.Time
	// Protected: nobody can delete it.
	Protected bool
	// Listeners of a classic one.
	Listeners []Listener
	// Targets are the target groups of one that is not classic, by ARN.
	Targets []string

	life
	interfaces []string
}

// Listener is a port of a classic load balancer, and the nodes' port behind it.
type Listener struct {
	Protocol       string
	Port, NodePort int
}

// TargetGroup is what a load balancer sends requests to.
type TargetGroup struct {
	Name string
	// ARN is made when it is.
	ARN      string
	VPC      string
	Protocol string
	Port     int
	// Type is "instance" or "ip".
	Type string
	Tags map[string]string

	made time.Time
	life
}

// life is what happened to a thing.
type life struct {
	serial uint64
	gone   time.Time
	// tagged is when the tags were put that it did not get when it was made.
	tagged map[string]time.Time
}

func (l *life) lives() bool { return l.gone.IsZero() }

func (p *Place) lock() time.Time {
	p.cloud.mu.Lock()
	return p.cloud.options.Clock()
}

func (p *Place) unlock() { p.cloud.mu.Unlock() }

func (p *Place) next() uint64 {
	p.cloud.serial++
	return p.cloud.serial
}

// digits are hexadecimal digits that look random, and are the same in each world.
func (p *Place) digits(what string, serial uint64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %d", p.account, p.region, what, serial))
	return hex.EncodeToString(sum[:])
}

func (p *Place) arn(rest string) string {
	partition := "aws"
	if strings.HasPrefix(p.region, "cn-") {
		partition = "aws-cn"
	} else if strings.HasPrefix(p.region, "us-gov-") {
		partition = "aws-us-gov"
	}
	return fmt.Sprintf("arn:%s:elasticloadbalancing:%s:%s:%s", partition, p.region, p.account, rest)
}

func tagsOf(tags map[string]string) map[string]string {
	of := make(map[string]string, len(tags))
	maps.Copy(of, tags)
	return of
}

func (b *Balancer) copy() Balancer {
	c := *b
	c.Tags, c.Subnets, c.Groups, c.interfaces, c.tagged = tagsOf(b.Tags), slices.Clone(b.Subnets), slices.Clone(b.Groups), nil, map[string]time.Time{}
	c.Listeners, c.Targets = slices.Clone(b.Listeners), slices.Clone(b.Targets)
	return c
}

func (g *TargetGroup) copy() TargetGroup {
	c := *g
	c.Tags, c.tagged = tagsOf(g.Tags), map[string]time.Time{}
	return c
}

// seen tells whether a describe operation shows what was made and removed at these
// times.
func (p *Place) seen(made, gone, now time.Time) bool {
	lag := p.cloud.options.Lag
	return !now.Before(made.Add(lag)) && (gone.IsZero() || now.Before(gone.Add(lag)))
}

// Item is a thing as a list of everything shows it.
type Item struct {
	Account, Region string
	// Type is "classic load balancer", "load balancer" or "target group".
	Type string
	// ID is the name of a classic load balancer, otherwise an ARN.
	ID, Name string
	Tags     map[string]string
}

// Things lists what is there in all accounts and regions now.
func (c *Cloud) Things() []Item {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []Item
	for _, p := range c.places {
		for _, b := range p.balancers {
			item := Item{Account: p.account, Region: p.region, Type: "load balancer", ID: b.ARN, Name: b.Name, Tags: tagsOf(b.Tags)}
			if b.Kind == Classic {
				item.Type, item.ID = "classic load balancer", b.Name
			}
			if b.lives() {
				list = append(list, item)
			}
		}
		for _, g := range p.groups {
			if g.lives() {
				list = append(list, Item{Account: p.account, Region: p.region, Type: "target group", ID: g.ARN, Name: g.Name, Tags: tagsOf(g.Tags)})
			}
		}
	}
	slices.SortFunc(list, func(a, b Item) int {
		return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Region, b.Region), strings.Compare(a.Type, b.Type), strings.Compare(a.ID, b.ID))
	})
	return list
}
