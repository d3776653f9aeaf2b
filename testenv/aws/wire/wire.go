// Package wire is the protocols of AWS on the server's side: which service and
// operation a request is meant for, who sent it, and how answers and errors are
// written. EKS speaks REST with JSON, EC2 forms and XML of its own, STS, IAM, both
// load balancing services and CloudFormation forms and XML, CloudWatch Logs JSON 1.1.
//
// In go a request (Read) and what an operation answered (Write, WriteError); what the
// operations do is the services' own business.
package wire

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

// Call is one request, as an operation needs it.
type Call struct {
	// Service is the name that requests are signed for: "eks", "ec2",
	// "elasticloadbalancing", "iam", "sts", "cloudformation", "logs".
	Service   string
	Operation string
	// Version is the version of the API where a request says it: it tells the two load
	// balancing services apart.
	Version string
	Region  string
	// Account and Principal are who signed, filled in by whoever checks the signature.
	Account, Principal string
	// Key is the access key of the signature.
	Key string
	// Form is what a request of the query protocols holds.
	Form url.Values
	// Path are the parts of a REST path by their names, Query what stands behind it.
	Path  map[string]string
	Query url.Values
	// Body is the JSON of the others.
	Body []byte
	Time time.Time
}

// Error is an error as AWS names it.
type Error struct {
	// Status is that of HTTP.
	Status int
	Code   string
	// Message is for people.
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Message) }

// Need is a permission that a call needs.
type Need struct {
	// Action is "eks:CreateCluster".
	Action string
	// Resources are ARNs, each of which has to be allowed; "*" when empty.
	Resources []string
	// Keys are condition keys and their values, "aws:RequestTag/rekindle.io/id". Keys
	// with several values, such as aws:TagKeys, have them separated by commas.
	Keys map[string]string
}

// Operation is one operation of a service.
type Operation struct {
	// Required are the members that a request must have: names of form fields, of path
	// parts, or of the members of a JSON body.
	Required []string
	// Needs are the permissions that a call needs; an error of it is the answer.
	Needs func(*Call) ([]Need, error)
	// Do does it. Errors other than *Error are the simulation's own, and fail a test.
	Do func(ctx context.Context, c *Call) (any, error)
}
