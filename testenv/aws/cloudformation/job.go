package cloudformation

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/testenv/aws/ec2"
	"github.com/rekindle-io/rekindle/testenv/aws/iam"
	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// made is a resource of a stack.
type made struct {
	name, kind string
	// physical is what its service calls it; empty while it is not there.
	physical   string
	attributes map[string]string
	// properties are as they were made, with all functions evaluated, and tags those
	// that it got.
	properties     map[string]any
	tags           map[string]string
	status, reason string
	at             int // its last event
}

// exists tells whether it is there, as far as the stack knows.
func (m *made) exists() bool { return m != nil && m.physical != "" && m.status != deleteComplete }

// job makes or removes one resource, as somebody.
type job struct {
	stack *stack
	*made
	place *ec2.Place
	roles *iam.Account
	// may asks whether whoever wants it has permissions.
	may func(service string, needs ...wire.Need) error
}

func (c *Cloud) job(s *stack, m *made) *job {
	return &job{
		stack: s, made: m, place: c.parts.Network.At(s.account, s.region), roles: c.parts.Roles.At(s.account),
		may: func(service string, needs ...wire.Need) error {
			as := s.as // who wants it now: the one who makes a stack, or who removes it
			as.Service = service
			for i := range needs {
				keys := maps.Clone(needs[i].Keys)
				if keys == nil {
					keys = map[string]string{}
				}
				keys["aws:CalledVia"], keys["aws:CalledViaFirst"], keys["aws:CalledViaLast"] = viaUs, viaUs, viaUs
				needs[i].Keys = keys
			}
			return c.parts.May(&as, needs...)
		},
	}
}

// viaUs is what other services see who calls them for somebody.
const viaUs = "cloudformation.amazonaws.com"

// reading are permissions to look at things of EC2.
func reading(actions ...string) []wire.Need {
	needs := make([]wire.Need, len(actions))
	for i, a := range actions {
		needs[i] = wire.Need{Action: "ec2:" + a}
	}
	return needs
}

// on is a permission on a thing of EC2 that is there, with its tags.
func (j *job) on(action, kind, id string) wire.Need {
	return wire.Need{Action: "ec2:" + action, Resources: []string{j.arn(kind, id)}, Keys: iam.ResourceTags(j.tagsOf(id))}
}

// making are the permissions to make a thing of EC2 with its tags: tags are a permission
// of their own.
func (j *job) making(action, kind string) []wire.Need {
	keys := iam.RequestTags(own(j.tags))
	tagging := maps.Clone(keys)
	tagging["ec2:CreateAction"] = action
	arn := []string{j.arn(kind, "*")}
	return []wire.Need{{Action: "ec2:" + action, Resources: arn, Keys: keys}, {Action: "ec2:CreateTags", Resources: arn, Keys: tagging}}
}

// own are tags without those that CloudFormation adds by itself.
func own(tags map[string]string) map[string]string {
	of := maps.Clone(tags)
	maps.DeleteFunc(of, func(k, _ string) bool { return strings.HasPrefix(k, "aws:") })
	return of
}

func (j *job) arn(kind, id string) string {
	return fmt.Sprintf("arn:%s:ec2:%s:%s:%s/%s", partition(j.stack.region), j.stack.region, j.stack.account, kind, id)
}

// tagsOf are the tags of a thing: of the stack's own, or of a VPC that was there.
func (j *job) tagsOf(id string) map[string]string {
	for _, m := range j.stack.resources {
		if m.physical == id {
			return m.tags
		}
	}
	v, err := j.place.VPC(id)
	if err != nil {
		return nil
	}
	return v.Tags
}

// text is a property that has to be a string; empty when it is not there.
func (j *job) text(property string) string {
	switch v := j.properties[property].(type) {
	case string:
		return v
	case nil:
		return ""
	default:
		return fmt.Sprint(v)
	}
}

// flag is a property that is true or false.
func (j *job) flag(property string) bool { return strings.EqualFold(j.text(property), "true") }

// words is a property that is a list of strings.
func (j *job) words(property string) []string {
	list, _ := j.properties[property].([]any)
	words := make([]string, len(list))
	for i, one := range list {
		words[i] = fmt.Sprint(one)
	}
	return words
}

// tagging are the tags of a resource: those of its properties over those of the stack,
// and CloudFormation's own where the service takes those.
func (s *stack) tagging(name string, properties map[string]any, system bool) (map[string]string, error) {
	tags := maps.Clone(s.tags)
	if tags == nil {
		tags = map[string]string{}
	}
	list, _ := properties["Tags"].([]any)
	for _, one := range list {
		t, _ := one.(map[string]any)
		key, is := t["Key"].(string)
		value, has := t["Value"].(string)
		if !is || !has || key == "" || strings.HasPrefix(key, "aws:") {
			return nil, invalid("Properties validation failed for resource %s with message: #/Tags: %v is no tag", name, one)
		}
		tags[key] = value
	}
	if system {
		tags["aws:cloudformation:stack-name"], tags["aws:cloudformation:stack-id"], tags["aws:cloudformation:logical-id"] = s.name, s.id, name
	}
	return tags, nil
}

// absent tells that somebody else has removed it.
func absent(err error) bool {
	var e *wire.Error
	return errors.As(err, &e) && (strings.HasSuffix(e.Code, ".NotFound") || e.Code == "NoSuchEntity" || e.Code == "Gateway.NotAttached")
}

// because is how CloudFormation writes what a service said.
func (c *Cloud) because(service string, err error) string {
	var e *wire.Error
	if !errors.As(err, &e) {
		return "Internal Failure: " + err.Error()
	}
	if service == "" {
		return e.Message
	}
	handler := "InvalidRequest"
	switch {
	case strings.HasPrefix(e.Code, "AccessDenied") || e.Code == "UnauthorizedOperation":
		handler = "AccessDenied"
	case strings.Contains(e.Code, "LimitExceeded"):
		handler = "ServiceLimitExceeded"
	case slices.Contains([]string{"DependencyViolation", "DeleteConflict"}, e.Code):
		handler = "GeneralServiceException"
	case absent(err):
		handler = "NotFound"
	}
	word := strings.ToUpper(service[:1]) + service[1:]
	return fmt.Sprintf("Resource handler returned message: %q (RequestToken: %s, HandlerErrorCode: %s)",
		fmt.Sprintf("%s (Service: %s, Status Code: %d, Request ID: %s)", e.Message, word, e.Status, c.uuid("request")), c.uuid("token"), handler)
}
