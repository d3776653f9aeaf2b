package cloudformation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/iam"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// Operations are what the SDK may call.
func (c *Cloud) Operations() map[string]wire.Operation {
	return map[string]wire.Operation{
		"CreateStack":            {Required: []string{"StackName", "TemplateBody"}, Needs: c.needsCreate, Do: c.createStack},
		"DeleteStack":            {Required: []string{"StackName"}, Needs: c.needsStack("DeleteStack"), Do: c.deleteStack},
		"DescribeStacks":         {Needs: c.needsDescribe, Do: c.describeStacks},
		"DescribeStackEvents":    {Required: []string{"StackName"}, Needs: c.needsStack("DescribeStackEvents"), Do: c.describeEvents},
		"DescribeStackResources": {Required: []string{"StackName"}, Needs: c.needsStack("DescribeStackResources"), Do: c.describeResources},
		"ListStacks":             {Needs: c.needsStack("ListStacks"), Do: c.listStacks},
	}
}

func arnOf(call *wire.Call, name string) string {
	return fmt.Sprintf("arn:%s:cloudformation:%s:%s:stack/%s", partition(call.Region), call.Region, call.Account, name)
}

// needsStack is a permission on the stack that a request names, by name or ID; on all
// when it names none.
func (c *Cloud) needsStack(operation string) func(*wire.Call) ([]wire.Need, error) {
	return func(call *wire.Call) ([]wire.Need, error) {
		need := wire.Need{Action: "cloudformation:" + operation}
		switch name := call.Form.Get("StackName"); {
		case strings.HasPrefix(name, "arn:"):
			need.Resources = []string{name}
		case name != "":
			need.Resources = []string{arnOf(call, name+"/*")}
		}
		c.lock()
		defer c.mu.Unlock()
		if s, err := c.find(call, c.options.Clock()); err == nil {
			need.Keys = iam.ResourceTags(s.tags)
		}
		return []wire.Need{need}, nil
	}
}

// needsDescribe: to describe all stacks is to list them, too.
func (c *Cloud) needsDescribe(call *wire.Call) ([]wire.Need, error) {
	needs, err := c.needsStack("DescribeStacks")(call)
	if call.Form.Get("StackName") == "" {
		needs = append(needs, wire.Need{Action: "cloudformation:ListStacks"})
	}
	return needs, err
}

// needsCreate: tags are a permission of their own.
func (c *Cloud) needsCreate(call *wire.Call) ([]wire.Need, error) {
	tags := tagsIn(call.Form)
	arn := []string{arnOf(call, call.Form.Get("StackName")+"/*")}
	needs := []wire.Need{{Action: "cloudformation:CreateStack", Resources: arn, Keys: iam.RequestTags(tags)}}
	if len(tags) > 0 {
		needs = append(needs, wire.Need{Action: "cloudformation:TagResource", Resources: arn, Keys: iam.RequestTags(tags)})
	}
	return needs, nil
}

func tagsIn(form url.Values) map[string]string {
	tags := map[string]string{}
	for n := 1; form.Has("Tags.member." + strconv.Itoa(n) + ".Key"); n++ {
		at := "Tags.member." + strconv.Itoa(n)
		tags[form.Get(at+".Key")] = form.Get(at + ".Value")
	}
	return tags
}

func members(form url.Values, list string) []string {
	var found []string
	for n := 1; form.Has(list + ".member." + strconv.Itoa(n)); n++ {
		found = append(found, form.Get(list+".member."+strconv.Itoa(n)))
	}
	return found
}

// heeded refuses to overlook what a request asks for: that is a mistake of the
// simulation, not of who asks.
func heeded(call *wire.Call, parameters ...string) error {
	known := append([]string{"Action", "Version", "StackName", "NextToken"}, parameters...)
	for p := range call.Form {
		if name, _, _ := strings.Cut(p, "."); !slices.Contains(known, name) {
			return fmt.Errorf("cloudformation: the parameter %s of %s is not simulated", p, call.Operation)
		}
	}
	return nil
}

var stackName = regexp.MustCompile(`\A[A-Za-z][A-Za-z0-9-]{0,127}\z`)

// Limits of CloudFormation.
const (
	usualStacks = 2000
	maxTags     = 50
	maxToken    = 128
)

func (c *Cloud) createStack(_ context.Context, call *wire.Call) (any, error) {
	if err := heeded(call, "TemplateBody", "ClientRequestToken", "Capabilities", "OnFailure", "DisableRollback", "EnableTerminationProtection", "Tags", "TimeoutInMinutes"); err != nil {
		return nil, err
	}
	s, err := requested(call)
	if err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	if old := c.living(s.account, s.region, s.name); old != nil {
		switch {
		case s.token == "" || s.token != old.token:
			return nil, refuse("AlreadyExistsException", "Stack [%s] already exists", s.name)
		case s.digest != old.digest:
			return nil, refuse("TokenAlreadyExistsException", "The client request token %s was used with other parameters", s.token)
		}
		return createAnswer{ID: old.id}, nil
	}
	if err := c.room(s); err != nil {
		return nil, err
	}
	s.id, s.digits, s.created, s.next = arnOf(call, s.name+"/"+c.uuid("stack")), c.digits("names"), now, now.Add(c.options.Delay)
	c.stacks = append(c.stacks, s)
	c.turn(s, createInProgress, "User Initiated", now)
	return createAnswer{ID: s.id}, nil
}

// requested reads what stack is asked for, and refuses what CloudFormation does.
func requested(call *wire.Call) (*stack, error) {
	form := call.Form
	s := &stack{
		account: call.Account, region: call.Region, name: form.Get("StackName"), token: form.Get("ClientRequestToken"), tags: tagsIn(form),
		capabilities: members(form, "Capabilities"), onFailure: form.Get("OnFailure"), protected: form.Get("EnableTerminationProtection") == "true",
		resources: map[string]*made{}, as: *call,
	}
	sum := sha256.Sum256(fmt.Append(nil, form.Get("TemplateBody"), s.tags, s.capabilities, s.onFailure, s.protected)) // maps are printed in order
	s.digest = hex.EncodeToString(sum[:])
	switch {
	case !stackName.MatchString(s.name):
		return nil, invalid("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", s.name)
	case len(s.token) > maxToken:
		return nil, invalid("1 validation error detected: Value '%s' at 'clientRequestToken' failed to satisfy constraint", s.token)
	case form.Has("OnFailure") && form.Has("DisableRollback"):
		return nil, invalid("You can specify only one of DisableRollback or OnFailure")
	case s.onFailure != "" && !slices.Contains([]string{onFailureRollback, onFailureDelete, onFailureNothing}, s.onFailure):
		return nil, invalid("1 validation error detected: Value '%s' at 'onFailure' failed to satisfy constraint", s.onFailure)
	case len(s.tags) > maxTags:
		return nil, invalid("1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to %d", maxTags)
	}
	for k := range s.tags {
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return nil, invalid("aws: prefixed tag key names are not allowed for external use.")
		}
	}
	if form.Get("DisableRollback") == "true" {
		s.onFailure = onFailureNothing
	}
	var err error
	if s.template, err = parse(form.Get("TemplateBody")); err != nil {
		return nil, err
	}
	return s, s.capable()
}

// capable refuses a stack with roles to which nobody has agreed.
func (s *stack) capable() error {
	roles, named := s.template.makesRoles()
	has := func(c string) bool { return slices.Contains(s.capabilities, c) }
	switch {
	case named && !has("CAPABILITY_NAMED_IAM"):
		return refuse("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]")
	case roles && !has("CAPABILITY_IAM") && !has("CAPABILITY_NAMED_IAM"):
		return refuse("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]")
	}
	return nil
}

func (c *Cloud) room(s *stack) error {
	most, set := c.limits[where{s.account, s.region}]
	if !set {
		most = usualStacks
	}
	for _, o := range c.stacks {
		if o.account == s.account && o.region == s.region && o.status != deleteComplete {
			most--
		}
	}
	if most <= 0 {
		return refuse("LimitExceededException", "Limit for stack has been exceeded")
	}
	return nil
}

// find finds the stack that a call names: by its ID also when it is gone. The cloud is
// locked.
func (c *Cloud) find(call *wire.Call, now time.Time) (*stack, error) {
	name := call.Form.Get("StackName")
	for _, s := range slices.Backward(c.stacks) {
		if s.account != call.Account || s.region != call.Region || now.Before(s.created.Add(c.options.Lag)) {
			continue
		}
		if s.id == name || s.name == name && !c.gone(s, now) {
			return s, nil
		}
	}
	return nil, unknown(name)
}

// gone tells whether everybody knows that a stack is gone.
func (c *Cloud) gone(s *stack, now time.Time) bool {
	return s.status == deleteComplete && !now.Before(s.deleted.Add(c.options.Lag))
}

func (c *Cloud) deleteStack(_ context.Context, call *wire.Call) (any, error) {
	if err := heeded(call, "ClientRequestToken"); err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	name := call.Form.Get("StackName")
	s := c.living(call.Account, call.Region, name)
	for _, o := range c.stacks {
		if o.id == name && o.account == call.Account && o.region == call.Region {
			s = o
		}
	}
	switch {
	case s == nil, s.status == deleteComplete, s.status == deleteInProgress:
		return nil, nil //nolint:nilnil // an answer without content: removing what is gone is fine
	case s.protected:
		return nil, invalid("Stack [%s] cannot be deleted while TerminationProtection is enabled", s.name)
	}
	c.remove(s, *call, now)
	return nil, nil //nolint:nilnil // an answer without content
}
