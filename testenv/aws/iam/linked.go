package iam

import (
	"fmt"
	"net/http"

	"github.com/rekindle-io/rekindle/testenv/aws/wire"
)

// linked are the names of the roles that services make for themselves.
var linked = map[string]string{
	"eks.amazonaws.com":                  "AWSServiceRoleForAmazonEKS",
	"eks-nodegroup.amazonaws.com":        "AWSServiceRoleForAmazonEKSNodegroup",
	"autoscaling.amazonaws.com":          "AWSServiceRoleForAutoScaling",
	"elasticloadbalancing.amazonaws.com": "AWSServiceRoleForElasticLoadBalancing",
	"spot.amazonaws.com":                 "AWSServiceRoleForEC2Spot",
}

// LinkedARN is the ARN that the role of a service has, or would have.
func (a *Account) LinkedARN(service string) string {
	a.lock()
	defer a.unlock()
	return a.arn("role" + linkedPath(service) + linked[service])
}

func linkedPath(service string) string { return "/aws-service-role/" + service + "/" }

// HasLinked tells whether a service has made its role in the account.
func (a *Account) HasLinked(service string) bool {
	a.lock()
	defer a.unlock()
	r := a.roles[linked[service]]
	return r != nil && r.lives()
}

// LinkedNeeds are the permissions that the caller of a service needs so that the service
// can make its role: none when it is there. EKS looks with the caller's permissions
// whether the role of its node groups is there, which is a permission of its own.
func (a *Account) LinkedNeeds(service string) []wire.Need {
	arn := a.LinkedARN(service)
	var needs []wire.Need
	if service == "eks-nodegroup.amazonaws.com" {
		needs = append(needs, wire.Need{Action: "iam:GetRole", Resources: []string{arn}})
	}
	if !a.HasLinked(service) {
		needs = append(needs, wire.Need{Action: "iam:CreateServiceLinkedRole", Resources: []string{arn}, Keys: map[string]string{"iam:AWSServiceName": service}})
	}
	return needs
}

// CreateLinked makes the role of a service, unless it is there.
func (a *Account) CreateLinked(service string) error {
	now := a.lock()
	defer a.unlock()
	name := linked[service]
	if name == "" {
		return refuse(http.StatusBadRequest, "InvalidInput", "Service role creation is not allowed for the service %s.", service)
	}
	if r := a.roles[name]; r != nil && r.lives() {
		return nil
	}
	_, err := a.createRole(Role{Name: name, Path: linkedPath(service), Service: service,
		Trust: fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":%q},"Action":"sts:AssumeRole"}]}`, service)}, now)
	return err
}
