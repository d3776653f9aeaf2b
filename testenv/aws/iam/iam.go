// Package iam simulates what IAM knows of any number of accounts: roles with their trust
// policies, tags and attached policies, OIDC providers, and roles that services make for
// themselves.
//
// In go the calls of the SDK (Operations) and those of the other simulated services (the
// methods of Account), out come the answers and errors that IAM gives. IAM is consistent
// only after a while: what is made or changed is shown, and may be taken on, Options.Lag
// later, and what is removed is shown that much longer; who makes something twice hears
// of it at once.
package iam

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"maps"
	"net/http"
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
	// Lag is how long it takes until a change is seen everywhere.
	Lag time.Duration
	// Page is how many items a list operation returns at most at once; 100 when 0, as
	// IAM has it.
	Page int
}

// Cloud is the IAM of all accounts.
type Cloud struct {
	options  Options
	mu       sync.Mutex
	accounts map[string]*Account
	serial   uint64
}

// New returns a Cloud without any thing in it.
func New(o Options) *Cloud {
	if o.Page <= 0 {
		o.Page = 100
	}
	return &Cloud{options: o, accounts: map[string]*Account{}}
}

// At returns the IAM of one account. The partition is "aws" until WithPartition says
// otherwise.
func (c *Cloud) At(account string) *Account {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.accounts[account]
	if a == nil {
		a = &Account{cloud: c, number: account, partition: "aws", roles: map[string]*role{}, providers: map[string]*provider{}, limits: map[string]int{}}
		c.accounts[account] = a
	}
	return a
}

// Account is the IAM of one account. Its methods are safe for use by several goroutines.
// They answer what is true now, and return errors of type *wire.Error as IAM gives them.
type Account struct {
	cloud     *Cloud
	number    string
	partition string
	roles     map[string]*role     // by name
	providers map[string]*provider // by ARN
	limits    map[string]int
}

// WithPartition sets the partition that ARNs of the account are in.
func (a *Account) WithPartition(partition string) *Account {
	a.lock()
	defer a.unlock()
	a.partition = partition
	return a
}

// Limit sets how many things of a type the account may have: "role" or "oidc-provider".
func (a *Account) Limit(kind string, most int) {
	a.lock()
	defer a.unlock()
	a.limits[kind] = most
}

func (a *Account) lock() time.Time {
	a.cloud.mu.Lock()
	now := a.cloud.options.Clock()
	a.sweep(now)
	return now
}

func (a *Account) unlock() { a.cloud.mu.Unlock() }

// sweep drops what is not even seen any more.
func (a *Account) sweep(now time.Time) {
	lag := a.cloud.options.Lag
	maps.DeleteFunc(a.roles, func(_ string, r *role) bool { return r.over(now, lag) })
	maps.DeleteFunc(a.providers, func(_ string, p *provider) bool { return p.over(now, lag) })
}

// life is when a thing came and went.
type life struct{ made, gone time.Time }

func (l life) lives() bool { return l.gone.IsZero() }

// seen tells whether a thing is shown at a time.
func (l life) seen(now time.Time, lag time.Duration) bool {
	return !now.Before(l.made.Add(lag)) && (l.lives() || now.Before(l.gone.Add(lag)))
}

func (l life) over(now time.Time, lag time.Duration) bool {
	return !l.lives() && !now.Before(l.gone.Add(lag))
}

// identifier is an ID that looks like IAM's: a prefix and 17 capitals.
func (a *Account) identifier(prefix, name string) string {
	a.cloud.serial++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", a.number, name, a.cloud.serial))
	return prefix + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

func (a *Account) arn(resource string) string {
	return fmt.Sprintf("arn:%s:iam::%s:%s", a.partition, a.number, resource)
}

func refuse(status int, code, format string, args ...any) *wire.Error {
	return &wire.Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

func absent(format string, args ...any) *wire.Error {
	return refuse(http.StatusNotFound, "NoSuchEntity", format, args...)
}

func exists(format string, args ...any) *wire.Error {
	return refuse(http.StatusConflict, "EntityAlreadyExists", format, args...)
}

// room tells whether there may be one more of a kind.
func (a *Account) room(kind string, have, usual int) error {
	most := usual
	if set, there := a.limits[kind]; there {
		most = set
	}
	if have >= most {
		return refuse(http.StatusConflict, "LimitExceeded", "Cannot exceed quota for %s: %d", kind, most)
	}
	return nil
}

// maxTags is how many tags a thing may have.
const maxTags = 50

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return refuse(http.StatusConflict, "LimitExceeded", "Cannot exceed quota for TagsPerResource: %d", maxTags)
	}
	for k, v := range tags {
		if k == "" || len(k) > 128 || len(v) > 256 || strings.HasPrefix(strings.ToLower(k), "aws:") {
			return refuse(http.StatusBadRequest, "InvalidInput", "The tag %q=%q is not valid", k, v)
		}
	}
	return nil
}

// Item is a thing as a list of everything shows it. IAM has no regions.
type Item struct {
	Account string
	// Type is "role" or "oidc-provider", ID its ARN.
	Type, ID string
	// Name is what people call it.
	Name string
	Tags map[string]string
	// Implied: a service made it for itself, and it costs nothing and stays.
	Implied bool
}

// Things lists what is there in all accounts now.
func (c *Cloud) Things() []Item {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []Item
	for _, a := range c.accounts {
		for _, r := range a.roles {
			if r.lives() {
				list = append(list, Item{Account: a.number, Type: "role", ID: r.ARN, Name: r.Name, Tags: maps.Clone(r.Tags), Implied: r.Service != ""})
			}
		}
		for _, p := range a.providers {
			if p.lives() {
				list = append(list, Item{Account: a.number, Type: "oidc-provider", ID: p.ARN, Name: p.URL, Tags: maps.Clone(p.Tags)})
			}
		}
	}
	slices.SortFunc(list, func(x, y Item) int { return cmp.Or(cmp.Compare(x.Account, y.Account), cmp.Compare(x.ID, y.ID)) })
	return list
}
