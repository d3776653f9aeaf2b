// Package ec2 simulates what EC2 knows: networks, security groups, network interfaces,
// instances, volumes and snapshots of any number of accounts and regions.
//
// In go the calls of the SDK (Operations) and those of the other simulated services
// (the methods of Place), out come the answers and errors that EC2 gives. Things
// change over time as the real ones do, by the clock that New is given: nothing runs in
// the background. What a Place answers is true now; what the SDK's describe operations
// answer lags behind by Options.Lag.
package ec2

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options say how a Cloud behaves.
type Options struct {
	// Clock tells the time; required.
	Clock func() time.Time
	// Delay is how long a change of state takes, such as an instance's start or end.
	Delay time.Duration
	// Lag is how long a describe operation answers as before a thing was made or
	// removed, and how long permissions do not see tags that were added.
	Lag time.Duration
	// Page is how many items the SDK's describe operations return at most at once, even
	// when more are asked for; 0 for EC2's own limit.
	Page int
}

// Cloud is the EC2 of all accounts and regions.
type Cloud struct {
	options Options
	mu      sync.Mutex
	places  map[where]*Place
	serial  uint64
}

type where struct{ account, region string }

// New returns a Cloud without any thing in it.
func New(o Options) *Cloud {
	return &Cloud{options: o, places: map[where]*Place{}}
}

// At returns the EC2 of one account in one region.
func (c *Cloud) At(account, region string) *Place {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := where{account, region}
	p := c.places[key]
	if p == nil {
		p = &Place{
			cloud: c, account: account, region: region, quota: map[kind]quota{},
			vpcs: shelf[*VPC]{}, subnets: shelf[*Subnet]{}, gateways: shelf[*Gateway]{}, tables: shelf[*RouteTable]{},
			groups: shelf[*Group]{}, interfaces: shelf[*Interface]{}, volumes: shelf[*Volume]{}, snapshots: shelf[*Snapshot]{},
			instances: shelf[*Instance]{}, exhausted: map[string]bool{},
		}
		c.places[key] = p
	}
	return p
}

// Place is the EC2 of one account in one region. Its methods are safe for use by
// several goroutines. They return copies, and errors of type *wire.Error, as EC2 gives
// them.
type Place struct {
	cloud           *Cloud
	account, region string
	quota           map[kind]quota
	exhausted       map[string]bool // types of instances
	zoneList        []Zone

	vpcs       shelf[*VPC]
	subnets    shelf[*Subnet]
	gateways   shelf[*Gateway]
	tables     shelf[*RouteTable]
	groups     shelf[*Group]
	interfaces shelf[*Interface]
	volumes    shelf[*Volume]
	snapshots  shelf[*Snapshot]
	instances  shelf[*Instance]
}

// Thing is what all things of EC2 have.
type Thing struct {
	// ID is EC2's name of it. It is made when the thing is.
	ID      string
	Tags    map[string]string
	Created time.Time

	serial uint64
	gone   time.Time
	// tagged is when the tags were put that it did not get when it was made.
	tagged map[string]time.Time
}

func (t *Thing) thing() *Thing { return t }

// lives tells whether it has not been removed.
func (t *Thing) lives() bool { return t.gone.IsZero() }

// lock locks the whole cloud, and brings the place up to the time that it returns.
func (p *Place) lock() time.Time {
	p.cloud.mu.Lock()
	now := p.cloud.options.Clock()
	p.advance(now)
	return now
}

func (p *Place) unlock() { p.cloud.mu.Unlock() }

// advance does what was to happen until now.
func (p *Place) advance(now time.Time) {
	p.advanceInstances(now)
	p.advanceVolumes(now)
	p.advanceInterfaces(now)
	for _, s := range p.shelves() {
		s.forget(now, p.cloud.options.Lag)
	}
}

// passed tells whether the delay of a change that began then is over.
func (p *Place) passed(begun, now time.Time) bool {
	return !now.Before(begun.Add(p.cloud.options.Delay))
}

// begin makes a new thing of a kind.
func (p *Place) begin(k kind, tags map[string]string, now time.Time) Thing {
	serial := p.next()
	return Thing{ID: vocabulary[k].prefix + "-0" + p.digits(string(k), serial)[:16], Tags: tagsOf(tags), Created: now, serial: serial}
}

func (p *Place) next() uint64 {
	p.cloud.serial++
	return p.cloud.serial
}

// digits are hexadecimal digits that look random, and are the same in each world.
func (p *Place) digits(what string, serial uint64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %d", p.account, p.region, what, serial))
	return hex.EncodeToString(sum[:])
}

// tagsOf returns a copy that is not nil.
func tagsOf(tags map[string]string) map[string]string {
	of := make(map[string]string, len(tags))
	maps.Copy(of, tags)
	return of
}

func (t Thing) clone() Thing {
	t.Tags, t.tagged = tagsOf(t.Tags), nil
	return t
}

// arn is the ARN of a thing of the place.
func (p *Place) arn(k kind, id string) string {
	return fmt.Sprintf("arn:%s:ec2:%s:%s:%s/%s", partition(p.region), p.region, p.account, k, id)
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

// Item is a thing as a list of everything shows it.
type Item struct {
	Account, Region string
	// Type is what it is: "vpc", "subnet", "internet-gateway", "route-table",
	// "security-group", "network-interface", "volume", "snapshot" or "instance".
	Type, ID string
	// Name is what people call it; may be empty.
	Name string
	Tags map[string]string
	// Implied: it goes with something else, as a VPC's own security group does.
	Implied bool
}

// Things lists what is there in all accounts and regions now.
func (c *Cloud) Things() []Item {
	c.mu.Lock()
	places := slices.Collect(maps.Values(c.places))
	c.mu.Unlock()
	slices.SortFunc(places, func(a, b *Place) int {
		return strings.Compare(a.account+" "+a.region, b.account+" "+b.region)
	})
	var list []Item
	for _, p := range places {
		list = append(list, p.things()...)
	}
	return list
}

func (p *Place) things() []Item {
	p.lock()
	defer p.unlock()
	var list []Item
	add := func(k kind, t *Thing, name string, implied bool) {
		list = append(list, Item{Account: p.account, Region: p.region, Type: string(k), ID: t.ID, Name: name, Tags: tagsOf(t.Tags), Implied: implied})
	}
	for _, t := range p.vpcs.living() {
		add(kindVPC, &t.Thing, t.Tags["Name"], false)
	}
	for _, t := range p.subnets.living() {
		add(kindSubnet, &t.Thing, t.Tags["Name"], false)
	}
	for _, t := range p.gateways.living() {
		add(kindGateway, &t.Thing, t.Tags["Name"], false)
	}
	for _, t := range p.tables.living() {
		add(kindTable, &t.Thing, t.Tags["Name"], t.Main)
	}
	for _, t := range p.groups.living() {
		add(kindGroup, &t.Thing, t.Name, t.Name == defaultGroup)
	}
	for _, t := range p.interfaces.living() {
		add(kindInterface, &t.Thing, t.Description, false)
	}
	for _, t := range p.volumes.living() {
		add(kindVolume, &t.Thing, t.Tags["Name"], false)
	}
	for _, t := range p.snapshots.living() {
		add(kindSnapshot, &t.Thing, t.Description, false)
	}
	for _, t := range p.instances.living() {
		if t.State != StateTerminated {
			add(kindInstance, &t.Thing, t.Tags["Name"], false)
		}
	}
	return list
}
