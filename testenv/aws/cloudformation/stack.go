package cloudformation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// States of stacks and resources.
const (
	createInProgress   = "CREATE_IN_PROGRESS"
	createComplete     = "CREATE_COMPLETE"
	createFailed       = "CREATE_FAILED"
	rollbackInProgress = "ROLLBACK_IN_PROGRESS"
	rollbackComplete   = "ROLLBACK_COMPLETE"
	rollbackFailed     = "ROLLBACK_FAILED"
	deleteInProgress   = "DELETE_IN_PROGRESS"
	deleteComplete     = "DELETE_COMPLETE"
	deleteFailed       = "DELETE_FAILED"
)

// What a stack does when its creation fails.
const (
	onFailureRollback = "ROLLBACK"
	onFailureDelete   = "DELETE"
	onFailureNothing  = "DO_NOTHING"
)

// stack is a stack, and what became of it.
type stack struct {
	account, region string
	name, id        string
	// digits make names unique.
	digits string
	// token and digest are those of the request that made it.
	token, digest string
	tags          map[string]string
	capabilities  []string
	onFailure     string
	protected     bool
	template      *template

	status, reason string
	created        time.Time
	deleted        time.Time
	outputs        map[string]string
	resources      map[string]*made
	events         []event // oldest first
	// as is the call of who had it made, or removed.
	as wire.Call
	// next is when the next set of resources is done, and level which that is.
	next  time.Time
	level int
}

// event is one of the history of a stack.
type event struct {
	id, logical, physical, kind, status, reason string
	token                                       string
	at                                          time.Time
}

func (s *stack) busy() bool { return strings.HasSuffix(s.status, "_IN_PROGRESS") }

// turn gives the stack another state.
func (c *Cloud) turn(s *stack, status, reason string, at time.Time) {
	s.status, s.reason = status, reason
	s.events = append(s.events, event{id: c.uuid("event"), logical: s.name, physical: s.id, kind: "AWS::CloudFormation::Stack", status: status, reason: reason, token: s.as.Form.Get("ClientRequestToken"), at: at})
}

// tell gives one of its resources another state.
func (c *Cloud) tell(s *stack, m *made, status, reason string, at time.Time) {
	m.status, m.reason, m.at = status, reason, len(s.events)
	s.events = append(s.events, event{id: m.name + "-" + status + "-" + c.uuid("event"), logical: m.name, physical: m.physical, kind: m.kind, status: status, reason: reason, token: s.as.Form.Get("ClientRequestToken"), at: at})
}

// advance does with a stack what was to be done until now.
func (c *Cloud) advance(s *stack, now time.Time) {
	for s.busy() && !now.Before(s.next) {
		at := s.next
		s.next = s.next.Add(c.options.Delay)
		if s.status == createInProgress {
			c.build(s, at)
		} else {
			c.dismantle(s, at)
		}
	}
}

// build makes the resources of the next level.
func (c *Cloud) build(s *stack, at time.Time) {
	var failed []string
	for _, name := range s.template.levels[s.level] {
		m := &made{name: name, kind: s.template.resources[name].Type}
		s.resources[name] = m
		if len(failed) > 0 {
			c.tell(s, m, createFailed, "Resource creation cancelled", at)
			continue
		}
		c.tell(s, m, createInProgress, "", at)
		if err := c.create(s, m); err != nil {
			c.tell(s, m, createFailed, c.because(serviceOf(m, err), err), at)
			failed = append(failed, name)
			continue
		}
		c.tell(s, m, createComplete, "", at)
	}
	s.level++
	switch {
	case len(failed) > 0:
		c.fail(s, fmt.Sprintf("The following resource(s) failed to create: [%s]. ", strings.Join(failed, ", ")), at)
	case s.level == len(s.template.levels):
		if err := c.export(s); err != nil {
			c.fail(s, c.because("", err), at)
			return
		}
		c.turn(s, createComplete, "", at)
	}
}

// serviceOf is the service that an error is of; empty for CloudFormation itself.
func serviceOf(m *made, err error) string {
	if e, is := err.(*wire.Error); is && e.Code == "ValidationError" && m.physical == "" && m.properties == nil { //nolint:errorlint // it is made here
		return ""
	}
	return kinds()[m.kind].service
}

// create makes one resource.
func (c *Cloud) create(s *stack, m *made) error {
	k := kinds()[m.kind]
	evaluated, err := c.scope(s).value(map[string]any(s.template.resources[m.name].Properties))
	if err != nil {
		return err
	}
	properties, _ := evaluated.(map[string]any)
	if err := k.complete(m.name, properties); err != nil {
		return err
	}
	if m.tags, err = s.tagging(m.name, properties, k.system); err != nil {
		return err
	}
	m.properties = properties
	return k.create(c.job(s, m))
}

func (c *Cloud) scope(s *stack) *scope {
	zones := c.parts.Network.At(s.account, s.region).Zones()
	names := make([]string, len(zones))
	for i, z := range zones {
		names[i] = z.Name
	}
	suffix := "amazonaws.com"
	if partition(s.region) == "aws-cn" {
		suffix += ".cn"
	}
	return &scope{
		zones: names,
		made: func(name string) *made {
			if m := s.resources[name]; m.exists() {
				return m
			}
			return nil
		},
		pseudo: map[string]string{
			"AWS::AccountId": s.account, "AWS::Region": s.region, "AWS::Partition": partition(s.region), "AWS::StackName": s.name,
			"AWS::StackId": s.id, "AWS::URLSuffix": suffix,
		},
	}
}

// export evaluates the outputs.
func (c *Cloud) export(s *stack) error {
	outputs := map[string]string{}
	for name, o := range s.template.outputs {
		v, err := c.scope(s).text(o.Value)
		if err != nil {
			return err
		}
		outputs[name] = v
	}
	s.outputs = outputs
	return nil
}

// fail ends a creation.
func (c *Cloud) fail(s *stack, reason string, at time.Time) {
	switch s.onFailure {
	case onFailureNothing:
		c.turn(s, createFailed, reason, at)
	case onFailureDelete:
		c.turn(s, deleteInProgress, reason+"Delete requested by user.", at)
	default:
		c.turn(s, rollbackInProgress, reason+"Rollback requested by user.", at)
	}
}

// dismantle removes the resources of the last level that has some. Where one cannot be
// removed, what it needs stays, and the rest is removed.
func (c *Cloud) dismantle(s *stack, at time.Time) {
	for level := len(s.template.levels) - 1; level >= 0; level-- {
		removed := false
		for _, name := range s.template.levels[level] {
			m := s.resources[name]
			if !m.exists() || m.status == deleteFailed || s.held(name) {
				continue
			}
			removed = true
			c.tell(s, m, deleteInProgress, "", at)
			err := kinds()[m.kind].remove(c.job(s, m))
			if err != nil && !absent(err) {
				c.tell(s, m, deleteFailed, c.because(kinds()[m.kind].service, err), at)
				continue
			}
			c.tell(s, m, deleteComplete, "", at)
		}
		if removed {
			return // the next one takes its time
		}
	}
	c.settle(s, at)
}

// held tells whether something that is still there needs a resource.
func (s *stack) held(name string) bool {
	for other, m := range s.resources {
		if m.exists() && slices.Contains(s.template.waits[other], name) {
			return true
		}
	}
	return false
}

// settle ends a removal.
func (c *Cloud) settle(s *stack, at time.Time) {
	var failed []string
	for name, m := range s.resources {
		if m.status == deleteFailed {
			failed = append(failed, name)
		}
	}
	slices.Sort(failed)
	reason := ""
	if len(failed) > 0 {
		reason = fmt.Sprintf("The following resource(s) failed to delete: [%s]. ", strings.Join(failed, ", "))
	}
	switch {
	case s.status == rollbackInProgress && reason == "":
		c.turn(s, rollbackComplete, "", at)
	case s.status == rollbackInProgress:
		c.turn(s, rollbackFailed, reason, at)
	case reason == "":
		c.turn(s, deleteComplete, "", at)
		s.deleted = at
	default:
		c.turn(s, deleteFailed, reason, at)
	}
}

// remove begins to remove a stack, as somebody.
func (c *Cloud) remove(s *stack, as wire.Call, now time.Time) {
	s.as, s.next = as, now.Add(c.options.Delay)
	for _, m := range s.resources {
		if m.status == deleteFailed {
			m.status = createComplete // it is tried again
		}
	}
	c.turn(s, deleteInProgress, "User Initiated", now)
}
