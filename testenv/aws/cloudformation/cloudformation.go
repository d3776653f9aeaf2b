// Package cloudformation simulates stacks, of any number of accounts and regions: it
// reads a template in JSON and makes, and removes, what stands in it in the simulated EC2
// and IAM, with the permissions of whoever asked for the stack.
//
// In go the calls of the SDK (Operations), out come the answers and errors that
// CloudFormation gives. Stacks move on by the clock, a Delay for each set of resources
// that wait for nothing but what is there, whenever somebody looks at the Cloud: nothing
// runs in the background. A stack that was just made, or has just gone, is not known as
// such until Lag later.
package cloudformation

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/iam"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Options say how a Cloud behaves.
type Options struct {
	// Clock tells the time; required.
	Clock func() time.Time
	// Delay is how long resources take that are made, or removed, side by side.
	Delay time.Duration
	// Lag is how long describe operations answer as before a stack was made or gone.
	Lag time.Duration
	// Page is how many items are returned at most at once; 100 when 0.
	Page int
}

// Parts are what stacks are made of.
type Parts struct {
	Network *ec2.Cloud
	Roles   *iam.Cloud
	// May tells whether whoever made a call has permissions; the error is that of the
	// call's service. It is asked for each thing that a stack makes or removes. It must
	// not call the Cloud.
	May func(c *wire.Call, needs ...wire.Need) error
}

// Cloud is CloudFormation in all accounts and regions.
type Cloud struct {
	options Options
	parts   Parts
	mu      sync.Mutex
	stacks  []*stack // oldest first
	limits  map[where]int
	serial  uint64
}

type where struct{ account, region string }

// New returns a Cloud without any stack in it.
func New(o Options, p Parts) *Cloud {
	if o.Page <= 0 {
		o.Page = 100
	}
	return &Cloud{options: o, parts: p, limits: map[where]int{}}
}

// Limit sets how many stacks there may be in an account and region.
func (c *Cloud) Limit(account, region string, most int) {
	c.lock()
	defer c.mu.Unlock()
	c.limits[where{account, region}] = most
}

// Protect sets whether a stack is protected from deletion.
func (c *Cloud) Protect(account, region, name string, protected bool) error {
	c.lock()
	defer c.mu.Unlock()
	s := c.living(account, region, name)
	if s == nil {
		return unknown(name)
	}
	s.protected = protected
	return nil
}

// lock locks the cloud, and brings all stacks up to the time that it returns.
func (c *Cloud) lock() time.Time {
	c.mu.Lock()
	now := c.options.Clock()
	for _, s := range c.stacks {
		c.advance(s, now)
	}
	return now
}

// living finds the stack of a name that has not been removed.
func (c *Cloud) living(account, region, name string) *stack {
	for _, s := range c.stacks {
		if s.account == account && s.region == region && s.name == name && s.status != deleteComplete {
			return s
		}
	}
	return nil
}

// digits look random, and are the same in each world.
func (c *Cloud) digits(what string) string {
	c.serial++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", what, c.serial))
	return hex.EncodeToString(sum[:])
}

// uuid is an ID of that form.
func (c *Cloud) uuid(what string) string {
	d := c.digits(what)
	return strings.Join([]string{d[:8], d[8:12], d[12:16], d[16:20], d[20:32]}, "-")
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

func refuse(code, format string, args ...any) *wire.Error {
	return &wire.Error{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

// invalid is the error for most of what is wrong with a request.
func invalid(format string, args ...any) *wire.Error {
	return refuse("ValidationError", format, args...)
}

func unknown(name string) *wire.Error { return invalid("Stack with id %s does not exist", name) }

// Item is a stack as a list of everything shows it.
type Item struct {
	Account, Region string
	// Type is "stack", ID its ARN.
	Type, ID string
	Name     string
	Tags     map[string]string
	// Status is CloudFormation's word for it.
	Status string
}

// Things lists the stacks that are there in all accounts and regions now. Who lists what
// there is in all services asks this one first: it brings the stacks up to now.
func (c *Cloud) Things() []Item {
	c.lock()
	defer c.mu.Unlock()
	var list []Item
	for _, s := range c.stacks {
		if s.status != deleteComplete {
			list = append(list, Item{Account: s.account, Region: s.region, Type: "stack", ID: s.id, Name: s.name, Tags: maps.Clone(s.tags), Status: s.status})
		}
	}
	slices.SortFunc(list, func(a, b Item) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
