package cloudformation

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// What stands inside the Result of each answer.

type createAnswer struct {
	ID string `xml:"StackId"`
}

type tagItem struct {
	Key   string `xml:"Key"`
	Value string `xml:"Value"`
}

type outputItem struct {
	Key         string `xml:"OutputKey"`
	Value       string `xml:"OutputValue"`
	Description string `xml:"Description,omitempty"`
}

type stackItem struct {
	ID           string       `xml:"StackId"`
	Name         string       `xml:"StackName"`
	Description  string       `xml:"Description,omitempty"`
	Created      string       `xml:"CreationTime"`
	Deleted      string       `xml:"DeletionTime,omitempty"`
	Status       string       `xml:"StackStatus"`
	Reason       string       `xml:"StackStatusReason,omitempty"`
	NoRollback   bool         `xml:"DisableRollback"`
	Protected    bool         `xml:"EnableTerminationProtection"`
	Capabilities []string     `xml:"Capabilities>member"`
	Outputs      []outputItem `xml:"Outputs>member"`
	Tags         []tagItem    `xml:"Tags>member"`
}

type stacksAnswer struct {
	Stacks []stackItem `xml:"Stacks>member"`
	Next   string      `xml:"NextToken,omitempty"`
}

type summaryItem struct {
	ID          string `xml:"StackId"`
	Name        string `xml:"StackName"`
	Description string `xml:"TemplateDescription,omitempty"`
	Created     string `xml:"CreationTime"`
	Deleted     string `xml:"DeletionTime,omitempty"`
	Status      string `xml:"StackStatus"`
	Reason      string `xml:"StackStatusReason,omitempty"`
}

type summariesAnswer struct {
	Stacks []summaryItem `xml:"StackSummaries>member"`
	Next   string        `xml:"NextToken,omitempty"`
}

type eventItem struct {
	StackID  string `xml:"StackId"`
	Stack    string `xml:"StackName"`
	ID       string `xml:"EventId"`
	Logical  string `xml:"LogicalResourceId"`
	Physical string `xml:"PhysicalResourceId"`
	Kind     string `xml:"ResourceType"`
	Status   string `xml:"ResourceStatus"`
	Reason   string `xml:"ResourceStatusReason,omitempty"`
	Token    string `xml:"ClientRequestToken,omitempty"`
	At       string `xml:"Timestamp"`
}

type eventsAnswer struct {
	Events []eventItem `xml:"StackEvents>member"`
	Next   string      `xml:"NextToken,omitempty"`
}

type resourceItem struct {
	StackID  string `xml:"StackId"`
	Stack    string `xml:"StackName"`
	Logical  string `xml:"LogicalResourceId"`
	Physical string `xml:"PhysicalResourceId,omitempty"`
	Kind     string `xml:"ResourceType"`
	Status   string `xml:"ResourceStatus"`
	Reason   string `xml:"ResourceStatusReason,omitempty"`
	At       string `xml:"Timestamp"`
}

type resourcesAnswer struct {
	Resources []resourceItem `xml:"StackResources>member"`
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// shown is the state in which a stack is shown: one that has just gone is still going.
func (c *Cloud) shown(s *stack, now time.Time) string {
	if s.status == deleteComplete && !c.gone(s, now) {
		return deleteInProgress
	}
	return s.status
}

func (c *Cloud) stackItem(s *stack, now time.Time) stackItem {
	item := stackItem{
		ID: s.id, Name: s.name, Description: s.template.description, Created: stamp(s.created), Status: c.shown(s, now), Reason: s.reason,
		NoRollback: s.onFailure == onFailureNothing, Protected: s.protected, Capabilities: s.capabilities,
	}
	if c.gone(s, now) {
		item.Deleted = stamp(s.deleted)
	}
	if s.status == createComplete {
		for _, k := range slices.Sorted(maps.Keys(s.outputs)) {
			item.Outputs = append(item.Outputs, outputItem{Key: k, Value: s.outputs[k], Description: s.template.outputs[k].Description})
		}
	}
	for _, k := range slices.Sorted(maps.Keys(s.tags)) {
		item.Tags = append(item.Tags, tagItem{Key: k, Value: s.tags[k]})
	}
	return item
}

// page cuts out of a list what a request asks for. Tokens name a place in the list.
func page[T any](list []T, token string, size int) (part []T, next string, err error) {
	from := 0
	if token != "" {
		if from, err = strconv.Atoi(token); err != nil || from < 1 || from > len(list) {
			return nil, "", invalid("The NextToken %q is not valid", token)
		}
	}
	if to := from + size; to < len(list) {
		return list[from:to], strconv.Itoa(to), nil
	}
	return list[from:], "", nil
}

// visible are the stacks of a place that are known by now, newest first.
func (c *Cloud) visible(call *wire.Call, now time.Time) []*stack {
	var list []*stack
	for _, s := range slices.Backward(c.stacks) {
		if s.account == call.Account && s.region == call.Region && !now.Before(s.created.Add(c.options.Lag)) {
			list = append(list, s)
		}
	}
	return list
}

func (c *Cloud) describeStacks(_ context.Context, call *wire.Call) (any, error) {
	if err := heeded(call); err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	if call.Form.Get("StackName") != "" {
		s, err := c.find(call, now)
		if err != nil {
			return nil, err
		}
		return stacksAnswer{Stacks: []stackItem{c.stackItem(s, now)}}, nil
	}
	list := slices.DeleteFunc(c.visible(call, now), func(s *stack) bool { return c.gone(s, now) })
	list, next, err := page(list, call.Form.Get("NextToken"), c.options.Page)
	if err != nil {
		return nil, err
	}
	out := stacksAnswer{Next: next}
	for _, s := range list {
		out.Stacks = append(out.Stacks, c.stackItem(s, now))
	}
	return out, nil
}

func (c *Cloud) listStacks(_ context.Context, call *wire.Call) (any, error) {
	if err := heeded(call, "StackStatusFilter"); err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	wanted := members(call.Form, "StackStatusFilter")
	list := slices.DeleteFunc(c.visible(call, now), func(s *stack) bool { return len(wanted) > 0 && !slices.Contains(wanted, c.shown(s, now)) })
	list, next, err := page(list, call.Form.Get("NextToken"), c.options.Page)
	if err != nil {
		return nil, err
	}
	out := summariesAnswer{Next: next}
	for _, s := range list {
		item := c.stackItem(s, now)
		out.Stacks = append(out.Stacks, summaryItem{ID: item.ID, Name: item.Name, Description: item.Description, Created: item.Created, Deleted: item.Deleted, Status: item.Status, Reason: item.Reason})
	}
	return out, nil
}

func (c *Cloud) describeEvents(_ context.Context, call *wire.Call) (any, error) {
	if err := heeded(call); err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	s, err := c.find(call, now)
	if err != nil {
		return nil, err
	}
	list := slices.Clone(s.events)
	slices.Reverse(list) // newest first
	list, next, err := page(list, call.Form.Get("NextToken"), c.options.Page)
	if err != nil {
		return nil, err
	}
	out := eventsAnswer{Next: next}
	for _, e := range list {
		out.Events = append(out.Events, eventItem{StackID: s.id, Stack: s.name, ID: e.id, Logical: e.logical, Physical: e.physical, Kind: e.kind,
			Status: e.status, Reason: e.reason, Token: e.token, At: stamp(e.at)})
	}
	return out, nil
}

func (c *Cloud) describeResources(_ context.Context, call *wire.Call) (any, error) {
	if err := heeded(call, "LogicalResourceId"); err != nil {
		return nil, err
	}
	now := c.lock()
	defer c.mu.Unlock()
	s, err := c.find(call, now)
	if err != nil {
		return nil, err
	}
	wanted := call.Form.Get("LogicalResourceId")
	var out resourcesAnswer
	for _, name := range slices.Sorted(maps.Keys(s.resources)) {
		m := s.resources[name]
		if wanted == "" || wanted == name {
			out.Resources = append(out.Resources, resourceItem{StackID: s.id, Stack: s.name, Logical: name, Physical: m.physical, Kind: m.kind,
				Status: m.status, Reason: m.reason, At: stamp(s.events[m.at].at)})
		}
	}
	if wanted != "" && len(out.Resources) == 0 {
		return nil, invalid("Resource %s does not exist for stack %s", wanted, s.name)
	}
	return out, nil
}
