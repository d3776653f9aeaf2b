// Package logs simulates the log groups of CloudWatch Logs, of any number of accounts and
// regions; what stands in them it does not keep.
//
// In go the calls of the SDK (Operations) and those of the other simulated services (the
// methods of Place), out come the answers and errors that CloudWatch Logs gives. What a
// Place answers is true now; what the SDK is told lags behind by Options.Lag.
package logs

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Options say how a Cloud behaves.
type Options struct {
	// Clock tells the time; required.
	Clock func() time.Time
	// Lag is how long describe operations answer as before a group was made or removed.
	Lag time.Duration
	// Page is how many groups are returned at most at once; 50 when 0, as the service
	// has it.
	Page int
}

// Cloud is CloudWatch Logs in all accounts and regions.
type Cloud struct {
	options Options
	mu      sync.Mutex
	places  map[where]*Place
}

type where struct{ account, region string }

// New returns a Cloud without any group in it.
func New(o Options) *Cloud {
	if o.Page <= 0 {
		o.Page = 50
	}
	return &Cloud{options: o, places: map[where]*Place{}}
}

// At returns CloudWatch Logs of one account in one region.
func (c *Cloud) At(account, region string) *Place {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := where{account, region}
	if c.places[key] == nil {
		c.places[key] = &Place{cloud: c, account: account, region: region, groups: map[string]*group{}}
	}
	return c.places[key]
}

// Place is CloudWatch Logs of one account in one region. Its methods are safe for use by
// several goroutines, and return errors of type *wire.Error.
type Place struct {
	cloud           *Cloud
	account, region string
	groups          map[string]*group // by name
}

// Group is a log group.
type Group struct {
	Name    string
	Tags    map[string]string
	Created time.Time
	// Protected: it cannot be removed until somebody takes that away.
	Protected bool
}

type group struct {
	Group
	gone time.Time
}

func (g *group) lives() bool { return g.gone.IsZero() }

func (g *group) seen(now time.Time, lag time.Duration) bool {
	return !now.Before(g.Created.Add(lag)) && (g.lives() || now.Before(g.gone.Add(lag)))
}

func (g *group) copy() Group {
	c := g.Group
	c.Tags = maps.Clone(g.Tags)
	return c
}

func (p *Place) lock() time.Time {
	p.cloud.mu.Lock()
	now := p.cloud.options.Clock()
	maps.DeleteFunc(p.groups, func(_ string, g *group) bool { return !g.lives() && !now.Before(g.gone.Add(p.cloud.options.Lag)) })
	return now
}

func (p *Place) unlock() { p.cloud.mu.Unlock() }

// arn is the ARN of a group, as tags and policies write it.
func (p *Place) arn(name string) string {
	partition := "aws"
	switch {
	case strings.HasPrefix(p.region, "cn-"):
		partition = "aws-cn"
	case strings.HasPrefix(p.region, "us-gov-"):
		partition = "aws-us-gov"
	}
	return fmt.Sprintf("arn:%s:logs:%s:%s:log-group:%s", partition, p.region, p.account, name)
}

func refuse(code, format string, args ...any) *wire.Error {
	return &wire.Error{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

func absent() *wire.Error {
	return refuse("ResourceNotFoundException", "The specified log group does not exist.")
}

var groupName = regexp.MustCompile(`\A[._/#A-Za-z0-9-]{1,512}\z`)

// CreateGroup makes a log group. EKS makes those of its control planes without tags.
func (p *Place) CreateGroup(name string, tags map[string]string) error {
	now := p.lock()
	defer p.unlock()
	if !groupName.MatchString(name) {
		return refuse("InvalidParameterException", "1 validation error detected: Value '%s' at 'logGroupName' failed to satisfy constraint", name)
	}
	if g := p.groups[name]; g != nil && g.lives() {
		return refuse("ResourceAlreadyExistsException", "The specified log group already exists")
	}
	if tags = maps.Clone(tags); tags == nil {
		tags = map[string]string{}
	}
	p.groups[name] = &group{Group: Group{Name: name, Tags: tags, Created: now}}
	return nil
}

func (p *Place) group(name string) (*group, error) {
	if g := p.groups[name]; g != nil && g.lives() {
		return g, nil
	}
	return nil, absent()
}

// Group returns one by its name.
func (p *Place) Group(name string) (Group, error) {
	p.lock()
	defer p.unlock()
	g, err := p.group(name)
	if err != nil {
		return Group{}, err
	}
	return g.copy(), nil
}

// Protect sets whether a group is protected from deletion.
func (p *Place) Protect(name string, protected bool) error {
	p.lock()
	defer p.unlock()
	g, err := p.group(name)
	if err != nil {
		return err
	}
	g.Protected = protected
	return nil
}

// maxTags is how many tags a group may have.
const maxTags = 50

// Tag puts tags on a group.
func (p *Place) Tag(name string, tags map[string]string) error {
	p.lock()
	defer p.unlock()
	g, err := p.group(name)
	if err != nil {
		return err
	}
	merged := maps.Clone(g.Tags)
	maps.Copy(merged, tags)
	if len(merged) > maxTags {
		return refuse("TooManyTagsException", "A resource can have no more than %d tags.", maxTags)
	}
	g.Tags = merged
	return nil
}

// DeleteGroup removes a group.
func (p *Place) DeleteGroup(name string) error {
	now := p.lock()
	defer p.unlock()
	g, err := p.group(name)
	if err != nil {
		return err
	}
	if g.Protected {
		return refuse("ValidationException", "Log group %s has deletion protection enabled and cannot be deleted.", name)
	}
	g.gone = now
	return nil
}

// Item is a group as a list of everything shows it.
type Item struct {
	Account, Region string
	// Type is "log-group", ID its ARN.
	Type, ID string
	Name     string
	Tags     map[string]string
}

// Things lists what is there in all accounts and regions now.
func (c *Cloud) Things() []Item {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []Item
	for _, p := range c.places {
		for _, g := range p.groups {
			if g.lives() {
				list = append(list, Item{Account: p.account, Region: p.region, Type: "log-group", ID: p.arn(g.Name), Name: g.Name, Tags: maps.Clone(g.Tags)})
			}
		}
	}
	slices.SortFunc(list, func(a, b Item) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
