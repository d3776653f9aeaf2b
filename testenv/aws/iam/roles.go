package iam

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rekindle-io/rekindle/testenv/aws/policy"
)

// Role is a role.
type Role struct {
	// Name, and Path that begins and ends with a slash; "/" when empty.
	Name, Path  string
	Description string
	// Trust is the policy that says who may take the role on.
	Trust string
	Tags  map[string]string
	// Policies are the ARNs of those attached, sorted.
	Policies []string
	// Service is the service that made the role for itself; empty for others.
	Service string
	// ARN, ID and Created are made with the role.
	ARN, ID string
	Created time.Time
}

type role struct {
	Role
	life
	// before is the trust policy until the time of changed, and a lag after it.
	before  string
	changed time.Time
}

// trustSeen is the trust policy that IAM shows, and goes by.
func (r *role) trustSeen(now time.Time, lag time.Duration) string {
	if r.before != "" && now.Before(r.changed.Add(lag)) {
		return r.before
	}
	return r.Trust
}

func (r *role) copy() Role {
	c := r.Role
	c.Tags, c.Policies = maps.Clone(r.Tags), slices.Clone(r.Policies)
	return c
}

var (
	roleName = regexp.MustCompile(`\A[\w+=,.@-]{1,64}\z`)
	rolePath = regexp.MustCompile(`\A(/|/[\x21-\x7E]+/)\z`)
	policies = regexp.MustCompile(`\Aarn:[a-z-]+:iam::(aws|\d{12}):policy/[\w+=,.@/-]+\z`)
)

// usualRoles is how many roles an account may have.
const usualRoles = 1000

// CreateRole makes a role without policies.
func (a *Account) CreateRole(r Role) (Role, error) {
	now := a.lock()
	defer a.unlock()
	return a.createRole(r, now)
}

func (a *Account) createRole(r Role, now time.Time) (Role, error) {
	r.Path = cmp.Or(r.Path, "/")
	if !roleName.MatchString(r.Name) || !rolePath.MatchString(r.Path) {
		return Role{}, refuse(http.StatusBadRequest, "ValidationError", "The specified value for roleName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-")
	}
	if err := checkTrust(r.Trust); err != nil {
		return Role{}, err
	}
	if err := checkTags(r.Tags); err != nil {
		return Role{}, err
	}
	if old := a.roles[r.Name]; old != nil && old.lives() {
		return Role{}, exists("Role with name %s already exists.", r.Name)
	}
	own := 0
	for _, o := range a.roles {
		if o.lives() && o.Service == "" {
			own++
		}
	}
	if err := a.room("role", own, usualRoles); r.Service == "" && err != nil {
		return Role{}, err
	}
	r.ARN, r.ID, r.Created = a.arn("role"+r.Path+r.Name), a.identifier("AROA", r.Name), now
	r.Tags, r.Policies = maps.Clone(r.Tags), nil
	if r.Tags == nil {
		r.Tags = map[string]string{}
	}
	made := &role{Role: r, life: life{made: now}}
	a.roles[r.Name] = made
	return made.copy(), nil
}

func checkTrust(document string) error {
	if policy.Size(document) > policy.MaxTrust {
		return refuse(http.StatusConflict, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: %d", policy.MaxTrust)
	}
	if _, err := policy.ParseTrust([]byte(document)); err != nil {
		return refuse(http.StatusBadRequest, "MalformedPolicyDocument", "This policy contains invalid Json or elements: %v", err)
	}
	return nil
}

// role finds one that has not been removed.
func (a *Account) role(name string) (*role, error) {
	if r := a.roles[name]; r != nil && r.lives() {
		return r, nil
	}
	return nil, absent("The role with name %s cannot be found.", name)
}

// Role returns one by its name.
func (a *Account) Role(name string) (Role, error) {
	a.lock()
	defer a.unlock()
	r, err := a.role(name)
	if err != nil {
		return Role{}, err
	}
	return r.copy(), nil
}

// DeleteRole removes a role that no policies are attached to.
func (a *Account) DeleteRole(name string) error {
	now := a.lock()
	defer a.unlock()
	r, err := a.role(name)
	switch {
	case err != nil:
		return err
	case r.Service != "":
		return refuse(http.StatusBadRequest, "UnmodifiableEntity", "Cannot perform the operation on the protected role '%s' - this role is only modifiable by AWS", name)
	case len(r.Policies) > 0:
		return refuse(http.StatusConflict, "DeleteConflict", "Cannot delete entity, must detach all policies first.")
	}
	r.gone = now
	return nil
}

// AttachPolicy attaches a managed policy to a role; twice is once.
func (a *Account) AttachPolicy(name, arn string) error {
	a.lock()
	defer a.unlock()
	r, err := a.role(name)
	if err != nil {
		return err
	}
	if !policies.MatchString(arn) {
		return refuse(http.StatusBadRequest, "ValidationError", "ARN %s is not valid.", arn)
	}
	of, name, _ := strings.Cut(strings.SplitN(arn, ":", 5)[4], ":policy/")
	if of == "aws" && (!slices.Contains(managed, name) || !strings.HasPrefix(arn, "arn:"+a.partition+":")) {
		return absent("Policy %s does not exist or is not attachable.", arn)
	}
	if !slices.Contains(r.Policies, arn) {
		r.Policies = append(r.Policies, arn)
		slices.Sort(r.Policies)
	}
	return nil
}

// managed are the policies of AWS that can be attached here.
var managed = []string{
	"AdministratorAccess", "AmazonEKSClusterPolicy", "AmazonEKSWorkerNodePolicy", "AmazonEKSWorkerNodeMinimalPolicy", "AmazonEKS_CNI_Policy", "AmazonEKSVPCResourceController",
	"AmazonEC2ContainerRegistryPullOnly", "AmazonEC2ContainerRegistryReadOnly", "AmazonSSMManagedInstanceCore", "service-role/AmazonEBSCSIDriverPolicy",
}

// DetachPolicy takes a policy off a role.
func (a *Account) DetachPolicy(name, arn string) error {
	a.lock()
	defer a.unlock()
	r, err := a.role(name)
	if err != nil {
		return err
	}
	i := slices.Index(r.Policies, arn)
	if i < 0 {
		return absent("Policy %s was not found.", arn)
	}
	r.Policies = slices.Delete(r.Policies, i, i+1)
	return nil
}

// UpdateTrust replaces the trust policy of a role.
func (a *Account) UpdateTrust(name, document string) error {
	now := a.lock()
	defer a.unlock()
	r, err := a.role(name)
	if err != nil {
		return err
	}
	if r.Service != "" {
		return refuse(http.StatusBadRequest, "UnmodifiableEntity", "Cannot perform the operation on the protected role '%s' - this role is only modifiable by AWS", name)
	}
	if err := checkTrust(document); err != nil {
		return err
	}
	r.before, r.Trust, r.changed = r.Trust, document, now
	return nil
}

// Assume tells whether a service may take on a role by now: an error says that there is
// no such role, or that it does not trust the service, as far as IAM knows yet.
func (a *Account) Assume(arn, service string) error {
	now := a.lock()
	defer a.unlock()
	lag := a.cloud.options.Lag
	for _, r := range a.roles {
		if r.ARN != arn || !r.seen(now, lag) {
			continue
		}
		d, err := policy.ParseTrust([]byte(r.trustSeen(now, lag)))
		if err != nil {
			return fmt.Errorf("iam: role %s has a trust policy that was not checked: %w", r.Name, err)
		}
		if policy.Decide(policy.Request{Action: "sts:AssumeRole", PrincipalType: "Service", Principal: service}, d).Allowed {
			return nil
		}
		return refuse(http.StatusForbidden, "AccessDenied", "The role with ARN %s could not be assumed", arn)
	}
	return absent("Role with arn: %s, does not exist", arn)
}
